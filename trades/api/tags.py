"""Tags, mistakes and emotions: the words a trader puts on trades."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.services.errors import version_of
from trades.models import Tag, TagKind
from trades.selectors.trades import tags_of
from trades.services.tags import tag_create, tag_delete, tag_edit, tag_merge
from trenddojo.api.fields import Key, Text, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

EXAMPLE = {"id": "0f0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5", "kind": "mistake", "name": "Chased the entry"}


class TagGiven(Given):
    id = Key()
    kind = Word(choices=TagKind.choices)
    name = Text()


class TagNew(Taken):
    kind = Word(choices=TagKind.choices, default=TagKind.TAG)
    name = Text(max_length=50)


class TagChange(Taken):
    name = Text(max_length=50)


class TagMerge(Taken):
    into = Key(help_text="The tag that stays, of any kind.")


class TagFilters(Taken):
    kind = Word(choices=TagKind.choices, required=False)


@extend_schema(tags=["tags"], examples=[OpenApiExample("A mistake", EXAMPLE, response_only=True)])
@extend_schema_view(
    list=extend_schema(summary="List tags", parameters=[TagFilters]),
    retrieve=extend_schema(summary="Read a tag", parameters=[ETAG]),
)
class TagViewSet(ApiViewSet):
    serializer_class = TagGiven
    filters = TagFilters
    orderings = {"name": Sort(("name", "id")), "kind": Sort(("kind", "name", "id"))}
    default_ordering = "kind"

    def list(self, request: Request) -> Response:
        return self.paged(tags_of(request.user).filter(**self.filtered()))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Make a tag",
        request=TagNew,
        responses={201: TagGiven},
        parameters=[IDEMPOTENT],
        examples=[OpenApiExample("A mistake", {"kind": "mistake", "name": "Chased the entry"}, request_only=True)],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        tag = tag_create(owner=request.user, key=creation_key, **self.taken(TagNew))
        return self.answered(tag, code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Rename a tag",
        request=TagChange,
        parameters=[IF_MATCHES],
        examples=[OpenApiExample("Another name", {"name": "Chased"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        tag = self.row(request, pk)
        self.check_match(tag)
        change = self.taken(TagChange)
        return self.answered(tag_edit(owner=request.user, tag_id=pk, version=version_of(tag), **change))

    @extend_schema(summary="Delete a tag and take it off everything", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        tag_delete(owner=request.user, tag_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Merge a tag into another",
        description="The other is put wherever this one is, on trades and on days, and this one is gone. Answers with "
        "the one that stays.",
        request=TagMerge,
        responses={200: TagGiven},
        examples=[OpenApiExample("Into another", {"into": EXAMPLE["id"]}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: UUID) -> Response:
        tag = self.row(request, pk)
        return self.answered(tag_merge(owner=request.user, tag_id=tag.pk, into_id=self.taken(TagMerge)["into"]))

    def row(self, request: Request, pk: UUID) -> Tag:
        return found_or_404(tags_of(request.user), pk)

    def version_of(self, row: Any) -> str:
        return version_of(row)
