"""The desk's vocabulary for templates: ``{% load desk %}``.

Cells of long tables are simple tags built with ``format_html``: an inclusion tag per cell costs a template render,
and a list of fifty trades has six hundred cells. docs/frontend.md lists every tag with its use.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from trenddojo.templatetags.numbers import (
    MISSING,
    NARROW_SPACE,
    Number,
    as_decimal,
    averaged,
    minor_units,
    plain,
    rounded,
    span,
    trimmed,
    with_sign,
)

register = template.Library()

SPRITE = "vendor/tabler-icons/sprite.svg"

_NOTHING = format_html(
    '<span class="num text-secondary">{}<span class="visually-hidden">no value</span></span>', MISSING
)
# A glyph beside the colour, so that the direction of a number never hangs on colour alone.
_GAIN, _LOSS, _FLAT = ("gain", "▲"), ("loss", "▼"), ("flat", "")

_DIRECTIONS = {"long": ("arrow-up-right", "Long"), "short": ("arrow-down-right", "Short")}
_STATUSES = {
    "planned": ("secondary", "circle-dashed"),
    "pending": ("azure", "clock"),
    "active": ("blue", "player-play"),
    "open": ("blue", "player-play"),
    "running": ("blue", "player-play"),
    "queued": ("azure", "clock"),
    "closed": ("secondary", "circle-check"),
    "cancelled": ("secondary", "ban"),
    "win": ("gain", "circle-check"),
    "loss": ("loss", "circle-minus"),
    "break_even": ("secondary", "equal"),
    "completed": ("gain", "circle-check"),
    "done": ("gain", "circle-check"),
    "ok": ("gain", "circle-check"),
    "warning": ("warn", "alert-triangle"),
    "incomplete": ("warn", "alert-triangle"),
    "estimate": ("warn", "tilde"),
    "failed": ("loss", "circle-x"),
    "refused": ("loss", "circle-x"),
    "undone": ("secondary", "arrow-back-up"),
    # Orders.
    "new": ("azure", "circle-dashed"),
    "denied": ("loss", "ban"),
    "submitting": ("azure", "upload"),
    "in_doubt": ("warn", "help-circle"),
    "accepted": ("blue", "player-play"),
    "partially_filled": ("blue", "adjustments"),
    "filled": ("gain", "circle-check"),
    "cancelling": ("azure", "player-stop"),
    "rejected": ("loss", "circle-x"),
    "expired": ("secondary", "clock"),
    "replaced": ("secondary", "refresh"),
    # A trade beside its orders at the broker.
    "synced": ("gain", "circle-check"),
    "error": ("loss", "circle-x"),
    "imported": ("azure", "download"),
    # Positions beside the broker's.
    "matched": ("gain", "circle-check"),
    "drift": ("warn", "scale"),
    "external": ("warn", "eye"),
    "unprotected": ("loss", "alert-triangle"),
}


def _plain_span(digits: str, unit: SafeString) -> SafeString:
    # Digits, signs and commas need no escaping, and escaping them is half the cost of a long table.
    return SafeString(f'<span class="num">{digits}{unit}</span>')


def _signed_span(number: Any, digits: str, unit: SafeString) -> SafeString:
    name, glyph = _GAIN if number > 0 else _LOSS if number < 0 else _FLAT
    return SafeString(
        f'<span class="num {name}">{digits}{unit}<span class="glyph" aria-hidden="true">{glyph}</span></span>'
    )


@lru_cache(maxsize=256)
def _unit(text: str) -> SafeString:
    return format_html('<span class="unit">{}{}</span>', NARROW_SPACE, text) if text else SafeString("")


@register.filter
def clause(text: str) -> str:
    """Words as part of a sentence that goes on: without a full stop of their own."""
    return str(text).removesuffix(".")


@register.simple_tag
def money(amount: Number, currency: str) -> SafeString:
    """A balance, cost or value in its currency: 1,234.50 USD."""
    number = as_decimal(amount)
    if number is None:
        return _NOTHING
    return format_html(
        '<span class="num">{}{}</span>',
        plain(rounded(number, minor_units(currency))),
        _unit(currency),
    )


@register.simple_tag
def signed(amount: Number, currency: str) -> SafeString:
    """A profit or loss in its currency: +1,234.50 USD ▲."""
    number = as_decimal(amount)
    if number is None:
        return _NOTHING
    number = rounded(number, minor_units(currency))
    return _signed_span(number, with_sign(number), _unit(currency))


@register.simple_tag
def r_multiple(value: Number) -> SafeString:
    """A result in units of its initial risk: −1.00 R ▼."""
    number = as_decimal(value)
    if number is None:
        return _NOTHING
    number = rounded(number, 2)
    return _signed_span(number, with_sign(number), _unit("R"))


@register.simple_tag
def percent(fraction: Number, places: int = 1) -> SafeString:
    """A fraction of one as a percentage: 0.5432 reads 54.3 %."""
    number = as_decimal(fraction)
    if number is None:
        return _NOTHING
    return _plain_span(plain(rounded(number * 100, places)), _unit("%"))


@register.simple_tag
def signed_percent(fraction: Number, places: int = 2) -> SafeString:
    """A return given as a fraction of one: −0.0025 reads −0.25 % ▼."""
    number = as_decimal(fraction)
    if number is None:
        return _NOTHING
    number = rounded(number * 100, places)
    return _signed_span(number, with_sign(number), _unit("%"))


@register.simple_tag
def percent_points(value: Number, places: int = 2) -> SafeString:
    """A number that is a percentage already, as risk policies hold it: 1.5 reads 1.5 %."""
    number = as_decimal(value)
    if number is None:
        return _NOTHING
    return _plain_span(plain(trimmed(rounded(number, places), 0)), _unit("%"))


@register.simple_tag
def ratio(value: Number, places: int = 2) -> SafeString:
    """A figure without a unit, such as the profit factor."""
    number = as_decimal(value)
    if number is None:
        return _NOTHING
    return _plain_span(plain(rounded(number, places)), _unit(""))


@register.simple_tag
def quantity(value: Number) -> SafeString:
    """Shares, contracts or coins, every digit kept and no trailing zeros."""
    number = as_decimal(value)
    return _NOTHING if number is None else _plain_span(plain(trimmed(number, 0)), _unit(""))


@register.simple_tag
def price(value: Number, currency: str = "") -> SafeString:
    """A price with every digit it was recorded with, two decimals at least."""
    number = as_decimal(value)
    if number is None:
        return _NOTHING
    return _plain_span(plain(trimmed(number, 2)), _unit(currency))


@register.simple_tag
def average(value: Number, currency: str = "") -> SafeString:
    """A mean price, as far as its decimals say something; nine of them in the books make a list hard to read."""
    number = as_decimal(value)
    if number is None:
        return _NOTHING
    return _plain_span(plain(averaged(number)), _unit(currency))


def _time(value: datetime | date | None, form: str) -> SafeString:
    if value is None:
        return _NOTHING
    if not isinstance(value, datetime):
        return format_html('<time class="num" datetime="{0}">{0}</time>', value.isoformat())
    there = timezone.localtime(value)
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        there.strftime("%A %Y-%m-%d %H:%M:%S %Z"),
        there.strftime(form),
    )


@register.simple_tag
def local_time(value: datetime | date | None) -> SafeString:
    """A moment in the reader's zone: 2026-03-05 15:30."""
    return _time(value, "%Y-%m-%d %H:%M")


