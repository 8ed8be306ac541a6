"""What calls about the market that failed leave behind: quotes, the clock and bars, asked for by pages and workers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.utils import timezone

from brokers.errors import BrokerError, NoMarketData, TryLater
from brokers.models import BrokerCall, BrokerConnection
from brokers.registry import adapter_for
from brokers.services.bars import bars_for
from brokers.services.calls import market_call
from brokers.services.clock import clock_of
from brokers.services.connections import connection_failed
from brokers.services.quotes import quote_fetch, quotes_refresh
from tests.brokers.connection_kit import exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.brokers.test_calls import kept, mocked, practice

__all__ = ["exchange", "mocked", "practice", "running"]

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2025, 3, 3, tzinfo=UTC)
QUOTES, CLOCK, BARS = "/v2/stocks/quotes/latest", "/v2/clock", "/v2/stocks/bars"


def one_quote(connection: BrokerConnection) -> None:
    quote_fetch(connection, "AAPL")


def many_quotes(connection: BrokerConnection) -> None:
    quotes_refresh(connection, ["AAPL", "MSFT"])


def the_clock(connection: BrokerConnection) -> None:
    cache.clear()
    clock_of(connection, exchange="XNYS", now=timezone.now())


def some_bars(connection: BrokerConnection) -> None:
    bars_for(connection, "AAPL", "1Day", LONG_AGO, LONG_AGO + timedelta(days=3))


WAYS = [(one_quote, QUOTES), (many_quotes, QUOTES), (the_clock, CLOCK), (some_bars, BARS)]


def tried(ask: Callable[[BrokerConnection], None], connection: BrokerConnection) -> None:
    """What a caller does that can do without an answer."""
    try:
        ask(connection)
    except BrokerError:
        cache.clear()


@pytest.mark.parametrize(("ask", "endpoint"), WAYS)
def test_one_that_fails_is_kept_and_is_over_with_the_next_that_is_answered(
    exchange: RunningSimulator,
    practice: BrokerConnection,
    ask: Callable[[BrokerConnection], None],
    endpoint: str,
) -> None:
    exchange.control.fault("status_before", status=500, path=endpoint, times=3)
    for _ in range(3):
        tried(ask, practice)
    assert kept("method", "endpoint", "status", "code", "times", "ended_at") == [
        ("GET", endpoint, 500, "status_500", 3, None)
    ]
    practice.refresh_from_db()
    assert (practice.status, practice.last_error) == ("connected", "")

    tried(ask, practice)

    call = BrokerCall.objects.get()
    assert call.last_at < call.ended_at <= datetime.now(UTC)


def test_an_answer_elsewhere_ends_nothing(exchange: RunningSimulator, practice: BrokerConnection) -> None:
    exchange.control.fault("status_before", status=500, path=QUOTES)
    tried(one_quote, practice)
    the_clock(practice)
    assert kept("endpoint", "ended_at") == [(QUOTES, None)]


def test_what_is_said_of_a_symbol_is_an_answer(exchange: RunningSimulator, practice: BrokerConnection) -> None:
    exchange.control.fault("status_before", status=500, path=QUOTES)
    tried(one_quote, practice)
    assert kept("code", "ended_at") == [("status_500", None)]
    with pytest.raises(NoMarketData), market_call(practice):
        adapter_for(practice).quote("NOPE")
    assert [(code, ended_at is None) for code, ended_at in kept("code", "ended_at")] == [("status_500", False)]


def test_a_failure_that_the_connection_is_held_to_fail_for_is_counted_once(
    exchange: RunningSimulator, practice: BrokerConnection
) -> None:
    exchange.control.fault("status_before", status=500, path=QUOTES)
    with pytest.raises(TryLater) as failed:
        many_quotes(practice)
    connection_failed(connection_id=practice.pk, error=failed.value, sealed=practice.credentials)
    assert kept("times") == [(1,)]


def test_without_a_network_call_nothing_is_asked_of_the_database(mocked: BrokerConnection) -> None:
    with database.execute_wrapper(lambda *_: pytest.fail("It asked the database.")), market_call(mocked):
        pass
