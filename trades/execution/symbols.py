"""Which open position a broker's symbol means."""

from collections.abc import Collection
from uuid import UUID

from trades.models import Trade, TradeStatus
from trades.selectors.families import family

__all__ = ["family", "held_trades"]


def held_trades(account_id: UUID, symbols: Collection[str]) -> dict[tuple[str, str], Trade]:
    """The open positions of an account in these symbols, by symbol and family; one query."""
    held = Trade.objects.filter(account_id=account_id, symbol__in=symbols, status=TradeStatus.ACTIVE)
    return {(trade.symbol, family(trade.asset_class)): trade for trade in held.defer("search").order_by("created_at")}