@register.simple_tag
def local_day(value: datetime | date | None) -> SafeString:
    """The day of a moment in the reader's zone: 2026-03-05."""
    return _time(value, "%Y-%m-%d")


@register.simple_tag
def local_clock(value: datetime | None) -> SafeString:
    """The clock time of a moment in the reader's zone: 15:30:00."""
    return _time(value, "%H:%M:%S")


@register.simple_tag
def duration(value: timedelta | int | None) -> SafeString:
    """A length of time, given as timedelta or in seconds: 3 d 4 h."""
    if value is None:
        return _NOTHING
    length = value if isinstance(value, timedelta) else timedelta(seconds=value)
    return _plain_span(span(length), _unit(""))


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; without a label it is decoration and hidden from screen readers."""
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>',
            label,
            static(SPRITE),
            name,
        )
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static(SPRITE),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=512)
def direction_badge(direction: str) -> SafeString:
    """Long or short, by arrow and word."""
    symbol, label = _DIRECTIONS.get(str(direction), ("minus", str(direction)))
    return format_html('<span class="badge desk-badge">{} {}</span>', icon(symbol), label)


@register.simple_tag
@lru_cache(maxsize=512)
def status_badge(status: str, label: str = "") -> SafeString:
    """A state by icon and word; pass the label where the word differs from the state's name."""
    tone, symbol = _STATUSES.get(str(status), ("secondary", "point"))
    words = label or str(status).replace("_", " ").capitalize()
    return format_html('<span class="badge desk-badge tone-{}">{} {}</span>', tone, icon(symbol), words)


