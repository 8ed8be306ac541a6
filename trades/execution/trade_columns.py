"""Keeps what a trade says of its orders true: the broker's columns, and planned or pending while nothing is filled.

They are computed from the orders and fills as they are, so writing them twice changes nothing. The broker's columns do
not raise the trade's version: a form somebody types in does not grow old because the broker spoke.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from trenddojo.domain.order_state import WORKING
from trenddojo.statements import preparing_cursor

# Brokers differ in whether a replacement counts what the order before it had filled: only the executions of both count
# towards the price. A working or filled entry says more about the trade than one that came to nothing.
_FOLLOW = """
WITH entries AS (
    SELECT o.*, greatest(o.filled_quantity, f.quantity) AS done,
        CASE WHEN r.is_changed THEN f.quantity ELSE greatest(o.filled_quantity, f.quantity) END AS paid,
        CASE WHEN r.is_changed OR o.filled_average_price IS NULL THEN f.amount / f.quantity
            ELSE o.filled_average_price END AS paid_price
    FROM orders o LEFT JOIN LATERAL (
        SELECT sum(quantity) AS quantity, sum(quantity * price) AS amount FROM fills WHERE order_id = o.id
    ) f ON TRUE CROSS JOIN LATERAL (
        SELECT o.replaces_id IS NOT NULL OR EXISTS (SELECT FROM orders n WHERE n.replaces_id = o.id) AS is_changed
    ) r
    WHERE o.trade_id = ANY(%(trades)s) AND o.role = 'entry'
),
told AS (
    SELECT DISTINCT ON (o.trade_id) o.trade_id, c.broker, o.broker_order_id, o.status, o.origin, o.done
    FROM entries o LEFT JOIN broker_connections c ON c.id = o.connection_id
    ORDER BY o.trade_id, o.done > 0 DESC, o.status = ANY(%(working)s) DESC, o.created_at DESC, o.id
),
entered AS (
    SELECT trade_id, bool_or(status = ANY(%(working)s)) AS works, sum(paid * paid_price) / nullif(sum(paid), 0) AS price
    FROM entries GROUP BY trade_id
),
paid AS (
    SELECT trade_id, sum(commission) AS commission FROM fills
    WHERE trade_id = ANY(%(trades)s) AND execution_id <> '' GROUP BY trade_id
),
made AS (
    SELECT t.id, told.trade_id IS NOT NULL AS is_told, told.broker, told.broker_order_id, told.status, told.origin,
        told.done, round(entered.price, 9) AS price, paid.commission, CASE
        WHEN t.status = 'planned' AND entered.works THEN 'pending'
        -- What was filled is booked by its executions, which follow the report: until then nobody sends it again.
        WHEN t.status = 'pending' AND told.done > 0 THEN t.status
        WHEN t.status = 'pending' AND entered.works IS NOT TRUE AND t.entry_price IS NULL THEN 'cancelled'
        WHEN t.status = 'pending' AND entered.works IS NOT TRUE THEN 'planned'
        ELSE t.status END AS trade_status
    FROM trades t LEFT JOIN told ON told.trade_id = t.id
    LEFT JOIN entered ON entered.trade_id = t.id LEFT JOIN paid ON paid.trade_id = t.id
    WHERE t.id = ANY(%(trades)s)
)
UPDATE trades t SET status = made.trade_status,
    version = t.version + (t.status <> made.trade_status)::int,
    updated_at = CASE WHEN t.status <> made.trade_status THEN %(at)s ELSE t.updated_at END,
    broker = CASE WHEN is_told THEN coalesce(made.broker, t.broker) ELSE t.broker END,
    broker_order_id = CASE WHEN is_told THEN made.broker_order_id ELSE t.broker_order_id END,
    broker_sync_status = CASE
        WHEN NOT is_told THEN t.broker_sync_status
        WHEN made.done > 0 AND made.origin = 'external' THEN 'imported'
        WHEN made.done > 0 THEN 'synced'
        WHEN made.status = ANY(%(working)s) THEN 'pending'
        WHEN made.status IN ('denied', 'rejected') THEN 'error'
        ELSE 'cancelled' END,
    broker_fill_price = CASE WHEN is_told THEN made.price ELSE t.broker_fill_price END,
    broker_commission = coalesce(made.commission, t.broker_commission), last_sync = %(at)s
FROM made WHERE t.id = made.id
"""


def trades_follow(trade_ids: Collection[UUID], *, at: datetime) -> None:
    """Bring these trades in line with their orders; the caller holds the account's lock."""
    if not trade_ids:
        return
    with preparing_cursor() as cursor:
        cursor.execute(_FOLLOW, {"trades": list(trade_ids), "working": sorted(WORKING), "at": at})
