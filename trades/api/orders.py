"""Orders: placed, read, changed and cancelled. The answer comes before the broker is asked."""

from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.base import IF_MATCH, shared
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.selectors import accounts_of
from trades.api.base import TradesViewSet
from trades.api.order_cancel_fields import ALL_CANCELLING, OF_A_SYMBOL, CancelledGiven, OrdersNamed
from trades.api.order_examples import CANCELLING, CHANGE, NEW_BRACKET, PLACED
from trades.api.order_fields import OPEN, OrderChange, OrderFilters, OrderGiven, OrderNew, order_input
from trades.api.order_story_fields import STORY, OrderStoryGiven
from trades.execution.crowd import DESK_BUSY
from trades.execution.intents import OrderEdit, order_cancel, order_create, order_replace, orders_cancel
from trades.models import Order
from trades.selectors.order_story import order_story
from trades.selectors.orders_told import open_orders, order_read, order_told, orders_told, whole_orders
from trades.selectors.story_export import story_told
from trenddojo.admission import order_comes_back
from trenddojo.api.errors import Busy, Conflict, Reason, Refused
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, LOCATION, errors
from trenddojo.api.serializers import Nothing
from trenddojo.crowd import wait_told
from trenddojo.domain.errors import DomainError
from trenddojo.domain.order_state import OrderState
from trenddojo.keyset import Sort

# What came too late, or before the broker has answered.
CONFLICTS = frozenset({"order_over", "being_cancelled", "change_pending", "on_its_way", "leg_unsent"})
FIELDS = {
    "stop_loss": "stop_loss.stop_price",
    "stop_loss_limit": "stop_loss.limit_price",
    "take_profit": "take_profit.limit_price",
}
LOOKUPS = {"created_from": "created_at__gte", "created_to": "created_at__lt"}


class PlacesOrders(TradesViewSet):
    """A resource whose answer is an order."""

    serializer_class = OrderGiven
    attr_names = FIELDS
    conflicts = CONFLICTS

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError) and exc.code == DESK_BUSY:
            wait = order_comes_back()
            # A position is closed by orders of other words, which are looked at.
            wait_told(self.request.headers.get("Authorization", ""), self.request.data, wait)
            exc = Busy(exc.sentence, exc.code, wait=wait)
        elif isinstance(exc, DomainError) and exc.code in self.conflicts:
            exc = Conflict(exc.sentence, exc.code)
        return super().handle_exception(exc)

    def placed(self, order: Order) -> Response:
        """201 with the order as it was written, or 422 with every limit it broke; `Location` says where it is."""
        order = order_read(order)
        first = order.told_events[0]
        if first.to_status == OrderState.DENIED:
            reasons = [Reason(breach["code"], breach["detail"]) for breach in first.detail["breaches"]]
            answer = self.handle_exception(Refused(reasons, is_kept=True))
        else:
            told = shared(OrderGiven).to_representation(order)
            answer = Response(told, status.HTTP_201_CREATED, headers={"ETag": self.etag_of(order)})
        answer["Location"] = reverse("api:order-detail", [order.pk], request=self.request)
        return answer

    def version_of(self, row: Any) -> str:
        return version_of(row)


