"""Texts of a file into numbers and times, fast where they are plain and with a sentence where they are not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from trades.imports.refusals import LineError
from trenddojo.domain.errors import NumberError
from trenddojo.domain.money import EXACT, decimal_places, parse_decimal

LONGEST = 64
COST_PLACES = 6
_PLAIN = re.compile(r"-?[0-9]{1,11}(?:\.[0-9]{1,9})?").fullmatch
_CURRENCY_SIGNS = str.maketrans("", "", "$€£¥\u00a0\u202f\u2009'’ ")
_GROUPED_POINT = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?").fullmatch
_GROUPED_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?").fullmatch
_FORMULA = re.compile(r"[=@]|[+\-](?![0-9.,$€£¥ (])").match
_COST_QUANTUM = Decimal("0.000001")


def number_reader(decimal_mark: str) -> Callable[[str, str], Decimal]:
    """A reader of numbers with a point or a comma as decimal mark: (text, name) to Decimal, or LineError."""

    def read(text: str, name: str) -> Decimal:
        if decimal_mark == "." and _PLAIN(text):
            return Decimal(text)
        return _slow_number(text, name, decimal_mark)

    return read


def _slow_number(text: str, name: str, decimal_mark: str) -> Decimal:
    typed = text.strip()
    if not typed:
        raise LineError("required", f"The {name} is missing.")
    if len(typed) > LONGEST:
        raise LineError("too_many_digits", f"The {name} is too long: {typed[:20]}…")
    if _FORMULA(typed):
        raise LineError("formula", f"The {name} is a formula ({typed[:20]}): export the values instead.")
    plain = _plain_number(typed, decimal_mark)
    try:
        return parse_decimal(plain, name=name)
    except NumberError as problem:
        raise LineError(problem.code, f"{problem.sentence} It is “{typed[:20]}”.") from None


def _plain_number(typed: str, decimal_mark: str) -> str:
    text = typed.replace("\u2212", "-")
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1]
    text = text.translate(_CURRENCY_SIGNS)
    if decimal_mark == ",":
        if _GROUPED_COMMA(text):
            text = text.replace(".", "")
        # A point that is neither a decimal mark nor a thousands separator is left to be refused.
        return text.replace(",", ".") if "." not in text else text.replace(".", ",", 1)
    return text.replace(",", "") if _GROUPED_POINT(text) else text


def cost(value: Decimal) -> Decimal:
    """Brokers report fractions of a cent; six decimals are kept."""
    return value if decimal_places(value) <= COST_PLACES else value.quantize(_COST_QUANTUM, ROUND_HALF_UP, EXACT)


_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(Z?)").fullmatch
_DAY = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})").match
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?![0-9])").match
_COMPACT_ALL = re.compile(r"([0-9]{8})([0-9]{6})$").match
_NAMED_DAY = re.compile(
    r"(?:([0-9]{1,2})[ -])?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -]"
    r"(?:([0-9]{1,2}),? )?([0-9]{4})",
    re.IGNORECASE,
).match
_CLOCK = re.compile(
    r"([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?\s*([AaPp])?\.?[Mm]?\.?\s*(\S*)$"
).match
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})$").match
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_ZONES = {
    "": None, "utc": UTC, "z": UTC, "gmt": UTC,
    "est": ZoneInfo("America/New_York"), "edt": ZoneInfo("America/New_York"), "et": ZoneInfo("America/New_York"),
    "cst": ZoneInfo("America/Chicago"), "cdt": ZoneInfo("America/Chicago"), "ct": ZoneInfo("America/Chicago"),
    "pst": ZoneInfo("America/Los_Angeles"), "pdt": ZoneInfo("America/Los_Angeles"),
    "cet": ZoneInfo("Europe/Berlin"), "cest": ZoneInfo("Europe/Berlin"),
}  # fmt: skip
# A day without a time is booked at noon: the middle of most sessions, and the same day in most zones.
NOON = (12, 0, 0, 0)
_TWO_DIGIT_PIVOT = 70


def time_reader(zone: ZoneInfo, date_order: str) -> Callable[[str], datetime]:
    """A reader of times in the zone chosen: text to aware UTC, or LineError. An offset in the text wins."""

    def read(text: str) -> datetime:
        if found := _ISO(text):
            try:
                if found[1]:
                    return datetime.fromisoformat(text)
                return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
            except (ValueError, OverflowError):
                raise _no_time(text) from None
        try:
            return _slow_time(text.strip(), zone, date_order)
        except (ValueError, OverflowError):
            raise _no_time(text) from None

    return read


def _no_time(text: str) -> LineError:
    if not text.strip():
        return LineError("required", "The date is missing.")
    if _FORMULA(text.strip()):
        return LineError("formula", f"The date is a formula ({text.strip()[:20]}): export the values instead.")
    return LineError(
        "bad_time", f"“{text.strip()[:40]}” is no date and time as chosen below: check the column and the date order."
    )


def _slow_time(text: str, zone: ZoneInfo, date_order: str) -> datetime:
    if len(text) > LONGEST:
        raise ValueError(text)
    day, rest = _day(text, date_order)
    hour, minute, second, micro, offset, own_zone = _clock(rest)
    found = datetime(*day, hour, minute, second, micro, tzinfo=own_zone or zone)
    if offset is not None:
        return (found.replace(tzinfo=UTC) - offset).astimezone(UTC)
    return found.astimezone(UTC)


def _day(text: str, date_order: str) -> tuple[tuple[int, int, int], str]:
    """Year, month and day, and the text behind them."""
    if found := _COMPACT_ALL(text):
        return _compact(found[1]), found[2]
    if found := _COMPACT_DAY(text):
        return _compact("".join(found.groups())), text[found.end() :]
    if found := _NAMED_DAY(text):
        month = _MONTHS.index(found[2].lower()) + 1
        return (int(found[4]), month, int(found[1] or found[3] or 0)), text[found.end() :]
    if not (found := _DAY(text)):
        raise ValueError(text)
    first, last = found[1], found[4]
    if len(first) == 4:  # noqa: PLR2004 - a year in full stands first whatever the order
        return (int(first), int(found[3]), int(last)), text[found.end() :]
    return _ordered(int(first), int(found[3]), last, date_order), text[found.end() :]


def _compact(text: str) -> tuple[int, int, int]:
    return int(text[:4]), int(text[4:6]), int(text[6:8])


def _ordered(first: int, second: int, last: str, date_order: str) -> tuple[int, int, int]:
    if date_order == "ymd":
        return _full_year(f"{first:02}"), second, int(last)
    year = _full_year(last)
    return (year, second, first) if date_order == "dmy" else (year, first, second)


def _full_year(text: str) -> int:
    if len(text) == 4:  # noqa: PLR2004
        return int(text)
    if len(text) != 2:  # noqa: PLR2004
        raise ValueError(text)
    return int(text) + (1900 if int(text) >= _TWO_DIGIT_PIVOT else 2000)


def _clock(text: str) -> tuple[int, int, int, int, timedelta | None, object]:
    text = text.lstrip(" ,;T\t").rstrip()
    # "03/04/2026 as of 03/01/2026": the first date is the booking's.
    if not text or text.startswith("as of"):
        return *NOON, None, None
    found = _CLOCK(text)
    if not found:
        raise ValueError(text)
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    micro = int((found[4] or "0").ljust(6, "0")[:6])
    if half := found[5]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 - the hours of a twelve-hour clock
            raise ValueError(text)
        hour = hour % 12 + (12 if half in "Pp" else 0)
    offset, own_zone = _zone(found[6])
    return hour, minute, second, micro, offset, own_zone


def _zone(text: str) -> tuple[timedelta | None, object]:
    if found := _OFFSET(text):
        length = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return (length if found[1] == "+" else -length), None
    name = text.strip("()").lower()
    if name not in _NAMED_ZONES:
        raise ValueError(text)
    return None, _NAMED_ZONES[name]
