"""What the broker was asked about an order, and what came back, stays with the order."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.base import OrderRef
from brokers.errors import OutcomeUnknown
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.exchange_kit import account, ask, exchange
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, later, order_of
from trades.execution import submit
from trades.execution.cancel import order_cancel_send
from trades.execution.doubts import doubts_resolve
from trades.execution.evidence import KEPT_APART, asked
from trades.execution.replace import order_replace_send
from trades.execution.submit import order_submit
from trades.models import CallVerb, Order

pytestmark = pytest.mark.django_db

__all__ = ["account", "book", "desk", "exchange"]


def calls(order: Order) -> list[tuple[str, str]]:
    return list(order.calls.values_list("verb", "answer"))


def doubted(desk: BrokerConnection, book: Book) -> Order:
    book.script("submit", Outcome.TIMEOUT_BEFORE)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    Order.objects.filter(pk=order.pk).update(doubted_at=NOW, created_at=NOW)
    return fresh(order)


def test_an_order_that_is_taken_costs_no_statement_more(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk)
    with CaptureQueriesContext(connection) as found:
        order_submit(order.pk, now=NOW)
    assert calls(order) == []
    assert not [query["sql"] for query in found if "order_calls" in query["sql"]]


def test_each_question_about_a_doubt_is_kept_with_its_answer(desk: BrokerConnection, book: Book) -> None:
    order = doubted(desk, book)
    doubts_resolve(order.pk, now=later(1))
    book.script("order", Outcome.UNREACHABLE)
    doubts_resolve(order.pk, now=later(12))
    kept = list(order.calls.all())
    assert [(call.verb, call.answer, call.at, call.ref) for call in kept] == [
        ("look", "unknown", later(1), order.client_order_id),
        ("look", "not_processed", later(12), order.client_order_id),
    ]
    assert kept[1].sentence
    assert all(call.answered_at >= call.at for call in kept)


def test_a_cancellation_without_an_answer_is_kept(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk, status="cancelling", cancel_asked_at=NOW, broker_order_id="b-1")
    book.script("cancel", Outcome.TIMEOUT_BEFORE)
    order_cancel_send(order.pk, now=later(1))
    call = order.calls.get()
    assert (call.verb, call.answer, call.ref, call.status) == ("cancel", "no_answer", "b-1", "")


def test_a_cancellation_the_broker_knows_nothing_of_is_followed_by_a_question(
    desk: BrokerConnection, book: Book
) -> None:
    order = order_of(desk, status="cancelling", cancel_asked_at=NOW, broker_order_id="b-1")
    order_cancel_send(order.pk, now=later(1))
    assert calls(order) == [("cancel", "unknown"), ("look", "unknown")]


def test_a_change_is_kept_with_its_own_id(desk: BrokerConnection, book: Book) -> None:
    change = {"client_order_id": "td-change", "limit_price": "101", "asked_at": NOW.isoformat()}
    order = order_of(desk, status="accepted", broker_order_id="b-1", pending_change=change)
    book.script("replace", Outcome.TIMEOUT_BEFORE)
    order_replace_send(order.pk, now=NOW)
    order_replace_send(order.pk, now=later(3))
    assert list(order.calls.values_list("verb", "answer", "ref")) == [
        ("replace", "no_answer", "td-change"),
        ("look_change", "unknown", "td-change"),
    ]


def test_a_worker_that_stood_still_says_that_it_sent_nothing(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 99.0])
    monkeypatch.setattr(submit.time, "monotonic", lambda: next(ticks))
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    monkeypatch.undo()
    assert book.calls.count("submit") == 0
    assert (calls(order), order.calls.get().code) == ([("submit", "not_sent")], "sender_stopped")


def test_a_call_whose_process_ended_stays_without_an_answer(desk: BrokerConnection) -> None:
    order = order_of(desk)
    with pytest.raises(KeyboardInterrupt), asked(order, CallVerb.LOOK, ref="td-1", now=NOW):
        raise KeyboardInterrupt
    call = order.calls.get()
    assert (call.answer, call.answered_at, call.at) == ("", None, NOW)


def test_the_same_answer_again_and_again_is_counted(desk: BrokerConnection) -> None:
    order = order_of(desk)
    for second in range(KEPT_APART + 5):
        with asked(order, CallVerb.LOOK, ref="td-1", now=later(second)) as answer:
            answer.found(None)
    with asked(order, CallVerb.CANCEL, ref="td-1", now=later(60)):
        pass
    kept = list(order.calls.all())
    assert [call.times for call in kept] == [1] * (KEPT_APART - 1) + [6, 1]
    assert (kept[-2].at, kept[-2].last_at) == (later(KEPT_APART - 1), later(KEPT_APART + 4))
    assert calls(order)[-1] == ("cancel", "taken")


def test_words_of_a_broker_are_cut_and_those_of_a_bug_are_not_kept(desk: BrokerConnection) -> None:
    order = order_of(desk)
    with pytest.raises(OutcomeUnknown), asked(order, CallVerb.LOOK, ref="x" * 400, now=NOW):
        raise OutcomeUnknown("s" * 400, code="c" * 90, request_id="r" * 90)
    with pytest.raises(ValueError, match="secret"), asked(order, CallVerb.LOOK, ref="td-1", now=NOW):
        raise ValueError("secret")
    long, odd = order.calls.all()
    assert [len(text) for text in (long.ref, long.sentence, long.code, long.request_id)] == [255, 300, 60, 64]
    assert (odd.answer, odd.sentence, odd.code) == ("unreadable", "", "")


def test_calls_go_with_their_order(desk: BrokerConnection) -> None:
    order = order_of(desk)
    with asked(order, CallVerb.LOOK, ref="td-1", now=NOW):
        pass
    order.delete()
    assert not type(order).calls.rel.related_model.objects.exists()


def test_the_brokers_number_of_a_call_that_was_answered_is_kept(account: Any, exchange: Any) -> None:
    order = ask(account, type="limit", limit_price=D(90))
    order_submit(order.pk)
    order.refresh_from_db()
    from brokers.registry import adapter_for

    adapter = adapter_for(account.connection)
    with asked(order, CallVerb.LOOK, ref=order.client_order_id, now=NOW) as answer:
        answer.found(adapter.order(OrderRef(client_order_id=order.client_order_id)))
    call = order.calls.get()
    assert (call.answer, call.status) == ("shown", "new")
    assert call.request_id
