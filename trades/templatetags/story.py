"""The story of an order in words: ``{% load story %}``."""

from decimal import Decimal
from typing import Any

from django import template

from trades.models import CallAnswer, CallVerb
from trades.selectors.order_story import CALL, FILL, STEP, Story, StoryEntry
from trades.templatetags.orders import event_detail, fact_words, role_word, source_words
from trenddojo.domain.order_state import UNSENT
from trenddojo.templatetags.numbers import minor_units, plain, rounded, trimmed

register = template.Library()

_TITLES = {FILL: "Executed", "notification": "You were told"}
_CALLS = {
    CallVerb.SUBMIT: "Asked the broker to take it",
    CallVerb.LOOK: "Asked the broker for it",
    CallVerb.CANCEL: "Asked the broker to cancel it",
    CallVerb.REPLACE: "Asked the broker to change it",
    CallVerb.LOOK_CHANGE: "Asked the broker for the changed order",
}
_ANSWERS = {
    CallAnswer.SHOWN: "it shows the order",
    CallAnswer.UNKNOWN: "it does not know it",
    CallAnswer.TAKEN: "it took the request",
    CallAnswer.REFUSED: "it refused",
    CallAnswer.NOT_PROCESSED: "not processed",
    CallAnswer.NO_ANSWER: "no certain answer",
    CallAnswer.UNREADABLE: "an answer that could not be read",
    CallAnswer.NOT_SENT: "nothing was sent",
    "": "no answer was recorded",
}
# What each limit is called, and its unit.
_LIMITS = {
    "orders_per_minute": ("Orders within a minute", ""),
    "stale_quote": ("Age of the quote", "s"),
    "price_collar": ("Price given away", "%"),
    "max_position": ("Size of the position", "%"),
    "open_risk": ("Risk of all open trades", "%"),
    "daily_loss": ("Loss of the day, if stopped out", "%"),
    "weekly_loss": ("Loss of the week, if stopped out", "%"),
    "max_open_positions": ("Open positions", ""),
    "insufficient_buying_power": ("Buying power", "money"),
}
# Where an entry comes from, where that is none of the sources of a step.
_SOURCES = {"broker": "the broker", "desk": "the desk"}


@register.simple_tag
def entry_title(entry: StoryEntry) -> str:
    """What happened, in a few words."""
    if entry.kind == STEP:
        return fact_words(entry.what)
    if entry.kind == CALL:
        again = f", {entry.times} times" if entry.times > 1 else ""
        return f"{_CALLS.get(CallVerb(entry.what), entry.what)}{again}: {_ANSWERS.get(entry.answer, entry.answer)}"
    if entry.kind == FILL:
        return f"{_TITLES[FILL]}: {entry.figures['side']} {entry.figures['quantity']} at {entry.figures['price']}"
    return _TITLES.get(entry.kind, entry.kind)


@register.simple_tag
def entry_source(entry: StoryEntry) -> str:
    """Who did it or said so."""
    return _SOURCES.get(entry.source) or source_words(entry.source)


@register.simple_tag
def entry_facts(entry: StoryEntry) -> list[tuple[str, str]]:
    """What is known of it besides, as pairs of name and text."""
    named = [
        ("Broker's word", entry.status),
        ("Code", entry.code),
        ("Broker's number of the call", entry.request_id),
        ("Asked by number" if entry.kind == CALL else "Execution", entry.ref),
    ]
    figures = {} if entry.kind == FILL else entry.figures
    costs = [(name.capitalize(), str(entry.figures[name])) for name in ("commission", "fees") if entry.kind == FILL]
    return [(name, text) for name, text in named if text] + costs + event_detail(figures)


@register.simple_tag
def story_part(story: Story, entry: StoryEntry) -> str:
    """Which order of the story an entry belongs to; empty for the order the page is about."""
    order, whole = story.parts[entry.order_id], story.order
    if order.pk == whole.pk:
        return ""
    if order.parent_id is not None:
        return str(role_word(order.role))
    return "The order it hangs on" if whole.parent_id == order.pk else "Another order of this chain"


@register.simple_tag
def limit_line(limit: dict[str, str], intent: StoryEntry, currency: str) -> dict[str, Any]:
    """A limit an order was held against, in words and figures."""
    name, unit = _LIMITS.get(limit["code"], (limit["code"].replace("_", " ").capitalize(), ""))
    unit = currency if unit == "money" else unit
    most, actual = Decimal(limit["limit"]), Decimal(limit["actual"])
    return {
        "name": name,
        "limit": _figure(most, unit),
        "actual": _figure(actual, unit),
        "is_broken": limit["code"] in {breach["code"] for breach in intent.figures.get("breaches", ())},
    }


@register.filter
def can_ask(order: Any) -> bool:
    """Whether the broker may know something of it."""
    return order.status not in UNSENT and order.status != "denied" and bool(order.claimed_at or order.broker_order_id)


def _figure(value: Decimal, unit: str) -> str:
    if unit and unit not in ("%", "s"):
        return f"{plain(rounded(value, minor_units(unit)))} {unit}"
    return f"{plain(trimmed(rounded(value, 4), 0))} {unit}".strip()
