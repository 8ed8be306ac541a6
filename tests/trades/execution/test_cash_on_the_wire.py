"""Money that moves at the exchange without an order: told over the wire, booked in the journal once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from accounts.models import CashMovement, TradingAccount, User
from brokers.base import CashReport
from brokers.models import BrokerConnection
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account, make_connection
from tests.trades.execution.exchange_kit import account, connection_of, exchange, send
from trades.execution.standing import cash_since, cash_write
from trades.execution.sync import connection_sync

__all__ = ["account", "exchange"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def synced(account: TradingAccount) -> TradingAccount:
    """As it is once the journal follows the account: what comes from now on is booked."""
    connection = connection_of(account)
    BrokerConnection.objects.filter(pk=connection.pk).update(journal_since=connection.created_at)
    connection_sync(connection_of(account))
    return account


def dividends(account: TradingAccount) -> list[tuple[str, D, str]]:
    """Of SPY, without what opening the account booked."""
    found = CashMovement.objects.filter(account=account, note__startswith="SPY").order_by("pk")
    return [(movement.kind, movement.amount, movement.note) for movement in found]


def test_a_dividend_is_booked_once_however_often_it_is_told(synced: TradingAccount, exchange: RunningSimulator) -> None:
    send(synced)
    connection_sync(connection_of(synced))
    before = connection_of(synced).snapshots.latest("at").cash
    exchange.control.dividend("SPY", "0.51")

    for _ in range(3):
        connection_sync(connection_of(synced))

    assert dividends(synced) == [("dividend", D("5.10"), "SPY")]
    assert connection_of(synced).snapshots.latest("at").cash - before == D("5.10")
    # A second one is another one, although it is of the same amount.
    exchange.control.dividend("SPY", "0.51")
    connection_sync(connection_of(synced))
    assert dividends(synced) == [("dividend", D("5.10"), "SPY")] * 2


def test_a_dividend_that_is_told_again_after_the_cursor_was_lost_is_known(
    synced: TradingAccount, exchange: RunningSimulator
) -> None:
    send(synced)
    exchange.control.dividend("SPY", "0.51")
    connection_sync(connection_of(synced))
    BrokerConnection.objects.update(cash_cursor="", last_sync=None)

    connection_sync(connection_of(synced))

    assert dividends(synced) == [("dividend", D("5.10"), "SPY")]


def test_whoever_is_short_pays_the_dividend(synced: TradingAccount, exchange: RunningSimulator) -> None:
    BrokerConnection.objects.update(allows_shorts=True)
    send(synced, side="sell")
    exchange.control.dividend("SPY", "0.51")

    connection_sync(connection_of(synced))

    assert dividends(synced) == [("charge", D("5.10"), "SPY")]


def test_who_holds_nothing_gets_nothing(synced: TradingAccount, exchange: RunningSimulator) -> None:
    exchange.control.dividend("SPY", "0.51")
    connection_sync(connection_of(synced))
    assert dividends(synced) == []


EVENING = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)  # nine in the evening of the fourth in New York


@pytest.mark.parametrize(
    ("opened_on", "booked_at", "booked_on"),
    [
        # The broker's day is the fourth, and the trader's may be the fifth already.
        (date(2026, 3, 4), EVENING + timedelta(minutes=1), date(2026, 3, 4)),
        (date(2026, 3, 5), EVENING + timedelta(minutes=1), date(2026, 3, 5)),
        (date(2026, 3, 5), EVENING - timedelta(minutes=1), None),
        # A later first day was chosen: what moved before it is in what the account began with.
        (date(2026, 3, 6), EVENING + timedelta(minutes=1), None),
    ],
)
def test_what_moves_on_the_first_evening_is_booked_whatever_day_it_is_elsewhere(
    alice: User, opened_on: date, booked_at: datetime, booked_on: date | None
) -> None:
    account = make_account(alice, broker="simulator", opened_on=opened_on)
    connection = make_connection(account, keys={})
    connection.journal_since = EVENING
    moved = CashReport("20260304::1", "dividend", D("5.10"), date(2026, 3, 4), symbol="SPY", booked_at=booked_at)

    assert cash_write(connection, [moved]) == (booked_on is not None)

    assert list(CashMovement.objects.values_list("moved_on", flat=True)) == ([booked_on] if booked_on else [])
    assert cash_since(connection, EVENING.date()) == date(2026, 3, 4)
