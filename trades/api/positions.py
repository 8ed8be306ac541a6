"""Positions: what is held by the broker's word and by the journal's, and what a trader does about each."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.selectors import accounts_of
from trades.api.order_examples import PLACED
from trades.api.order_fields import OrderGiven
from trades.api.orders import CONFLICTS, PlacesOrders
from trades.api.position_fields import (
    ADOPTED,
    CLOSED,
    EVERYTHING,
    HELD,
    AccountNamed,
    Adopted,
    OrdersPlaced,
    PositionAdopt,
    PositionClose,
    PositionFilters,
    PositionGiven,
    PositionStop,
    PositionTrail,
    asks,
)
from trades.execution.adopt import position_adopt
from trades.execution.intents import position_close, position_stop, position_trail, positions_close_all
from trades.selectors.orders_told import order_read
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.api.list_pages import ListPagination
from trenddojo.api.schema import IDEMPOTENT, LOCATION, errors

ORDERS = {201: OrderGiven, **errors(on_422="The order breaks limits of the account; it is kept as denied.")}


@extend_schema(tags=["positions"])
class PositionViewSet(PlacesOrders):
    serializer_class = PositionGiven
    pagination_class = ListPagination
    filters = PositionFilters
    conflicts = CONFLICTS | {"cost_differs", "nothing_to_adopt", "opposite", "unsettled"}
    attr_names = {"price": "stop_price", "stop": "stop_price"}

    @extend_schema(
        summary="List positions",
        description="Every position of your accounts, or of one, by symbol; what only the broker or only the journal "
        "holds too.",
        parameters=[PositionFilters],
        responses={200: PositionGiven(many=True), **errors(404)},
        examples=[HELD],
    )
    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        named = wanted.get("account")
        account = found_or_404(accounts_of(request.user), named) if named else None
        return self.paged(_narrowed(positions_compared(request.user, account), wanted))

    @extend_schema(
        summary="Close a position, or scale out of it",
        description="At the market, all of it or a part. Stops and targets that hold these units are cancelled first; "
        "what stays open is protected again as it was.",
        request=PositionClose,
        responses={**ORDERS, **errors(404, 409)},
        parameters=[IDEMPOTENT, LOCATION],
        examples=[asks("All of it"), asks("A part", quantity="25"), PLACED],
    )
    @action(detail=False, methods=["post"])
    @creates
    def close(self, request: Request, creation_key: UUID) -> Response:
        given = self.named(PositionClose)
        order = position_close(owner=request.user, creation_key=creation_key, now=timezone.now(), **given)
        return self.placed(order)

    @extend_schema(
        summary="Close every position of an account",
        description="Working entries are cancelled, and everything held is closed at the market.",
        request=AccountNamed,
        responses={201: OrdersPlaced, **errors(404, 409)},
        parameters=[IDEMPOTENT],
        examples=[EVERYTHING, CLOSED],
    )
    @action(detail=False, methods=["post"], url_path="close-all", url_name="close-all")
    @creates
    def close_all(self, request: Request, creation_key: UUID) -> Response:
        given = self.named(AccountNamed)
        orders = positions_close_all(owner=request.user, creation_key=creation_key, now=timezone.now(), **given)
        told = OrdersPlaced({"orders": [order_read(order) for order in orders]})
        return Response(told.data, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Work a stop for a position",
        description="The working stop order is moved, or one is placed for all of the position.",
        request=PositionStop,
        responses={**ORDERS, **errors(404, 409)},
        parameters=[IDEMPOTENT, LOCATION],
        examples=[asks("A stop", stop_price="182.00"), PLACED],
    )
    @action(detail=False, methods=["post"])
    @creates
    def stop(self, request: Request, creation_key: UUID) -> Response:
        given = self.named(PositionStop)
        price = given.pop("stop_price")
        order = position_stop(owner=request.user, price=price, creation_key=creation_key, now=timezone.now(), **given)
        return self.placed(order)

    @extend_schema(
        summary="Trail the stop of a position",
        description="A trailing stop for all of it takes the place of the stop; a target that works beside it goes.",
        request=PositionTrail,
        responses={**ORDERS, **errors(404, 409)},
        parameters=[IDEMPOTENT, LOCATION],
        examples=[asks("By two percent", trail_percent="2"), PLACED],
    )
    @action(detail=False, methods=["post"])
    @creates
    def trail(self, request: Request, creation_key: UUID) -> Response:
        given = self.named(PositionTrail)
        order = position_trail(owner=request.user, creation_key=creation_key, now=timezone.now(), **given)
        return self.placed(order)

    @extend_schema(
        summary="Adopt what the broker holds",
        description="Brings the journal to what the broker holds: a position it lacks, or one of another size.",
        request=PositionAdopt,
        responses={201: Adopted, **errors(404, 409)},
        parameters=[IDEMPOTENT],
        examples=[asks("With a first stop", stop_price="182.00"), ADOPTED],
    )
    @action(detail=False, methods=["post"])
    @creates
    def adopt(self, request: Request, creation_key: UUID) -> Response:
        given = self.named(PositionAdopt)
        stop = given.pop("stop_price", None)
        trade = position_adopt(owner=request.user, stop=stop, creation_key=creation_key, now=timezone.now(), **given)
        lines = positions_compared(request.user, trade.account)
        line = next((line for line in lines if line.symbol == trade.symbol), None)
        return Response(Adopted({"trade": trade.pk, "position": line}).data, status.HTTP_201_CREATED)

    def named(self, body: Any) -> dict[str, Any]:
        """The request with the account as the services name it."""
        given = self.taken(body)
        given["account_id"] = given.pop("account")
        return given

    def key_of(self, row: PositionLine) -> str:
        """Positions come by symbol."""
        return f"{row.symbol} {row.asset_class} {row.account.pk}"


def _narrowed(lines: Sequence[PositionLine], wanted: dict[str, Any]) -> list[PositionLine]:
    symbol, state = wanted.get("symbol", "").upper(), wanted.get("state")
    found = [line for line in lines if symbol in {"", line.symbol} and state in {None, line.state.value}]
    return sorted(found, key=lambda line: f"{line.symbol} {line.asset_class} {line.account.pk}")
