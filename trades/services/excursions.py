"""MAE and MFE of closed trades, measured from bars once the market has told them all.

A trade waits to be measured while the version that was measured is not the one it has. Nothing is locked: the network
is asked first, and the result is written only to the version it was computed from.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from brokers.errors import BrokerError, CredentialsInvalid, TryLater
from brokers.models import BarSeries
from brokers.services.bars import TIMEFRAMES
from brokers.services.connections import connection_failed
from brokers.vault import VaultError
from trades.models import Trade, TradeStatus
from trades.services.columns import MOST_MONEY, UNMEASURED, domain_fill
from trades.services.trade_bars import SETTLED, TradeBars, bars_fetch, feeds_with_bars
from trenddojo.domain.fills import Direction
from trenddojo.domain.metrics.excursions import Bar, Excursions, excursions

log = logging.getLogger(__name__)

# Trades of one sweep, and how long it may take: the next one comes in a minute.
MOST = 1000
LONGEST_SECONDS = 40
# A feed that failed is asked again for the same trade after this long.
PATIENCE = timedelta(minutes=10)
MOST_PRICE = Decimal(10) ** 11


def excursions_sweep(*, now: datetime) -> int:
    """Measure the trades that wait for it; returns how many were. Safe to run twice at once and to be killed."""
    ends, failed, measured = monotonic() + LONGEST_SECONDS, set[UUID](), 0
    for trade in _waiting(now):
        if monotonic() > ends:
            break
        if trade.account_id in failed:
            continue
        try:
            measured += excursions_measure(trade, now=now)
        except (BrokerError, VaultError) as problem:
            failed.add(trade.account_id)
            _failed(trade, problem, now=now)
    return measured


def excursions_measure(trade: Trade, *, now: datetime) -> bool:
    """Measure a closed trade and write the result, if nobody wrote the trade meanwhile.

    Raises what bars_fetch raises. Uses the network: never within a transaction.
    """
    fills = list(trade.fills.all())
    found = bars_fetch(trade, fills, now=now)
    columns = _columns(trade, [domain_fill(fill) for fill in fills], found)
    same = Trade.objects.filter(pk=trade.pk, version=trade.version, measure_after=trade.measure_after)
    return bool(same.update(**columns, measured_version=trade.version, measure_after=None))


def excursions_forget(*, owner_id: UUID, symbol: str, now: datetime) -> int:
    """The bars of a symbol changed: its closed trades are measured anew. Returns how many."""
    trades = Trade.objects.filter(owner_id=owner_id, symbol=symbol, status=TradeStatus.CLOSED)
    return trades.update(**UNMEASURED, measured_version=None, measure_after=now)


def trades_to_measure(now: datetime) -> QuerySet[Trade]:
    """Closed trades whose figures are not those of their version, and whose turn it is, the newest first."""
    waiting = Trade.objects.filter(status=TradeStatus.CLOSED, is_incomplete=False, exit_date__lte=now - SETTLED)
    waiting = waiting.filter(Q(measure_after=None) | Q(measure_after__lte=now))
    return waiting.exclude(measured_version=F("version")).order_by("-exit_date").defer("search")


def _waiting(now: datetime) -> Iterator[Trade]:
    """Those somebody has bars for: the account's feed, or the trader."""
    trades = trades_to_measure(now).select_related("account__connection")
    of_feeds = trades.filter(account__connection__is_active=True, account__connection__broker__in=feeds_with_bars())
    taken = []
    for trade in of_feeds[:MOST]:
        taken.append(trade.pk)
        yield trade
    own = BarSeries.objects.filter(user=OuterRef("owner_id"), symbol=OuterRef("symbol"))
    yield from trades.filter(Exists(own)).exclude(pk__in=taken)[:MOST]


def _columns(trade: Trade, fills: list[Any], found: TradeBars | None) -> dict[str, Any]:
    if found is None or not found.fits:
        return UNMEASURED
    measured = excursions(
        fills,
        [Bar(candle.start, candle.high, candle.low) for candle in found.candles],
        direction=Direction(trade.direction),
        multiplier=trade.multiplier,
        initial_risk=trade.initial_risk,
        bar_size=TIMEFRAMES[found.timeframe],
    )
    if measured is None or not _can_be_kept(measured):
        return UNMEASURED
    return {
        "mae": measured.mae_money,
        "mfe": measured.mfe_money,
        "mae_price": measured.mae_price,
        "mfe_price": measured.mfe_price,
        "excursion_bar": found.timeframe,
    }


def _can_be_kept(measured: Excursions) -> bool:
    money, price = (measured.mae_money, measured.mfe_money), (measured.mae_price, measured.mfe_price)
    return max(map(abs, money)) < MOST_MONEY and max(map(abs, price)) < MOST_PRICE


def _failed(trade: Trade, problem: BrokerError | VaultError, *, now: datetime) -> None:
    """The account's trades wait before the next try; keys that open nothing any more stop the connection."""
    wait = PATIENCE
    if isinstance(problem, TryLater):
        wait = max(wait, timedelta(seconds=problem.after))
    waiting = Trade.objects.filter(account_id=trade.account_id, status=TradeStatus.CLOSED)
    waiting.exclude(measured_version=F("version")).update(measure_after=now + wait)
    if isinstance(problem, CredentialsInvalid):
        connection_failed(connection_id=trade.account.connection.pk, error=problem)
    log.warning("excursions.later trade=%s problem=%s", trade.pk, type(problem).__name__)
