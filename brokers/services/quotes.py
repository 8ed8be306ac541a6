"""The newest usable quote of each symbol, kept so that web pages, limits and workers see the same price."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from brokers.base import QuoteReport
from brokers.errors import NoMarketData
from brokers.models import BrokerConnection, Quote
from brokers.registry import adapter_for
from brokers.services.calls import market_call

# Clocks differ: a quote from further ahead than this is not a quote of now.
CLOCK_SKEW = timedelta(seconds=5)
# Wider than a tenth of the price is no market to check a limit against.
WIDEST_SPREAD = Decimal("0.10")
COLUMNS = ["bid", "ask", "bid_size", "ask_size", "last", "at", "received_at"]


def quote_fetch(connection: BrokerConnection, symbol: str) -> Quote:
    """Ask the broker for one quote and keep it. Raises NoMarketData or TryLater; never within a transaction."""
    with market_call(connection):
        report = adapter_for(connection).quote(symbol)
    kept = quotes_keep(connection.feed, [report], now=timezone.now())
    if symbol not in kept:
        raise NoMarketData(f"There is no usable quote for {symbol}: bid or ask is missing or they are crossed.")
    return kept[symbol]


def quotes_refresh(connection: BrokerConnection, symbols: Sequence[str]) -> dict[str, Quote]:
    """Ask for many quotes in one request and keep them; symbols without a usable quote are absent."""
    if not symbols:
        return {}
    with market_call(connection):
        reports = adapter_for(connection).quotes(sorted(set(symbols)))
    return quotes_keep(connection.feed, list(reports.values()), now=timezone.now())


def quotes_keep(feed: str, reports: Sequence[QuoteReport], *, now: datetime) -> dict[str, Quote]:
    """Store quotes where they are newer than what is there; return the newest of each symbol."""
    rows = [_row(feed, report, now) for report in reports if is_usable(report, now=now)]
    if not rows:
        return {}
    rows.sort(key=lambda quote: quote.symbol)
    Quote.objects.bulk_create(rows, ignore_conflicts=True)
    kept = {quote.symbol: quote for quote in Quote.objects.filter(feed=feed, symbol__in=[row.symbol for row in rows])}
    for row in rows:
        if kept[row.symbol].at < row.at or (kept[row.symbol].at == row.at and not _equal(kept[row.symbol], row)):
            columns = {name: getattr(row, name) for name in COLUMNS}
            Quote.objects.filter(Q(at__lte=row.at), feed=feed, symbol=row.symbol).update(**columns)
            row.pk = kept[row.symbol].pk
            kept[row.symbol] = row
    return kept


def is_usable(report: QuoteReport, *, now: datetime) -> bool:
    """Bid and ask above zero, not crossed, not absurdly wide, and not from the future."""
    if report.bid <= 0 or report.ask < report.bid:
        return False
    return report.ask - report.bid <= report.mid * WIDEST_SPREAD and report.at <= now + CLOCK_SKEW


def quote_age(quote: Quote, now: datetime) -> timedelta:
    """How old the quote's own time is; never negative."""
    return max(now - quote.at, timedelta(0))


def quote_is_stale(quote: Quote, now: datetime, max_age_seconds: int) -> bool:
    return quote_age(quote, now) > timedelta(seconds=max_age_seconds)


def quote_mid(quote: Quote) -> Decimal:
    return (quote.bid + quote.ask) / 2


def _equal(one: Quote, other: Quote) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in COLUMNS if name != "received_at")


def _row(feed: str, report: QuoteReport, now: datetime) -> Quote:
    return Quote(
        feed=feed,
        symbol=report.symbol,
        bid=report.bid,
        ask=report.ask,
        bid_size=report.bid_size,
        ask_size=report.ask_size,
        last=report.last,
        at=report.at,
        received_at=now,
    )
