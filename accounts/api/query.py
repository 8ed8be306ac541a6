"""Values of an address's query, which are words all of them."""

from typing import Any

from rest_framework import serializers

_TRUTHS = {"true": True, "false": False}


class Flag(serializers.BooleanField):
    """true or false, written just so."""

    default_error_messages = {"invalid": "Write true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if data not in _TRUTHS:
            self.fail("invalid")
        return _TRUTHS[data]
