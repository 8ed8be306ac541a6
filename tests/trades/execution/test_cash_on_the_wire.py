"""Money that moves at the exchange without an order: told over the wire, booked in the journal once."""

from decimal import Decimal as D

import pytest

from accounts.models import CashMovement, TradingAccount
from brokers.models import BrokerConnection
from tests.brokers.simulator_server import RunningSimulator
from tests.trades.execution.exchange_kit import account, connection_of, exchange, send
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
