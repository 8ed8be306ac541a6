"""A desk for one trader is connected by its environment."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import TradingAccount, User
from brokers import vault
from brokers.models import BrokerConnection
from tests.brokers.connection_kit import KEY_ID, KEYS, SECRET, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(exchange: RunningSimulator, settings: Any) -> None:
    settings.ALPACA_API_KEY, settings.ALPACA_SECRET_KEY = KEY_ID, SECRET
    settings.DEFAULT_BROKER_MODE = "paper"


def run(*words: str) -> str:
    said = StringIO()
    call_command("connect_from_env", *words, stdout=said)
    return said.getvalue().strip()


def test_the_only_user_is_connected_with_an_account_of_its_own(alice: User) -> None:
    make_account(alice, "alpaca paper")

    assert run() == "alice is connected to Alpaca (paper) as “Alpaca”."

    connection = BrokerConnection.objects.get()
    assert (connection.broker, connection.is_paper, connection.status) == ("alpaca", True, "connected")
    assert connection.account is not None
    assert (connection.account.name, connection.account.broker) == ("Alpaca paper 2", "alpaca")
    assert vault.unseal(connection.credentials, row_id=connection.pk) == KEYS


def test_run_again_it_finds_what_it_made_and_takes_in_new_keys(
    alice: User, exchange: RunningSimulator, settings: Any
) -> None:
    other = exchange.control.open_account()
    settings.ALPACA_API_KEY, settings.ALPACA_SECRET_KEY = other.key_id, other.secret_key
    run()
    exchange.control.forget_counts()
    run()
    assert exchange.control.count() == 0

    exchange.control.change_keys(other.id, key_id="PKFRESH000000000", secret_key="fresh")
    settings.ALPACA_API_KEY, settings.ALPACA_SECRET_KEY = "PKFRESH000000000", "fresh"
    run("alice")

    connection = BrokerConnection.objects.get()
    assert connection.key_hint == "0000"
    assert vault.unseal(connection.credentials, row_id=connection.pk)["secret_key"] == "fresh"
    assert TradingAccount.objects.count() == 1


def test_the_stand_in_exchange_is_connected_the_same_way(alice: User, settings: Any) -> None:
    settings.SIMULATOR_API_KEY, settings.SIMULATOR_SECRET_KEY = KEY_ID, SECRET
    settings.DEFAULT_BROKER_MODE = "live"

    assert (
        run("alice", "--broker", "simulator")
        == "alice is connected to Stand-in exchange (paper) as “Stand-in exchange”."
    )


def test_what_is_missing_is_said(alice: User, settings: Any) -> None:
    with pytest.raises(CommandError, match=r"^There is no active user dora\.$"):
        run("dora")
    settings.ALPACA_SECRET_KEY = ""
    with pytest.raises(CommandError, match=r"^Set ALPACA_API_KEY and ALPACA_SECRET_KEY first\.$"):
        run()


def test_with_two_users_one_must_be_named(alice: User, charlie: User) -> None:
    with pytest.raises(CommandError, match="Name the user"):
        run()
    assert not BrokerConnection.objects.exists()


def test_keys_that_are_refused_are_said_without_them(alice: User, exchange: RunningSimulator) -> None:
    exchange.control.fault("unauthorized")

    with pytest.raises(CommandError, match="Alpaca does not accept these keys") as refused:
        run()

    assert SECRET not in str(refused.value)
    assert not BrokerConnection.objects.exists()
