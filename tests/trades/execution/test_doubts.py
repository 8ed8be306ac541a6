"""A doubt ends by evidence alone."""

from dataclasses import replace

import pytest

from accounts.models import Notification
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, book, desk, events, fresh, later, order_of, plan_of
from trades.execution.doubts import PAUSES, doubts_due, doubts_resolve
from trades.execution.shapes import request_of
from trades.execution.submit import order_submit
from trades.execution.track import report_apply
from trades.models import Order

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def doubted(desk: BrokerConnection, book: Book, outcome: Outcome = Outcome.TIMEOUT_BEFORE, **given: object) -> Order:
    book.script("submit", outcome)
    order = order_of(desk, **given)
    order_submit(order.pk, now=NOW)
    Order.objects.filter(pk=order.pk).update(doubted_at=NOW, created_at=NOW)
    return fresh(order)


def ask_until(order: Order, seconds: int) -> None:
    """The sweep looks every second."""
    for second in range(1, seconds + 1):
        if order.pk in doubts_due(later(second), 10):
            doubts_resolve(order.pk, now=later(second))


def test_an_order_the_broker_has_is_adopted(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    order = doubted(desk, book, Outcome.TIMEOUT_AFTER, trade=plan, stop_loss="95")
    doubts_resolve(order.pk, now=later(1))
    assert (fresh(order).status, fresh(order).broker_order_id, fresh(order).filled_quantity) == (
        "filled",
        "mock-1",
        100,
    )
    assert book.calls.count("submit") == 1
    assert fresh(plan).broker_sync_status == "synced"


def test_an_order_that_never_arrived_is_sent_again_under_the_same_id(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    ask_until(order, 60)
    assert (fresh(order).status, fresh(order).asked_count) == ("new", 3)
    order_submit(order.pk, now=later(61))
    assert fresh(order).status == "filled"
    assert [one.client_order_id for one in book.orders.values()] == [order.client_order_id]


def test_nothing_is_proven_before_the_order_had_its_time_to_arrive(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    ask_until(order, 30)
    assert (fresh(order).status, fresh(order).asked_count) == ("in_doubt", 2)


def test_answers_at_the_same_moment_count_as_one(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    for _ in range(5):
        doubts_resolve(order.pk, now=later(40))
    assert fresh(order).asked_count == 1
    assert book.calls.count("order") == 1


def test_a_broker_that_takes_an_id_twice_is_never_sent_a_second_order(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MockAdapter, "capabilities", replace(MockAdapter.capabilities, refuses_duplicate_ids=False))
    order = doubted(desk, book)
    ask_until(order, 90)
    kept = fresh(order)
    assert (kept.status, kept.reason_code) == ("rejected", "never_arrived")
    assert book.calls.count("submit") == 1
    assert Notification.objects.filter(kind="order_rejected", key=f"order:{order.pk}:rejected").count() == 1


def test_a_broker_that_cannot_be_asked_leaves_the_doubt_to_the_trader(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MockAdapter, "capabilities", replace(MockAdapter.capabilities, finds_client_order_id=False))
    order = doubted(desk, book)
    ask_until(order, 90)
    assert fresh(order).status == "in_doubt"


def test_an_order_past_its_time_is_not_sent_again(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book, send_before=later(30))
    ask_until(order, 60)
    assert (fresh(order).status, fresh(order).reason_code) == ("rejected", "never_arrived")


def test_an_order_the_trader_gave_up_is_not_sent_again(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    Order.objects.filter(pk=order.pk).update(cancel_asked_at=NOW)
    ask_until(order, 60)
    assert fresh(order).status == "rejected"


def test_a_broker_that_does_not_answer_proves_nothing(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    book.script("order", *[Outcome.UNREACHABLE] * 100)
    ask_until(order, 120)
    assert (fresh(order).status, fresh(order).asked_count) == ("in_doubt", 0)


def test_an_order_that_shows_up_late_is_found(desk: BrokerConnection, book: Book) -> None:
    """The broker's memory lags behind what it took."""
    order = doubted(desk, book)
    doubts_resolve(order.pk, now=later(1))
    doubts_resolve(order.pk, now=later(1 + PAUSES[1] + 1))
    assert fresh(order).asked_count == 2
    book.fill(book.add(request_of(order, [])).broker_order_id)
    ask_until(order, 60)
    assert fresh(order).status == "filled"
    assert len(book.orders) == 1


def test_another_order_under_our_id_is_not_adopted(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    request = request_of(order, [])
    book.add(replace(request, terms=replace(request.terms, quantity=D(7))))
    doubts_resolve(order.pk, now=later(1))
    assert (fresh(order).status, fresh(order).reason_code) == ("rejected", "id_taken")


def test_the_broker_may_change_its_mind_about_an_order_it_did_not_know(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book, send_before=later(1))
    ask_until(order, 60)
    assert fresh(order).status == "rejected"
    report = book.add(request_of(order, []))
    report_apply(desk, report, source="reconcile", now=later(90))
    assert fresh(order).status == "accepted"
    assert events(order)[-1] == ("accept", "rejected", "accepted")
    assert fresh(order).done_at is None


def test_the_next_question_is_due_after_its_pause(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    assert doubts_due(NOW, 10) == [order.pk]
    doubts_resolve(order.pk, now=later(1))
    assert doubts_due(later(1 + PAUSES[1] - 1), 10) == []
    assert doubts_due(later(1 + PAUSES[1]), 10) == [order.pk]
