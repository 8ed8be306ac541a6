"""From what a trader asks to rows, and from rows to what is sent: an order and the legs that hang on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from brokers.base import OrderRequest
from trades.models import AssetClass, Order
from trenddojo.domain import instruments
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import (
    OrderClass,
    OrderRole,
    OrderTerms,
    OrderType,
    StopLoss,
    TakeProfit,
    TimeInForce,
    class_with,
)

# What one row says of the market in columns of the same names as the terms.
PLAIN = ("quantity", "limit_price", "stop_price", "trail_percent", "trail_price", "extended_hours")


@dataclass(frozen=True, slots=True)
class OrderInput:
    """What the trader asks for. Without `order_class` it follows from the exits given; prices are per unit.

    `trade_id` is the plan or the position it belongs to; without one it joins the position held in the symbol.
    `send_before` is the trader's expiry: what is not sent by then never is.
    """

    account_id: UUID
    symbol: str
    side: str
    type: str
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_price: Decimal | None = None
    time_in_force: str = TimeInForce.DAY
    extended_hours: bool = False
    stop_loss: StopLoss | None = None
    take_profit: TakeProfit | None = None
    trade_id: UUID | None = None
    asset_class: str = AssetClass.STOCK
    multiplier: Decimal | None = None
    send_before: datetime | None = None
    order_class: str | None = None


def terms_from(given: OrderInput, symbol: str) -> OrderTerms:
    """The terms as asked; `symbol` is the one that was checked."""
    return OrderTerms(
        symbol=symbol,
        side=Side(given.side),
        type=OrderType(given.type),
        time_in_force=TimeInForce(given.time_in_force),
        stop_loss=given.stop_loss,
        take_profit=given.take_profit,
        order_class=(
            OrderClass(given.order_class) if given.order_class else class_with(given.stop_loss, given.take_profit)
        ),
        **{name: getattr(given, name) for name in PLAIN},
    )


def client_id_of(order_id: UUID) -> str:
    """The id the broker will know the order by; the row is found from it."""
    return f"td-{order_id.hex}"


def rows_from(terms: OrderTerms, **columns: Any) -> tuple[Order, list[Order]]:
    """The unsaved rows of an order and its legs; a stop with a target is the target with the stop as its leg."""
    order = Order(
        id=uuid4(),
        symbol=terms.symbol,
        side=terms.side.value,
        type=terms.type.value,
        time_in_force=terms.time_in_force.value,
        order_class=terms.order_class.value,
        **{name: getattr(terms, name) for name in PLAIN},
        **columns,
    )
    order.client_order_id = client_id_of(order.pk)
    if terms.order_class is OrderClass.OCO:
        order.role = OrderRole.TAKE_PROFIT.value
        order.limit_price = terms.take_profit.limit_price if terms.take_profit else None
    return order, list(_legs(order, terms))


def _legs(order: Order, terms: OrderTerms) -> Iterable[Order]:
    is_oco = terms.order_class is OrderClass.OCO
    if terms.stop_loss:
        stop = terms.stop_loss
        kind = OrderType.STOP_LIMIT if stop.limit_price else OrderType.STOP
        prices = {"stop_price": stop.stop_price, "limit_price": stop.limit_price}
        yield _leg(order, terms, role=OrderRole.STOP_LOSS, type=kind.value, **prices)
    if terms.take_profit and not is_oco:
        limit = terms.take_profit.limit_price
        yield _leg(order, terms, role=OrderRole.TAKE_PROFIT, type=OrderType.LIMIT.value, limit_price=limit)


def _leg(order: Order, terms: OrderTerms, *, role: OrderRole, **columns: Any) -> Order:
    same = ("owner_id", "account_id", "connection_id", "trade_id", "symbol", "asset_class", "multiplier", "quantity")
    side = terms.side if terms.order_class is OrderClass.OCO else terms.side.opposite
    return Order(
        parent=order,
        role=role.value,
        side=side.value,
        is_reducing=True,
        time_in_force=order.time_in_force,
        order_class=order.order_class,
        **{name: getattr(order, name) for name in same},
        **columns,
    )


def terms_of(order: Order, legs: Sequence[Order]) -> OrderTerms:
    """The terms of a stored order with the legs it was stored with."""
    order_class = OrderClass(order.order_class) if order.parent_id is None else OrderClass.SIMPLE
    is_oco = order_class is OrderClass.OCO
    roles = {leg.role: leg for leg in legs}
    stop, target = roles.get(OrderRole.STOP_LOSS), order if is_oco else roles.get(OrderRole.TAKE_PROFIT)
    plain = {name: getattr(order, name) for name in PLAIN}
    if is_oco:
        plain["limit_price"] = None
    return OrderTerms(
        symbol=order.symbol,
        side=Side(order.side),
        type=OrderType(order.type),
        time_in_force=TimeInForce(order.time_in_force),
        order_class=order_class,
        stop_loss=StopLoss(stop.stop_price, stop.limit_price) if stop and stop.stop_price else None,
        take_profit=TakeProfit(target.limit_price) if target and target.limit_price else None,
        **plain,
    )


def request_of(order: Order, legs: Sequence[Order]) -> OrderRequest:
    """What is sent for a stored order, under the id stored with it."""
    return OrderRequest(order.client_order_id, terms_of(order, legs), instruments.AssetClass(order.asset_class))
