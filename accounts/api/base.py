"""What every resource of the API has in common: bodies checked by a serializer, pages, versions, one owner."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from trenddojo.api.errors import Changed, invalid
from trenddojo.api.paging import BY_CREATION, PARAMETERS
from trenddojo.keyset import Sort

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"


@cache
def shared(kind: type[Serializer[Any]]) -> Serializer[Any]:
    """One for all requests: each new one copies every field it has, which takes longer than what it does then."""
    return kind()


class ApiViewSet(GenericViewSet[Any]):
    """Translates and makes one call; services do the work and selectors read, both through the owner.

    `serializer_class` is the answer. A list says `filters`, a `Taken` serializer of its query, and `orderings`.
    """

    # The services' field names to the API's, for errors.
    attr_names: Mapping[str, str] = {}
    filters: type[Serializer[Any]] | None = None
    orderings: Mapping[str, Sort] = BY_CREATION
    default_ordering = "-created_at"
    # The router's: ids are UUIDs, and what is none is an address that does not exist.
    lookup_field = "pk"
    lookup_value_converter = "uuid"

    def taken(self, serializer: type[Serializer[Any]], data: Any = None, **options: Any) -> dict[str, Any]:
        """The request's body as plain values. Raises ValidationError with every field that is wrong."""
        given = self.request.data if data is None else data
        if not options:
            try:
                return dict(shared(serializer).run_validation(given))
            except ValidationError:
                # Said once more below, in the shape of all errors.
                pass
        checked = serializer(data=given, **options)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def filtered(self) -> dict[str, Any]:
        """The query of a list without its paging. Raises ValidationError, for a filter that is not known too."""
        given = {name: value for name, value in self.request.query_params.items() if name not in PARAMETERS}
        for name in self.request.query_params:
            if len(self.request.query_params.getlist(name)) > 1:
                raise invalid("given_twice", "Give this once.", name)
        if self.filters is None:
            if given:
                raise invalid("unknown_field", "There is no such filter.", min(given))
            return {}
        return self.taken(self.filters, given)

    def paged(self, rows: QuerySet[Any]) -> Response:
        """One page of rows, in the order asked for."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(self.rows_told(found))

    def row_told(self, row: Any) -> dict[str, Any]:
        """A row as it is answered."""
        return dict(shared(self.serializer_class).to_representation(row))

    def rows_told(self, rows: Iterable[Any]) -> list[dict[str, Any]]:
        return [self.row_told(row) for row in rows]

    def answered(self, row: Any, *, code: int = status.HTTP_200_OK) -> Response:
        """One row with its version as ETag; 304 to a reader who has it already."""
        etag = self.etag_of(row)
        if code == status.HTTP_200_OK and self.request.method in SAFE_METHODS and self._has(etag, IF_NONE_MATCH):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(self.row_told(row), status=code, headers={"ETag": etag})

    def etag_of(self, row: Any) -> str:
        """The row's version, in quotes, and after a point its figures."""
        figures = self.figures_of(row)
        return f'"{self.version_of(row)}.{figures}"' if figures else f'"{self.version_of(row)}"'

    def version_of(self, row: Any) -> Any:
        """What changes whenever somebody changes the row: a change from another version is refused."""
        return row.version

    def figures_of(self, row: Any) -> str:  # noqa: ARG002 - for views that have some
        """What changes by itself, such as prices: a reader wants to know, and it is in no writer's way."""
        return ""

    def check_match(self, row: Any) -> None:
        """Refuse when If-Match names another version than the row's. Raises Changed.

        The caller goes on with the row's version, which the service compares again under its lock.
        """
        if self.request.headers.get(IF_MATCH) is None:
            return
        version = str(self.version_of(row))
        offered = self._offered(IF_MATCH)
        if "*" not in offered and version not in {etag.strip('"').partition(".")[0] for etag in offered}:
            raise Changed

    def _has(self, etag: str, header: str) -> bool:
        offered = self._offered(header)
        return etag in offered or "*" in offered

    def _offered(self, header: str) -> list[str]:
        return [word.strip().removeprefix("W/") for word in self.request.headers.get(header, "").split(",")]