@extend_schema(tags=["orders"])
@extend_schema_view(
    list=extend_schema(
        summary="List orders",
        description="Orders with their legs, those placed elsewhere included. A leg is listed within its order.",
        parameters=[OrderFilters],
        examples=[PLACED],
    ),
    retrieve=extend_schema(summary="Read an order or a leg", parameters=[ETAG], examples=[PLACED]),
)
class OrderViewSet(PlacesOrders):
    filters = OrderFilters
    orderings = {
        "created_at": Sort(("created_at", "id")),
        "symbol": Sort(("symbol", "created_at", "id")),
        "status": Sort(("status", "created_at", "id")),
        "quantity": Sort(("quantity", "created_at", "id")),
    }

    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        orders = whole_orders(orders_told(request.user))
        if wanted.get("status") == OPEN:
            del wanted["status"]
            orders = open_orders(orders, owner=request.user)
        return self.paged(_narrowed(orders, wanted))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(order_told(request.user, pk))

    @extend_schema(
        summary="Place an order",
        description="Answers before the broker is asked: follow `status`. An order that breaks limits of the account "
        "is kept as `denied` and answered with 422 and the code of every limit; `Location` says where it is.",
        request=OrderNew,
        responses={
            201: OrderGiven,
            **errors(on_422="The order breaks limits of the account, each named here; it is kept as denied."),
        },
        parameters=[IDEMPOTENT, LOCATION],
        examples=[NEW_BRACKET, PLACED],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        given = order_input(self.taken(OrderNew))
        order = order_create(owner=request.user, given=given, creation_key=creation_key, now=timezone.now())
        return self.placed(order)

    @extend_schema(
        summary="Change an order",
        description="What was not sent yet changes at once. At the broker the order works on as it is, with the "
        "wish in `pending_change`, until the broker shows the new order: its id is then `replaced_by`.",
        request=OrderChange,
        responses={200: OrderGiven, **errors(on_422="The changed order would break limits of the account.")},
        parameters=[IF_MATCHES],
        examples=[CHANGE, PLACED],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        order = order_told(request.user, pk)
        self.check_match(order)
        edit = OrderEdit(**self.taken(OrderChange))
        order_replace(
            owner=request.user,
            order_id=pk,
            changes=edit,
            creation_key=uuid4(),
            version=order.version if IF_MATCH in request.headers else None,
            now=timezone.now(),
        )
        return self.answered(order_told(request.user, pk))

    @extend_schema(
        summary="Cancel an order",
        description="At once where it was not sent yet, else the broker is asked and the order is `cancelling`. "
        "Asked again while it is, the broker is asked once more, which cancels once; an order that is over otherwise "
        "answers 409.",
        request=Nothing,
        responses={200: OrderGiven, **errors(on_409="The order is over; the sentence says how it ended.")},
        examples=[CANCELLING],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        order_cancel(owner=request.user, order_id=pk, now=timezone.now())
        return self.answered(order_told(request.user, pk))

    @extend_schema(
        summary="Cancel all working orders",
        description="Of all your accounts, or of those in one account or symbol; stops and targets too, and positions "
        "are then without protection. Each is cancelled by itself: what cannot be is told and keeps no other. Asked "
        "again it takes what is left.",
        request=OrdersNamed,
        responses={200: CancelledGiven, **errors(on_404="There is no account of yours with this id.")},
        examples=[OF_A_SYMBOL, ALL_CANCELLING],
    )
    @action(detail=False, methods=["post"], url_path="cancel-all", url_name="cancel-all")
    def cancel_all(self, request: Request) -> Response:
        given = self.taken(OrdersNamed)
        mine = accounts_of(request.user)
        accounts = [found_or_404(mine, given["account"])] if "account" in given else list(mine)
        symbol = given.get("symbol", "").upper()
        done = orders_cancel(owner=request.user, accounts=accounts, symbol=symbol, now=timezone.now())
        return Response(CancelledGiven(done).data)

    @extend_schema(
        summary="Read an order's story",
        description="Every step, every call to the broker with its answer, every fill and every notification of the "
        "order, its legs and its replacements, as it happened. Complete, exact and in UTC.",
        responses={200: OrderStoryGiven},
        examples=[STORY],
    )
    @action(detail=True, methods=["get"])
    def story(self, request: Request, pk: UUID) -> Response:
        return Response(OrderStoryGiven(story_told(order_story(request.user, pk))).data)


def _narrowed(orders: QuerySet[Order], wanted: dict[str, Any]) -> QuerySet[Order]:
    if "symbol" in wanted:
        wanted["symbol"] = wanted["symbol"].upper()
    return orders.filter(**{LOOKUPS.get(name, name): value for name, value in wanted.items()})


def version_of(order: Order) -> str:
    """Changes whenever the answer about the order does: its legs and events have rows of their own."""
    rows = [order, *order.told_legs]
    numbers = [sum(each.version for each in rows), sum(len(each.told_events) for each in rows), len(rows)]
    return "-".join(str(number) for number in [order.version, *numbers])
