"""A halt that comes down at the worst moment, over connections of its own: the database decides who was first."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import Halt, User
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW
from tests.trades.execution.gate_kit import broker, connected, placed
from tests.trades.execution.recording_kit import book, desk, fresh, order_of
from tests.trades.execution.test_at_once_orders import at_once, placing
from trades.execution import replace, submit
from trades.execution.intents import desk_halt, trader_halt
from trades.execution.submit import order_submit
from trades.models import Order
from trades.tasks import halts_sweep_task

__all__ = ["book", "broker", "desk"]
pytestmark = pytest.mark.django_db(transaction=True)

LEVELS = {
    "trader": lambda user: trader_halt(user=user, reason="Now", now=NOW),
    "desk": lambda user: desk_halt(by="bob", reason="Now", now=NOW),
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
