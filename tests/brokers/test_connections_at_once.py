"""Two browsers, two workers: the database decides, and each thing happens once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database

from accounts.models import Notification, TradingAccount, User
from accounts.services.notifications import notifications_mail, notify
from brokers.errors import CredentialsInvalid, TryLater
from brokers.http import Call
from brokers.models import BrokerCall, BrokerConnection
from brokers.services import connections as services
from brokers.services.calls import call_note
from brokers.services.errors import ConnectionRefusal
from brokers.services.linking import NewAccount
from tests.brokers.connection_kit import connect, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(act: Callable[[], Any], times: int = 4) -> list[Any]:
    """What each of the callers that began together was answered, refusals among it."""
    start = Barrier(times)

    def one() -> Any:
        try:
            start.wait(10)
            return act()
        except ConnectionRefusal as refusal:
            return refusal.code
        finally:
            database.close()

    with ThreadPoolExecutor(times) as pool:
        return [future.result(60) for future in [pool.submit(one) for _ in range(times)]]


def test_one_form_sent_by_four_browsers_at_once_connects_once(exchange: RunningSimulator, alice: User) -> None:
    key = uuid4()

    answers = at_once(lambda: connect(alice, creation_key=key, account=NewAccount("Practice")))

    made = BrokerConnection.objects.get()
    assert answers == [made] * 4
    assert TradingAccount.objects.get().connection == made


def test_four_forms_for_one_broker_account_connect_once(exchange: RunningSimulator, alice: User) -> None:
    answers = at_once(lambda: connect(alice))

    made = BrokerConnection.objects.get()
    assert sorted(answers, key=str) == [made, *["connected_already"] * 3]


def test_four_connections_for_one_account_are_one(alice: User, settings: Any) -> None:
    account = make_account(alice)

    answers = at_once(lambda: connect(alice, broker="mock", credentials={}, account=account))

    assert BrokerConnection.objects.filter(account=account).count() == 1
    assert sum(isinstance(answer, BrokerConnection) for answer in answers) == 1


def test_four_workers_that_are_refused_disable_once_and_tell_once(alice: User) -> None:
    connection = connect(alice, broker="mock", credentials={})

    at_once(lambda: services.connection_failed(connection_id=connection.pk, error=CredentialsInvalid("No.")))

    assert Notification.objects.count() == 1


def test_workers_that_fail_in_one_moment_are_counted_every_one_in_one_row(alice: User) -> None:
    connection = connect(alice, broker="mock", credentials={})
    away = TryLater("The broker cannot be reached.", after=9, code="unreachable")
    call = Call("GET", "/v2/positions", datetime(2026, 3, 5, 17, tzinfo=UTC))

    at_once(lambda: services.connection_failed(connection_id=connection.pk, error=away, call=call), times=8)

    assert list(BrokerCall.objects.values_list("times", "code")) == [(8, "unreachable")]


def test_a_failure_that_is_noted_while_its_connection_is_removed_is_in_nobodys_way(alice: User) -> None:
    connection = connect(alice, broker="mock", credentials={})
    away = TryLater("The broker cannot be reached.", after=9, code="unreachable")
    acts = iter([lambda: services.connection_remove(user=alice, pk=connection.pk)])

    def act() -> None:
        for minute in range(20):
            call = Call("GET", f"/v2/{minute}", datetime(2026, 3, 5, 17, minute, tzinfo=UTC))
            call_note(connection_id=connection.pk, error=away, call=call)
            if minute == 10 and (remove := next(acts, None)):
                remove()

    at_once(act)

    assert not BrokerConnection.objects.exists()
    assert not BrokerCall.objects.exists()


def test_four_senders_of_mail_send_each_once(alice: User, mailoutbox: list[Any]) -> None:
    for number in range(6):
        notify(user=alice, kind="risk", key=str(number), title=f"Told {number}", text="Once.")

    sent = at_once(notifications_mail)

    assert sum(sent) == 6
    assert sorted(mail.subject for mail in mailoutbox) == [f"[TrendDojo] Told {number}" for number in range(6)]


def test_one_fact_told_by_four_workers_is_told_once(alice: User) -> None:
    at_once(lambda: notify(user=alice, kind="risk", key="the same", title="Halted", text="It is."))

    assert Notification.objects.count() == 1
