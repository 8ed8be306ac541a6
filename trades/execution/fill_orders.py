"""Orders and the executions they had: which trade an order belongs to now, what it cost, and what it planned."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from trades.execution.fill_streams import NewFill
from trades.models import Order
from trenddojo.domain.orders import OrderClass, OrderRole
from trenddojo.statements import preparing_cursor

# An order belongs to the trade of its first execution, its commission is that of all; what an order made elsewhere was
# for shows in what it did. One that did nothing yet joins a position that was not booked when it was heard of: both may
# stand in one list of the broker's. Legs belong where their parent does.
_FOLLOW = """
WITH told AS (
    SELECT DISTINCT ON (f.order_id) f.order_id, f.trade_id, t.direction,
        sum(f.commission) OVER (PARTITION BY f.order_id) AS commission
    FROM fills f JOIN trades t ON t.id = f.trade_id
    WHERE f.order_id IN (SELECT order_id FROM fills WHERE trade_id = ANY(%(trades)s) AND order_id IS NOT NULL)
    ORDER BY f.order_id, f.executed_at, f.part, f.id
),
made AS (
    SELECT told.*, o.trade_id AS was_trade_id, CASE
        WHEN o.origin <> 'external' OR o.parent_id IS NOT NULL THEN o.role
        WHEN (o.side = 'buy') = (told.direction = 'long') THEN 'entry' ELSE 'exit' END AS role
    FROM told JOIN orders o ON o.id = told.order_id
),
followed AS (
    UPDATE orders o SET trade_id = made.trade_id, role = made.role, commission = made.commission,
        version = o.version + 1
    FROM made WHERE o.id = made.order_id
        AND (o.trade_id, o.role, o.commission) IS DISTINCT FROM (made.trade_id, made.role, made.commission)
    RETURNING o.id, o.trade_id, made.was_trade_id
),
held AS (
    SELECT t.id, c.id AS connection_id, t.symbol, replace(t.asset_class, 'etf', 'stock') AS family,
        CASE t.direction WHEN 'long' THEN 'buy' ELSE 'sell' END AS opening
    FROM trades t JOIN broker_connections c ON c.account_id = t.account_id
    WHERE t.id = ANY(%(trades)s) AND t.status = 'active'
),
joined AS (
    UPDATE orders o SET trade_id = held.id, version = o.version + 1, is_reducing = o.side <> held.opening,
        role = CASE o.side WHEN held.opening THEN 'entry' ELSE 'exit' END,
        reserved_value = CASE o.side WHEN held.opening THEN o.reserved_value ELSE 0 END
    FROM held
    WHERE o.connection_id = held.connection_id AND o.symbol = held.symbol
        AND replace(o.asset_class, 'etf', 'stock') = held.family AND o.status IN ('accepted', 'cancelling')
        AND o.origin = 'external' AND o.trade_id IS NULL AND o.parent_id IS NULL AND o.replaces_id IS NULL
        AND NOT EXISTS (SELECT FROM fills f WHERE f.order_id = o.id)
    RETURNING o.id, o.trade_id
)
SELECT id, trade_id, was_trade_id FROM followed UNION ALL SELECT id, trade_id, NULL FROM joined
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


def orders_follow(trade_ids: Collection[UUID]) -> set[UUID]:
    """Link orders with the trades their executions are in, as far as these trades are concerned.

    Returns the trades that the changed orders belonged to, before and now.
    """
    with preparing_cursor() as cursor:
        cursor.execute(_FOLLOW, {"trades": list(trade_ids)})
        changed = cursor.fetchall()
        if changed:
            cursor.execute(_LEGS_FOLLOW, [[order_id for order_id, *_ in changed]])
    return {trade_id for _, *both in changed for trade_id in both if trade_id is not None}


def _stand_in(order: Order, legs: Mapping[str, Order]) -> StandIn:
    stop, target = legs.get(OrderRole.STOP_LOSS), legs.get(OrderRole.TAKE_PROFIT)
    return StandIn(order.multiplier, stop.stop_price if stop else None, target.limit_price if target else None)
