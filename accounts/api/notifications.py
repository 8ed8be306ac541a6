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
from accounts.services.notifications import notification_read, notifications_read_all
from trenddojo.api.fields import Key, Moment, Text, Truth, Whole, Word
from trenddojo.api.schema import ETAG, errors
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


class ReadAll(Taken):
    until = Key(required=False, help_text="The newest notification you know; all without it.")


class ReadAllGiven(Given):
    marked = Whole(help_text="How many were unread until now.")


HALTED = OpenApiExample("Halted", EXAMPLE, response_only=True)


@extend_schema(tags=["notifications"])
@extend_schema_view(
    list=extend_schema(summary="List notifications", parameters=[NotificationFilters], examples=[HALTED]),
    retrieve=extend_schema(summary="Read a notification", parameters=[ETAG], examples=[HALTED]),
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
        examples=[HALTED],
    )
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        return self.answered(notification_read(user=request.user, pk=pk))

    @extend_schema(
        operation_id="notifications_read_all",
        summary="Mark all notifications as read",
        description="All that are there, or with `until` those that are not newer than it, so that what came in since "
        "you read the list stays unread. Twice is once.",
        request=ReadAll,
        responses={200: ReadAllGiven, **errors(404)},
        examples=[
            OpenApiExample("All of them", {}, request_only=True),
            OpenApiExample("Those on the page I read", {"until": EXAMPLE["id"]}, request_only=True),
            OpenApiExample("Three were unread", {"marked": 3}, response_only=True),
        ],
    )
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: Request) -> Response:
        until = self.taken(ReadAll).get("until")
        if until is not None:
            found_or_404(notifications_of(request.user), until)
        marked = notifications_read_all(user=request.user, until=until)
        return Response(ReadAllGiven({"marked": marked}).data)

    def version_of(self, row: Any) -> str:
        return f"{row.pk.hex[:16]}{int(row.is_read)}"
