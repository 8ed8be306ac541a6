"""A halt that comes down at the worst moment, over connections of its own: the database decides who was first."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Halt, User
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, d
from tests.trades.execution.gate_kit import at_broker, broker, connected, held, placed, sell
from tests.trades.execution.recording_kit import book, desk, fresh, order_of
from tests.trades.execution.test_at_once_orders import at_once, placing
from trades.execution import replace, submit
from trades.execution.intents import desk_halt, desk_resume, order_create, trader_halt, trader_resume
from trades.execution.submit import order_submit
from trades.models import AuditEntry, Order
from trades.tasks import halts_sweep_task

__all__ = ["book", "broker", "desk"]
pytestmark = pytest.mark.django_db(transaction=True)

LEVELS = {
    "trader": lambda user: trader_halt(user=user, reason="Now", now=NOW),
    "desk": lambda user: desk_halt(by="bob", reason="Now", now=NOW),
}
WIDENED = {
    "trader": lambda user: trader_halt(user=user, reason="All", cancels_exits=True, now=NOW),
    "desk": lambda user: desk_halt(by="bob", reason="All", cancels_exits=True, now=NOW),
}
BOTH = pytest.mark.parametrize("level", sorted(LEVELS))


def elsewhere(call: Callable[[], Any]) -> None:
    """Run it to its end over another connection."""

    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


def _marked(level: str, user: User) -> Callable[[], Any]:
    """The mark alone, as of a desk whose sweep has not begun."""
    is_desk = level == "desk"
    values = {"level": "desk" if is_desk else "user", "user": None if is_desk else user}
    return lambda: Halt.objects.create(**values, reason="", by_name="bob", halted_at=NOW)


@BOTH
def test_a_halt_between_the_look_and_the_claim_stops_the_order(
    desk: BrokerConnection, book: Book, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, adapter = order_of(desk), submit._adapter
    calls: list[int] = []

    def halted_meanwhile(*args: Any) -> Any:
        found = adapter(*args)
        calls.append(1)
        elsewhere(_marked(level, desk.user))
        return found

    monkeypatch.setattr(submit, "_adapter", halted_meanwhile)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.reason_code, calls) == ("denied", f"{level}_halted", [1])
    assert "submit" not in book.calls


@BOTH
def test_a_halt_between_the_look_and_the_sending_of_a_change_stops_the_change(
    desk: BrokerConnection, book: Book, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    change = {"client_order_id": "other", "creation_key": "0", "asked_at": NOW.isoformat(), "quantity": "20"}
    Order.objects.filter(pk=order.pk).update(pending_change=change)
    claim = replace._claim

    def halted_meanwhile(*args: Any) -> bool:
        elsewhere(_marked(level, desk.user))
        return claim(*args)

    monkeypatch.setattr(replace, "_claim", halted_meanwhile)
    replace.order_replace_send(order.pk, now=NOW)
    assert "replace" not in book.calls
    assert "sent_at" not in fresh(order).pending_change


@BOTH
def test_a_halt_that_comes_after_the_claim_is_followed_by_a_cancellation(
    desk: BrokerConnection, book: Book, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.script("submit", Outcome.ACCEPT)
    order, send = order_of(desk), submit._send

    def halted_meanwhile(*args: Any, **named: Any) -> None:
        elsewhere(lambda: (LEVELS[level](desk.user), halts_sweep_task()))
        send(*args, **named)

    monkeypatch.setattr(submit, "_send", halted_meanwhile)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert kept.cancel_asked_at is not None
    assert kept.status in ("accepted", "cancelling")


@BOTH
@pytest.mark.usefixtures("broker")
def test_no_entry_slips_past_a_halt(alice: User, level: str) -> None:
    """Whoever is first: the entry is denied at the gate, cancelled by the sweep, or denied before it is sent."""
    account = connected(alice)
    at_once(placing(account), lambda: LEVELS[level](alice))
    halts_sweep_task()
    order = Order.objects.get()
    order_submit(order.pk, now=NOW)
    assert fresh(order).status in ("cancelled", "denied")


@BOTH
@pytest.mark.usefixtures("broker")
def test_halting_twice_at_once_halts_once(alice: User, level: str) -> None:
    placed(connected(alice))
    found = at_once(*[lambda: LEVELS[level](alice)] * 3)
    assert len({halt.pk for halt in found}) == 1
    assert Halt.objects.count() == 1


@BOTH
@pytest.mark.usefixtures("broker")
def test_widening_twice_at_once_while_it_is_swept_widens_once(alice: User, level: str) -> None:
    account = connected(alice)
    for number in range(3):
        placed(connected(alice, f"Account {number}"))
    held(account, 100)
    given = sell(account, 60, type="stop", stop_price=d(90))
    stop = at_broker(order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW))
    _marked(level, alice)()
    found = at_once(*[lambda: WIDENED[level](alice)] * 3, halts_sweep_task, halts_sweep_task)[:3]
    halts_sweep_task()
    assert {(halt.pk, halt.cancels_exits) for halt in found} == {(Halt.objects.get().pk, True)}
    assert (fresh(stop).status, Halt.objects.get().swept_at is not None) == ("cancelling", True)
    trail = AuditEntry.objects.filter(action="trader.halt_widened", account=account)
    assert trail.count() == (1 if level == "trader" else 0)


@BOTH
@pytest.mark.usefixtures("broker")
def test_a_halt_is_lifted_while_it_is_swept(alice: User, level: str) -> None:
    """Neither waits for what the other holds, whatever the sweep has got to."""
    for number in range(4):
        placed(connected(alice, f"Account {number}"))
    _marked(level, alice)()
    lift = {"trader": lambda: trader_resume(user=alice, now=NOW), "desk": lambda: desk_resume(by="bob", now=NOW)}
    found = at_once(halts_sweep_task, lift[level], halts_sweep_task)
    assert found[1].resumed_at == NOW


@pytest.mark.usefixtures("broker")
def test_many_workers_share_one_sweep(alice: User) -> None:
    accounts = [connected(alice, f"Account {number}") for number in range(6)]
    for account in accounts:
        placed(account)
    found = desk_halt(by="bob", reason="Now", now=NOW)
    at_once(*[halts_sweep_task] * 3)
    halts_sweep_task()
    found.refresh_from_db()
    assert (found.orders_cancelled, found.swept_at is not None) == (6, True)
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
