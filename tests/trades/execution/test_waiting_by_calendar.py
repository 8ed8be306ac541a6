"""An order that waits because the broker did not say whether its market is open is looked at again soon."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from accounts.models import User
from brokers.base import ClockReport
from brokers.errors import CredentialsInvalid
from brokers.services import clock
from tests.trades.execution.gate_kit import EVENING, NEXT_OPEN, broker, connected, placed, quoted
from trades.execution import desks, releases
from trades.execution.intents import orders_release
from trades.models import Order

__all__ = ["broker"]
A_MINUTE_ON = EVENING + timedelta(minutes=1)


@pytest.fixture
def order(alice: User, broker: None, monkeypatch: pytest.MonkeyPatch) -> Order:
    """Placed while the calendar has the market shut and the broker gives no answer."""
    monkeypatch.setattr(releases, "quotes_refresh", lambda connection, symbols: {})
    account = connected(alice)
    cache.set(f"silent:{account.connection.pk}", "no_answer", timeout=60)
    quoted("AAPL", "99.99", "100.01", at=EVENING)
    return placed(account, now=EVENING)


def test_it_waits_a_minute_and_not_until_the_calendars_open(order: Order) -> None:
    assert (order.status, order.send_after) == ("queued", A_MINUTE_ON)


def test_so_it_does_where_the_broker_answers_and_does_not_say(
    alice: User, broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that it refuses for a moment are no silence, and no word about its market either."""

    class Refusing:
        def clock(self) -> ClockReport:
            raise CredentialsInvalid("The keys are not good.", code="bad_credentials")

    monkeypatch.setattr(clock, "adapter_for", lambda connection: Refusing())
    monkeypatch.setattr(desks, "clock_of", clock.clock_of)
    account = connected(alice)
    quoted("AAPL", "99.99", "100.01", at=EVENING)
    order = placed(account, now=EVENING)
    assert not clock.is_silent(account.connection)
    assert (order.status, order.send_after) == ("queued", A_MINUTE_ON)


def test_it_leaves_when_the_broker_says_that_its_market_is_open(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    later = A_MINUTE_ON + timedelta(hours=6)
    is_open = ClockReport(A_MINUTE_ON, is_open=True, next_open=later, next_close=later)
    monkeypatch.setattr(desks, "clock_of", lambda connection, *, exchange, now: is_open)
    quoted("AAPL", "99.99", "100.01", at=A_MINUTE_ON)
    assert orders_release(A_MINUTE_ON) == [order.pk]


def test_it_waits_until_the_open_when_the_broker_says_that_its_market_is_shut(order: Order) -> None:
    cache.clear()
    quoted("AAPL", "99.99", "100.01", at=A_MINUTE_ON)
    assert orders_release(A_MINUTE_ON) == []
    order.refresh_from_db()
    assert (order.status, order.send_after) == ("queued", NEXT_OPEN)


def test_it_is_looked_at_every_minute_while_the_broker_is_silent(order: Order) -> None:
    quoted("AAPL", "99.99", "100.01", at=A_MINUTE_ON)
    assert orders_release(A_MINUTE_ON) == []
    order.refresh_from_db()
    assert (order.status, order.send_after) == ("queued", A_MINUTE_ON + timedelta(minutes=1))
