"""What happens to an order is a line with its id once it is committed, whoever told of it, and says no price."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import transaction

from brokers.base import OrderUpdate
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, book, desk, external_report, fresh, order_of
from trades.execution.hints import hints_apply
from trades.execution.submit import order_submit
from trades.execution.track import report_apply
from trades.execution.transitions import transition
from trades.models import Fill, Order
from trenddojo.domain.order_state import OrderFact

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]

Committing = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The events so far of orders and fills, as they are written."""
    caplog.set_level(logging.INFO)

    def said() -> list[str]:
        found = [record.getMessage() for record in caplog.records]
        return [message for message in found if message.startswith(("order.", "fill."))]

    return said


def working(desk: BrokerConnection, book: Book) -> Order:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    return fresh(order)


def test_sending_has_the_lines_of_the_worker_alone(
    desk: BrokerConnection,
    book: Book,
    lines: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Committing,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        order = working(desk, book)
    assert order.status == "accepted"
    assert [line.split(" ms=")[0] for line in lines()] == [f"order.answered order={order.pk}"]


def test_a_fill_that_the_stream_told_of_is_two_lines_with_the_orders_id(
    desk: BrokerConnection,
    book: Book,
    lines: Callable[[], list[str]],
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Committing,
) -> None:
    order = working(desk, book)
    caplog.clear()
    report = book.fill(order.broker_order_id)
    with django_capture_on_commit_callbacks(execute=True):
        hints_apply(desk.pk, [OrderUpdate(event="fill", report=report, is_execution=True)])

    fill = Fill.objects.get()
    assert lines() == [
        f"fill.booked order={order.pk} trade={fill.trade_id} execution={fill.execution_id}",
        f"order.step order={order.pk} from=accepted to=filled fact=fill source=stream",
    ]

    caplog.clear()
    with django_capture_on_commit_callbacks(execute=True):
        hints_apply(desk.pk, [OrderUpdate(event="fill", report=report, is_execution=True)])
    assert lines() == []


def test_a_cancellation_is_followed_from_the_wish_to_the_brokers_word(
    desk: BrokerConnection,
    book: Book,
    lines: Callable[[], list[str]],
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Committing,
) -> None:
    order = working(desk, book)
    caplog.clear()
    with django_capture_on_commit_callbacks(execute=True):
        transition(order, OrderFact.ASK_CANCEL, source="trader", at=NOW)
        transition(order, OrderFact.CANCEL, source="stream", at=NOW)
    assert lines() == [
        f"order.step order={order.pk} from=accepted to=cancelling fact=ask_cancel source=trader",
        f"order.step order={order.pk} from=cancelling to=cancelled fact=cancel source=stream",
    ]


def test_what_is_rolled_back_is_not_told(
    desk: BrokerConnection,
    lines: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Committing,
) -> None:
    order = order_of(desk, status="accepted", broker_order_id="b-1")
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        assert transition(order, OrderFact.CANCEL, source="stream", at=NOW)
        transaction.set_rollback(True)
    assert (fresh(order).status, lines()) == ("accepted", [])


def test_nothing_is_prepared_where_nobody_reads_it(
    desk: BrokerConnection,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Committing,
) -> None:
    caplog.set_level(logging.WARNING)
    order = order_of(desk, status="accepted", broker_order_id="b-1")
    with django_capture_on_commit_callbacks() as after:
        assert transition(order, OrderFact.ASK_CANCEL, source="trader", at=NOW)
    assert [call for call in after if "_step_log" in repr(call)] == []


def test_an_order_made_elsewhere_is_told_once(
    desk: BrokerConnection,
    lines: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Committing,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            report_apply(desk, external_report(), source="poll", now=NOW)
    order = Order.objects.get()
    assert lines() == [f"order.adopted order={order.pk} status=accepted connection={desk.pk} source=poll"]
