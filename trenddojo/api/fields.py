"""The values of requests and answers: strict about what comes in, the same text for the same value going out."""

import re
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", re.ASCII)
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
FIRST_YEAR, LAST_YEAR = 1970, 2199
DECIMAL_SCHEMA = {
    "oneOf": [
        {"type": "string", "pattern": r"^-?[0-9]{1,20}(\.[0-9]{1,12})?$"},
        {"type": "number"},
    ],
}


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
    """A JSON integer."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
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
        if not isinstance(data, str) or len(data) != 36:  # noqa: PLR2004 - the length of a UUID with hyphens
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

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, str):
            if not DECIMAL.fullmatch(data):
                self.fail("invalid")
            data = Decimal(data)
        if isinstance(data, bool) or not isinstance(data, (int, Decimal)):
            self.fail("invalid")
        value = Decimal(data)
        if not value.is_finite() or abs(value.adjusted()) > self.max_digits:
            self.fail("max_digits", max_digits=self.max_digits)
        return self.validate_precision(value)

    def to_representation(self, value: Any) -> str:
        return plain(value, self.shown)


def plain(value: Decimal, shown: int = 0) -> str:
    """A decimal as it is written: all its digits, no exponent, no zeros at the end beyond `shown` decimals."""
    text = f"{value:f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(shown, "0")
    return f"{whole}.{decimals}" if decimals else whole


@extend_schema_field(DECIMAL_SCHEMA)
class NumberIn(Number):
    """A decimal of a request."""


class Moment(serializers.DateTimeField):
    """A time with its zone, as RFC 3339 writes it; going out always in UTC."""

    default_error_messages = {"zone": "Give a time with its zone, such as 2026-03-05T14:30:00Z."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            self.fail("zone")
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("zone")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            self.fail("zone")
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
