"""Connections to brokers: made, tried, synced, put out of use and forgotten."""

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
from accounts.models import TradingAccount, User
from accounts.selectors import accounts_of
from brokers.api import connection_bodies as bodies
from brokers.api.errors import AsksBrokers
from brokers.api.throttles import check_key_budget
from brokers.models import BrokerConnection
from brokers.selectors import calls_failed, connections_of
from brokers.services import connections as services
from brokers.services.altering import DISABLED_BY_TRADER, ConnectionChange, connection_alter
from trenddojo.api.errors import invalid
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, errors
from trenddojo.api.serializers import Nothing
from trenddojo.keyset import Sort


class TraderRequest(Request):
    """The request of somebody who is known."""

    user: User


@extend_schema(tags=["connections"])
@extend_schema_view(
    list=extend_schema(summary="List connections", parameters=[bodies.ConnectionFilters], examples=[bodies.ANSWER]),
    retrieve=extend_schema(summary="Read a connection", parameters=[ETAG], examples=[bodies.ANSWER]),
)
class ConnectionViewSet(AsksBrokers, ApiViewSet):
    serializer_class = bodies.ConnectionGiven
    filters = bodies.ConnectionFilters
    orderings = {"created_at": Sort(("created_at", "id")), "label": Sort(("label", "id"))}
    default_ordering = "created_at"

    def list(self, request: TraderRequest) -> Response:
        return self.paged(connections_of(request.user).filter(**self.filtered()))

    def retrieve(self, request: TraderRequest, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Connect to a broker",
        description="The keys are tried at the broker at once; nothing is kept of keys that do not work. With "
        "`account` or `account_name` an account follows the connection from now on.",
        request=bodies.ConnectionNew,
        responses={
            201: bodies.ConnectionGiven,
            **errors(404, on_409="You are connected to this account at the broker already."),
        },
        parameters=[IDEMPOTENT],
        examples=[bodies.NEW, bodies.ANSWER],
    )
    @creates
    def create(self, request: TraderRequest, creation_key: UUID) -> Response:
        said = self.taken(bodies.ConnectionNew)
        account = self.account_named(request, said)
        check_key_budget(request)
        connection = services.connection_create(user=request.user, creation_key=creation_key, account=account, **said)
        return self.answered(connection, code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a connection",
        description="A new name, and one of: new keys, an account that follows it from now on, in use or not.",
        request=bodies.ConnectionChanges,
        responses={200: bodies.ConnectionGiven, **errors(409)},
        parameters=[IF_MATCHES],
        examples=[bodies.CHANGE, bodies.ANSWER],
    )
    def partial_update(self, request: TraderRequest, pk: UUID) -> Response:
        connection = self.row(request, pk)
        self.check_match(connection)
        said = self.taken(bodies.ConnectionChanges)
        if account := said.pop("account", None):
            said["account"] = found_or_404(accounts_of(request.user), account)
        if "credentials" in said:
            check_key_budget(request)
        connection_alter(connection=connection, change=ConnectionChange(**said))
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Forget a connection and its keys",
        description="The account of the journal, its trades and orders stay.",
        responses={204: None, **errors(on_409="Orders still work or wait there.")},
    )
    def destroy(self, request: TraderRequest, pk: UUID) -> Response:
        services.connection_remove(user=request.user, pk=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Try the kept keys",
        description="Asks the broker now. Keys it refuses disable the connection.",
        request=None,
        responses={
            200: bodies.ConnectionGiven,
            **errors(on_409="It is disabled.", on_422="The broker does not accept the keys."),
        },
        examples=[bodies.ANSWER],
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: TraderRequest, pk: UUID) -> Response:
        connection = self.acted_on(request, pk)
        check_key_budget(request)
        services.connection_verify(connection=connection)
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Sync a connection now",
        description="A worker pulls account, positions, orders and fills within seconds; `last_sync` tells when.",
        request=None,
        responses={202: bodies.ConnectionGiven, **errors(on_409="It is disabled.")},
        examples=[bodies.ANSWER],
    )
    @action(detail=True, methods=["post"])
    def sync(self, request: TraderRequest, pk: UUID) -> Response:
        connection = self.acted_on(request, pk)
        services.connection_sync_ask(connection=connection)
        return self.answered(connection, code=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Disable a connection",
        description="Nothing is asked of the broker any more; what works there goes on working. Twice is once.",
        request=None,
        responses={200: bodies.ConnectionGiven},
        examples=[bodies.DISABLED],
    )
    @action(detail=True, methods=["post"])
    def disable(self, request: TraderRequest, pk: UUID) -> Response:
        services.connection_disable(connection=self.acted_on(request, pk), reason=DISABLED_BY_TRADER)
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Turn live orders off",
        description="No entry leaves for this live account any more; exits do, and what works at the broker goes on "
        "working. Live orders are turned on on the page alone. Twice is once, and on paper it changes nothing.",
        request=None,
        responses={200: bodies.ConnectionGiven},
        examples=[bodies.ANSWER],
    )
    @action(detail=True, methods=["post"], url_path="live-off", url_name="live-off")
    def live_off(self, request: TraderRequest, pk: UUID) -> Response:
        services.live_disarm(connection=self.acted_on(request, pk))
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="List the calls to the broker that failed",
        description="What was asked when, what came back, how often, and whether the broker could be used again since. "
        "Kept for 30 days after the last failure. Calls about an order are in its story, too.",
        responses={200: bodies.FailedCallsGiven},
        examples=[bodies.FAILED_CALLS],
    )
    @action(detail=True, methods=["get"])
    def calls(self, request: TraderRequest, pk: UUID) -> Response:
        connection = self.row(request, pk)
        found = calls_failed([connection.pk]).get(connection.pk, [])
        return Response(bodies.FailedCallsGiven({"calls": found}).data)

    def row(self, request: TraderRequest, pk: UUID) -> BrokerConnection:
        return found_or_404(connections_of(request.user), pk)

    def acted_on(self, request: TraderRequest, pk: UUID) -> BrokerConnection:
        """The connection an action without a body is for."""
        self.taken(Nothing)
        return self.row(request, pk)

    def account_named(
        self, request: TraderRequest, said: dict[str, Any]
    ) -> TradingAccount | services.NewAccount | None:
        """The account the body names or wants, which is taken out of it. Raises Http404 and ValidationError."""
        key, name = said.pop("account", None), said.pop("account_name", None)
        if key is not None and name is not None:
            raise invalid("alone", "Name an account of yours or a new one, not both.", "account_name")
        if name is not None:
            return services.NewAccount(name)
        return None if key is None else found_or_404(accounts_of(request.user), key)

    def version_of(self, row: Any) -> str:
        said = (row.pk, row.label, row.key_hint, row.account_id, row.is_active)
        return sha256(repr(said).encode()).hexdigest()[:16]

    def figures_of(self, row: Any) -> str:
        said = (row.status, row.last_sync, row.last_error, services.live_is_armed(row, timezone.now()))
        return sha256(repr(said).encode()).hexdigest()[:16]