@register.simple_tag
def why(reason: str) -> SafeString:
    """An undefined figure: a dash that opens to its reason by mouse, touch, keyboard and screen reader."""
    if not reason:
        return _NOTHING
    return format_html(
        '<details class="why"><summary>{}<span class="visually-hidden">undefined, show why</span></summary>'
        '<span class="why-text">{}</span></details>',
        MISSING,
        reason,
    )


@register.simple_tag
def figure_value(figure: Any, unit: str = "ratio", currency: str = "") -> SafeString:
    """The value of a domain figure in its unit, or a dash that opens to the reason why there is none.

    Units: money, signed (profit or loss), r, percent, return (signed percent), ratio, count, duration (seconds).
    """
    value = figure.value
    if value is None:
        return why(figure.reason or "")
    shown = _shown(value, unit, currency)
    return format_html('<span class="muted-figure">{}</span>', shown) if getattr(figure, "is_muted", False) else shown


def _shown(value: Any, unit: str, currency: str) -> SafeString:
    if unit in _MONEY_UNITS:
        return _MONEY_UNITS[unit](value, currency)
    return _UNITS[unit](value)


_MONEY_UNITS = {"money": money, "signed": signed}
_UNITS = {
    "r": r_multiple,
    "percent": percent,
    "return": signed_percent,
    "ratio": ratio,
    "count": quantity,
    "duration": duration,
}


@register.simple_tag
def interval(figure: Any, unit: str = "ratio", currency: str = "") -> SafeString:
    """The confidence interval of a figure, or nothing where it has none."""
    low, high = getattr(figure, "low", None), getattr(figure, "high", None)
    if low is None or high is None:
        return mark_safe("")
    return format_html(
        '<span class="interval">{} <span aria-hidden="true">…</span><span class="visually-hidden">to</span> {}</span>',
        _shown(low, unit, currency),
        _shown(high, unit, currency),
    )


@register.simple_tag
def bar(value: Number, largest: Number) -> SafeString:
    """A diverging bar for a table cell: losses to the left and hatched, gains to the right and solid."""
    number, limit = as_decimal(value), as_decimal(largest)
    if number is None or not limit:
        return mark_safe("")
    width = rounded(min(abs(number / limit), as_decimal(1)) * 50, 1)
    start = 50 - width if number < 0 else 50
    return format_html(
        '<svg class="bar {}" aria-hidden="true" focusable="false">'
        '<rect x="{}%" y="2" width="{}%" height="10" rx="1"></rect>'
        '<line x1="50%" x2="50%" y1="0" y2="14"></line></svg>',
        "bar-loss" if number < 0 else "bar-gain",
        start,
        width,
    )


@register.simple_tag
def heat(value: Number, largest: Number) -> str:
    """The class of a calendar cell: heat-0, heat-gain-1 … 4 or heat-loss-1 … 4, by share of the largest day."""
    number, limit = as_decimal(value), as_decimal(largest)
    if not number or not limit:
        return "heat-0"
    level = min(4, int(abs(number / limit) * 4) + 1)
    return f"heat-{'gain' if number > 0 else 'loss'}-{level}"
