"""Trades: planned, recorded, read, changed, sent to a broker, closed."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.selectors import accounts_of
from trades.api.executions_bodies import ExitTaken
from trades.api.order_fields import OrderGiven
from trades.api.orders import PlacesOrders
from trades.api.trades_answers import EXECUTION_EXAMPLE, TRADE_EXAMPLE, ExecutionGiven, TradeGiven
from trades.api.trades_bodies import (
    CHANGE_EXAMPLE,
    PLAN_EXAMPLE,
    RECORD_EXAMPLE,
    SubmitTaken,
    TradeChanged,
    TradePlanned,
    TradeRecorded,
    attr_names,
    change_said,
    new_body,
    trade_input,
    words_said,
)
from trades.api.trades_filters import ORDERINGS, TradeFilters, filtered_trades, in_saved_filter
from trades.execution.trade_changes import ExitInput, trade_change, trade_close, trade_submit
from trades.models import Order, Trade
from trades.selectors.trades import setups_of, trades_told
from trades.services.journal import tags_chosen
from trades.services.status import trade_delete
from trades.services.trade_making import trade_make
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, LOCATION, errors

# Every look at the broker or at prices changes these: no writer has to have seen the newest.
BY_ITSELF = frozenset({"last_sync", "mae", "mfe"})
LIMITS = "It breaks limits of the account: the code of each is in the answer."


class ReadsTrades(PlacesOrders):
    """A resource of one trade or many, with everything the answer says read at once."""

    serializer_class = TradeGiven

    def row(self, request: Request, pk: UUID) -> Trade:
        return found_or_404(trades_told(request.user), pk)

    def version_of(self, row: Any) -> str:
        # Tags and executions raise no version, and change what a writer has to have seen.
        is_trade = isinstance(row, Trade)
        return f"{row.version}-{self.digest_of(row, without=BY_ITSELF)}" if is_trade else super().version_of(row)

    def figures_of(self, row: Any) -> str:
        return self.digest_of(row) if isinstance(row, Trade) else super().figures_of(row)

    def check_ids(self, request: Request, given: dict[str, Any]) -> None:
        """What a body names of others does not exist. Raises Http404."""
        if "account" in given:
            found_or_404(accounts_of(request.user), given["account"])
        if given.get("setup") is not None:
            found_or_404(setups_of(request.user), given["setup"])
        if given.get("tags"):
            tags_chosen(request.user, given["tags"])


@extend_schema(tags=["trades"])
@extend_schema_view(
    list=extend_schema(
        summary="List trades",
        description="Sorted by `entry_date`, a plan stands where it was made.",
        parameters=[TradeFilters],
        responses={200: TradeGiven(many=True), **errors(on_404="There is no saved filter of yours with this id.")},
        examples=[TRADE_EXAMPLE],
    ),
    retrieve=extend_schema(summary="Read a trade", parameters=[ETAG], examples=[TRADE_EXAMPLE]),
)
class TradeViewSet(ReadsTrades):
    filters = TradeFilters
    orderings = ORDERINGS
    default_ordering = "-entry_date"

    @property
    def attr_names(self) -> dict[str, str]:  # type: ignore[override]
        return attr_names(self.request.data) if self.action in {"create", "partial_update"} else {"trade": ""}

    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        rows = filtered_trades(trades_told(request.user), wanted)
        if "saved_filter" in wanted:
            rows = in_saved_filter(rows, request.user, wanted["saved_filter"])
        return self.paged(rows)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Plan a trade, or record one that happened",
        description="A plan needs an entry and a stop; without a quantity the risk and the limits decide. A plan that "
        "breaks limits is refused with 422 and the code of each, or kept with an `override_reason` where the account "
        "allows that. With `executions` the trade is recorded as it happened, and no limit is asked.",
        request=PolymorphicProxySerializer(
            "TradeNew", serializers=[TradePlanned, TradeRecorded], resource_type_field_name=None
        ),
        responses={201: TradeGiven, **errors(404, on_422=LIMITS)},
        parameters=[IDEMPOTENT],
        examples=[PLAN_EXAMPLE, RECORD_EXAMPLE, TRADE_EXAMPLE],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        given = self.taken(new_body(request.data))
        self.check_ids(request, given)
        trade = trade_make(
            owner=request.user,
            given=trade_input(given),
            words=words_said(given),
            creation_key=creation_key,
            now=timezone.now(),
        )
        return self.answered(self.row(request, trade.pk), code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a trade",
        description="All of the plan while it waits. Once something is filled the plan is kept as it was: stop, "
        "targets, setup, tags, notes and rating can still change. What is computed cannot be written.",
        request=TradeChanged,
        responses={
            200: TradeGiven,
            **errors(on_409="The trade's status no longer allows it, or an order works.", on_422=LIMITS),
        },
        parameters=[IF_MATCHES],
        examples=[CHANGE_EXAMPLE, TRADE_EXAMPLE],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        trade = self.row(request, pk)
        self.check_match(trade)
        given = self.taken(TradeChanged)
        self.check_ids(request, given)
        seen = frozenset(tag.pk for tag in trade.tags.all())
        trade_change(
            owner=request.user,
            trade_id=pk,
            change=change_said(given, tags_seen=seen),
            version=trade.version,
            now=timezone.now(),
        )
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Delete a trade with its executions and notes",
        description="Refused with 409 where the broker would only tell it again.",
        responses={204: None, **errors(on_409="The broker told its executions, or orders of it work.")},
        parameters=[IF_MATCHES],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        trade = self.row(request, pk)
        self.check_match(trade)
        trade_delete(owner=request.user, trade_id=pk, version=trade.version)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Send a plan to the broker",
        description="The planned entry with its stop and its first target. Answers with the order before the broker "
        "is asked; one that breaks limits is kept as denied and answered with 422 and the code of every limit.",
        request=SubmitTaken,
        responses={
            201: OrderGiven,
            **errors(
                on_409="It is no plan that waits, or its account places no orders.", on_422=f"{LIMITS} It is kept."
            ),
        },
        parameters=[IDEMPOTENT, LOCATION],
        examples=[OpenApiExample("At the planned price", {}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    @creates
    def submit(self, request: Request, pk: UUID, creation_key: UUID) -> Response:
        asked = self.taken(SubmitTaken)
        order = trade_submit(owner=request.user, trade_id=pk, creation_key=creation_key, now=timezone.now(), **asked)
        return self.placed(order)

    @extend_schema(
        summary="Close a trade, or scale out of it",
        description="All of it, or so many as `quantity` says. At a broker by an order at the market, which is the "
        "answer: stops and targets that hold these units are cancelled first, and what stays open is protected again "
        "as it was. In an account kept by hand by an exit at the price given, and the answer is that execution.",
        request=ExitTaken,
        responses={
            201: PolymorphicProxySerializer(
                "Closing", serializers=[OrderGiven, ExecutionGiven], resource_type_field_name=None
            ),
            **errors(on_409="Nothing is open, or an order closes it already."),
        },
        parameters=[IDEMPOTENT],
        examples=[
            OpenApiExample("By hand", {"price": "203.80"}, request_only=True),
            OpenApiExample("All of it, at a broker", {}, request_only=True),
            EXECUTION_EXAMPLE,
        ],
    )
    @action(detail=True, methods=["post"])
    @creates
    def close(self, request: Request, pk: UUID, creation_key: UUID) -> Response:
        given = ExitInput(**self.taken(ExitTaken))
        made = trade_close(owner=request.user, trade_id=pk, given=given, creation_key=creation_key, now=timezone.now())
        if isinstance(made, Order):
            return self.placed(made)
        etag = self.etag_of(self.row(request, pk))
        return Response(ExecutionGiven(made).data, status.HTTP_201_CREATED, headers={"ETag": etag})
