"""Trading accounts: what the trader says about them, their limits, what they are worth, and the kill switch."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.services.account_changes import risk_with
from accounts.services.errors import version_of
from brokers.api.errors import AsksBrokers
from brokers.selectors import connections_of
from brokers.services.account_opening import account_alter, account_open
from trades.api import account_bodies as bodies
from trades.execution.intents import account_halt, account_resume
from trades.selectors.account_money import AccountMoney, accounts_money, accounts_with_connections
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, errors
from trenddojo.api.serializers import Nothing
from trenddojo.keyset import Sort


@extend_schema(tags=["accounts"], examples=[bodies.ANSWER])
@extend_schema_view(
    list=extend_schema(summary="List accounts", parameters=[bodies.AccountFilters]),
    retrieve=extend_schema(summary="Read an account", parameters=[ETAG]),
)
class AccountViewSet(AsksBrokers, ApiViewSet):
    attr_names = {"account": "connection", "account_name": "name"}
    serializer_class = bodies.AccountGiven
    filters = bodies.AccountFilters
    orderings = {"created_at": Sort(("created_at", "id")), "name": Sort(("name", "id"))}
    default_ordering = "created_at"

    def list(self, request: Request) -> Response:
        given = self.filtered()
        if "is_halted" in given:
            given["halted_at__isnull"] = not given.pop("is_halted")
        found = self.paginate_queryset(accounts_with_connections(request.user).filter(**given))
        shown = accounts_money(found, now=timezone.now())
        return self.get_paginated_response(self.rows_told(shown))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Open an account",
        description="With `connection` the account follows that connection: it decides broker and type, and is asked "
        "before the account is opened.",
        request=bodies.AccountNew,
        responses={201: bodies.AccountGiven, **errors(404)},
        parameters=[IDEMPOTENT],
        examples=[bodies.NEW, bodies.ANSWER],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        said = self.taken(bodies.AccountNew)
        connection, risk = self.connection_named(request, said), said.pop("risk", {})
        account = account_open(
            owner=request.user,
            terms=bodies.terms_of(said, connection=connection, today=timezone.localdate()),
            risk=risk_with(risk),
            today=timezone.localdate(),
            creation_key=creation_key,
            connection=connection,
        )
        return self.answered(self.row(request, account.pk), code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an account",
        description="Only what is named is changed, also inside `risk`. `connection` has the account follow a "
        "connection, which is asked first; name it alone.",
        request=bodies.AccountChanges,
        parameters=[IF_MATCHES],
        examples=[bodies.CHANGE, bodies.ANSWER],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        row = self.row(request, pk)
        self.check_match(row)
        said = self.taken(bodies.AccountChanges)
        connection = self.connection_named(request, said)
        account_alter(
            owner=request.user,
            account=row.account,
            change=bodies.change_of(said),
            connection=connection,
            today=timezone.localdate(),
        )
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Halt an account",
        description="The kill switch: entries that work or wait are cancelled and new ones refused until it is "
        "resumed. Protective exits stay, unless `exits` says otherwise. Twice is once.",
        request=bodies.Halt,
        examples=[bodies.HALT, bodies.HALTED],
    )
    @action(detail=True, methods=["post"])
    def halt(self, request: Request, pk: UUID) -> Response:
        account_halt(owner=request.user, account_id=pk, **bodies.halt_terms(self.taken(bodies.Halt)))
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Resume an account",
        description="New orders may leave again. What was cancelled stays cancelled. Twice is once.",
        request=None,
    )
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        account_resume(owner=request.user, account_id=pk)
        return self.answered(self.row(request, pk))

    def row(self, request: Request, pk: UUID) -> AccountMoney:
        account = found_or_404(accounts_with_connections(request.user), pk)
        (found,) = accounts_money([account], now=timezone.now())
        return found

    def connection_named(self, request: Request, said: dict[str, Any]) -> Any:
        """The connection of the body, which is taken out of it. Raises Http404."""
        key = said.pop("connection", None)
        return None if key is None else found_or_404(connections_of(request.user), key)

    def version_of(self, row: Any) -> str:
        both = f"{version_of(row.account)}{version_of(row.policy)}{row.connection_id}"
        return sha256(both.encode()).hexdigest()[:16]

    def figures_of(self, row: Any) -> str:
        figures = (row.equity, row.cash, row.buying_power, row.told_at)
        return sha256(" ".join(map(str, figures)).encode()).hexdigest()[:16]
