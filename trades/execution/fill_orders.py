"""Orders and the executions they had: which trade an order belongs to now, what it cost, and what it planned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection

from trades.execution.fill_streams import NewFill
from trades.models import Order, OrderOrigin, Trade
from trenddojo.domain.orders import OrderClass, OrderRole
from trenddojo.domain.positions import Direction

# The commission is that of all the order's executions; legs belong where their parent does.
_FOLLOW = """
WITH told AS (SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS t(id, trade_id, role)),
paid AS (SELECT order_id, sum(commission) AS commission FROM fills WHERE order_id = ANY(%s) GROUP BY order_id)
UPDATE orders o SET trade_id = told.trade_id, role = told.role, commission = coalesce(paid.commission, 0),
    version = o.version + 1
FROM told LEFT JOIN paid ON paid.order_id = told.id WHERE o.id = told.id
"""
_LEGS_FOLLOW = """
UPDATE orders l SET trade_id = p.trade_id, version = l.version + 1
FROM orders p WHERE p.id = l.parent_id AND p.id = ANY(%s) AND l.trade_id IS DISTINCT FROM p.trade_id
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """Stands for the plan of a trade that began with an order: its legs are the stop and the target."""

    multiplier: Decimal
    stop_loss: Decimal | None
    target_price: Decimal | None
    planned_quantity: None = None
    entry_price: None = None
    initial_stop: None = None


def stand_in_orders(new: Iterable[NewFill]) -> dict[UUID, StandIn]:
    """What orders without a plan planned by their legs, by the order's id; one query when there are any."""
    orders = {one.order.pk: one.order for one in new if one.order and one.order.trade_id is None}
    parents = [pk for pk, order in orders.items() if order.order_class != OrderClass.SIMPLE]
    if not parents:
        return {}
    legs: dict[UUID, dict[str, Order]] = {}
    for leg in Order.objects.filter(parent__in=parents):
        legs.setdefault(leg.parent_id, {})[leg.role] = leg
    return {pk: _stand_in(orders[pk], found) for pk, found in legs.items()}


def orders_follow(new: Sequence[NewFill], went: Mapping[str, Trade]) -> set[UUID]:
    """Link the orders with the trades their executions went to; returns the trades they belonged to before and now."""
    told: dict[UUID, tuple[Trade, str]] = {}
    linked: set[UUID] = set()
    for one in new:
        if one.order is None:
            continue
        trade = went[one.report.execution_id]
        linked |= {trade.pk} | ({one.order.trade_id} if one.order.trade_id else set())
        told[one.order.pk] = (trade, _role(one.order, trade))
    if told:
        ids = list(told)
        trades, roles = [trade.pk for trade, _ in told.values()], [role for _, role in told.values()]
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW, [ids, trades, roles, ids])
            cursor.execute(_LEGS_FOLLOW, [ids])
    return linked


def _stand_in(order: Order, legs: Mapping[str, Order]) -> StandIn:
    stop, target = legs.get(OrderRole.STOP_LOSS), legs.get(OrderRole.TAKE_PROFIT)
    return StandIn(order.multiplier, stop.stop_price if stop else None, target.limit_price if target else None)


def _role(order: Order, trade: Trade) -> str:
    """What an order made elsewhere was for shows in what it did."""
    if order.origin != OrderOrigin.EXTERNAL or order.parent_id is not None:
        return order.role
    is_entry = order.side == Direction(trade.direction).entry_side
    return (OrderRole.ENTRY if is_entry else OrderRole.EXIT).value
