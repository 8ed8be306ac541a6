"""The journal knows ETFs apart from stocks; brokers mostly do not. Both are one family of instruments."""

from collections.abc import Collection
from uuid import UUID

from trades.models import AssetClass, Trade, TradeStatus

_FAMILIES = {AssetClass.ETF.value: AssetClass.STOCK.value}


def family(asset_class: str) -> str:
    """What a broker would call the asset class."""
    return _FAMILIES.get(str(asset_class), str(asset_class))


def held_trades(account_id: UUID, symbols: Collection[str]) -> dict[tuple[str, str], Trade]:
    """The open positions of an account in these symbols, by symbol and family; one query."""
    held = Trade.objects.filter(account_id=account_id, symbol__in=symbols, status=TradeStatus.ACTIVE)
    return {(trade.symbol, family(trade.asset_class)): trade for trade in held.defer("search").order_by("created_at")}
