"""Cursor pages of rows that are computed, not read from one table: an order of their own, found again by a key."""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from typing import Any

from rest_framework.request import Request

from trenddojo.api.errors import invalid
from trenddojo.api.paging import KeysetPagination
from trenddojo.keyset import Page

LONGEST, MOST_DIGITS = 400, 6


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
    way, key = _read(text, {"after", "before"})
    if way == "after":
        begin = bisect_right(keys, key)
        return begin, min(begin + size, len(keys))
    end = bisect_left(keys, key)
    return max(0, end - size), end


def _cursor(way: str, key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([way, key]).encode()).decode().rstrip("=")


def _read(text: str, ways: Collection[str]) -> tuple[str, str]:
    try:
        way, key = json.loads(base64.urlsafe_b64decode(text[:LONGEST] + "=" * (-len(text[:LONGEST]) % 4)))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _bad_cursor() from None
    if not (isinstance(way, str) and isinstance(key, str)) or way not in ways:
        raise _bad_cursor()
    return way, key


def _bad_cursor() -> Exception:
    return invalid("bad_cursor", "This is no cursor of this list: begin without one.", "cursor")


class FetchedPagination(KeysetPagination):
    """Pages a selector counts out: `rows(page, size, order)` of the view answers rows and whether more follow.

    For sums of many rows, which have no key to begin behind. The view says `orderings`, a word for each order.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        order = self._ordering(request, view)
        page = _page_number(request.query_params.get("cursor", ""), order)
        rows, has_more = queryset(page=page, size=self._size(request), order=order)
        self.found = Page(
            rows=rows,
            previous=_cursor(order, str(page - 1)) if page > 1 else None,
            next=_cursor(order, str(page + 1)) if has_more else None,
        )
        return self.found.rows

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


def _page_number(text: str, order: str) -> int:
    if not text:
        return 1
    _order, number = _read(text, {order})
    if not (number.isascii() and number.isdecimal()) or len(number) > MOST_DIGITS or not int(number):
        raise _bad_cursor()
    return int(number)
