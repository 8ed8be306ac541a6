"""The dead man's rule: whoever is not heard of holds entries back, and those it concerns are told once."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Notification, Pulse, Silence, User
from accounts.services.pulses import ORDERS, WORKER, pulse_age, pulse_write
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW
from tests.trades.execution.gate_kit import broker, codes, connected, held, placed, sell
from tests.trades.execution.recording_kit import book, desk, fresh, order_of
from tests.trades.execution.test_at_once_orders import at_once
from trades.execution import silences
from trades.execution.intents import order_create
from trades.execution.releases import orders_release
from trades.execution.silences import silences_watch
from trades.execution.submit import order_submit, orders_to_submit
from trades.management.commands import stream_orders
from trades.models import Order
from trades.selectors.brakes import brakes_shown

pytestmark = pytest.mark.django_db
__all__ = ["book", "broker", "desk"]


@pytest.fixture(autouse=True)
def _long_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has lived for an hour."""
    monkeypatch.setattr(silences, "STARTED", silences.time.monotonic() - 3600)


def pulses(**seconds: int) -> None:
    """How long ago each kind of process was heard of, by the database's clock."""
    for name, ago in seconds.items():
        pulse_write(name)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pulses SET at = clock_timestamp() - %s WHERE name = %s", [timedelta(seconds=ago), name]
            )


def told(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("created_at").values_list("title", flat=True))


@pytest.mark.usefixtures("broker")
class TestGate:
    def test_entries_are_refused_while_a_process_is_not_heard_of_and_exits_pass(self, alice: User) -> None:
        account = connected(alice)
        held(account, 100)
        pulses(orders=1, worker=130)
        order = placed(account)
        assert (order.status, codes(order)) == ("denied", ["desk_silent"])
        assert order.reason_detail == "The desk does not hear of the worker: entries are held until it does."
        assert order_create(owner=alice, given=sell(account, 60), creation_key=uuid4(), now=NOW).status == "new"

    def test_a_desk_that_never_had_a_worker_takes_orders(self, alice: User) -> None:
        assert placed(connected(alice)).status == "new"

    @pytest.mark.parametrize(("seconds", "status"), [(119, "new"), (125, "denied")])
    def test_the_setting_says_how_long_is_too_long(self, alice: User, seconds: int, status: str) -> None:
        account = connected(alice)
        pulses(orders=seconds)
        assert placed(account).status == status

    @pytest.mark.parametrize(
        ("last_sync", "status"),
        [
            (None, "new"),
            (NOW - timedelta(seconds=125), "new"),
            (NOW - timedelta(seconds=135), "denied"),
            (NOW + timedelta(seconds=60), "new"),
            (NOW + timedelta(hours=2), "denied"),
        ],
    )
    def test_a_connection_out_of_step_takes_no_entries(self, alice: User, last_sync: Any, status: str) -> None:
        """Two turns of SYNC_SECONDS may be missed. A clock that is hours ahead proves nothing."""
        account = connected(alice)
        BrokerConnection.objects.update(last_sync=last_sync)
        order = placed(account)
        assert (order.status, codes(order)) == (status, ["broker_silent"] if status == "denied" else [])

    def test_what_waits_for_the_open_waits_on(self, alice: User) -> None:
        order = placed(connected(alice))
        Order.objects.filter(pk=order.pk).update(status="queued", send_after=NOW - timedelta(hours=2))
        pulses(stream=300)
        assert orders_release(NOW) == []
        assert fresh(order).status == "queued"
        pulses(stream=1)
        assert orders_release(NOW) == [order.pk]


class TestClaim:
    @pytest.mark.parametrize("what", ["desk", "broker"])
    def test_an_entry_that_is_written_waits_and_leaves_when_life_is_back(
        self, desk: BrokerConnection, book: Book, what: str
    ) -> None:
        book.script("submit", Outcome.ACCEPT)
        order = order_of(desk)
        pulses(orders=300 if what == "desk" else 1)
        BrokerConnection.objects.update(last_sync=NOW - timedelta(minutes=9) if what == "broker" else NOW)
        order_submit(order.pk, now=NOW)
        assert (fresh(order).status, "submit" in book.calls) == ("new", False)
        assert orders_to_submit(NOW, 10) == ([order.pk] if what == "desk" else [])
        pulses(orders=1)
        BrokerConnection.objects.update(last_sync=NOW)
        order_submit(order.pk, now=NOW)
        assert fresh(order).status == "accepted"

    def test_exits_are_sent(self, desk: BrokerConnection, book: Book) -> None:
        book.script("submit", Outcome.ACCEPT)
        order = order_of(desk, side="sell")
        Order.objects.filter(pk=order.pk).update(is_reducing=True)
        BrokerConnection.objects.update(last_sync=NOW - timedelta(minutes=9))
        pulses(stream=300)
        assert orders_to_submit(NOW, 10) == [order.pk]
        order_submit(order.pk, now=order.created_at)
        assert fresh(order).status == "accepted"


