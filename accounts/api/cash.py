"""Cash movements of an account: deposits, withdrawals, dividends, interest and charges."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.models import CashMovement, CashMovementKind
from accounts.models.fields import MONEY
from accounts.selectors import account_for, cash_movements_of
from accounts.services import CashTerms, cash_movement_create, cash_movement_delete, cash_movement_edit
from accounts.services.errors import version_of
from trenddojo.api.fields import Day, Key, Moment, Number, NumberIn, Text, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

NOTE_LENGTH = 200
WITHOUT_SIGN = "Without a sign: the kind says whether it came or went."
SAID = {"kind": "deposit", "amount": "2500.00", "moved_on": "2026-03-02", "note": "Savings"}
EXAMPLE = {
    "id": "c4b7f0de-53f5-4f0e-9a8f-0a1c2f3d4e5f",
    "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    **SAID,
    "signed_amount": "2500.00",
    "created_at": "2026-03-02T18:04:11Z",
}
ACCOUNT = OpenApiParameter("account", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The account's id.")
ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The cash movement's id.")


class CashMovementGiven(Given):
    id = Key()
    account = Key(source="account_id")
    kind = Word(choices=CashMovementKind.choices)
    amount = Number(**MONEY, shown=2, help_text=WITHOUT_SIGN)
    signed_amount = Number(**MONEY, shown=2, help_text="What it adds to the account: negative where money went.")
    moved_on = Day(help_text="The day of the account on which the money moved.")
    note = Text()
    created_at = Moment()


class CashMovementNew(Taken):
    kind = Word(
        choices=CashMovementKind.choices,
        help_text="Deposits and withdrawals are no result; dividends, interest and charges are.",
    )
    amount = NumberIn(**MONEY, help_text=WITHOUT_SIGN)
    moved_on = Day()
    note = Text(max_length=NOTE_LENGTH, allow_blank=True, default="")


class CashMovementChange(Taken):
    """Whatever is not named stays as it is."""

    kind = Word(choices=CashMovementKind.choices, required=False)
    amount = NumberIn(**MONEY, required=False, help_text=WITHOUT_SIGN)
    moved_on = Day(required=False)
    note = Text(max_length=NOTE_LENGTH, allow_blank=True, required=False)


class CashMovementFilters(Taken):
    kind = Word(choices=CashMovementKind.choices, required=False)


@extend_schema(
    tags=["accounts"], parameters=[ACCOUNT], examples=[OpenApiExample("A deposit", EXAMPLE, response_only=True)]
)
@extend_schema_view(
    list=extend_schema(summary="List an account's cash movements", parameters=[CashMovementFilters]),
    retrieve=extend_schema(summary="Read a cash movement", parameters=[ID, ETAG]),
)
class CashMovementViewSet(ApiViewSet):
    serializer_class = CashMovementGiven
    queryset = CashMovement.objects.none()
    filters = CashMovementFilters
    orderings = {"moved_on": Sort(("moved_on", "created_at", "id")), "created_at": Sort(("created_at", "id"))}
    default_ordering = "-moved_on"

    def list(self, request: Request, account: UUID) -> Response:
        return self.paged(cash_movements_of(account_for(request.user, account)).filter(**self.filtered()))

    def retrieve(self, request: Request, account: UUID, pk: UUID) -> Response:
        return self.answered(self.row(request, account, pk))

    @extend_schema(
        summary="Record a cash movement",
        description="Money that came or went other than by a trade: equity and returns follow from that day on.",
        request=CashMovementNew,
        responses={201: CashMovementGiven},
        parameters=[IDEMPOTENT],
        examples=[OpenApiExample("A deposit", SAID, request_only=True)],
    )
    @creates
    def create(self, request: Request, creation_key: UUID, account: UUID) -> Response:
        movement = cash_movement_create(
            owner=request.user,
            account_pk=account,
            terms=CashTerms(**self.taken(CashMovementNew)),
            today=timezone.localdate(),
            creation_key=creation_key,
        )
        return self.answered(self.row(request, account, movement.pk), code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Correct a cash movement",
        request=CashMovementChange,
        parameters=[ID, IF_MATCHES],
        examples=[OpenApiExample("Another amount", {"amount": "2400.00"}, request_only=True)],
    )
    def partial_update(self, request: Request, account: UUID, pk: UUID) -> Response:
        movement = self.row(request, account, pk)
        self.check_match(movement)
        known = CashTerms(movement.kind, movement.amount, movement.moved_on, movement.note)
        cash_movement_edit(
            owner=request.user,
            pk=pk,
            terms=replace(known, **self.taken(CashMovementChange)),
            version=version_of(movement),
            today=timezone.localdate(),
        )
        return self.answered(self.row(request, account, pk))

    @extend_schema(
        summary="Delete a cash movement",
        description="Equity and returns change from its day on.",
        responses={204: None},
        parameters=[ID],
    )
    def destroy(self, request: Request, account: UUID, pk: UUID) -> Response:
        self.row(request, account, pk)
        cash_movement_delete(owner=request.user, pk=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def row(self, request: Request, account: UUID, pk: UUID) -> CashMovement:
        return found_or_404(cash_movements_of(account_for(request.user, account)), pk)

    def version_of(self, row: Any) -> str:
        return version_of(row)
