"""Cursor pages: {"next", "previous", "results"}, in an order of the view's `orderings`."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from trenddojo.api.errors import invalid
from trenddojo.keyset import Page, Sort, Walk

DEFAULT_SIZE, LARGEST_SIZE = 50, 200
BY_CREATION = {"created_at": Sort(("created_at", "id"))}
PARAMETERS = ("cursor", "page_size", "ordering")


class KeysetPagination(BasePagination):
    """Rows added or deleted meanwhile shift nothing. A view says `orderings` (name to Sort) and `default_ordering`."""

    found: Page
    request: Request

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        self.request = request
        ordering = self._ordering(request, view)
        walk = self.walk(queryset, ordering, view)
        text = request.query_params.get("cursor", "")
        at = walk.read(text)
        if text and at is None:
            raise invalid("bad_cursor", "This is no cursor of this list and ordering: begin without one.", "cursor")
        self.found = walk.page(at, self._size(request))
        return self.found.rows

    def walk(self, queryset: Any, ordering: str, view: Any) -> Walk:
        """What reads the rows in this order."""
        return Walk(queryset, view.orderings[ordering.removeprefix("-")], is_descending=ordering.startswith("-"))

    def get_paginated_response(self, data: Any) -> Response:
        return Response(self.links() | {"results": data})

    def links(self) -> dict[str, str | None]:
        """The addresses of the pages beside this one."""
        return {"next": self._address(self.found.next), "previous": self._address(self.found.previous)}

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = sorted({name for sort in getattr(view, "orderings", BY_CREATION) for name in (sort, f"-{sort}")})
        return [
            _parameter("cursor", "Where to go on: from `next` or `previous` of another page.", {"type": "string"}),
            _parameter(
                "page_size",
                f"Rows on a page, {DEFAULT_SIZE} without it.",
                {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE, "default": DEFAULT_SIZE},
            ),
            _parameter(
                "ordering",
                "What to sort by; a minus for the largest first.",
                {"type": "string", "enum": names, "default": getattr(view, "default_ordering", "-created_at")},
            ),
        ]

    def _address(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    @staticmethod
    def _size(request: Request) -> int:
        text = request.query_params.get("page_size", str(DEFAULT_SIZE))
        if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= LARGEST_SIZE):  # noqa: PLR2004
            raise invalid("bad_page_size", f"Give a whole number from 1 to {LARGEST_SIZE}.", "page_size")
        return int(text)

    @staticmethod
    def _ordering(request: Request, view: Any) -> str:
        known: Mapping[str, Sort] = view.orderings
        name = str(request.query_params.get("ordering", view.default_ordering))
        if name.removeprefix("-") not in known:
            raise invalid("bad_ordering", f"Sort by one of: {', '.join(known)}; a minus turns it around.", "ordering")
        return name


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
