"""Reads single values of an answer: exact numbers, aware times, printable words. What is not there is None or empty."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from brokers.errors import OutcomeUnknown

Fields = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)

ZERO: Final = Decimal(0)
# From a hundred billion on a number is a mistake, and arithmetic with a huge one takes for ever.
LARGEST_EXPONENT: Final = 10
SMALLEST_EXPONENT: Final = -30
MOST_TEXT: Final = 200


def unreadable(what: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"Alpaca's answer cannot be read: {what}.", code="unreadable")


def fields(given: Any) -> Fields:
    """Raises OutcomeUnknown for what is no JSON object."""
    if not isinstance(given, Mapping):
        raise unreadable("it is not an object")
    return given


def rows(given: Any) -> Sequence[Any]:
    """Raises OutcomeUnknown for what is no JSON array."""
    if not isinstance(given, list):
        raise unreadable("it is not a list")
    return given


def text(given: Any) -> str:
    """Printable text of a sane length; empty for what is none."""
    if not isinstance(given, str):
        return ""
    found = given[:MOST_TEXT]
    return found if found.isprintable() else "".join(letter for letter in found if letter.isprintable())


def word(kind: type[Word], given: Any) -> Word | None:
    """One of our words, or None for one we do not know."""
    try:
        return kind(given) if isinstance(given, str) else None
    except ValueError:
        return None


def decimal(given: Any) -> Decimal | None:
    """The number as it was written; None for what is none, is not finite or is beyond measure."""
    if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
        return None
    try:
        # The shortest digits that give this float are the ones that were sent.
        found = Decimal(given.strip()[:MOST_TEXT] if isinstance(given, str) else str(given))
    except (InvalidOperation, ValueError):
        return None
    if not found.is_finite():
        return None
    if not found:
        return ZERO
    return found if SMALLEST_EXPONENT <= found.adjusted() <= LARGEST_EXPONENT else None


def moment(given: Any) -> datetime | None:
    """A time in UTC, to the microsecond (Alpaca sends nanoseconds); None for none and for the year one."""
    if not isinstance(given, str):
        return None
    try:
        found = datetime.fromisoformat(given.strip()[:MOST_TEXT])
        return found.astimezone(UTC) if found.tzinfo and found.year > 1 else None
    except (ValueError, OverflowError):
        return None


def needed_text(raw: Fields, name: str) -> str:
    found = text(raw.get(name))
    if not found:
        raise unreadable(f"“{name}” is missing")
    return found


def needed_decimal(raw: Fields, name: str) -> Decimal:
    found = decimal(raw.get(name))
    if found is None:
        raise unreadable(f"“{name}” is no number")
    return found


def needed_moment(raw: Fields, name: str) -> datetime:
    found = moment(raw.get(name))
    if found is None:
        raise unreadable(f"“{name}” is no time")
    return found
