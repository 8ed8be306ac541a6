"""Where each connection's requests go is decided by the server's settings alone."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Broker, User
from brokers import registry
from brokers.errors import CredentialsInvalid, Unsupported
from brokers.models import BrokerConnection
from brokers.services.connections import connection_disable
from brokers.vault import VaultError
from tests.factories import make_account, make_connection

PAPER, LIVE, DATA = "https://paper-api.alpaca.markets", "https://api.alpaca.markets", "https://data.alpaca.markets"


def urls(broker: str, *, is_paper: bool) -> tuple[str, str, str]:
    connection = BrokerConnection(id=uuid4(), broker=broker, is_paper=is_paper)
    found = registry.settings_of(connection, {"secret_key": "hidden"})
    assert "hidden" not in repr(found)
    return found.base_url, found.data_url, found.stream_url


@pytest.mark.parametrize(
    ("base", "data", "stream", "paper", "live"),
    [
        ("", "", "", (PAPER, DATA, "wss://paper-api.alpaca.markets/stream"), (LIVE, DATA, "wss://api.alpaca.markets/stream")),
        # What many have in their environment: it says nothing about the other kind.
        (f"{PAPER}/v2", "", "", (PAPER, DATA, "wss://paper-api.alpaca.markets/stream"), (LIVE, DATA, "wss://api.alpaca.markets/stream")),
        (f"{LIVE}/", "", "", (PAPER, DATA, "wss://paper-api.alpaca.markets/stream"), (LIVE, DATA, "wss://api.alpaca.markets/stream")),
        (
            "http://127.0.0.1:9",
            "http://127.0.0.1:8/",
            "",
            ("http://127.0.0.1:9", "http://127.0.0.1:8", "ws://127.0.0.1:9/stream"),
            ("http://127.0.0.1:9", "http://127.0.0.1:8", "ws://127.0.0.1:9/stream"),
        ),
        (
            "",
            "",
            "wss://relay.example.com/stream",
            (PAPER, DATA, "wss://relay.example.com/stream"),
            (LIVE, DATA, "wss://relay.example.com/stream"),
        ),
        ("", "", "wss://paper-api.alpaca.markets/stream", (PAPER, DATA, "wss://paper-api.alpaca.markets/stream"), (LIVE, DATA, "wss://api.alpaca.markets/stream")),
    ],
)  # fmt: skip
def test_paper_goes_to_paper_and_live_to_live(
    settings: Any, base: str, data: str, stream: str, paper: tuple[str, ...], live: tuple[str, ...]
) -> None:
    settings.ALPACA_BASE_URL, settings.ALPACA_DATA_URL, settings.ALPACA_STREAM_URL = base, data, stream

    assert urls("alpaca", is_paper=True) == paper
    assert urls("alpaca", is_paper=False) == live


def test_the_stand_in_exchange_is_one_address(settings: Any) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:8900"

    assert urls("simulator", is_paper=True) == (
        "http://127.0.0.1:8900",
        "http://127.0.0.1:8900",
        "ws://127.0.0.1:8900/stream",
    )
    assert urls("mock", is_paper=True) == ("", "", "")


def test_every_adapter_of_the_table_is_there_and_says_what_it_can() -> None:
    assert set(registry.ADAPTERS) <= set(Broker.values)
    for broker, spec in registry.ADAPTERS.items():
        assert registry.capabilities_of(broker).places_orders is spec.is_connectable
        assert spec.label == Broker(broker).label


@pytest.mark.parametrize("broker", ["schwab", "td_ameritrade", "nobody", ""])
def test_a_broker_without_an_adapter_is_unsupported(broker: str) -> None:
    with pytest.raises(Unsupported, match="cannot connect to this broker"):
        registry.capabilities_of(broker)
    assert not registry.is_connectable(broker)


@pytest.mark.django_db
class TestAdapters:
    def test_one_adapter_serves_a_connection_until_its_keys_change(self, alice: User, settings: Any) -> None:
        settings.SIMULATOR_URL = "http://127.0.0.1:1"
        connection = make_connection(make_account(alice))
        one = registry.adapter_for(connection)
        assert registry.adapter_for(connection) is one
        assert registry.adapter_for(connection, reads=registry.Priority.POLL) is not one

        connection.credentials = registry.vault.seal({"api_key": "a", "secret_key": "b"}, row_id=connection.pk)
        connection.save()
        assert registry.adapter_for(connection) is not one

    def test_a_disabled_connection_has_none(self, alice: User) -> None:
        connection = make_connection(make_account(alice), "mock")
        registry.adapter_for(connection)
        connection_disable(connection=connection, reason="You disabled it.")

        with pytest.raises(CredentialsInvalid) as refused:
            registry.adapter_for(connection)
        assert refused.value.code == "connection_disabled"

    def test_keys_copied_from_another_connection_open_nothing(self, alice: User) -> None:
        one, two = (make_connection(make_account(alice, name)) for name in ("One", "Two"))
        two.credentials = one.credentials
        two.save()

        with pytest.raises(VaultError):
            registry.adapter_for(two)

    def test_no_more_adapters_are_kept_than_are_used(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "MOST_ADAPTERS_KEPT", 3)
        for number in range(5):
            registry.adapter_for(make_connection(make_account(alice, str(number)), "mock"))

        assert len(registry._kept) <= 3
