"""Orders in words: ``{% load orders %}``. The same words stand on the ticket, the blotter and an order's page."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from re import fullmatch
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from trades.models.order import WORKING
from trenddojo.domain.order_state import UNSENT
from trenddojo.templatetags.desk import duration, icon, money
from trenddojo.templatetags.numbers import plain, span, trimmed

register = template.Library()

_CANCELABLE = frozenset(WORKING) - {"cancelling"}
_REPLACEABLE = frozenset({"new", "queued", "accepted", "partially_filled"})
# A quote of an exit is not checked by the limits; older than this it is marked all the same.
STALE_SECONDS = 60

_SIDES = {"buy": ("plus", "Buy"), "sell": ("minus", "Sell")}
_LIVES = {
    "day": "for today",
    "gtc": "until it is filled or cancelled",
    "ioc": "at once: what is not filled immediately is cancelled",
    "fok": "all at once, or not at all",
    "opg": "in the opening auction",
    "cls": "in the closing auction",
}
_ROLES = {"entry": "Entry", "exit": "Exit", "stop_loss": "Stop", "take_profit": "Target"}
_FACTS = {
    "intend": "Placed",
    "deny": "Denied by your limits",
    "queue": "Waits for the market to open",
    "release": "Released to be sent",
    "claim": "Being sent",
    "return": "Not processed, waits to be sent again",
    "doubt": "Sent, no certain answer",
    "restore": "In a backup that was restored: the broker is asked whether it has it",
    "abandon": "Cancelled before it was sent",
    "lapse": "Expired before it was sent",
    "never_arrived": "Never arrived at the broker",
    "rewrite": "Changed before it was sent",
    "ask_replace": "Change asked for",
    "replace_refused": "Change refused",
    "ask_cancel": "Cancellation asked for",
    "cancel_refused": "Cancellation refused",
    "accept": "Accepted by the broker",
    "partial": "Partly filled",
    "fill": "Filled",
    "cancel": "Cancelled",
    "reject": "Rejected by the broker",
    "expire": "Expired",
    "replace": "Replaced",
    "restated": "In other shares after a split",
    "unknown_status": "The broker used a word the desk does not know",
}
_SOURCES = {
    "trader": "you",
    "worker": "the desk",
    "poll": "the broker, when asked",
    "stream": "the broker's stream",
    "reconcile": "the comparison with the broker",
}


def shown_price(value: Decimal) -> str:
    """A price with every digit, two decimals at least."""
    return plain(trimmed(value, 2))


def shown_quantity(value: Decimal) -> str:
    return plain(trimmed(value, 0))


@register.simple_tag
def order_type(order: Any) -> str:
    """What kind of order it is, with its prices: limit 187.50; stop 180.00; trailing stop 2 %."""
    words = {
        "market": "market",
        "limit": f"limit {_price(order.limit_price)}",
        "stop": f"stop {_price(order.stop_price)}",
        "stop_limit": f"stop {_price(order.stop_price)}, limit {_price(order.limit_price)}",
        "trailing_stop": f"trailing stop {_trail(order)}",
    }
    return words.get(str(order.type), str(order.type).replace("_", " "))


@register.simple_tag
def order_life(order: Any) -> str:
    """How long it works, in one or two words: day; gtc, extended hours."""
    life = str(order.time_in_force)
    return f"{life}, extended hours" if order.extended_hours else life


def order_sentences(terms: Any) -> list[str]:
    """What exactly is sent, sentence by sentence: the order itself, then what hangs on it."""
    quantity = shown_quantity(terms.quantity)
    opposite = "Sell" if terms.side == "buy" else "Buy"
    if str(terms.order_class) == "oco":
        first = f"{_side(terms)} {quantity} {terms.symbol} at one of two prices."
        last = "The first of the two that is filled cancels the other."
        return [first, *_exits(terms, _side(terms), quantity), last, _life(terms)]
    found = [f"{_side(terms)} {quantity} {terms.symbol} {_how(terms)}", _life(terms)]
    exits = _exits(terms, opposite, quantity)
    if exits:
        found.append("Once it is filled, the broker works:")
    if len(exits) > 1:
        exits.append("The first of the two that is filled cancels the other.")
    return found + exits


def _side(terms: Any) -> str:
    return "Buy" if terms.side == "buy" else "Sell"


def _how(terms: Any) -> str:
    better = "less" if terms.side == "buy" else "more"
    reached = "rises" if terms.side == "buy" else "falls"
    limit, stop = _price(terms.limit_price), _price(terms.stop_price)
    return {
        "market": "at the market price.",
        "limit": f"at {limit} or {better}.",
        "stop": f"at the market price once the price {reached} to {stop}.",
        "stop_limit": f"at {limit} or {better} once the price {reached} to {stop}.",
        "trailing_stop": f"at the market price once it {reached} {_trail(terms)} from its best.",
    }[str(terms.type)]


def _life(terms: Any) -> str:
    hours = ", extended hours included" if terms.extended_hours else ""
    return f"It works {_LIVES[str(terms.time_in_force)]}{hours}."


def _exits(terms: Any, side: str, quantity: str) -> list[str]:
    reached = "falls" if side == "Sell" else "rises"
    better = "more" if side == "Sell" else "less"
    found = []
    if terms.stop_loss:
        limit = terms.stop_loss.limit_price
        how = "at the market price" if limit is None else f"at {_price(limit)} or {better}"
        found.append(f"Stop: {side} {quantity} {how} once the price {reached} to {_price(terms.stop_loss.stop_price)}.")
    if terms.take_profit:
        found.append(f"Target: {side} {quantity} at {_price(terms.take_profit.limit_price)} or {better}.")
    return found


@register.simple_tag(name="order_sentences")
def order_sentences_tag(terms: Any) -> list[str]:
    return order_sentences(terms)


@register.simple_tag
@lru_cache(maxsize=8)
def side_badge(side: str) -> SafeString:
    """Buy or sell, by icon and word."""
    symbol, label = _SIDES.get(str(side), ("minus", str(side)))
    return format_html('<span class="badge desk-badge">{} {}</span>', icon(symbol), label)


@register.simple_tag
def role_word(role: str) -> str:
    return _ROLES.get(str(role), str(role).replace("_", " ").capitalize())


@register.simple_tag
def fact_words(fact: str) -> str:
    """What happened to an order."""
    return _FACTS.get(str(fact), str(fact).replace("_", " ").capitalize())


@register.simple_tag
def source_words(source: str) -> str:
    """Who said so."""
    return _SOURCES.get(str(source), str(source))


@register.simple_tag
def event_detail(detail: Any) -> list[tuple[str, str]]:
    """The figures of an event as pairs of name and text; nested ones are left to the admin."""
    if not isinstance(detail, dict):
        return []
    return [
        (str(name).replace("_", " ").capitalize(), _text(value))
        for name, value in detail.items()
        if value not in (None, "", [], {}) and not isinstance(value, dict | list)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Exact numbers are kept as text, with all the places of their columns.
    return shown_quantity(Decimal(value)) if fullmatch(r"-?\d+\.\d+", str(value)) else str(value)


def _price(value: Decimal | None) -> str:
    return "—" if value is None else shown_price(value)


def _trail(order: Any) -> str:
    if order.trail_percent is not None:
        return f"{shown_quantity(order.trail_percent)} %"
    return _price(order.trail_price)


@register.filter
def can_cancel(order: Any) -> bool:
    """Whether asking for a cancellation makes sense now."""
    return order.status in _CANCELABLE and order.cancel_asked_at is None and not _is_unsent_leg(order)


@register.filter
def can_replace(order: Any) -> bool:
    """Whether its price or quantity may be changed now."""
    is_asked = order.cancel_asked_at is not None or order.pending_change is not None
    return order.status in _REPLACEABLE and order.type != "market" and not is_asked and not _is_unsent_leg(order)


def _is_unsent_leg(order: Any) -> bool:
    """The broker makes legs with their entry: until then there is nothing to cancel or to change."""
    return order.parent_id is not None and order.status in UNSENT


@register.filter
def status_words(status: str) -> str:
    return str(status).replace("_", " ").capitalize()


@register.simple_tag
def age(at: datetime | None, now: datetime) -> SafeString:
    """How long ago, with the moment on hover: 3 min."""
    if at is None:
        return SafeString("—")
    there = timezone.localtime(at)
    moment = format_html(
        '<time class="num" datetime="{}" title="{}">', at.isoformat(), there.strftime("%A %Y-%m-%d %H:%M:%S %Z")
    )
    return SafeString(f"{moment}{span(max(now - at, timedelta(0)))}</time>")


@register.simple_tag
def local_moment(at: datetime | None) -> SafeString:
    """A moment in the reader's zone to the second: 2026-03-05 15:30:07."""
    if at is None:
        return SafeString("—")
    there = timezone.localtime(at)
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        there.strftime("%H:%M:%S.%f %Z"),
        there.strftime("%Y-%m-%d %H:%M:%S"),
    )


@register.simple_tag
def quote_age(preview: Any) -> SafeString:
    """How old the quote of a preview is, by the market's own clock."""
    return duration(int(preview.quote_age_seconds))


@register.simple_tag
def estimated_costs(preview: Any, currency: str) -> SafeString:
    """What the broker is expected to charge, commission and fees together."""
    return money(preview.commission + preview.fees, currency)


@register.filter
def is_stale(preview: Any) -> bool:
    """Whether the quote of a preview is too old for the account's limits."""
    return any(breach.code == "stale_quote" for breach in preview.breaches) or preview.quote_age_seconds > STALE_SECONDS


@register.filter
def is_live_money(order: Any) -> bool:
    """Whether an order moves real money."""
    return order.connection is not None and not order.connection.is_paper


@register.simple_tag
def position_query(line: Any) -> str:
    """What names a position in an address."""
    return urlencode({"account": line.account.pk, "symbol": line.symbol})
