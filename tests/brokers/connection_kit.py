"""A stand-in exchange for the tests of connections, and a trader's way to it through the services."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from brokers.models import BrokerConnection
from brokers.services.connections import connection_create
from brokers.services.errors import ConnectionRefusal
from tests.brokers.simulator_server import RunningSimulator, simulator

KEY_ID, SECRET = "PK0123456789ABCDEF", "Sup3r-Secret/Value+OfAlice"
KEYS = {"api_key": KEY_ID, "secret_key": SECRET}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with simulator(keys=(KEY_ID, SECRET), cash=25_000) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: RunningSimulator, settings: Any) -> RunningSimulator:
    """Reached as the stand-in exchange and, where a test says alpaca, as Alpaca; without faults of earlier tests."""
    settings.SIMULATOR_URL = settings.ALPACA_BASE_URL = running.url
    running.control.clear_faults()
    running.control.forget_counts()
    return running


def connect(user: User, **changes: Any) -> BrokerConnection:
    given = {"broker": "simulator", "label": "Practice", "is_paper": True, "credentials": KEYS}
    return connection_create(user=user, **(given | changes))


def number_of(exchange: RunningSimulator, account: str = "") -> str:
    """What the broker calls the account."""
    return str(exchange.control.dump(account or exchange.account)["account"]["account_number"])


def refused(act: Any, **given: Any) -> tuple[str, str]:
    """Code and field of what a service refuses; the secret is not in its sentence."""
    with pytest.raises(ConnectionRefusal) as refusal:
        act(**given)
    assert SECRET not in str(refusal.value)
    return refusal.value.code, refusal.value.field
