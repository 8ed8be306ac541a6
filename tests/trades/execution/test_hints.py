"""What a stream says: executions are booked first, and what they wait for is heard in between."""

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers.base import OrderReport, OrderUpdate
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, book, desk, fresh, order_of
from trades.execution import hints
from trades.execution.hints import hints_apply
from trades.execution.submit import order_submit
from trades.models import Fill, Order

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def working(desk: BrokerConnection, book: Book, *, outcome: Outcome = Outcome.ACCEPT) -> Order:
    book.script("submit", outcome)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    return fresh(order)


def said(report: OrderReport) -> OrderUpdate:
    return OrderUpdate(event="fill", report=report, is_execution=True)


class Stopped(Exception):
    """The process ended here."""


def stop(*_: Any, **__: Any) -> None:
    raise Stopped


def test_an_execution_is_booked_before_its_orders_report_is_looked_at(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = working(desk, book)
    report = book.fill(order.broker_order_id)
    with monkeypatch.context() as killed:
        killed.setattr(hints, "reports_apply", stop)
        with pytest.raises(Stopped):
            hints_apply(desk.pk, [said(report)])
    assert (Fill.objects.get().order_id, fresh(order).status) == (order.pk, "accepted")

    hints_apply(desk.pk, [said(report)])
    assert (Fill.objects.count(), fresh(order).status) == (1, "filled")


def test_an_execution_whose_order_only_the_report_names_is_booked_with_it(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = working(desk, book, outcome=Outcome.TIMEOUT_AFTER)
    (known,) = book.orders
    report = book.fill(known)
    monkeypatch.setattr(MockAdapter, "order", lambda *_: None)

    hints_apply(desk.pk, [said(report)])

    assert (Fill.objects.get().order_id, fresh(order).status) == (order.pk, "filled")


def test_a_fill_is_there_for_others_after_nineteen_queries(desk: BrokerConnection, book: Book) -> None:
    first, second = working(desk, book), working(desk, book)
    hints_apply(desk.pk, [said(book.fill(first.broker_order_id))])
    report = book.fill(second.broker_order_id)

    with CaptureQueriesContext(database) as queries:
        hints_apply(desk.pk, [said(report)])

    told = [query["sql"] for query in queries]
    asked = [words for words in told if "SAVEPOINT" not in words]
    until_committed = [words for words in told[: _end_of_booking(told)] if "SAVEPOINT" not in words]
    assert (len(until_committed), len(asked)) == (19, 26)
    assert fresh(second).status == "filled"


def _end_of_booking(told: list[str]) -> int:
    return next(place for place, words in enumerate(told) if words.startswith("RELEASE SAVEPOINT"))
