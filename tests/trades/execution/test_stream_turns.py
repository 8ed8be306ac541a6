"""Whoever holds many streams keeps its leases while the threads that catch up are busy, and judges new keys by themselves."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from brokers import vault
from brokers.errors import CredentialsInvalid
from brokers.models import BrokerConnection
from brokers.registry import settings_of
from brokers.services import leases
from tests.brokers.simulator_server import wait_until
from tests.factories import make_account, make_connection
from tests.trades.execution.exchange_kit import account, connection_of, exchange
from tests.trades.execution.test_streaming import following
from trades.execution import hints, streaming

__all__ = ["account", "exchange"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "RENEW", 0.1)
    monkeypatch.setattr(streaming, "FIRST_PAUSE", 0.05)


def test_leases_are_kept_while_all_streams_catch_up_at_once(
    alice: Any, exchange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=1.5))
    opened: list[UUID] = []

    def slowly(connection_id: UUID) -> None:
        opened.append(connection_id)
        time.sleep(1)

    monkeypatch.setattr(hints, "stream_opened", slowly)
    count = 4 * streaming.THREADS
    for number in range(count):
        keys = exchange.control.open_account()
        make_connection(
            make_account(alice, f"A{number}", broker="simulator", account_type="paper"),
            keys={"api_key": keys.key_id, "secret_key": keys.secret_key},
        )
    with following():
        heard = BrokerConnection.objects.filter(stream_heard_at__isnull=False)
        wait_until(lambda: heard.count() == count, "a stream for everybody", 30)
    assert len(opened) == len(set(opened)) == count


def test_an_answer_to_old_keys_does_not_disable_a_connection_with_new_ones(account, exchange) -> None:
    connection = connection_of(account)
    old = settings_of(connection, vault.unseal(connection.credentials, row_id=connection.pk))
    sealed = vault.seal({"api_key": "PKNEW", "secret_key": "new-secret"}, row_id=connection.pk)
    BrokerConnection.objects.filter(pk=connection.pk).update(credentials=sealed)
    hints.stream_refused(connection.pk, old, CredentialsInvalid("The broker's order stream refuses these keys."))
    assert connection_of(account).is_active


def test_an_answer_to_the_keys_in_use_disables_the_connection(account, exchange) -> None:
    connection = connection_of(account)
    used = settings_of(connection, vault.unseal(connection.credentials, row_id=connection.pk))
    hints.stream_refused(connection.pk, used, CredentialsInvalid("The broker's order stream refuses these keys."))
    assert not connection_of(account).is_active
