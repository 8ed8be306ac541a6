"""Which open position a broker's symbol means."""

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from trades.models import Trade, TradeStatus
from trades.selectors.families import family
from trenddojo.domain.instruments import AssetClass, instrument_for
from trenddojo.statements import models_of

__all__ = ["family", "held_trades", "multiplier_of"]


def multiplier_of(asset_class: str) -> Decimal:
    """How many units one of this class stands for, where nobody says otherwise."""
    return instrument_for("ANY", AssetClass(asset_class)).multiplier


_HELD = "account_id = %(account)s AND symbol = ANY(%(symbols)s) AND status = %(active)s ORDER BY created_at"


def held_trades(account_id: UUID, symbols: Collection[str]) -> dict[tuple[str, str], Trade]:
    """The open positions of an account in these symbols, by symbol and family; one query."""
    given = {"account": account_id, "symbols": list(symbols), "active": TradeStatus.ACTIVE.value}
    held = models_of(Trade, _HELD, given)
    return {(trade.symbol, family(trade.asset_class)): trade for trade in held}
