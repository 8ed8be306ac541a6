"""What every request body keeps to."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

UNKNOWN = "This field is not known here: check its name, or leave it out."


class Taken(serializers.Serializer[Any]):
    """A request body, or the query of an address: fields that are not named are refused, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            raise ValidationError({name: [ErrorDetail(UNKNOWN, "unknown_field")] for name in sorted(unknown)})
        return super().to_internal_value(data)


class Nothing(Taken):
    """A request without a body."""


class Given(serializers.Serializer[Any]):
    """An answer."""
