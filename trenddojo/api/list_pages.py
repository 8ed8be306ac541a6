"""Cursor pages of rows that are computed, not read from one table: an order of their own, found again by a key."""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request

from trenddojo.api.errors import invalid
from trenddojo.api.paging import KeysetPagination
from trenddojo.keyset import Page, Walk

LONGEST = 400
WAYS = frozenset({"after", "before"})


class ListPagination(KeysetPagination):
    """The view says `key_of`: of each row a text that is its alone; the rows come in the order of these texts."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        if "ordering" in request.query_params:
            raise invalid("unknown_field", "This list has one order: leave it out.", "ordering")
        rows: Sequence[Any] = queryset
        text = request.query_params.get("cursor", "")
        begin, end = _span([view.key_of(row) for row in rows], text, self._size(request))
        self.found = Page(
            rows=list(rows[begin:end]),
            previous=_cursor("before", view.key_of(rows[begin])) if 0 < begin < len(rows) else None,
            next=_cursor("after", view.key_of(rows[end - 1])) if 0 < end < len(rows) else None,
        )
        return self.found.rows

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [each for each in super().get_schema_operation_parameters(view) if each["name"] != "ordering"]


def _span(keys: Sequence[str], text: str, size: int) -> tuple[int, int]:
    """Where the page begins and ends."""
    if not text:
        return 0, min(size, len(keys))
    way, key = _read(text)
    if way == "after":
        begin = bisect_right(keys, key)
        return begin, min(begin + size, len(keys))
    end = bisect_left(keys, key)
    return max(0, end - size), end


def _cursor(way: str, key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([way, key]).encode()).decode().rstrip("=")


def _read(text: str) -> tuple[str, str]:
    try:
        way, key = json.loads(base64.urlsafe_b64decode(text[:LONGEST] + "=" * (-len(text[:LONGEST]) % 4)))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _bad_cursor() from None
    if not (isinstance(way, str) and isinstance(key, str)) or way not in WAYS:
        raise _bad_cursor()
    return way, key


def _bad_cursor() -> Exception:
    return invalid("bad_cursor", "This is no cursor of this list: begin without one.", "cursor")


class WalkedPagination(KeysetPagination):
    """Rows that no table holds: the view hands in what makes a Walk of one of its `orders`, which are words.

    `default_order()` of the view is the order of a request that names none.
    """

    def walk(self, queryset: Any, ordering: str, view: Any) -> Walk:  # noqa: ARG002 - the base's, for tables
        walk: Walk = queryset(ordering)
        return walk

    @staticmethod
    def _ordering(request: Request, view: Any) -> str:
        name = str(request.query_params.get("ordering", view.default_order()))
        if name not in view.orders:
            raise invalid("bad_ordering", f"Sort by one of: {', '.join(view.orders)}.", "ordering")
        return name

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        found = super().get_schema_operation_parameters(view)
        for each in found:
            if each["name"] == "ordering":
                each["schema"] = {"type": "string", "enum": list(view.orders)}
        return found
