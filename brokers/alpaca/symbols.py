"""Alpaca's symbols and ours. They differ for crypto: we write BTC/USD, Alpaca writes BTC/USD or BTCUSD."""

from typing import Final

from trenddojo.domain.instruments import AssetClass, parse_option

# What crypto is priced in, longest first: USDT ends in no other.
QUOTED_IN: Final = ("USDT", "USDC", "USDG", "USD", "EUR", "BTC", "ETH")
# No US stock has a symbol of more than five letters without a point.
LONGEST_STOCK: Final = 5


def asset_class_of(symbol: str) -> AssetClass:
    """What the symbol alone says; fills name nothing else."""
    if "/" in symbol or _pair(symbol) is not None:
        return AssetClass.CRYPTO
    return AssetClass.OPTION if parse_option(symbol) else AssetClass.STOCK


def ours(symbol: str, asset_class: AssetClass) -> str:
    """Our symbol for Alpaca's."""
    if asset_class is not AssetClass.CRYPTO or "/" in symbol:
        return symbol
    pair = _pair(symbol, shortest=2)
    return "/".join(pair) if pair else symbol


def theirs(symbol: str) -> str:
    """Alpaca's symbol for ours, as orders and market data take it."""
    return symbol.upper()


def is_crypto(symbol: str) -> bool:
    return "/" in symbol


def is_option(symbol: str) -> bool:
    return parse_option(symbol) is not None


def _pair(symbol: str, *, shortest: int = LONGEST_STOCK + 1) -> tuple[str, str] | None:
    """Base and quote of a pair written without a slash."""
    if len(symbol) < shortest or not symbol.isalnum():
        return None
    for quoted_in in QUOTED_IN:
        base = symbol.removesuffix(quoted_in)
        if base and base != symbol:
            return base, quoted_in
    return None
