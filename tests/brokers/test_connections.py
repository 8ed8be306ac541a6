"""Connecting, reconnecting, failing, ending: what is tried, what is kept, and who is told."""

from decimal import Decimal as D
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.http import Http404
from django.utils import timezone

from accounts.models import Notification, TradingAccount, User
from brokers import registry, vault
from brokers.errors import (
    CredentialsInvalid,
    TryLater,
)
from brokers.models import AccountSnapshot, BrokerConnection
from brokers.services import connections as services
from brokers.services.linking import NewAccount, connection_link
from tests.brokers.connection_kit import KEY_ID, KEYS, SECRET, connect, exchange, number_of, refused, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db


class TestConnecting:
    def test_keys_that_work_are_kept_sealed_with_what_the_broker_said(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        connection = connect(alice)

        connection.refresh_from_db()
        assert (connection.status, connection.is_active, connection.last_error) == ("connected", True, "")
        assert connection.broker_account_id == number_of(exchange)
        assert connection.key_hint == KEY_ID[-4:]
        assert connection.journal_since is not None
        assert SECRET not in connection.credentials
        assert vault.unseal(connection.credentials, row_id=connection.pk) == KEYS
        snapshot = AccountSnapshot.objects.get(connection=connection)
        assert (snapshot.equity, snapshot.cash, snapshot.currency) == (D("25000.00"), D("25000.00"), "USD")
        assert exchange.control.counts() == {"GET /v2/account": 1}

    def test_a_new_account_opens_with_what_the_broker_says(self, exchange: RunningSimulator, alice: User) -> None:
        connection = connect(alice, account=NewAccount("Practice money"))

        account = TradingAccount.objects.get(owner=alice)
        assert connection.account == account
        assert (account.name, account.broker, account.account_type) == ("Practice money", "simulator", "paper")
        assert (account.starting_balance, account.currency, account.allows_fractions) == (D(25000), "USD", True)
        assert account.risk_policy.max_position_percent == D("30.00")

    def test_an_account_kept_by_hand_follows_the_broker_from_now_on(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        account = make_account(alice, broker="manual", account_type="live")

        assert connect(alice, account=account).account == account
        account.refresh_from_db()
        assert (account.broker, account.account_type, account.starting_balance) == ("simulator", "paper", D(100000))

    def test_bad_keys_are_told_apart_from_a_broker_that_does_not_answer(
        self, exchange: RunningSimulator, alice: User, settings: Any
    ) -> None:
        wrong = KEYS | {"secret_key": "not the one"[:3]}
        assert refused(connect, user=alice, credentials=wrong) == ("bad_keys", "")

        exchange.control.fault("status_before", status=503)
        assert refused(connect, user=alice) == ("unreachable", "")

        settings.SIMULATOR_URL = "http://127.0.0.1:1"
        assert refused(connect, user=alice) == ("unreachable", "")
        assert not BrokerConnection.objects.exists()
        assert not Notification.objects.exists()

    def test_live_keys_for_a_paper_connection_are_told_apart_from_bad_ones(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        live = {"api_key": "AK0123456789ABCDEF", "secret_key": SECRET}

        assert refused(connect, user=alice, broker="alpaca", credentials=live) == ("wrong_environment", "is_paper")
        assert refused(
            connect, user=alice, broker="alpaca", is_paper=False, credentials=KEYS | {"secret_key": "x"}
        ) == (
            "wrong_environment",
            "is_paper",
        )
        assert not BrokerConnection.objects.exists()

    def test_live_keys_never_make_a_paper_connection_even_where_one_address_takes_both(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        other = exchange.control.open_account()
        live = {"api_key": "AKLIVE0123456789", "secret_key": SECRET}
        exchange.control.change_keys(other.id, key_id=live["api_key"], secret_key=SECRET)
        exchange.control.forget_counts()

        assert refused(connect, user=alice, broker="alpaca", credentials=live) == ("wrong_environment", "is_paper")
        assert refused(connect, user=alice, broker="alpaca", is_paper=False) == ("wrong_environment", "is_paper")
        assert exchange.control.counts() == {}
        assert not connect(alice, broker="alpaca", is_paper=False, credentials=live).is_paper

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"broker": "manual"}, "bad_broker", "broker"),
            ({"broker": "schwab"}, "bad_broker", "broker"),
            ({"broker": "anything"}, "bad_broker", "broker"),
            ({"label": "  "}, "bad_label", "label"),
            ({"label": "x" * 81}, "bad_label", "label"),
            ({"is_paper": False}, "paper_only", "is_paper"),
            ({"credentials": {"api_key": KEY_ID}}, "missing", "secret_key"),
            ({"credentials": {"api_key": " ", "secret_key": SECRET}}, "missing", "api_key"),
            ({"credentials": {"api_key": "PK\r\nX: y", "secret_key": SECRET}}, "malformed", "api_key"),
            ({"credentials": {"api_key": KEY_ID, "secret_key": "schlüssel"}}, "malformed", "secret_key"),
            ({"credentials": {"api_key": KEY_ID, "secret_key": "x" * 257}}, "malformed", "secret_key"),
            ({"account": NewAccount(" ")}, "missing", "account_name"),
            ({"account": NewAccount("MAIN")}, "name_taken", "account_name"),
        ],
    )
    def test_what_cannot_be_right_is_refused_at_its_field_before_the_broker_is_asked(
        self, exchange: RunningSimulator, alice: User, changes: dict[str, Any], code: str, field: str
    ) -> None:
        make_account(alice, "Main")

        assert refused(connect, user=alice, **changes) == (code, field)
        assert exchange.control.count() == 0
        assert not BrokerConnection.objects.exists()

    def test_a_desk_that_cannot_seal_does_not_try_keys(
        self, exchange: RunningSimulator, alice: User, settings: Any
    ) -> None:
        settings.BROKER_ENCRYPTION_KEYS = []

        assert refused(connect, user=alice) == ("no_vault", "")
        assert exchange.control.count() == 0

    def test_a_form_sent_twice_connects_once(self, exchange: RunningSimulator, alice: User) -> None:
        key = uuid4()
        one = connect(alice, creation_key=key, account=NewAccount("Practice"))
        two = connect(alice, creation_key=key, account=NewAccount("Practice"))

        assert one == two
        assert exchange.control.count() == 1
        assert TradingAccount.objects.count() == 1

    def test_the_same_broker_account_is_connected_once_for_a_trader(
        self, exchange: RunningSimulator, alice: User, charlie: User
    ) -> None:
        connect(alice)

        assert refused(connect, user=alice, label="Again", account=NewAccount("Again")) == ("connected_already", "")
        assert BrokerConnection.objects.count() == 1
        assert not TradingAccount.objects.exists()
        assert connect(charlie).user == charlie

    def test_anothers_account_and_one_that_follows_already_are_refused(
        self, exchange: RunningSimulator, alice: User, charlie: User
    ) -> None:
        with pytest.raises(Http404):
            connect(alice, account=make_account(charlie))
        assert not BrokerConnection.objects.exists()

        account = make_account(alice)
        connect(alice, account=account)
        other = exchange.control.open_account()
        keys = {"api_key": other.key_id, "secret_key": other.secret_key}
        assert refused(connect, user=alice, account=account, credentials=keys) == ("account_taken", "account")

    def test_an_account_in_another_currency_is_refused(self, exchange: RunningSimulator, alice: User) -> None:
        account = make_account(alice, currency="EUR")

        assert refused(connect, user=alice, account=account) == ("other_currency", "account")
        assert not BrokerConnection.objects.exists()

    def test_a_connection_without_an_account_is_given_one_later(self, exchange: RunningSimulator, alice: User) -> None:
        connection = connect(alice)

        account = connection_link(connection=connection, account=NewAccount("Later"))

        connection.refresh_from_db()
        assert connection.account == account
        assert account.starting_balance == D(25000)
        assert refused(connection_link, connection=connection, account=NewAccount("More")) == (
            "linked_already",
            "account",
        )
        assert TradingAccount.objects.count() == 1

    def test_an_account_linked_later_never_finds_the_live_switch_on(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        """It was armed by the name of an account that has been deleted since."""
        connection = connect(alice)
        BrokerConnection.objects.update(live_armed_at=timezone.now(), live_used_at=timezone.now())

        connection_link(connection=connection, account=NewAccount("Later"))

        connection.refresh_from_db()
        assert (connection.live_armed_at, connection.live_used_at) == (None, None)

    def test_the_mock_broker_needs_no_keys(self, alice: User) -> None:
        connection = connect(alice, broker="mock", credentials={}, account=NewAccount("Mock"))

        assert connection.key_hint == ""
        assert connection.account is not None
        assert connection.account.starting_balance == D(100000)

    def test_workers_are_told_to_pull_everything_once_it_is_committed(
        self, exchange: RunningSimulator, alice: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with (
            mock.patch("brokers.services.nudges.current_app.send_task") as sent,
            django_capture_on_commit_callbacks(execute=True),
        ):
            connection = connect(alice)
            assert not sent.called

        sent.assert_called_once_with("brokers.connection_sync", [str(connection.pk)], queue="desk")


class TestReconnecting:
    def test_new_keys_take_the_old_ones_place_and_every_id_stays(self, exchange: RunningSimulator, alice: User) -> None:
        other = exchange.control.open_account()
        old = {"api_key": other.key_id, "secret_key": other.secret_key}
        connection = connect(alice, credentials=old, account=NewAccount("Practice"))
        before = (connection.pk, connection.account_id, connection.broker_account_id)
        services.connection_disable(connection=connection, reason="Away")
        new = {"api_key": "PKNEWKEY0123456789", "secret_key": "an0ther"}
        exchange.control.change_keys(other.id, key_id=new["api_key"], secret_key=new["secret_key"])

        services.connection_reconnect(connection=connection, credentials=new)

        connection.refresh_from_db()
        assert (connection.pk, connection.account_id, connection.broker_account_id) == before
        assert (connection.status, connection.is_active, connection.last_error) == ("connected", True, "")
        assert connection.key_hint == "6789"
        assert vault.unseal(connection.credentials, row_id=connection.pk) == new
        assert registry.adapter_for(connection).verify().broker_account_id == number_of(exchange, other.id)

    def test_keys_that_do_not_work_leave_the_old_ones(self, exchange: RunningSimulator, alice: User) -> None:
        connection = connect(alice)
        bad = {"api_key": "PKNOBODY0000000", "secret_key": "x"}

        assert refused(services.connection_reconnect, connection=connection, credentials=bad) == ("bad_keys", "")

        kept = BrokerConnection.objects.get()
        assert vault.unseal(kept.credentials, row_id=kept.pk) == KEYS
        assert kept.is_active

    def test_keys_of_another_account_are_no_reconnection(self, exchange: RunningSimulator, alice: User) -> None:
        connection = connect(alice)
        other = exchange.control.open_account()
        keys = {"api_key": other.key_id, "secret_key": other.secret_key}

        assert refused(services.connection_reconnect, connection=connection, credentials=keys) == ("other_account", "")
        assert BrokerConnection.objects.get().broker_account_id == number_of(exchange)


class TestVerifying:
    def test_an_answer_clears_what_was_wrong_and_is_kept(self, exchange: RunningSimulator, alice: User) -> None:
        connection = connect(alice)
        BrokerConnection.objects.update(status="needs_attention", last_error="It did not answer.")

        services.connection_verify(connection=connection)

        connection.refresh_from_db()
        assert (connection.status, connection.last_error) == ("connected", "")
        assert AccountSnapshot.objects.count() == 2

    def test_refused_keys_disable_the_connection_stop_all_calls_and_tell_the_trader_once(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        connection = connect(alice)
        exchange.control.fault("unauthorized", times=5)

        for _ in range(2):
            with pytest.raises(CredentialsInvalid):
                services.connection_verify(connection=connection)
            connection.refresh_from_db()

        assert (connection.status, connection.is_active) == ("disabled", False)
        assert connection.last_error
        with pytest.raises(CredentialsInvalid, match="reconnect it"):
            registry.adapter_for(connection)
        # Connecting and one verification: the second was not sent.
        assert exchange.control.count() == 2
        told = Notification.objects.get(user=alice)
        assert (told.kind, told.title, told.by_email) == ("connection", "Practice is disconnected", True)
        assert told.path == f"/connections/{connection.pk}/reconnect/"

    def test_a_broker_that_does_not_answer_needs_attention_and_stays_in_use(
        self, exchange: RunningSimulator, alice: User
    ) -> None:
        connection = connect(alice)
        exchange.control.fault("drop_before")

        with pytest.raises(TryLater):
            services.connection_verify(connection=connection)

        connection.refresh_from_db()
        assert (connection.status, connection.is_active) == ("needs_attention", True)
        assert not Notification.objects.exists()
