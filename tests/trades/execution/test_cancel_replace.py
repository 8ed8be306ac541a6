"""Cancelling and changing what is at the broker: asked for once, true when the broker says so."""

import dataclasses
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Notification
from brokers.base import OrderChanges, OrderRef
from brokers.errors import NotCancelable, Refused
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, book, desk, events, fresh, later, order_of, plan_of
from trades.execution.cancel import ASK_AGAIN, cancels_to_send, order_cancel_send
from trades.execution.fills import fills_apply
from trades.execution.poll import connection_poll
from trades.execution.replace import order_replace_send, replaces_to_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import order_submit
from trades.execution.track import reports_apply
from trades.execution.transitions import transition
from trades.models import Order, StopMove
from trenddojo.domain.order_state import OrderFact, OrderState

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


class Killed(BaseException):
    """The process is gone at this point."""


def accepted(desk: BrokerConnection, book: Book, **given: Any) -> Order:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk, **given)
    order_submit(order.pk, now=NOW)
    return fresh(order)


def wish_gone(order: Order) -> Order:
    assert transition(order, OrderFact.ASK_CANCEL, source="trader", at=NOW, cancel_asked_at=NOW)
    return order


def wish(order: Order, **changes: str) -> str:
    """The id of the replacement that is wished."""
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), **changes}
    assert transition(order, OrderFact.ASK_REPLACE, source="trader", at=NOW, pending_change=change)
    return change["client_order_id"]


def pull(desk: BrokerConnection, book: Book) -> None:
    """All orders and executions as the broker has them."""
    reports = list(book.parents())
    reports_apply(desk, reports, source="poll", now=NOW)
    fills_apply(desk, book.fills, now=NOW)


def test_a_cancellation_is_asked_once_and_true_when_reported(desk: BrokerConnection, book: Book) -> None:
    order = wish_gone(accepted(desk, book))
    assert cancels_to_send(NOW, 10) == [order.pk]
    order_cancel_send(order.pk, now=later(1))
    order_cancel_send(order.pk, now=later(2))
    assert book.calls.count("cancel") == 1
    assert fresh(order).status == "cancelling"
    pull(desk, book)
    assert fresh(order).status == "cancelled"
    assert fresh(order).done_at is not None


def test_a_cancellation_without_an_answer_is_asked_again(desk: BrokerConnection, book: Book) -> None:
    order = wish_gone(accepted(desk, book))
    book.script("cancel", Outcome.TIMEOUT_BEFORE)
    order_cancel_send(order.pk, now=later(1))
    assert cancels_to_send(later(2), 10) == []
    assert cancels_to_send(later(1) + ASK_AGAIN, 10) == [order.pk]
    order_cancel_send(order.pk, now=later(1) + ASK_AGAIN)
    assert book.orders["mock-1"].state == OrderState.CANCELLED


def test_a_rate_limit_lets_the_next_worker_ask(desk: BrokerConnection, book: Book) -> None:
    order = wish_gone(accepted(desk, book))
    book.script("cancel", Outcome.RATE_LIMITED)
    order_cancel_send(order.pk, now=later(1))
    assert cancels_to_send(later(2), 10) == [order.pk]


