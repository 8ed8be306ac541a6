"""A seeded market: for each symbol half-hour prices over the sessions of a year."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from trenddojo.domain.instruments import AssetClass

NEW_YORK = ZoneInfo("America/New_York")
OPEN = time(9, 30)
BARS_A_DAY = 13
BAR = timedelta(minutes=30)
BARS_A_DAY_SQUARE_ROOT = 13**0.5
# The share of a day's movement that happens between the close and the next open.
GAP_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Listing:
    symbol: str
    asset_class: AssetClass
    start_price: float
    daily_volatility: float
    held_at_the_end: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """Half an hour: its start, and the first, highest, lowest and last price."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def walk(listing: Listing, sessions: Sequence[date], *, seed: str, tick: str = "0.01") -> list[Bar]:
    """The bars of one listing, thirteen a session, with overnight gaps."""
    chance = random.Random(f"{seed}:{listing.symbol}")  # noqa: S311 - a story, not a secret
    price, bars = listing.start_price, []
    step = listing.daily_volatility / BARS_A_DAY_SQUARE_ROOT
    for session in sessions:
        price *= 1 + chance.gauss(0.0002, listing.daily_volatility * GAP_SHARE)
        opens_at = datetime.combine(session, OPEN, NEW_YORK).astimezone(UTC)
        for number in range(BARS_A_DAY):
            path = [price]
            for _ in range(4):
                path.append(path[-1] * (1 + chance.gauss(0, step / 2)))
            bars.append(_bar(opens_at + number * BAR, path, Decimal(tick)))
            price = path[-1]
    return bars


def _bar(at: datetime, path: Sequence[float], tick: Decimal) -> Bar:
    def price(value: float) -> Decimal:
        return Decimal(str(value)).quantize(tick)

    return Bar(at, price(path[0]), price(max(path)), price(min(path)), price(path[-1]))
