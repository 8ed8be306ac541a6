"""Webhooks: addresses that are told of events, and what was sent there."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.models import DeliveryState, EventSubject, Webhook, WebhookDelivery
from accounts.selectors import webhook_deliveries, webhooks_of
from accounts.services.errors import version_of
from accounts.services.webhooks import (
    DESCRIPTION_LENGTH,
    URL_LENGTH,
    delivery_replay,
    secret_rotate,
    webhook_delete,
    webhook_edit,
    webhook_make,
    webhook_test,
)
from trenddojo.api.fields import Key, Moment, Text, Truth, Whole, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES
from trenddojo.api.serializers import Given, Nothing, Taken

HOOK = {
    "id": "5f0c8d3e-6a0b-4a43-8f0e-2f8b7f8d1a11",
    "url": "https://example.com/desk",
    "description": "Ledger",
    "subjects": ["order", "trade"],
    "is_active": True,
    "stopped_reason": "",
    "failures": 0,
    "paused_until": None,
    "created_at": "2026-11-20T14:30:00Z",
}
DELIVERY = {
    "id": "0c5c9d9e-0a53-4b62-9d3e-6f0f6c3f7a55",
    "type": "order.changed",
    "state": "delivered",
    "attempts": 1,
    "last_status": 204,
    "last_error": "",
    "next_attempt_at": "2026-11-20T14:31:00Z",
    "last_attempt_at": "2026-11-20T14:31:00Z",
    "delivered_at": "2026-11-20T14:31:00Z",
    "created_at": "2026-11-20T14:31:00Z",
    "body": {
        "id": 4711,
        "type": "order.changed",
        "at": "2026-11-20T14:30:59.120000Z",
        "object": {"id": "9b2f7c1e-0d5e-4b58-a0de-93bb0c3c1f42", "symbol": "SPY", "status": "filled", "version": 4},
    },
}


class Subjects(serializers.ListField):
    """Kinds of events, at least one."""

    child = Word(choices=EventSubject.choices)


class WebhookGiven(Given):
    id = Key()
    url = Text()
    description = Text()
    subjects = Subjects()
    is_active = Truth()
    stopped_reason = Text(help_text="Why the desk itself turned it off; empty otherwise.")
    failures = Whole(help_text="Attempts in a row that did not arrive.")
    paused_until = Moment(allow_null=True)
    created_at = Moment()


class WebhookWithSecret(WebhookGiven):
    secret = serializers.SerializerMethodField(help_text="Shown this once. It signs what is sent.")

    def get_secret(self, row: Webhook) -> str:  # noqa: ARG002 - the framework's signature
        return str(self.context["secret"])


class WebhookNew(Taken):
    url = Text(max_length=URL_LENGTH)
    description = Text(max_length=DESCRIPTION_LENGTH, allow_blank=True, default="")
    subjects = Subjects(min_length=1, max_length=len(EventSubject), default=lambda: list(EventSubject.values))


class WebhookChange(Taken):
    url = Text(max_length=URL_LENGTH, required=False)
    description = Text(max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False)
    subjects = Subjects(min_length=1, max_length=len(EventSubject), required=False)
    is_active = Truth(required=False)


class EventBody(Given):
    id = Whole(allow_null=True, help_text="The event's number, as in the stream; null for a test.")
    type = Text()
    at = Moment()
    object = serializers.DictField(help_text="What tells whether it is worth reading anew.")


class DeliveryGiven(Given):
    id = Key(help_text="The same in every attempt: the header webhook-id.")
    type = Text()
    state = Word(choices=DeliveryState.choices)
    attempts = Whole()
    last_status = Whole(allow_null=True)
    last_error = Text()
    next_attempt_at = Moment()
    last_attempt_at = Moment(allow_null=True)
    delivered_at = Moment(allow_null=True)
    created_at = Moment()
    body = serializers.SerializerMethodField()

    @extend_schema_field(EventBody)
    def get_body(self, row: WebhookDelivery) -> dict[str, Any]:
        """As it was or will be sent, letter for letter."""
        return dict(row.body)


class DeliveryFilters(Taken):
    state = Word(choices=DeliveryState.choices, required=False)


GIVEN = OpenApiExample("A webhook", HOOK, response_only=True)
SECRET = OpenApiExample(
    "With its secret", {**HOOK, "secret": "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUh"}, response_only=True
)
SENT = OpenApiExample("A message", DELIVERY, response_only=True)
TO_SEND = OpenApiExample("A message", DELIVERY, response_only=True, status_codes=["202"])


@extend_schema(tags=["webhooks"])
@extend_schema_view(
    list=extend_schema(summary="List webhooks", examples=[GIVEN]),
    retrieve=extend_schema(summary="Read a webhook", parameters=[ETAG], examples=[GIVEN]),
)
class WebhookViewSet(ApiViewSet):
    serializer_class = WebhookGiven
    queryset = Webhook.objects.none()

    def list(self, request: Request) -> Response:
        self.filtered()
        return self.paged(webhooks_of(request.user))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Make a webhook",
        description="The secret is in this answer and in no other.",
        request=WebhookNew,
        responses={201: WebhookWithSecret},
        parameters=[IDEMPOTENT],
        examples=[
            SECRET,
            OpenApiExample(
                "Orders and trades",
                {"url": "https://example.com/desk", "subjects": ["order", "trade"]},
                request_only=True,
            ),
        ],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        webhook, secret = webhook_make(user=request.user, pk=creation_key, now=timezone.now(), **self.taken(WebhookNew))
        return self._with_secret(webhook, secret, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a webhook",
        request=WebhookChange,
        parameters=[IF_MATCHES],
        examples=[GIVEN, OpenApiExample("Turn it off", {"is_active": False}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        webhook = self.row(request, pk)
        self.check_match(webhook)
        change = self.taken(WebhookChange)
        return self.answered(webhook_edit(user=request.user, pk=pk, version=version_of(webhook), **change))

    @extend_schema(summary="Delete a webhook and what was sent there", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        webhook_delete(user=request.user, pk=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Give a webhook a new secret",
        description="For a day messages are signed with the old one too.",
        request=Nothing,
        responses=WebhookWithSecret,
        examples=[SECRET],
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        webhook, secret = secret_rotate(user=request.user, pk=pk, now=timezone.now())
        return self._with_secret(webhook, secret, status.HTTP_200_OK)

    @extend_schema(
        summary="Send a test message",
        request=Nothing,
        responses={202: DeliveryGiven},
        parameters=[IDEMPOTENT],
        examples=[TO_SEND],
    )
    @action(detail=True, methods=["post"])
    @creates
    def test(self, request: Request, pk: UUID, creation_key: UUID) -> Response:
        self.taken(Nothing)
        delivery = webhook_test(user=request.user, pk=pk, now=timezone.now(), delivery_pk=creation_key)
        return Response(DeliveryGiven(delivery).data, status=status.HTTP_202_ACCEPTED)

    def row(self, request: Request, pk: UUID) -> Webhook:
        return found_or_404(webhooks_of(request.user), pk)

    def version_of(self, row: Any) -> str:
        return version_of(row)

    @staticmethod
    def _with_secret(webhook: Webhook, secret: str, code: int) -> Response:
        return Response(WebhookWithSecret(webhook, context={"secret": secret}).data, status=code)


@extend_schema(tags=["webhooks"], examples=[SENT])
@extend_schema_view(
    list=extend_schema(
        summary="List what was sent to a webhook", parameters=[DeliveryFilters], operation_id="webhook_deliveries_list"
    ),
)
class DeliveryViewSet(ApiViewSet):
    serializer_class = DeliveryGiven
    filters = DeliveryFilters
    queryset = WebhookDelivery.objects.none()

    def list(self, request: Request, webhook_pk: UUID) -> Response:
        webhook = found_or_404(webhooks_of(request.user), webhook_pk)
        return self.paged(webhook_deliveries(webhook).filter(**self.filtered()))

    @extend_schema(
        summary="Send a message once more",
        request=Nothing,
        responses={202: DeliveryGiven},
        operation_id="webhook_deliveries_replay",
        examples=[TO_SEND],
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, webhook_pk: UUID, pk: UUID) -> Response:
        self.taken(Nothing)
        delivery = delivery_replay(user=request.user, webhook_id=webhook_pk, pk=pk, now=timezone.now())
        return Response(DeliveryGiven(delivery).data, status=status.HTTP_202_ACCEPTED)
