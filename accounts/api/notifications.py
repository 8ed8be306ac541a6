"""What the trader should know."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.lookup import found_or_404
from accounts.api.query import Flag
from accounts.models import NotificationKind
from accounts.selectors import notifications_of
from accounts.services.notifications import notification_read
from trenddojo.api.fields import Key, Moment, Text, Truth, Word
from trenddojo.api.schema import ETAG
from trenddojo.api.serializers import Given, Nothing, Taken

EXAMPLE = {
    "id": "7d2b8a54-9a63-4a3c-8a0e-0a9a3e1c2f77",
    "kind": "risk",
    "title": "Swing is halted",
    "text": "Working entries cancelled: 2. Protective exits stay. New orders are refused until you resume the account.",
    "path": "/accounts/5f1c2f0e-6c1b-4c39-9a3f-3f7d1f6a5b10/",
    "is_read": False,
    "created_at": "2026-03-05T14:30:00Z",
    "read_at": None,
}


class NotificationGiven(Given):
    id = Key()
    kind = Word(choices=NotificationKind.choices)
    title = Text()
    text = Text()
    path = Text(help_text="The page of the desk to look at; may be empty.")
    is_read = Truth()
    created_at = Moment()
    read_at = Moment(allow_null=True)


class NotificationFilters(Taken):
    kind = Word(choices=NotificationKind.choices, required=False)
    is_read = Flag(required=False)


@extend_schema(tags=["notifications"], examples=[OpenApiExample("Halted", EXAMPLE, response_only=True)])
@extend_schema_view(
    list=extend_schema(summary="List notifications", parameters=[NotificationFilters]),
    retrieve=extend_schema(summary="Read a notification", parameters=[ETAG]),
)
class NotificationViewSet(ApiViewSet):
    serializer_class = NotificationGiven
    filters = NotificationFilters

    def list(self, request: Request) -> Response:
        given = self.filtered()
        if "is_read" in given:
            given["read_at__isnull"] = not given.pop("is_read")
        return self.paged(notifications_of(request.user).filter(**given))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(found_or_404(notifications_of(request.user), pk))

    @extend_schema(
        summary="Mark a notification as read",
        description="Twice is once. Reading it over the API marks nothing.",
        request=None,
        responses={200: NotificationGiven},
    )
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        return self.answered(notification_read(user=request.user, pk=pk))

    def version_of(self, row: Any) -> str:
        return f"{row.pk.hex[:16]}{int(row.is_read)}"
