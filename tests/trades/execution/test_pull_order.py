"""Pulls in the wrong order, of too much or from a clock of its own: nothing is skipped, nothing goes back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from brokers.base import OrderRef, PositionReport
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection, BrokerPosition
from brokers.registry import settings_of
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, later, order_of
from trades.execution.intents import position_close
from trades.execution.poll import connection_poll
from trades.execution.pulls import fills_pull
from trades.execution.reconcile import MOST_ASKED
from trades.execution.replace import order_replace_send
from trades.execution.shapes import client_id_of
from trades.execution.standing import positions_write
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.execution.transitions import transition
from trades.models import Fill, Order
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderFact
from trenddojo.domain.orders import OrderTerms, OrderType

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def accepted(desk: BrokerConnection, book: Book, **given: Any) -> Order:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk, **given)
    order_submit(order.pk, now=NOW)
    return fresh(order)


def test_every_order_the_list_leaves_out_has_its_turn(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They work, and the broker's list shows none of them."""
    orders = [accepted(desk, book, quantity="1") for _ in range(MOST_ASKED + 10)]
    Order.objects.update(updated_at=NOW - timedelta(hours=1))
    last = orders[-1].broker_order_id
    book.fill(last)
    monkeypatch.setattr(MockAdapter, "orders", lambda *given, **named: [])
    asked: set[str] = set()
    order = MockAdapter.order

    def note(adapter: MockAdapter, ref: OrderRef) -> Any:
        asked.add(ref.broker_order_id)
        return order(adapter, ref)

    monkeypatch.setattr(MockAdapter, "order", note)
    for turn in range(1, 4):
        connection_sync(fresh(desk), now=later(60 * turn))
    assert asked == set(book.orders)


def test_a_pull_that_was_overtaken_does_not_bring_back_what_was_held(desk: BrokerConnection) -> None:
    def told(quantity: int) -> list[PositionReport]:
        return [PositionReport("AAPL", AssetClass.STOCK, D(quantity), D(100))] if quantity else []

    BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=later(100))
    positions_write(fresh(desk), told(5), as_of=later(100))
    # A worker that was stopped in the middle of its own pull goes on.
    positions_write(fresh(desk), told(10), as_of=NOW)
    assert BrokerPosition.objects.get().quantity == 5
    positions_write(fresh(desk), told(0), as_of=later(200))
    BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=later(200))
    positions_write(fresh(desk), told(10), as_of=NOW)
    assert not BrokerPosition.objects.exists()


def test_a_fill_of_our_own_order_is_booked_whatever_the_brokers_clock_says(desk: BrokerConnection, book: Book) -> None:
    """The broker's clock is behind ours, or of another week: to it the order came before the journal began."""
    BrokerConnection.objects.filter(pk=desk.pk).update(journal_since=later(3600))
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    connection_poll(fresh(desk))
    connection_sync(fresh(desk), now=timezone.now())
    assert Fill.objects.get().order_id == order.pk


def test_what_others_executed_before_the_journal_is_still_read_over(desk: BrokerConnection, book: Book) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(journal_since=later(3600))
    terms = OrderTerms("AAPL", Side.BUY, OrderType.MARKET, D(3))
    book.fill(book.place_external(terms).broker_order_id)
    connection_sync(fresh(desk), now=timezone.now())
    assert not Fill.objects.exists()


def test_executions_of_more_strangers_than_one_pull_asks_for_belong_to_their_orders(
    desk: BrokerConnection, book: Book
) -> None:
    for _ in range(25):
        terms = OrderTerms("AAPL", Side.BUY, OrderType.MARKET, D(1))
        book.fill(book.place_external(terms).broker_order_id)
    adapter = MockAdapter(settings_of(desk, {}))
    for _ in range(2):
        fills_pull(fresh(desk), adapter, source="poll")
    assert Fill.objects.count() == 25
    assert Fill.objects.filter(order=None).count() == 0


def test_a_close_after_a_replacement_that_counts_earlier_fills_sells_what_is_held(
    desk: BrokerConnection, book: Book
) -> None:
    order = accepted(desk, book)
    book.fill("mock-1", D(40))
    connection_poll(fresh(desk))
    order = fresh(order)
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), "quantity": "80"}
    assert transition(order, OrderFact.ASK_REPLACE, source="trader", at=NOW, pending_change=change)
    order_replace_send(order.pk, now=NOW)
    connection_poll(fresh(desk))
    book.fill("mock-2")
    connection_poll(fresh(desk))
    held = sum(fill.quantity for fill in Fill.objects.all())
    assert held == book.positions()[0].quantity
    out = position_close(
        owner=desk.user, account_id=desk.account_id, symbol="AAPL", creation_key=uuid4(), now=timezone.now()
    )
    assert out.quantity == held
