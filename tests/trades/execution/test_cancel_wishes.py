"""A wish to cancel outlives whatever happens to the order meanwhile: a replacement, a doubt, a killed worker, a queue."""

from typing import Any
from uuid import uuid4

import pytest

from brokers.errors import MarketClosed, TryLater
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, book, desk, fresh, later, order_of, report_of
from trades.execution import track
from trades.execution.cancel import cancels_to_send, order_cancel_send
from trades.execution.doubts import doubts_resolve
from trades.execution.intents import account_halt
from trades.execution.replace import order_replace_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import order_submit
from trades.execution.track import reports_apply
from trades.execution.transitions import transition
from trades.models import Order
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


def wish_change(order: Order, **changes: str) -> None:
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), **changes}
    assert transition(order, OrderFact.ASK_REPLACE, source="trader", at=NOW, pending_change=change)


def halt(desk: BrokerConnection, seconds: float = 1) -> None:
    account_halt(owner=desk.user, account_id=desk.account_id, now=later(seconds))


def work(seconds: float) -> None:
    """A turn of the sweep."""
    for key in cancels_to_send(later(seconds), 10):
        order_cancel_send(key, now=later(seconds))


def test_a_change_not_sent_yet_is_dropped_when_the_order_is_cancelled(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    wish_change(order, quantity="200")
    halt(desk)
    order_replace_send(order.pk, now=later(2))
    assert book.calls.count("replace") == 0
    assert fresh(order).pending_change is None
    work(3)
    assert [one.state for one in book.orders.values()] == [OrderState.CANCELLED]


def test_a_replacement_that_was_faster_than_the_cancellation_is_cancelled_too(
    desk: BrokerConnection, book: Book
) -> None:
    order = accepted(desk, book)
    wish_change(order, quantity="200")
    book.script("replace", Outcome.TIMEOUT_AFTER)
    order_replace_send(order.pk, now=later(1))
    halt(desk, 2)
    work(3)
    reports_apply(desk, list(book.parents()), source="poll", now=later(4))
    work(5)
    work(30)
    assert [one.state for one in book.orders.values()] == [OrderState.REPLACED, OrderState.CANCELLED]


def test_a_worker_killed_before_it_follows_the_wish_leaves_it_to_the_sweep(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)

    def killed(*given: Any, **named: Any) -> None:
        raise Killed

    def wished(adapter: MockAdapter, request: Any) -> Any:
        halt(desk)
        return SUBMIT(adapter, request)

    with monkeypatch.context() as patch:
        patch.setattr(MockAdapter, "submit", wished)
        patch.setattr(track, "_follow_up", killed)
        with pytest.raises(Killed):
            order_submit(order.pk, now=NOW)
    work(5)
    assert [one.state for one in book.orders.values()] == [OrderState.CANCELLED]


SUBMIT = MockAdapter.submit


def test_an_order_that_was_in_doubt_is_cancelled_as_soon_as_it_is_found(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.TIMEOUT_AFTER)
    order = order_of(desk, type="stop", limit=None, stop="120")
    order_submit(order.pk, now=NOW)
    Order.objects.filter(pk=order.pk).update(doubted_at=NOW)
    halt(desk)
    doubts_resolve(order.pk, now=later(2))
    assert fresh(order).status == "cancelling"
    work(3)
    assert book.calls.count("cancel") == 1


@pytest.mark.parametrize(
    "answer", [MarketClosed("Shut.", next_open=later(60_000)), TryLater("Busy.", after=300, code="rate_limited")]
)
def test_an_order_the_broker_gave_back_ends_at_once_when_it_is_not_wanted_any_more(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch, answer: Exception
) -> None:
    order = order_of(desk)

    def given_back(adapter: MockAdapter, request: Any) -> Any:
        halt(desk)
        raise answer

    monkeypatch.setattr(MockAdapter, "submit", given_back)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "cancelled"


def test_an_order_taken_back_that_shows_up_at_the_broker_is_cancelled_there(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk)
    halt(desk)
    assert fresh(order).status == "cancelled"
    reports_apply(desk, [report_of(order)], source="poll", now=later(5))
    assert (fresh(order).status, fresh(order).cancel_asked_at) == ("cancelling", later(1))
