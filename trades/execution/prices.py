"""What an account's market shows: the quote, the bars and the clock. Uses the network: never within a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import Http404

from accounts.models import TradingAccount, User
from accounts.selectors import policy_of
from brokers.base import ClockReport
from brokers.errors import BrokerError, Unsupported
from brokers.models import BarSeries, BrokerConnection, Quote
from brokers.registry import capabilities_of
from brokers.selectors import quote_latest
from brokers.services.bars import TIMEFRAMES, bars_for
from brokers.services.clock import clock_by_calendar, clock_of, silence_note
from brokers.services.quotes import quote_age, quote_fetch, quote_mid
from brokers.vault import VaultError
from trades.execution.desks import FRESH, has_own_time
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.orders import OrderError

# The most bars of one answer.
MOST_BARS = 5000
NO_FEED = "This account has no feed of prices: connect it to a broker."


@dataclass(frozen=True, slots=True)
class QuoteShown:
    """A quote with its age by the market's own clock; `is_stale` by the account's risk policy."""

    quote: Quote
    age_seconds: int
    is_stale: bool

    @property
    def mid(self) -> Decimal:
        return quote_mid(self.quote)


@dataclass(frozen=True, slots=True)
class BarsShown:
    """Bars that begin in [start, end), as they were traded. `next_start` is where the next answer goes on."""

    symbol: str
    timeframe: str
    start: datetime
    end: datetime
    bars: Sequence[Any]
    next_start: datetime | None


def quote_shown(*, owner: User, account_id: UUID, symbol: str, now: datetime) -> QuoteShown:
    """The newest quote; the broker is asked unless it has just told one, and while it is silent its last word holds.

    Raises Http404 for another's account, SymbolError, OrderError (no_feed, connection_disabled), and the broker's
    errors where there is no quote that could be taken for the present one.
    """
    account, symbol = _account(owner, account_id), validate_symbol(symbol)
    connection = _feed(account, "quotes")
    clock = _clock(account, connection, now)
    most = policy_of(account).max_quote_age_seconds
    kept = quote_latest(connection.feed, symbol)
    if kept is not None and now - kept.received_at < FRESH:
        return _shown(kept, clock, now, most)
    try:
        return _shown(quote_fetch(connection, symbol), clock, now, most)
    except BrokerError as error:
        silence_note(connection, error)
        told = _shown(kept, clock, now, most) if kept is not None else None
        if told is None or told.is_stale:
            raise
        return told


def clock_shown(*, owner: User, account_id: UUID, now: datetime) -> ClockReport:
    """The market's clock by the broker's word, else by the exchange's calendar. Raises Http404."""
    account = _account(owner, account_id)
    return _clock(account, getattr(account, "connection", None), now)


def bars_shown(
    *, owner: User, account_id: UUID, symbol: str, timeframe: str, start: datetime, end: datetime
) -> BarsShown:
    """Bars of the account's feed, or of the trader's own file where it has none; at most MOST_BARS of them.

    Raises as quote_shown.
    """
    account, symbol = _account(owner, account_id), validate_symbol(symbol)
    if start >= end:
        raise OrderError("bad_span", "The end lies after the start.", "end")
    until = min(end, start + MOST_BARS * TIMEFRAMES[timeframe])
    rows = _bars(account, symbol, timeframe, start, until)
    return BarsShown(symbol, timeframe, start, until, rows, until if until < end else None)


def _account(owner: User, account_id: UUID) -> TradingAccount:
    found = TradingAccount.objects.filter(owner=owner, pk=account_id).select_related("risk_policy", "connection")
    account = found.first()
    if account is None:
        raise Http404
    return account


def _feed(account: TradingAccount, what: str) -> BrokerConnection:
    """The connection whose feed has this. Raises OrderError."""
    connection: BrokerConnection | None = getattr(account, "connection", None)
    if connection is None:
        raise OrderError("no_feed", NO_FEED, "account")
    if not connection.is_active:
        raise OrderError("connection_disabled", "The connection is disabled: reconnect it first.", "account")
    try:
        has = getattr(capabilities_of(connection.broker), what)
    except Unsupported:
        has = False
    if not has:
        raise OrderError("no_feed", f"This account's broker has no {what} for this desk.", "account")
    connection.account = account
    return connection


def _clock(account: TradingAccount, connection: BrokerConnection | None, now: datetime) -> ClockReport:
    if connection is None or not connection.is_active:
        return clock_by_calendar(account.exchange, now)
    try:
        return clock_of(connection, exchange=account.exchange, now=now)
    except VaultError:
        return clock_by_calendar(account.exchange, now)


def _shown(quote: Quote, clock: ClockReport, now: datetime, most: int) -> QuoteShown:
    age = quote_age(quote, clock.now if has_own_time(clock, now) else now).total_seconds()
    return QuoteShown(quote, int(age), age > most)


def _bars(account: TradingAccount, symbol: str, timeframe: str, start: datetime, end: datetime) -> Sequence[Any]:
    try:
        connection = _feed(account, "bars")
    except OrderError:
        series = BarSeries.objects.filter(user=account.owner_id, symbol=symbol, timeframe=timeframe).first()
        if series is None:
            raise
        return list(series.bars.filter(start__gte=start, start__lt=end).order_by("start")[:MOST_BARS])
    return bars_for(connection, symbol, timeframe, start, end)
