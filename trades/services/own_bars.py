"""Price bars that a trader brings from files, for symbols and accounts without a feed. Theirs alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Max, Min, Sum
from django.http import Http404

from accounts.models import User
from brokers.models import BarSeries, SeriesSplit
from trades.imports.bar_file import BarFile, BarRow
from trades.imports.staging import copy_rows
from trades.services.errors import TradeError
from trades.services.excursions import excursions_forget

# What one trader may keep: more than ten years of minutes.
MOST_KEPT = 2_000_000
CHUNK = 5000
_STAGE = """
DROP TABLE IF EXISTS pg_temp.bars_read;
CREATE TEMPORARY TABLE bars_read (
    start timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric
) ON COMMIT DROP
"""
_COLUMNS = "start, open, high, low, close, volume"
_KEEP = """
INSERT INTO series_bars (series_id, start, open, high, low, close, volume)
SELECT %s, start, open, high, low, close, volume FROM bars_read
ON CONFLICT (series_id, start) DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low,
    close = excluded.close, volume = excluded.volume
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """`trades` is how many closed trades are measured anew."""

    series: BarSeries
    trades: int


@transaction.atomic
def bars_keep(
    *,
    owner: User,
    symbol: str,
    read: BarFile,
    splits: Sequence[tuple[date, Decimal]],
    file_name: str,
    now: datetime,
) -> Kept:
    """Keep all bars of a file; a bar that is there already takes the file's prices, and a split its ratio.

    Raises TradeError (too_many) beyond what one trader may keep. The closed trades in the symbol are measured anew.
    """
    # Two files of one trader one after the other; other work of theirs goes on.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    series = _series(owner, symbol, read, file_name)
    _refuse_too_many(owner, len(read.rows))
    _write(series, read.rows)
    for day, ratio in splits:
        SeriesSplit.objects.update_or_create(series=series, effective_on=day, defaults={"ratio": ratio})
    told = series.bars.order_by().aggregate(count=Count("pk"), first=Min("start"), last=Max("start"))
    series.count, series.first_at, series.last_at = told["count"], told["first"], told["last"]
    series.file_name = file_name[:255]
    series.save()
    return Kept(series, excursions_forget(owner_id=owner.pk, symbol=symbol, now=now))


@transaction.atomic
def series_delete(*, owner: User, pk: UUID, now: datetime) -> str:
    """Delete a series with its bars; returns its name. Figures measured from them go too. Raises Http404."""
    series = BarSeries.objects.select_for_update().filter(user=owner, pk=pk).first()
    if series is None:
        raise Http404
    # One statement: a cascade would first read every bar.
    series.bars.all()._raw_delete("default")
    series.delete()
    excursions_forget(owner_id=owner.pk, symbol=series.symbol, now=now)
    return str(series)


def _series(owner: User, symbol: str, read: BarFile, file_name: str) -> BarSeries:
    ends = {"first_at": read.rows[0].start, "last_at": read.rows[-1].start, "file_name": file_name[:255]}
    found, _ = BarSeries.objects.get_or_create(user=owner, symbol=symbol, timeframe=read.timeframe, defaults=ends)
    return found


def _refuse_too_many(owner: User, more: int) -> None:
    kept = BarSeries.objects.filter(user=owner).aggregate(kept=Sum("count"))["kept"] or 0
    if kept + more > MOST_KEPT:
        sentence = f"You may keep {MOST_KEPT:,} bars and have {kept:,}: delete a series first, or bring coarser bars."
        raise TradeError("too_many", sentence, "file")


def _write(series: BarSeries, rows: Sequence[BarRow]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
    for start in range(0, len(rows), CHUNK):
        copy_rows("bars_read", _COLUMNS, _lines(rows[start : start + CHUNK]))
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [series.pk])


def _lines(rows: Iterable[BarRow]) -> Iterable[str]:
    for row in rows:
        yield f"{row.start.isoformat()}\t{row.open}\t{row.high}\t{row.low}\t{row.close}\t{row.volume}\n"
