"""An entry that was changed half way is one entry: its price and size are those of its executions."""

from typing import Any
from uuid import uuid4

import pytest

from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, order_of, plan_of
from trades.execution.poll import connection_poll
from trades.execution.replace import order_replace_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import order_submit
from trades.execution.transitions import transition
from trades.models import Fill, Order
from trenddojo.domain.order_state import OrderFact

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def changed(desk: BrokerConnection, order: Order, **wanted: Any) -> None:
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), **wanted}
    assert transition(fresh(order), OrderFact.ASK_REPLACE, source="trader", at=NOW, pending_change=change)
    order_replace_send(order.pk, now=NOW)


def test_the_brokers_price_of_a_trade_counts_every_execution_once(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk, trade=plan, quantity="80")
    order_submit(order.pk, now=NOW)
    book.fill("mock-1", D(40), D(100))
    connection_poll(fresh(desk))
    changed(desk, order, limit_price="110")
    connection_poll(fresh(desk))
    book.fill("mock-2", D(40), D(110))
    connection_poll(fresh(desk))
    trade = fresh(plan)
    assert sorted(Fill.objects.values_list("price", flat=True)) == [100, 110]
    assert (trade.quantity, trade.actual_entry, trade.broker_fill_price) == (80, 105, 105)
