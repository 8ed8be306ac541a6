"""The values of requests and answers: strict about what comes in, the same text for the same value going out."""

import re
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,12})?", re.ASCII)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# What other languages write: finer than the database keeps.
FINER = re.compile(RFC_3339.pattern.replace("{1,6}", "{7,}"))
FIRST_YEAR, LAST_YEAR = 1970, 2199
# What PostgreSQL's integer holds, and what a request may say where its field names no bounds.
LARGEST_WHOLE = 2**31 - 1


class Text(serializers.CharField):
    """A string, and nothing that could be made one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Truth(serializers.BooleanField):
    """true or false, not a word for it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Whole(serializers.IntegerField):
    """A JSON integer; 5.0 is one, as JSON Schema has it."""

    default_error_messages = {"out_of_range": "Give a whole number of at most ten digits."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, Decimal) and abs(data.adjusted()) < self.MAX_STRING_LENGTH and data == int(data):
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        if abs(data) > LARGEST_WHOLE and self.max_value is None:
            self.fail("out_of_range")
        return int(super().to_internal_value(data))


class Word(serializers.ChoiceField):
    """One of the words of a list."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Key(serializers.UUIDField):
    """An id, written with hyphens."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or not UUID_TEXT.fullmatch(data):
            self.fail("invalid", value=data)
        found = super().to_internal_value(data)
        assert isinstance(found, uuid.UUID)  # noqa: S101 - the field's own promise
        return found


class Number(serializers.DecimalField):
    """An exact decimal: going out a string without needless zeros, coming in a string or a JSON number.

    `shown` decimals are always written: 2 for prices and money.
    """

    def __init__(self, *, max_digits: int = 20, decimal_places: int = 9, shown: int = 0, **options: Any) -> None:
        self.shown = shown
        super().__init__(max_digits, decimal_places, **options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        # The framework takes an empty text for null where null is allowed: a limit would be gone by a slip.
        return serializers.Field.validate_empty_values(self, data)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, str):
            if not DECIMAL.fullmatch(data):
                self.fail("invalid")
            if self.is_unsigned and data.startswith("-"):
                self.fail("min_value", min_value=self.min_value)
            data = Decimal(data)
        if isinstance(data, bool) or not isinstance(data, (int, Decimal)):
            self.fail("invalid")
        value = Decimal(data)
        if not value.is_finite() or abs(value.adjusted()) > self.max_digits:
            self.fail("max_digits", max_digits=self.max_digits)
        return self.validate_precision(value)

    def to_representation(self, value: Any) -> str:
        return plain(value, self.shown)

    @property
    def is_unsigned(self) -> bool:
        return self.min_value is not None and self.min_value >= 0


def plain(value: Decimal, shown: int = 0) -> str:
    """A decimal as it is written: all its digits, no exponent, no zeros at the end beyond `shown` decimals."""
    # A loss of less than a cent is rounded to -0.00, which is no loss.
    text = f"{value or abs(value):f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(shown, "0")
    return f"{whole}.{decimals}" if decimals else whole


class NumberIn(Number):
    """A decimal of a request."""


class Moment(serializers.DateTimeField):
    """A time with its zone, as RFC 3339 writes it; going out always in UTC."""

    default_error_messages = {
        "zone": "Give a time with its zone, such as 2026-03-05T14:30:00Z.",
        "invalid": f"Give a time of the years {FIRST_YEAR} to {LAST_YEAR}, at most to the microsecond.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            self.fail("invalid" if isinstance(value, str) and FINER.fullmatch(value) else "zone")
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            self.fail("invalid")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Day(serializers.DateField):
    """A date as 2026-03-05."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
            self.fail("invalid", format="YYYY-MM-DD")
        found = super().to_internal_value(value)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            self.fail("invalid", format="YYYY-MM-DD")
        return found