def test_what_was_filled_meanwhile_is_filled(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    order = wish_gone(accepted(desk, book, trade=plan))
    book.fill("mock-1")
    order_cancel_send(order.pk, now=later(1))
    assert fresh(order).status == "filled"
    pull(desk, book)
    assert fresh(plan).status == "active"


def test_a_part_filled_before_the_cancellation_is_kept(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    order = accepted(desk, book, trade=plan)
    book.fill("mock-1", D(40))
    pull(desk, book)
    assert fresh(order).status == "partially_filled"
    wish_gone(fresh(order))
    order_cancel_send(order.pk, now=later(1))
    pull(desk, book)
    kept, plan = fresh(order), fresh(plan)
    assert (kept.status, kept.filled_quantity) == ("cancelled", 40)
    assert (plan.status, plan.quantity, plan.broker_sync_status) == ("active", 40, "synced")


def test_a_refused_cancellation_lets_the_order_work_on_and_says_so(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(adapter: MockAdapter, ref: OrderRef) -> None:
        raise NotCancelable("It is too late to cancel.", code="not_cancelable")

    monkeypatch.setattr(MockAdapter, "cancel", refuse)
    order = wish_gone(accepted(desk, book))
    order_cancel_send(order.pk, now=later(1))
    assert (fresh(order).status, fresh(order).cancel_asked_at) == ("accepted", None)
    assert Notification.objects.filter(title="AAPL: order not cancelled").count() == 1


def test_an_order_the_broker_forgot_ends_after_three_answers(desk: BrokerConnection, book: Book) -> None:
    order = wish_gone(accepted(desk, book))
    book.orders.clear()
    for times in range(1, 4):
        assert fresh(order).status == "cancelling"
        order_cancel_send(order.pk, now=NOW + times * ASK_AGAIN)
    assert (fresh(order).status, fresh(order).reason_code) == ("cancelled", "gone")


def test_a_change_becomes_a_new_order_in_place_of_the_old(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    old = accepted(desk, book, trade=plan, stop_loss="95")
    new_id = wish(old, limit_price="99.50", reserved_value="9950.00")
    order_replace_send(old.pk, now=later(1))
    order_replace_send(old.pk, now=later(2))
    assert book.calls.count("replace") == 1
    pull(desk, book)
    new = Order.objects.get(replaces=old)
    assert (new.client_order_id, client_id_of(new.pk), new.origin) == (new_id, new_id, "desk")
    assert (new.limit_price, new.quantity, new.status, new.trade_id) == (D("99.5"), 100, "accepted", plan.pk)
    assert (new.role, new.reserved_value) == ("entry", D(9950))
    assert (fresh(old).status, fresh(old).pending_change) == ("replaced", None)
    assert [leg.role for leg in new.legs.all()] == ["stop_loss"]
    assert fresh(plan).broker_order_id == new.broker_order_id
    assert fresh(plan).status == "pending"


def test_a_moved_stop_is_the_trades_stop_when_the_broker_shows_it(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    entry = accepted(desk, book, trade=plan, stop_loss="95")
    book.fill("mock-1")
    pull(desk, book)
    assert fresh(plan).status == "active"
    stop = Order.objects.get(parent=entry)
    wish(stop, stop_price="97")
    assert fresh(plan).stop_loss == 95
    order_replace_send(stop.pk, now=later(1))
    pull(desk, book)
    plan = fresh(plan)
    assert (plan.stop_loss, plan.initial_stop, plan.open_risk, plan.initial_risk) == (97, 95, D(300), D(500))
    assert list(StopMove.objects.filter(trade=plan).values_list("from_price", "to_price")) == [(95, 97)]
    new = Order.objects.get(replaces=stop)
    assert (new.parent_id, new.role, new.is_reducing, new.status) == (entry.pk, "stop_loss", True, "accepted")


def test_a_fill_that_was_faster_than_the_change_wins(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.fill("mock-1")
    order_replace_send(order.pk, now=later(1))
    assert (fresh(order).status, fresh(order).pending_change) == ("filled", None)
    assert Order.objects.count() == 1
    assert Notification.objects.filter(title="AAPL: order not changed").count() == 1


def test_a_refused_change_leaves_the_order_as_it_was(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(adapter: MockAdapter, ref: OrderRef, changes: OrderChanges) -> None:
        raise Refused("The price is too far away.", code="rule")

    monkeypatch.setattr(MockAdapter, "replace", refuse)
    order = accepted(desk, book)
    wish(order, limit_price="1")
    order_replace_send(order.pk, now=later(1))
    kept = fresh(order)
    assert (kept.status, kept.limit_price, kept.pending_change) == ("accepted", 100, None)
    assert events(order)[-1] == ("replace_refused", "accepted", "accepted")


def test_a_change_whose_answer_got_lost_is_found_by_its_id(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.script("replace", Outcome.TIMEOUT_AFTER)
    order_replace_send(order.pk, now=later(1))
    assert Order.objects.filter(replaces=order).count() == 0
    assert replaces_to_send(later(2), 10) == []
    assert replaces_to_send(later(3), 10) == [order.pk]
    order_replace_send(order.pk, now=later(3))
    assert Order.objects.get(replaces=order).limit_price == 99
    assert book.calls.count("replace") == 1


def test_a_change_that_never_arrived_is_given_up(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.script("replace", Outcome.TIMEOUT_BEFORE)
    for second in range(1, 60):
        order_replace_send(order.pk, now=later(second))
    assert (fresh(order).status, fresh(order).pending_change, fresh(order).limit_price) == ("accepted", None, 100)
    assert book.calls.count("replace") == 1


def test_a_sender_killed_after_the_change_left_loses_nothing(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = MockAdapter.replace

    def killed(adapter: MockAdapter, ref: OrderRef, changes: OrderChanges) -> None:
        replace(adapter, ref, changes)
        raise Killed

    order = accepted(desk, book)
    new_id = wish(order, limit_price="99")
    monkeypatch.setattr(MockAdapter, "replace", killed)
    with pytest.raises(Killed):
        order_replace_send(order.pk, now=later(1))
    order_replace_send(order.pk, now=later(10))
    assert Order.objects.get(replaces=order).client_order_id == new_id


def test_a_push_that_is_faster_than_the_answer_makes_one_row(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    new_id = wish(order, limit_price="99")
    book.script("replace", Outcome.TIMEOUT_AFTER)
    order_replace_send(order.pk, now=later(1))
    connection_poll(desk)
    order_replace_send(order.pk, now=later(9))
    assert Order.objects.get(replaces=order).client_order_id == new_id
    assert Order.objects.count() == 2


def test_a_change_waits_for_the_rate_limit_and_is_then_sent(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.script("replace", Outcome.RATE_LIMITED, Outcome.TIMEOUT_AFTER)
    order_replace_send(order.pk, now=later(1))
    assert replaces_to_send(later(2), 10) == []
    order_replace_send(order.pk, now=later(3))
    # The answer to the second try got lost: it is asked for after its own pause, not sent a third time.
    assert replaces_to_send(later(4), 10) == []
    order_replace_send(order.pk, now=later(5))
    assert Order.objects.get(replaces=order).limit_price == 99
    assert book.calls.count("replace") == 2


def test_refused_keys_keep_the_wish_and_disable_the_connection(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.script("replace", Outcome.BAD_KEY)
    order_replace_send(order.pk, now=later(1))
    assert not fresh(desk).is_active
    assert "sent_at" not in fresh(order).pending_change
    assert replaces_to_send(later(60), 10) == []


def test_a_change_under_a_known_id_is_the_change_that_was_made(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.script("replace", Outcome.TIMEOUT_AFTER)
    order_replace_send(order.pk, now=later(1))
    change = {name: word for name, word in fresh(order).pending_change.items() if name != "sent_at"}
    Order.objects.filter(pk=order.pk).update(pending_change=change)
    book.orders["mock-1"] = dataclasses.replace(book.orders["mock-1"], state=OrderState.ACCEPTED)
    order_replace_send(order.pk, now=later(2))
    assert Order.objects.get(replaces=order).limit_price == 99
    assert len(book.orders) == 2


def test_a_change_of_an_order_that_is_over_is_dropped_unsent(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish(order, limit_price="99")
    book.fill("mock-1")
    pull(desk, book)
    order_replace_send(order.pk, now=later(1))
    assert (fresh(order).status, fresh(order).pending_change) == ("filled", None)
    assert book.calls.count("replace") == 0


def test_a_change_whose_answer_nobody_can_read_is_looked_up(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    change = MockAdapter.replace

    def unreadable(adapter: MockAdapter, ref: OrderRef, changes: OrderChanges) -> None:
        change(adapter, ref, changes)
        raise ValueError("an answer nobody can read")

    order = accepted(desk, book)
    wish(order, limit_price="99")
    monkeypatch.setattr(MockAdapter, "replace", unreadable)
    order_replace_send(order.pk, now=later(1))
    assert "order.replace.unexpected" in caplog.text
    book.script("order", Outcome.UNREACHABLE)
    order_replace_send(order.pk, now=later(4))
    order_replace_send(order.pk, now=later(7))
    assert Order.objects.get(replaces=order).limit_price == 99
