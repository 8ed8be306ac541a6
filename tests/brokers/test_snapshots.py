"""An account in which nothing may be traded any more has told its trader once, and says so on its connection's page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.test import Client

from accounts.models import Notification, User
from brokers.base import AccountReport
from brokers.models import BrokerConnection
from brokers.services.snapshots import snapshot_keep
from tests.factories import make_account, make_connection

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


@pytest.fixture
def connection(alice: User) -> BrokerConnection:
    return make_connection(make_account(alice), label="Paper")


def kept(connection: BrokerConnection, minute: int, block: str) -> int:
    """Keep what the broker says in that minute; how much the trader has been told by then."""
    report = AccountReport("1", "USD", equity=D("50000.005"), cash=D(1), buying_power=D(2), block=block)
    assert snapshot_keep(connection, report, at=NOW + timedelta(minutes=minute)).equity == D("50000.01")
    return Notification.objects.count()


def test_a_block_is_told_once_each_time_it_comes(connection: BrokerConnection) -> None:
    said = ["", "It is blocked.", "It is blocked.", "", "It is blocked.", "Trading is suspended."]
    assert [kept(connection, minute, block) for minute, block in enumerate(said)] == [0, 1, 1, 1, 2, 3]
    told = Notification.objects.order_by("created_at").first()
    assert told is not None
    assert (told.kind, told.path) == ("connection", f"/connections/{connection.pk}/")
    assert told.title == "Paper: nothing may be traded"
    assert told.text.startswith("It is blocked. New orders are refused there until that is lifted")


def test_two_processes_that_read_it_at_once_tell_once(
    connection: BrokerConnection,
) -> None:
    kept(connection, 0, "")
    kept(connection, 2, "It is blocked.")
    # The other one asked a moment earlier, and wrote a moment later.
    assert kept(connection, 1, "It is blocked.") == 1


def test_an_account_that_is_blocked_when_it_is_connected_is_told_of(connection: BrokerConnection) -> None:
    assert kept(connection, 0, "It is blocked.") == 1


def test_the_connections_page_shows_it(alice_client: Client, connection: BrokerConnection) -> None:
    kept(connection, 0, "It is blocked.")
    assert "Blocked</span> It is blocked." in " ".join(
        alice_client.get(f"/connections/{connection.pk}/").content.decode().split()
    )
