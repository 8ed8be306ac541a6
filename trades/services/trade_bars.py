"""The bars a trade lay in: how fine they may be, and where they come from, put on the footing of its fills.

The feed of the account's connection comes first; where it has none, the trader's own bars do.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from accounts.calendars import exchange_timezone, session_count, session_for
from brokers.errors import NoMarketData, Refused, Unsupported
from brokers.models import Bar, BarSeries, BrokerConnection, SeriesBar, SeriesSplit
from brokers.registry import ADAPTERS, capabilities_of
from brokers.services.bars import TIMEFRAMES, Series, bars_for, bars_kept, splits_of
from trades.models import AssetClass, Fill, Trade
from trades.services.columns import domain_fill
from trenddojo.domain.footing import Split, Traded, footing
from trenddojo.domain.money import rounded_price

# What a feed can be asked for; files may hold half hours too.
FEED_TIMEFRAMES = ("1Min", "5Min", "15Min", "1Hour", "1Day")
# As many bars as a picture shows and a measurement needs.
MOST_BARS = 2000
SESSION_MINUTES, DAY_MINUTES = 390, 1440
ALWAYS_OPEN = "24/7"
# Feeds without a subscription tell of the last quarter of an hour later.
SETTLED = timedelta(minutes=20)
# The longest a market is shut between two sessions; more is a hole in a file.
LONGEST_HOLE = timedelta(days=6)
DAYS_BEFORE, DAYS_AFTER = timedelta(days=30), timedelta(days=10)
A_DAY = timedelta(days=1)
OWN = "your own file"


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar on the footing of the trade's fills."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class TradeBars:
    """`fits` is False where the fills lie far from these prices, so that nothing may be computed from them."""

    source: str
    timeframe: str
    candles: list[Candle]
    fits: bool


Asked = Callable[[str, datetime, datetime], Sequence[Bar]]


def bars_fetch(trade: Trade, fills: Sequence[Fill], *, now: datetime) -> TradeBars | None:
    """The bars of a trade with fills, asked for where they are not kept; None where nobody has any.

    Raises TryLater, OutcomeUnknown, CredentialsInvalid and VaultError. Uses the network: never within a transaction.
    """
    connection = feed_of(trade)
    if connection is not None:
        found = _of_feed(trade, fills, connection, _asking(connection, trade.symbol), now=now)
        if found is not None:
            return found
    return _of_file(trade, fills)


def bars_known(trade: Trade, fills: Sequence[Fill], *, now: datetime) -> TradeBars | None:
    """What is kept of a trade's bars; nothing is asked of anybody."""
    connection = feed_of(trade)
    if connection is not None:

        def kept(timeframe: str, start: datetime, end: datetime) -> Sequence[Bar]:
            return bars_kept(Series(connection.feed, trade.symbol, timeframe), start, end)

        found = _of_feed(trade, fills, connection, kept, now=now)
        if found is not None:
            return found
    return _of_file(trade, fills)


def feed_of(trade: Trade) -> BrokerConnection | None:
    """The connection whose feed has bars for the trade's account."""
    connection = getattr(trade.account, "connection", None)
    if connection is None or not connection.is_active or connection.broker not in feeds_with_bars():
        return None
    return connection


def feeds_with_bars() -> list[str]:
    return [name for name in ADAPTERS if capabilities_of(name).bars]


