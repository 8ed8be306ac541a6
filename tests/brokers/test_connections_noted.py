"""What is noted of a connection while it is in use, and how it ends: used again, synced, renamed, removed."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from django.http import Http404

from accounts.models import TradingAccount, User
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    MarketClosed,
    NoMarketData,
    OutcomeUnknown,
    Refused,
    TryLater,
    Unsupported,
)
from brokers.models import BrokerConnection
from brokers.services import connections as services
from brokers.services.linking import NewAccount
from tests.brokers.connection_kit import connect, exchange, refused, running
from tests.brokers.simulator_server import RunningSimulator
from trades.models import Order

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def mocked(alice: User) -> BrokerConnection:
    """A connection that no network is needed for."""
    return connect(alice, broker="mock", credentials={})


class TestNoting:
    @pytest.mark.parametrize(
        "error",
        [
            Refused("No."),
            MarketClosed("Shut."),
            NoMarketData("None."),
            TryLater("Wait.", after=9, code="rate_limited"),
        ],
    )
    def test_an_answer_to_one_question_says_nothing_about_the_connection(
        self, mocked: BrokerConnection, error: BrokerError
    ) -> None:
        services.connection_failed(connection_id=mocked.pk, error=error)

        mocked.refresh_from_db()
        assert (mocked.status, mocked.last_error) == ("connected", "")

    @pytest.mark.parametrize("error", [TryLater("Away.", after=9), OutcomeUnknown("Away."), Unsupported("Away.")])
    def test_trouble_is_shown_until_it_is_over(self, mocked: BrokerConnection, error: BrokerError) -> None:
        services.connection_failed(connection_id=mocked.pk, error=error)
        mocked.refresh_from_db()
        assert (mocked.status, mocked.last_error) == ("needs_attention", "Away.")

        at = datetime(2026, 3, 4, 15, tzinfo=UTC)
        services.connection_succeeded(connection_id=mocked.pk, synced_at=at)
        mocked.refresh_from_db()
        assert (mocked.status, mocked.last_error, mocked.last_sync) == ("connected", "", at)

    def test_a_refusal_of_the_old_keys_says_nothing_about_the_new(self, mocked: BrokerConnection) -> None:
        services.connection_failed(connection_id=mocked.pk, error=CredentialsInvalid("No."), sealed="the old ones")

        mocked.refresh_from_db()
        assert mocked.is_active

    def test_a_late_success_does_not_wake_a_disabled_connection(self, mocked: BrokerConnection) -> None:
        services.connection_disable(connection=mocked, reason="You disabled it.")
        services.connection_succeeded(connection_id=mocked.pk)

        mocked.refresh_from_db()
        assert (mocked.status, mocked.is_active, mocked.last_error) == ("disabled", False, "You disabled it.")

    def test_nothing_new_writes_nothing(self, mocked: BrokerConnection, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            services.connection_succeeded(connection_id=mocked.pk)


class TestEnding:
    def test_it_is_used_again_once_the_broker_accepts_the_kept_keys(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        connection = connect(alice)
        services.connection_disable(connection=connection, reason="You disabled it.")
        exchange.control.fault("unauthorized")
        assert refused(services.connection_enable, connection=connection) == ("bad_keys", "")
        connection.refresh_from_db()
        assert not connection.is_active

        services.connection_enable(connection=connection)

        connection.refresh_from_db()
        assert (connection.status, connection.is_active, connection.last_error) == ("connected", True, "")

    def test_a_disabled_connection_is_not_synced(self, mocked: BrokerConnection) -> None:
        services.connection_disable(connection=mocked, reason="You disabled it.")

        assert refused(services.connection_sync_ask, connection=mocked) == ("disabled", "")

    def test_syncing_now_makes_it_due_at_once(self, mocked: BrokerConnection) -> None:
        BrokerConnection.objects.update(next_sync_at=datetime(2100, 1, 1, tzinfo=UTC))

        services.connection_sync_ask(connection=mocked)

        mocked.refresh_from_db()
        assert mocked.next_sync_at is None

    @pytest.mark.parametrize("status", ["new", "queued", "submitting", "accepted", "partially_filled", "cancelling"])
    def test_it_is_not_removed_while_orders_work_there(self, alice: User, status: str) -> None:
        connection = connect(alice, broker="mock", credentials={}, account=NewAccount("Mock"))
        order = Order.objects.create(
            owner=alice,
            account=connection.account,
            connection=connection,
            symbol="SPY",
            side="buy",
            type="market",
            quantity=D(1),
            status=status,
        )

        assert refused(services.connection_remove, user=alice, pk=connection.pk) == ("orders_working", "")
        Order.objects.update(status="filled")
        services.connection_remove(user=alice, pk=connection.pk)

        assert not BrokerConnection.objects.exists()
        order.refresh_from_db()
        assert order.connection is None
        assert TradingAccount.objects.filter(name="Mock").exists()

    def test_anothers_connection_is_not_there(self, mocked: BrokerConnection, charlie: User) -> None:
        with pytest.raises(Http404):
            services.connection_remove(user=charlie, pk=mocked.pk)
        assert BrokerConnection.objects.exists()

    def test_an_old_label_makes_place_for_a_new(self, mocked: BrokerConnection) -> None:
        services.connection_rename(connection=mocked, label=" Swing ")
        mocked.refresh_from_db()
        assert mocked.label == "Swing"
        assert refused(services.connection_rename, connection=mocked, label="") == ("bad_label", "label")
