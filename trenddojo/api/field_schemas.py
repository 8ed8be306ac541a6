"""What the published schema says of our own fields: exactly what they take."""

from typing import Any

from drf_spectacular.plumbing import build_basic_type
from drf_spectacular.types import OpenApiTypes
from rest_framework.serializers import Field

from trenddojo.api.fields import LARGEST_WHOLE, Number, Text, Whole

Schema = dict[str, Any]
ANY_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
# At least one character that can be seen: spaces at both ends are taken off.
VISIBLE = r"[^\s\x1c-\x1f\x85]"


def schema_of(field: Field[Any, Any, Any, Any], direction: str) -> Schema | None:
    """The schema of one of our fields, or None where the library's own says it all."""
    if isinstance(field, Number):
        return _decimal_in(field) if direction == "request" else _decimal_out()
    if direction == "request":
        return next((describe(field) for kind, describe in _REQUESTED.items() if type(field) is kind), None)
    return None


def _decimal_out() -> Schema:
    return {"type": "string", "format": "decimal", "pattern": ANY_DECIMAL}


def _decimal_in(field: Number) -> Schema:
    """A decimal in a string, or a JSON number; what a pattern cannot say stands in the description."""
    whole, decimals = (field.max_whole_digits or 1) - 1, field.decimal_places or 0
    sign = "" if field.is_unsigned else "-?"
    fraction = rf"(\.[0-9]{{1,{decimals}}})?" if decimals else ""
    text = {"type": "string", "format": "decimal", "pattern": rf"^{sign}(0|[1-9][0-9]{{0,{whole}}}){fraction}$"}
    limit = 10 ** (whole + 1)
    number = {"type": "number"}
    number |= {"exclusiveMinimum": -limit} if field.min_value is None else {"minimum": float(field.min_value)}
    number |= {"exclusiveMaximum": limit} if field.max_value is None else {"maximum": float(field.max_value)}
    return {"anyOf": [text, number], **_range_said(field)}


def _range_said(field: Number) -> Schema:
    words = [
        f"{word} {limit}" for word, limit in (("from", field.min_value), ("to", field.max_value)) if limit is not None
    ]
    return {"description": f"{' '.join(words).capitalize()}."} if words else {}


def _whole(field: Any) -> Schema:
    lowest = -LARGEST_WHOLE if field.min_value is None else field.min_value
    highest = LARGEST_WHOLE if field.max_value is None else field.max_value
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def _text(field: Any) -> Schema:
    return build_basic_type(OpenApiTypes.STR) | ({} if field.allow_blank else {"pattern": VISIBLE})


_REQUESTED = {Whole: _whole, Text: _text}