@pytest.mark.usefixtures("broker")
class TestWatch:
    def test_a_silence_of_the_desk_is_told_once_and_so_is_its_end(self, alice: User, charlie: User) -> None:
        connected(alice)
        pulses(orders=300, worker=1)
        silences_watch()
        silences_watch()
        assert told(alice) == ["The desk is not working"]
        assert told(charlie) == []
        pulses(orders=1)
        silences_watch()
        silences_watch()
        assert told(alice) == ["The desk is not working", "The desk works again"]
        assert Silence.objects.get().ended_at is not None

    def test_the_next_silence_is_told_again(self, alice: User) -> None:
        connected(alice)
        for _ in range(2):
            pulses(orders=300)
            silences_watch()
            pulses(orders=1)
            silences_watch()
        assert len(told(alice)) == 4

    def test_a_connection_is_told_of_by_itself_to_its_trader_alone(self, alice: User, charlie: User) -> None:
        connected(alice, label="Swing")
        connected(charlie)
        pulses(orders=1)
        long_ago = timezone.now() - timedelta(minutes=9)
        BrokerConnection.objects.filter(user=alice).update(last_sync=long_ago, updated_at=long_ago)
        silences_watch()
        silences_watch()
        assert told(alice) == ["Swing is out of step"]
        BrokerConnection.objects.update(last_sync=timezone.now())
        silences_watch()
        assert told(alice) == ["Swing is out of step", "Swing is in step again"]
        assert told(charlie) == []

    def test_while_the_desk_is_silent_its_brokers_are_not_blamed(self, alice: User) -> None:
        connected(alice)
        long_ago = timezone.now() - timedelta(minutes=9)
        BrokerConnection.objects.update(last_sync=long_ago, updated_at=long_ago)
        pulses(worker=300)
        silences_watch()
        pulses(worker=1)
        silences_watch()
        silences_watch()
        assert told(alice) == ["The desk is not working", "The desk works again"]

    def test_a_disabled_connection_is_no_silence(self, alice: User) -> None:
        connected(alice)
        pulses(worker=1)
        long_ago = timezone.now() - timedelta(minutes=9)
        BrokerConnection.objects.update(last_sync=long_ago, updated_at=long_ago)
        silences_watch()
        BrokerConnection.objects.update(is_active=False, status="disabled")
        silences_watch()
        assert len(told(alice)) == 1
        assert Silence.objects.get().ended_at is not None

    def test_a_process_that_has_just_started_begins_no_silence(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connected(alice)
        monkeypatch.setattr(silences, "STARTED", silences.time.monotonic() - 10)
        pulses(orders=3600)
        silences_watch()
        assert told(alice) == []

    def test_while_all_is_well_it_asks_one_question(self, alice: User, django_assert_num_queries: Any) -> None:
        connected(alice)
        pulses(orders=1, worker=1, stream=1, beat=1)
        with django_assert_num_queries(1):
            silences_watch()

    def test_a_page_costs_one_question_and_shows_whose_life_is_missed(
        self, alice: User, charlie: User, django_assert_num_queries: Any
    ) -> None:
        connected(alice)
        pulses(orders=300, stream=300)
        with django_assert_num_queries(1):
            shown = brakes_shown(alice)
        assert [(one.kind, one.name) for one in shown.brakes] == [
            ("silent", "the order stream and the worker for orders")
        ]
        assert shown.is_news
        assert brakes_shown(charlie).brakes == []
        silences_watch()
        assert not brakes_shown(alice).is_news

    def test_staff_without_a_broker_are_shown_whose_life_is_missed(
        self, bob: User, charlie: User, django_assert_num_queries: Any
    ) -> None:
        pulses(worker=300)
        with django_assert_num_queries(1):
            shown = brakes_shown(bob)
        assert [(one.kind, one.name) for one in shown.brakes] == [("silent", "the worker")]
        assert shown.is_news
        assert brakes_shown(charlie).brakes == []
        silences_watch()
        assert not brakes_shown(bob).is_news


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broker")
def test_many_that_notice_at_once_tell_once(alice: User) -> None:
    connected(alice)
    pulses(orders=300)
    at_once(*[silences_watch] * 4)
    assert told(alice) == ["The desk is not working"]


def test_a_pulse_is_the_databases_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose clock is hours ahead cannot lend itself life."""
    ahead = timezone.now() + timedelta(hours=3)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    pulse_write(WORKER)
    assert 0 <= (pulse_age(WORKER) or -1) < 5
    assert pulse_age(ORDERS) is None


@pytest.mark.usefixtures("broker")
def test_a_stream_that_was_stopped_is_missed_until_it_is_given_up(
    alice: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # SIGTERM came at once.
    monkeypatch.setattr(stream_orders.asyncio, "run", lambda running: running.close())
    account = connected(alice)
    pulses(orders=1, worker=1, stream=300)
    call_command("stream_orders")
    assert placed(account).status == "denied"
    call_command("stream_orders", "--retire")
    assert capsys.readouterr().out == f"{stream_orders.Command.retired}\n"
    assert placed(account).status == "new"
    assert sorted(Pulse.objects.values_list("name", flat=True)) == [ORDERS, WORKER]


@pytest.mark.django_db(transaction=True)
def test_whoever_notices_that_the_desk_is_silent_sends_the_e_mail_once(alice: User, mailoutbox: list[Any]) -> None:
    """The worker that sends e-mails is the one that is missed."""
    connected(alice)
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    pulses(orders=1, worker=300)

    for _ in range(2):
        silences_watch()
        for thread in threading.enumerate():
            if thread.name == "mail":
                thread.join(30)

    assert [(mail.to, mail.subject) for mail in mailoutbox] == [
        (["alice@example.com"], "[TrendDojo] The desk is not working")
    ]
    assert told(alice) == ["The desk is not working"]


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_only_what_its_loop_has_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from trenddojo import pulse

    written = threading.Event()
    monkeypatch.setattr(pulse, "pulse_note", lambda name: written.set())
    monkeypatch.setattr(pulse, "others_watch", lambda: None)
    monkeypatch.setattr(pulse, "EVERY", 0.01)
    mine = pulse.Pulse(ORDERS)
    mine.beat()
    assert written.wait(5)
    written.clear()
    assert not written.wait(0.2)
    mine.beat()
    assert written.wait(5)
