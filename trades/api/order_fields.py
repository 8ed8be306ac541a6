"""What requests and answers say of orders."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from trades.execution.intents import OrderInput
from trades.models import AssetClass, Order, Side
from trades.models.order import ORDER_CLASSES, ORDER_ROLES, ORDER_STATES, ORDER_TYPES, TIMES_IN_FORCE
from trenddojo.api.fields import Key, Moment, Number, NumberIn, Text, Truth, Word
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderRole, StopLoss, TakeProfit, TimeInForce

PRICE: dict[str, Any] = {"max_digits": 20, "decimal_places": 9}
QUANTITY: dict[str, Any] = {"max_digits": 20, "decimal_places": 9}
OPEN = "open"
SOURCES = ["trader", "worker", "poll", "stream", "reconcile"]
NUMBERS = ("quantity", "limit_price", "stop_price", "trail_percent")


class StopLossIn(Taken):
    stop_price = NumberIn(**PRICE)
    limit_price = NumberIn(**PRICE, required=False, allow_null=True, help_text="Makes it a stop-limit order.")


class TakeProfitIn(Taken):
    limit_price = NumberIn(**PRICE)


class OrderNew(Taken):
    """An order to place. `stop_loss` and `take_profit` are worked by the broker once the order is filled."""

    account = Key()
    trade = Key(required=False, allow_null=True, help_text="The plan or the open trade it is for.")
    symbol = Text(max_length=32)
    asset_class = Word(choices=AssetClass.choices, default=AssetClass.STOCK)
    side = Word(choices=Side.choices)
    type = Word(choices=ORDER_TYPES)
    quantity = NumberIn(**QUANTITY)
    limit_price = NumberIn(**PRICE, required=False, allow_null=True)
    stop_price = NumberIn(**PRICE, required=False, allow_null=True)
    trail_percent = NumberIn(**PRICE, required=False, allow_null=True, help_text="1 for one percent.")
    trail_price = NumberIn(**PRICE, required=False, allow_null=True, help_text="Instead of percent.")
    time_in_force = Word(choices=TIMES_IN_FORCE, default=TimeInForce.DAY)
    extended_hours = Truth(default=False)
    stop_loss = StopLossIn(required=False, allow_null=True)
    take_profit = TakeProfitIn(required=False, allow_null=True)
    order_class = Word(
        choices=ORDER_CLASSES,
        required=False,
        help_text="Follows from the exits given; “oco” sends only the two exits of what is held.",
    )
    send_before = Moment(
        required=False, allow_null=True, help_text="For an order that waits for the open: not sent after this moment."
    )


class OrderChange(Taken):
    """What should be different; what is left out stays as it is."""

    quantity = NumberIn(**QUANTITY, required=False)
    limit_price = NumberIn(**PRICE, required=False)
    stop_price = NumberIn(**PRICE, required=False)
    trail_percent = NumberIn(**PRICE, required=False)
    time_in_force = Word(choices=TIMES_IN_FORCE, required=False)


class OrderFilters(Taken):
    account = Key(required=False)
    trade = Key(required=False)
    symbol = Text(max_length=32, required=False)
    status = Word(
        choices=[(OPEN, "Works, or has a leg that works"), *ORDER_STATES],
        required=False,
        help_text="“open”: orders that work, or whose legs do.",
    )
    side = Word(choices=Side.choices, required=False)
    type = Word(choices=ORDER_TYPES, required=False)
    created_from = Moment(required=False)
    created_to = Moment(required=False, help_text="Up to this moment, without it.")


class TextOrNull(Text):
    """A text that is null until there is one."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or None


class StopLossGiven(Given):
    stop_price = Number(**PRICE, shown=2)
    limit_price = Number(**PRICE, shown=2, allow_null=True)

    def get_attribute(self, instance: Order) -> Order | None:
        return _leg_of(instance, OrderRole.STOP_LOSS)


class TakeProfitGiven(Given):
    limit_price = Number(**PRICE, shown=2)

    def get_attribute(self, instance: Order) -> Order | None:
        return _leg_of(instance, OrderRole.TAKE_PROFIT)


class StatusReason(Given):
    code = Text(source="reason_code")
    detail = Text(source="reason_detail")

    def get_attribute(self, instance: Order) -> Order | None:
        return instance if instance.reason_code or instance.reason_detail else None


