"""Bars of prices, asked for once: what is covered is kept, and only the gaps are fetched.

Bars are stored as they were traded. Splits are stored beside them, so that prices can be put on one footing when read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from brokers.base import BarReport, SplitReport
from brokers.models import Bar, BarSpan, BrokerConnection, Split
from brokers.registry import adapter_for
from brokers.services.calls import market_call

TIMEFRAMES = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    # Of files; feeds are not asked for it.
    "30Min": timedelta(minutes=30),
    "1Hour": timedelta(hours=1),
    "1Day": timedelta(days=1),
}
# The same in words.
BAR_SIZES = {
    "1Min": "1 minute",
    "5Min": "5 minutes",
    "15Min": "15 minutes",
    "30Min": "30 minutes",
    "1Hour": "1 hour",
    "1Day": "1 day",
}
PRICES = ("open", "high", "low", "close")
BATCH = 2000
# Feeds may tell of bars this late: a delayed one knows nothing younger than a quarter of an hour.
SETTLED_AFTER = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Series:
    """Whose bars: a feed (or a trader's own file), a symbol and a bar size."""

    feed: str
    symbol: str
    timeframe: str

    @property
    def step(self) -> timedelta:
        return TIMEFRAMES[self.timeframe]


def bars_for(connection: BrokerConnection, symbol: str, timeframe: str, start: datetime, end: datetime) -> list[Bar]:
    """Bars that begin in [start, end), oldest first; gaps are fetched, the running bar is left out.

    What is younger than SETTLED_AFTER is shown as far as the feed has it, and asked for again the next time.
    Raises the broker's errors where a gap cannot be fetched, KeyError for an unknown timeframe. Uses the network, so
    never within a transaction.
    """
    series = Series(connection.feed, symbol, timeframe)
    now = timezone.now()
    # Whole bars only: a bar that still runs would be kept as it was at this moment.
    whole = datetime.fromtimestamp(now.timestamp() // series.step.total_seconds() * series.step.total_seconds(), UTC)
    for gap_start, gap_end in gaps(series, start, min(end, whole)):
        adapter = adapter_for(connection)
        with market_call(connection):
            reports = adapter.bars(symbol, timeframe, gap_start, gap_end)
        with market_call(connection):
            splits = adapter.splits(symbol, gap_start.date(), gap_end.date())
        splits_keep(series.feed, splits)
        bars_keep(series, reports, start=gap_start, end=gap_end, settled=now - SETTLED_AFTER)
    return bars_kept(series, start, end)


def bars_kept(series: Series, start: datetime, end: datetime) -> list[Bar]:
    """What is stored of [start, end), oldest first."""
    found = Bar.objects.filter(feed=series.feed, symbol=series.symbol, timeframe=series.timeframe)
    return list(found.filter(start__gte=start, start__lt=end).order_by("start"))


def gaps(series: Series, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches of [start, end) that no stored span covers, in order."""
    found, at = [], start
    for span_start, span_end in _spans(series, start, end).order_by("start").values_list("start", "end"):
        if span_start > at:
            found.append((at, span_start))
        at = max(at, span_end)
    if at < end:
        found.append((at, end))
    return found


@transaction.atomic
def bars_keep(
    series: Series, reports: Iterable[BarReport], *, start: datetime, end: datetime, settled: datetime | None = None
) -> int:
    """Store bars of [start, end), and that it is covered, up to `settled`; returns how many of them can be used."""
    rows = [_row(series, report) for report in reports if start <= report.start < end and _is_sane(report)]
    Bar.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)
    covered_to = end if settled is None else min(end, settled)
    if covered_to > start:
        _cover(series, start, covered_to)
    return len(rows)


def splits_keep(feed: str, reports: Sequence[SplitReport]) -> None:
    """Store splits that are not known yet."""
    rows = [Split(feed=feed, symbol=one.symbol, effective_on=one.effective_on, ratio=one.ratio) for one in reports]
    Split.objects.bulk_create(rows, ignore_conflicts=True)


def split_factor(splits: Sequence[Split], day: date, as_of: date) -> Decimal:
    """New shares for one share of `day` by `as_of`: divide old prices by it, multiply old quantities."""
    factor = Decimal(1)
    for split in splits:
        if day < split.effective_on <= as_of:
            factor *= split.ratio
    return factor


def splits_of(feed: str, symbol: str) -> list[Split]:
    return list(Split.objects.filter(feed=feed, symbol=symbol).order_by("effective_on"))


def _spans(series: Series, start: datetime, end: datetime) -> QuerySet[BarSpan]:
    return BarSpan.objects.filter(
        Q(start__lte=end, end__gte=start), feed=series.feed, symbol=series.symbol, timeframe=series.timeframe
    )


def _cover(series: Series, start: datetime, end: datetime) -> None:
    """Join the stretch with those it touches. Two at once may leave overlapping spans, which say the same."""
    touching = _spans(series, start, end)
    bounds = touching.aggregate(start=Min("start"), end=Max("end"))
    start, end = min(start, bounds["start"] or start), max(end, bounds["end"] or end)
    touching.delete()
    span = BarSpan(feed=series.feed, symbol=series.symbol, timeframe=series.timeframe, start=start, end=end)
    BarSpan.objects.bulk_create(
        [span], update_conflicts=True, unique_fields=["feed", "symbol", "timeframe", "start"], update_fields=["end"]
    )


def _is_sane(report: BarReport) -> bool:
    inside = all(report.low <= getattr(report, name) <= report.high for name in PRICES)
    return report.low > 0 and inside and report.volume >= 0


def _row(series: Series, report: BarReport) -> Bar:
    return Bar(
        feed=series.feed,
        symbol=series.symbol,
        timeframe=series.timeframe,
        start=report.start,
        open=report.open,
        high=report.high,
        low=report.low,
        close=report.close,
        volume=report.volume,
    )
