"""Which open position a broker's symbol means."""

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from trades.models import Trade, TradeStatus
from trades.selectors.families import family
from trenddojo.domain.instruments import AssetClass, instrument_for

__all__ = ["family", "held_trades", "multiplier_of"]


def multiplier_of(asset_class: str) -> Decimal:
    """How many units one of this class stands for, where nobody says otherwise."""
    return instrument_for("ANY", AssetClass(asset_class)).multiplier


def held_trades(account_id: UUID, symbols: Collection[str]) -> dict[tuple[str, str], Trade]:
    """The open positions of an account in these symbols, by symbol and family; one query."""
    held = Trade.objects.filter(account_id=account_id, symbol__in=symbols, status=TradeStatus.ACTIVE)
    return {(trade.symbol, family(trade.asset_class)): trade for trade in held.defer("search").order_by("created_at")}
