"""The stocks and funds the exchange lists, and how each of them moves in the synthetic market.

A mixture on purpose: dear and cheap, quiet and wild, one hard to borrow, one that cannot be sold short, one that is
only traded in whole shares, one that no longer trades.
"""

from dataclasses import dataclass
from functools import cache
from uuid import NAMESPACE_URL, uuid5

from brokers.simulator.engine.types import Asset


@dataclass(frozen=True, slots=True)
class Character:
    """How a symbol moves: `price` in cents at the beginning of 2026, `daily_move` in basis points (one standard
    deviation of a day), `spread` in cents, `depth` in round lots of a quote, `volume` in shares a day.
    """

    price: int
    daily_move: int
    spread: int
    depth: int
    volume: int


def _asset(symbol: str, name: str, exchange: str) -> Asset:
    return Asset(str(uuid5(NAMESPACE_URL, f"asset/{symbol}")), symbol, name, exchange)


def _listed(*rows: tuple[str, str, str]) -> dict[str, Asset]:
    return {symbol: _asset(symbol, name, exchange) for symbol, name, exchange in rows}


def _special(asset: Asset, **flags: bool) -> Asset:
    return Asset(asset.id, asset.symbol, asset.name, asset.exchange, **flags)


_ORDINARY = _listed(
    ("SPY", "SPDR S&P 500 ETF Trust", "ARCA"),
    ("QQQ", "Invesco QQQ Trust, Series 1", "NASDAQ"),
    ("IWM", "iShares Russell 2000 ETF", "ARCA"),
    ("IBM", "International Business Machines Corporation", "NYSE"),
    ("BAC", "Bank of America Corporation", "NYSE"),
    ("AIG", "American International Group, Inc.", "NYSE"),
    ("AAPL", "Apple Inc. Common Stock", "NASDAQ"),
    ("MSFT", "Microsoft Corporation Common Stock", "NASDAQ"),
    ("GOOG", "Alphabet Inc. Class C Capital Stock", "NASDAQ"),
    ("AMZN", "Amazon.com, Inc. Common Stock", "NASDAQ"),
    ("NVDA", "NVIDIA Corporation Common Stock", "NASDAQ"),
    ("TSLA", "Tesla, Inc. Common Stock", "NASDAQ"),
    ("KO", "Coca-Cola Company", "NYSE"),
    ("F", "Ford Motor Company", "NYSE"),
)
ASSETS: dict[str, Asset] = _ORDINARY | {
    "GME": _special(_asset("GME", "GameStop Corp. Class A", "NYSE"), easy_to_borrow=False),
    "UVXY": _special(
        _asset("UVXY", "ProShares Ultra VIX Short-Term Futures ETF", "BATS"), shortable=False, easy_to_borrow=False
    ),
    "BRK.A": _special(_asset("BRK.A", "Berkshire Hathaway Inc. Class A", "NYSE"), fractionable=False),
    "TWTR": _special(_asset("TWTR", "Twitter, Inc.", "NYSE"), tradable=False, shortable=False, easy_to_borrow=False),
}
BY_ID: dict[str, Asset] = {asset.id: asset for asset in ASSETS.values()}

CHARACTERS: dict[str, Character] = {
    "SPY": Character(68_500, 85, 1, 12, 70_000_000),
    "QQQ": Character(61_900, 110, 1, 8, 45_000_000),
    "IWM": Character(24_800, 130, 1, 10, 30_000_000),
    "IBM": Character(29_600, 150, 4, 3, 4_000_000),
    "BAC": Character(5_520, 140, 1, 60, 35_000_000),
    "AIG": Character(8_540, 130, 2, 6, 4_500_000),
    "AAPL": Character(27_200, 150, 1, 8, 48_000_000),
    "MSFT": Character(48_300, 135, 2, 5, 22_000_000),
    "GOOG": Character(31_400, 160, 2, 5, 20_000_000),
    "AMZN": Character(23_100, 170, 2, 6, 38_000_000),
    "NVDA": Character(18_700, 260, 1, 15, 180_000_000),
    "TSLA": Character(44_900, 330, 4, 6, 80_000_000),
    "KO": Character(6_990, 90, 1, 40, 14_000_000),
    "F": Character(1_310, 190, 1, 150, 50_000_000),
    "GME": Character(2_010, 420, 2, 8, 9_000_000),
    "UVXY": Character(3_650, 520, 3, 10, 12_000_000),
    "BRK.A": Character(75_400_000, 95, 20_000, 1, 400),
}


@cache
def generated(symbol: str) -> Asset:
    """The asset of a symbol that has prices but is not listed above: an ordinary stock."""
    return ASSETS.get(symbol) or _asset(symbol, symbol, "NYSE")
