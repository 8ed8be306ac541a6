"""What a broker knows better than the journal may not be changed in the journal alone."""

from django.db.models import Q

from trades.models import Fill, Order, Trade
from trades.models.order import WORKING
from trades.services.errors import TradeError
from trenddojo.domain.orders import OrderRole

# Executions the broker told; those of a file carry its import.
TOLD_BY_BROKER = ~Q(execution_id="") & Q(source=None)


def refuse_while_ordered(trade: Trade) -> None:
    """Raise TradeError (has_orders) while an entry of the trade works: it says what the plan would no longer say."""
    if not trade.broker:
        return
    working = Order.objects.filter(trade=trade, role=OrderRole.ENTRY, status__in=WORKING)
    if working.exists():
        raise TradeError("has_orders", "An order for this plan works: change or cancel the order first.")


def refuse_delete(trade: Trade) -> None:
    """Raise TradeError where the broker would only tell the trade again: broker_fills, or has_orders."""
    if not trade.broker:
        return
    if Order.objects.filter(trade=trade, status__in=WORKING).exists():
        raise TradeError("has_orders", "Orders of this trade work: cancel them first.")
    if trade.fills.filter(TOLD_BY_BROKER).exists():
        raise TradeError("broker_fills", "Its fills were told by the broker: this trade is kept as it happened.")


def is_told_by_broker(fill: Fill) -> bool:
    return bool(fill.execution_id) and fill.source_id is None


def refuse_broker_fill(fill: Fill) -> None:
    """Raise TradeError (broker_fills) for an execution the broker told."""
    if is_told_by_broker(fill):
        raise TradeError("broker_fills", "This fill was told by the broker: only its costs can be changed.")
