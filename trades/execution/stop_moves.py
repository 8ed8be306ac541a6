"""A position's stop is the one that works at the broker: its moves become the history of the trade's stop."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from trades.models import Order, StopMove, Trade
from trades.services.figures import figures_following
from trades.services.recompute import trade_recompute
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderType
from trenddojo.statements import rows_of

TRAILED = "Trailing stop"
MOVED = "Stop order"
# A trailing stop moves with every new high: its history keeps a step for so long.
TRAIL_STEP = timedelta(minutes=5)
_WORKING = [state.value for state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.CANCELLING)]

# The last one of a trade is its stop.
_MOVED = """
SELECT stop.id FROM trades t CROSS JOIN LATERAL (
    SELECT o.id, o.stop_price FROM orders o
    WHERE o.trade_id = t.id AND o.role = 'stop_loss' AND o.status = ANY(%(working)s) AND o.stop_price IS NOT NULL
    ORDER BY o.submitted_at DESC, o.created_at DESC LIMIT 1
) stop
WHERE t.id = ANY(%(trades)s) AND t.status = 'active' AND stop.stop_price IS DISTINCT FROM t.stop_loss
"""


def stops_follow(trade_ids: Collection[UUID], *, at: datetime) -> None:
    """Note where the working stops of these open trades lie; the caller holds the account's lock.

    Without a working stop the trade keeps the last one, which is the trader's intention.
    """
    if not trade_ids:
        return
    moved = [order_id for (order_id,) in rows_of(_MOVED, {"trades": list(trade_ids), "working": _WORKING})]
    if not moved:
        return
    for stop in Order.objects.filter(pk__in=moved).select_related("trade__account").defer("trade__search"):
        _move(stop.trade, stop, at=at)


def _move(trade: Trade, stop: Order, *, at: datetime) -> None:
    with figures_following(trade.account, [trade.pk]):
        _note(trade, stop.stop_price, is_trailing=stop.type == OrderType.TRAILING_STOP, at=at)
        trade.stop_loss = stop.stop_price
        Trade.objects.filter(pk=trade.pk).update(stop_loss=stop.stop_price)
        trade_recompute(trade)


def _note(trade: Trade, price: Decimal, *, is_trailing: bool, at: datetime) -> None:
    last = trade.stop_moves.order_by("moved_at", "created_at").last()
    if is_trailing and last is not None and last.note == TRAILED and at - last.moved_at < TRAIL_STEP:
        StopMove.objects.filter(pk=last.pk).update(to_price=price)
        return
    StopMove.objects.create(
        trade=trade,
        moved_at=max(at, last.moved_at) if last else at,
        from_price=trade.stop_loss,
        to_price=price,
        note=TRAILED if is_trailing else MOVED,
    )
