"""Prices of what traders hold and have ordered: each feed is asked once for all its symbols, and they are shared."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.services.clock import clock_by_calendar, clock_of
from brokers.services.connections import connection_failed
from brokers.services.quotes import quotes_refresh
from trades.models import AssetClass, Order, Trade, TradeStatus
from trades.models.order import WORKING

# Symbols of one request; a feed with more is asked more than once.
MOST_SYMBOLS = 100
# Connections that are tried for a feed before its prices are left to the next time.
MOST_TRIED = 3


class Market(NamedTuple):
    """Symbols of one feed that trade at the same hours."""

    feed: str
    is_crypto: bool


def live_prices_refresh(*, now: datetime) -> int:
    """Fetch a quote for every open position and working order at a broker; returns how many there are."""
    count = 0
    for market, symbols in symbols_wanted().items():
        connections = _connections(market.feed)
        ordered = sorted(symbols)
        for start in range(0, len(ordered), MOST_SYMBOLS):
            count += _refresh(market, connections, ordered[start : start + MOST_SYMBOLS], now)
    return count


def symbols_wanted() -> dict[Market, set[str]]:
    """The symbols somebody holds or has ordered, by feed and hours."""
    held = Trade.objects.filter(status=TradeStatus.ACTIVE, account__connection__is_active=True)
    ordered = Order.objects.filter(status__in=WORKING, connection__is_active=True)
    found: dict[Market, set[str]] = defaultdict(set)
    rows = held.values_list("account__connection__broker", "asset_class", "symbol").distinct()
    working = ordered.values_list("connection__broker", "asset_class", "symbol").distinct()
    for feed, asset_class, symbol in [*rows, *working]:
        found[Market(feed, asset_class == AssetClass.CRYPTO)].add(symbol)
    return dict(found)


def _connections(feed: str) -> list[BrokerConnection]:
    """Those in best health first, the one asked least lately first: everybody's budget pays a share."""
    found = BrokerConnection.objects.filter(broker=feed, is_active=True).select_related("account")
    return list(found.order_by("status", "next_sync_at")[:MOST_TRIED])


def _refresh(market: Market, connections: Iterable[BrokerConnection], symbols: list[str], now: datetime) -> int:
    for connection in connections:
        if not _is_open(market, connection, now):
            return 0
        try:
            return len(quotes_refresh(connection, symbols))
        except BrokerError as error:
            connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
    return 0


def _is_open(market: Market, connection: BrokerConnection, now: datetime) -> bool:
    """A broker's clock tells of stocks alone."""
    if market.is_crypto:
        return clock_by_calendar("24/7", now).is_open
    exchange = connection.account.exchange if connection.account else "XNYS"
    return clock_of(connection, exchange=exchange, now=now).is_open
