"""Saved filters: what the trades list shows, kept under a name."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.services.errors import version_of
from trades.forms.lists import LONGEST_QUERY, query_said
from trades.models import SavedFilter
from trades.selectors.trades import filters_of
from trades.services.saved_filters import filter_create, filter_delete, filter_edit
from trenddojo.api.fields import Key, Moment, Text
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

LONGEST_NAME = 60
SAID = {"name": "Losers of this year", "query": "status=closed&outcome=loss&from=2026-01-01"}
EXAMPLE = {"id": "5b0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5", **SAID, "created_at": "2026-03-05T18:20:00.114205Z"}


class SavedFilterGiven(Given):
    id = Key()
    name = Text()
    query = Text(help_text="What stands behind the question mark in the address of the trades list.")
    created_at = Moment()


class SavedFilterNew(Taken):
    name = Text(max_length=LONGEST_NAME, help_text="No other filter of yours has it, in capitals or not.")
    query = Text(
        max_length=LONGEST_QUERY,
        help_text="As the address of the trades list has it; what filters nothing there is refused.",
    )


class SavedFilterChange(Taken):
    name = Text(max_length=LONGEST_NAME)


class SavedFilterFilters(Taken):
    name = Text(max_length=LONGEST_NAME, required=False)


@extend_schema(tags=["saved-filters"], examples=[OpenApiExample("Losers", EXAMPLE, response_only=True)])
@extend_schema_view(
    list=extend_schema(summary="List saved filters", parameters=[SavedFilterFilters]),
    retrieve=extend_schema(summary="Read a saved filter", parameters=[ETAG]),
)
class SavedFilterViewSet(ApiViewSet):
    serializer_class = SavedFilterGiven
    queryset = SavedFilter.objects.none()
    filters = SavedFilterFilters
    orderings = {"name": Sort(("name", "id")), "created_at": Sort(("created_at", "id"))}
    default_ordering = "name"

    def list(self, request: Request) -> Response:
        return self.paged(filters_of(request.user).filter(**self.filtered()))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Save a filter",
        description="At most 50 are kept. The same filter under the same name is the one there is.",
        request=SavedFilterNew,
        responses={201: SavedFilterGiven},
        parameters=[IDEMPOTENT],
        examples=[OpenApiExample("Losers", SAID, request_only=True)],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        said = self.taken(SavedFilterNew)
        query = query_said(said["query"], owner=request.user)
        kept = filter_create(owner=request.user, name=said["name"], query=query, key=creation_key)
        return self.answered(kept, code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Rename a saved filter",
        request=SavedFilterChange,
        parameters=[IF_MATCHES],
        examples=[OpenApiExample("Another name", {"name": "Losers"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        kept = self.row(request, pk)
        self.check_match(kept)
        change = self.taken(SavedFilterChange)
        return self.answered(filter_edit(owner=request.user, filter_id=pk, version=version_of(kept), **change))

    @extend_schema(summary="Delete a saved filter", description="No trade is touched.", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        self.row(request, pk)
        filter_delete(owner=request.user, filter_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def row(self, request: Request, pk: UUID) -> SavedFilter:
        return found_or_404(filters_of(request.user), pk)

    def version_of(self, row: Any) -> str:
        return version_of(row)