def timeframes_for(trade: Trade, until: datetime) -> list[str]:
    """The finest bars that are not too many, then coarser ones."""
    exchange = trade.account.exchange
    sessions = session_count(exchange, session_for(exchange, trade.entry_date), session_for(exchange, until))
    is_always_open = trade.asset_class == AssetClass.CRYPTO or exchange == ALWAYS_OPEN
    minutes = sessions * (DAY_MINUTES if is_always_open else SESSION_MINUTES)
    fine = [name for name in FEED_TIMEFRAMES if minutes <= MOST_BARS * (TIMEFRAMES[name] // timedelta(minutes=1))]
    return fine or [FEED_TIMEFRAMES[-1]]


def window(trade: Trade, timeframe: str, *, now: datetime) -> tuple[datetime, datetime]:
    """From the beginning of the entry's day to the end of the exit's, as far as feeds tell of it already."""
    before, after = (DAYS_BEFORE, DAYS_AFTER) if TIMEFRAMES[timeframe] >= A_DAY else (timedelta(0), timedelta(0))
    first, last = _day(trade, trade.entry_date), _day(trade, trade.exit_date or now)
    start = _midnight(trade, first) - before
    return start, min(_midnight(trade, last + A_DAY) + after, max(now - SETTLED, start))


def _asking(connection: BrokerConnection, symbol: str) -> Asked:
    def ask(timeframe: str, start: datetime, end: datetime) -> Sequence[Bar]:
        if start >= end:
            return []
        try:
            return bars_for(connection, symbol, timeframe, start, end)
        except (NoMarketData, Unsupported, Refused):
            return []

    return ask


def _of_feed(
    trade: Trade, fills: Sequence[Fill], connection: BrokerConnection, ask: Asked, *, now: datetime
) -> TradeBars | None:
    until = trade.exit_date or now
    for timeframe in timeframes_for(trade, until):
        rows = ask(timeframe, *window(trade, timeframe, now=now))
        # Of a position that was opened just now, what was before it is drawn.
        since = trade.entry_date if trade.exit_date else None
        step = TIMEFRAMES[timeframe]
        if any(row.start <= until and (since is None or since < row.start + step) for row in rows):
            splits = [Split(one.effective_on, one.ratio) for one in splits_of(connection.feed, trade.symbol)]
            return _on_footing(trade, fills, rows, splits, (connection.get_broker_display(), timeframe))
    return None


def _of_file(trade: Trade, fills: Sequence[Fill]) -> TradeBars | None:
    """The trader's own bars, where they cover every day the trade was open on."""
    owned = {row.timeframe: row for row in BarSeries.objects.filter(user=trade.owner_id, symbol=trade.symbol)}
    for timeframe in _ranked(trade, owned):
        rows = _file_rows(trade, owned[timeframe])
        if rows and _covers(trade, rows):
            told = SeriesSplit.objects.filter(series__user=trade.owner_id, series__symbol=trade.symbol)
            splits = {one.effective_on: Split(one.effective_on, one.ratio) for one in told}
            return _on_footing(trade, fills, rows, list(splits.values()), (OWN, timeframe))
    return None


def _ranked(trade: Trade, names: Iterable[str]) -> list[str]:
    """As fine as a feed would be asked for, then coarser, and finer ones at last."""
    until = trade.exit_date or trade.entry_date
    wanted = TIMEFRAMES[timeframes_for(trade, until)[0]]
    return sorted(names, key=lambda name: (TIMEFRAMES[name] < wanted, abs(TIMEFRAMES[name] - wanted)))


def _file_rows(trade: Trade, series: BarSeries) -> list[SeriesBar]:
    first, last = _day(trade, trade.entry_date), _day(trade, trade.exit_date or series.last_at)
    is_daily = TIMEFRAMES[series.timeframe] >= A_DAY
    start = _midnight(trade, first) - (DAYS_BEFORE if is_daily else timedelta(0))
    end = _midnight(trade, last + A_DAY) + (DAYS_AFTER if is_daily else timedelta(0))
    return list(series.bars.filter(start__gte=start, start__lt=end).order_by("start"))


def _covers(trade: Trade, rows: Sequence[SeriesBar]) -> bool:
    """Whether there are bars from the entry's day to the exit's, without a hole."""
    inside = [row.start for row in rows]
    if _day(trade, inside[0]) > _day(trade, trade.entry_date):
        return False
    if trade.exit_date is not None and _day(trade, inside[-1]) < _day(trade, trade.exit_date):
        return False
    return all(later - earlier <= LONGEST_HOLE for earlier, later in pairwise(inside))


def _on_footing(
    trade: Trade, fills: Sequence[Fill], rows: Sequence[Any], splits: Sequence[Split], named: tuple[str, str]
) -> TradeBars:
    ranges = [Traded(row.start, row.high, row.low) for row in rows]
    zone = exchange_timezone(trade.account.exchange)
    found = footing([domain_fill(fill) for fill in fills], ranges, splits, zone=zone)
    candles = [_candle(row, factor) for row, factor in zip(rows, found.factors, strict=True) if factor is not None]
    return TradeBars(*named, candles, fits=found.fits)


def _candle(row: Any, factor: Decimal) -> Candle:
    if factor == 1:
        return Candle(row.start, row.open, row.high, row.low, row.close)
    prices = (rounded_price(price * factor) for price in (row.open, row.high, row.low, row.close))
    return Candle(row.start, *prices)


def _day(trade: Trade, at: datetime) -> date:
    return at.astimezone(exchange_timezone(trade.account.exchange)).date()


def _midnight(trade: Trade, day: date) -> datetime:
    return datetime.combine(day, time(), exchange_timezone(trade.account.exchange)).astimezone(UTC)