class PendingChange(Given):
    """A change that was asked for and that the broker has not answered; null where it changes nothing."""

    quantity = Number(**QUANTITY, allow_null=True)
    limit_price = Number(**PRICE, shown=2, allow_null=True)
    stop_price = Number(**PRICE, shown=2, allow_null=True)
    trail_percent = Number(**PRICE, allow_null=True)
    time_in_force = Word(choices=TIMES_IN_FORCE, allow_null=True)
    asked_at = Moment()

    def get_attribute(self, instance: Order) -> dict[str, Any] | None:
        change = instance.pending_change
        if change is None:
            return None
        numbers = {name: Decimal(change[name]) if change.get(name) else None for name in NUMBERS}
        asked_at = change["asked_at"]
        if isinstance(asked_at, str):
            asked_at = datetime.fromisoformat(asked_at)
        return {**numbers, "time_in_force": change.get("time_in_force"), "asked_at": asked_at}


@extend_schema_field({"type": "object", "additionalProperties": True})
class EventDetail(serializers.JSONField):
    """What is known of a step, in the words of the step."""


class StatusOrNull(Word):
    """No state before the first."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or None


class OrderEventGiven(Given):
    at = Moment()
    to = Word(choices=ORDER_STATES, source="to_status")
    source = Word(choices=SOURCES)
    detail = EventDetail(help_text="Figures and ids of the step.")

    def get_fields(self) -> dict[str, Any]:
        """With “from”, which is no name of the language."""
        at, *rest = super().get_fields().items()
        return dict([at, ("from", StatusOrNull(choices=ORDER_STATES, source="from_status", allow_null=True)), *rest])


@extend_schema_field({"type": "array", "items": {"$ref": "#/components/schemas/OrderGiven"}})
class Legs(serializers.Field[Any, Any, Any, Any]):
    """Orders like the one they hang on; a leg has none."""

    def get_attribute(self, instance: Order) -> Any:
        return getattr(instance, "told_legs", ())

    def to_representation(self, value: Any) -> list[Any]:
        assert self.parent is not None  # noqa: S101 - a field of an order
        return [self.parent.to_representation(leg) for leg in value]


class OrderGiven(Given):
    """An order with its legs and everything that happened to it, read by trades.selectors.orders_told."""

    id = Key()
    client_order_id = TextOrNull(allow_null=True, help_text="The id the broker knows it by, made here.")
    broker_order_id = TextOrNull(allow_null=True)
    account = Key(source="account_id")
    trade = Key(source="trade_id", allow_null=True)
    parent = Key(source="parent_id", allow_null=True, help_text="The order this leg hangs on.")
    role = Word(choices=ORDER_ROLES)
    symbol = Text()
    asset_class = Word(choices=AssetClass.choices)
    side = Word(choices=Side.choices)
    type = Word(choices=ORDER_TYPES)
    order_class = Word(choices=ORDER_CLASSES)
    quantity = Number(**QUANTITY)
    limit_price = Number(**PRICE, shown=2, allow_null=True)
    stop_price = Number(**PRICE, shown=2, allow_null=True)
    trail_percent = Number(**PRICE, allow_null=True)
    trail_price = Number(**PRICE, shown=2, allow_null=True)
    time_in_force = Word(choices=TIMES_IN_FORCE)
    extended_hours = Truth()
    stop_loss = StopLossGiven(allow_null=True)
    take_profit = TakeProfitGiven(allow_null=True)
    send_after = Moment(allow_null=True, help_text="The open a queued order waits for.")
    send_before = Moment(allow_null=True)
    status = Word(choices=ORDER_STATES)
    status_reason = StatusReason(allow_null=True)
    pending_change = PendingChange(allow_null=True)
    replaces = Key(source="replaces_id", allow_null=True, help_text="The order this one took the place of.")
    replaced_by = Key(source="replacement_id", allow_null=True)
    filled_quantity = Number(**QUANTITY)
    filled_average_price = Number(**PRICE, shown=2, allow_null=True)
    commission = Number(shown=2)
    legs = Legs()
    events = OrderEventGiven(many=True, source="told_events")
    submitted_at = Moment(allow_null=True)
    filled_at = Moment(allow_null=True)
    created_at = Moment()


def order_input(body: dict[str, Any]) -> OrderInput:
    """A checked body as the service takes it."""
    plain = dict(body)
    stop, target = plain.pop("stop_loss", None), plain.pop("take_profit", None)
    return OrderInput(
        account_id=plain.pop("account"),
        trade_id=plain.pop("trade", None),
        stop_loss=StopLoss(stop["stop_price"], stop.get("limit_price")) if stop else None,
        take_profit=TakeProfit(target["limit_price"]) if target else None,
        **plain,
    )


def _leg_of(order: Order, role: OrderRole) -> Order | None:
    """The order's newest exit of this kind; the target of a pair of exits is the order itself."""
    legs = [leg for leg in getattr(order, "told_legs", ()) if leg.role == role]
    if not legs and order.parent_id is None and order.order_class == OrderClass.OCO and order.role == role:
        return order
    return max(legs, key=lambda leg: (leg.status != OrderState.REPLACED, leg.created_at), default=None)
