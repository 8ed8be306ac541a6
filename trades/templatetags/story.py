"""The story of an order in words: ``{% load story %}``."""

from typing import Any

from django import template

from trades.models import CallAnswer, CallVerb
from trades.selectors.order_story import CALL, FILL, STEP, StoryEntry
from trades.templatetags.orders import event_detail, fact_words, role_word, source_words

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
def entry_part(order: Any, whole: Any) -> str:
    """Which order of the story it belongs to; empty for the order the page is about."""
    if order.pk == whole.pk:
        return ""
    if order.parent_id is not None:
        return str(role_word(order.role))
    if whole.parent_id == order.pk:
        return "The order it hangs on"
    return "Another order of this chain"
