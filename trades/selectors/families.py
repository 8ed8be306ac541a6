"""The journal knows ETFs apart from stocks; brokers mostly do not. Both are one family of instruments."""

from trades.models import AssetClass

_FAMILIES = {AssetClass.ETF.value: AssetClass.STOCK.value}


def family(asset_class: str) -> str:
    """What a broker would call the asset class."""
    return _FAMILIES.get(str(asset_class), str(asset_class))
