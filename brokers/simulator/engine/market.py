"""Where prices come from, as the exchange sees it, and bars of any length from the minutes a market gives."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from re import fullmatch
from typing import NamedTuple, Protocol

from brokers.simulator.engine.sessions import NEW_YORK
from brokers.simulator.engine.types import ZERO, Bar, Print, Quote, Session

MINUTE = timedelta(minutes=1)
DAY_SECONDS = 86_400
CENT = Decimal("0.01")


class Tick(NamedTuple):
    """Something the market shows, at the moment it can be seen: a bar is seen when it is complete."""

    at: datetime
    item: Quote | Print | Bar


class Band(NamedTuple):
    """Prices between two others; None is an end that no price is outside of, an empty band holds no price."""

    low: Decimal | None = None
    high: Decimal | None = None

    def holds(self, low: Decimal, high: Decimal) -> bool:
        """Whether both prices, and so all between them, are inside."""
        return (self.low is None or self.low < low) and (self.high is None or high < self.high)


NOWHERE = Band(ZERO, ZERO)


class Market(Protocol):
    """Prices of some symbols at any time. The same question always has the same answer.

    Times are aware and in UTC, days are New York's. Quotes and trades of `ticks` come in order of time, at the same
    moment the trade first, then the bar it completes, then the quote.
    """

    @property
    def symbols(self) -> Collection[str]:
        """What there are prices of."""

    def ticks(self, symbol: str, after: datetime, to: datetime) -> Iterator[Tick]:
        """What the market shows after `after`, up to and including `to`."""

    def ticks_outside(self, symbol: str, after: datetime, to: datetime, band: Callable[[], Band]) -> Iterator[Tick]:
        """The same for somebody to whom nothing matters while bid and ask are inside a band, both ends excluded.

        Ticks inside may be left out. The band is asked for again whenever ticks are about to be left out.
        """

    def quote_at(self, symbol: str, at: datetime) -> Quote | None:
        """The quote that stands at `at`."""

    def trade_at(self, symbol: str, at: datetime) -> Print | None:
        """The last trade at `at`."""

    def minutes(self, symbol: str, start: datetime, end: datetime) -> list[Bar]:
        """The minutes with trades that begin at or after `start` and are complete by `end`."""

    def days(self, symbol: str, start: date, end: date) -> list[Bar]:
        """The bars of whole sessions, regular hours only, from `start` to `end`, both included."""

    def opening(self, symbol: str, session: Session) -> Decimal | None:
        """The price of the opening auction, None where there was none."""

    def closing(self, symbol: str, session: Session) -> Decimal | None:
        """The price of the closing auction, None where there was none."""

    def scale(self, symbol: str, factor: Decimal, at: datetime) -> None:
        """From `at` on there are `factor` times as many shares, at a price that much lower.

        A market of recorded prices already holds its splits and changes nothing.
        """


class Timeframe(NamedTuple):
    """A bar's length: so many minutes, hours, days, weeks or months."""

    length: int
    unit: str


UNITS = {
    "Min": "Min",
    "T": "Min",
    "Hour": "Hour",
    "H": "Hour",
    "Day": "Day",
    "D": "Day",
    "Week": "Week",
    "W": "Week",
    "Month": "Month",
    "M": "Month",
}
# The largest count Alpaca takes of each unit.
LIMITS = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1, "Month": 12}
SECONDS = {"Min": 60, "Hour": 3600, "Day": DAY_SECONDS, "Week": 7 * DAY_SECONDS, "Month": 30 * DAY_SECONDS}


def parse_timeframe(text: str) -> Timeframe:
    """`5Min`, `1Hour`, `1Day`, `1Week`, `3Month` and their short forms. ValueError for anything else."""
    match = fullmatch(r"([1-9]\d?)([A-Za-z]+)", text)
    unit = UNITS.get(match[2]) if match else None
    if match is None or unit is None or int(match[1]) > LIMITS[unit]:
        raise ValueError(f"invalid timeframe: {text}")
    return Timeframe(int(match[1]), unit)


def is_daily(timeframe: Timeframe) -> bool:
    return timeframe.unit not in {"Min", "Hour"}


def gathered(bars: Iterable[Bar], timeframe: Timeframe) -> list[Bar]:
    """Shorter bars of one symbol, in order of time, as bars of this timeframe. Periods begin on New York's clock."""
    seconds = timeframe.length * SECONDS[timeframe.unit]
    return [
        merged(list(group), start, seconds) for start, group in groupby(bars, lambda bar: period_of(bar.at, timeframe))
    ]


def merged(bars: list[Bar], start: datetime, seconds: int) -> Bar:
    """One bar out of several that follow each other."""
    volume = sum((bar.volume for bar in bars), ZERO)
    value = sum((bar.vwap * bar.volume for bar in bars), ZERO)
    return Bar(
        symbol=bars[0].symbol,
        at=start,
        seconds=seconds,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=volume,
        trade_count=sum(bar.trade_count for bar in bars),
        vwap=(value / volume).quantize(Decimal("0.000001")) if volume else bars[-1].close,
    )


def period_of(at: datetime, timeframe: Timeframe) -> datetime:
    """When the period that holds `at` begins."""
    local = at.astimezone(NEW_YORK)
    count, unit = timeframe
    if unit == "Min":
        since = local.hour * 60 + local.minute
        return at - timedelta(minutes=since % count, seconds=at.second, microseconds=at.microsecond)
    if unit == "Hour":
        passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return at - passed - timedelta(hours=local.hour % count)
    return midnight(_first_day(local.date(), count, unit))


def midnight(day: date) -> datetime:
    """When the day begins in New York."""
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)


def split_adjusted(bar: Bar, factor: Decimal) -> Bar:
    """The bar as if there had been `factor` times as many shares."""
    return Bar(
        symbol=bar.symbol,
        at=bar.at,
        seconds=bar.seconds,
        open=(bar.open / factor).quantize(CENT),
        high=(bar.high / factor).quantize(CENT),
        low=(bar.low / factor).quantize(CENT),
        close=(bar.close / factor).quantize(CENT),
        volume=(bar.volume * factor).quantize(Decimal(1)),
        trade_count=bar.trade_count,
        vwap=(bar.vwap / factor).quantize(Decimal("0.000001")),
    )


def _first_day(day: date, count: int, unit: str) -> date:
    if unit == "Day":
        return day
    if unit == "Week":
        return day - timedelta(days=day.weekday())
    month = (day.month - 1) // count * count + 1
    return day.replace(month=month, day=1)
