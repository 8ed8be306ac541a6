"""Orders that wait are looked at again before they leave, tell what became of them, and keep no other waiting."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Notification
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import (
    NOW,
    book,
    connect,
    desk,
    fill_of,
    fresh,
    later,
    order_of,
)
from trades.execution import releases
from trades.execution.fills import fills_apply
from trades.execution.releases import orders_release
from trades.execution.replace import order_replace_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import order_submit
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderFact

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def holding(desk: BrokerConnection, book: Book, quantity: str = "10") -> None:
    """Buy some AAPL, as the broker and the journal have it."""
    entry = order_of(desk, quantity=quantity)
    order_submit(entry.pk, now=NOW)
    fills_apply(desk, book.fills, now=NOW)


def sold_elsewhere(desk: BrokerConnection, quantity: str) -> None:
    fills_apply(desk, [fill_of("x-stop", quantity, "99", side=Side.SELL)], now=later(1))


def waited(order: Order) -> None:
    """It was asked for a while ago, and a rate limit or a missing queue held it back."""
    Order.objects.filter(pk=order.pk).update(created_at=NOW - timedelta(minutes=2))


def test_an_exit_that_waited_does_not_leave_when_nothing_is_held_any_more(desk: BrokerConnection, book: Book) -> None:
    holding(desk, book)
    out = order_of(desk, side="sell", type="market", limit=None, quantity="10", role="exit", is_reducing=True)
    waited(out)
    sold_elsewhere(desk, "10")
    order_submit(out.pk, now=later(2))
    assert book.calls.count("submit") == 1
    assert fresh(out).status == "cancelled"
    assert Notification.objects.filter(key=f"order:{out.pk}:ended").exists()


def test_an_exit_that_waited_sells_no_more_than_is_left(desk: BrokerConnection, book: Book) -> None:
    holding(desk, book)
    out = order_of(desk, side="sell", type="market", limit=None, quantity="10", role="exit", is_reducing=True)
    waited(out)
    sold_elsewhere(desk, "4")
    order_submit(out.pk, now=later(2))
    assert [(one.side.value, one.quantity) for one in book.orders.values()] == [("buy", 10), ("sell", 6)]


def test_looking_at_an_exit_again_keeps_its_sending_within_ten_queries(
    desk: BrokerConnection, book: Book, django_assert_max_num_queries: Any
) -> None:
    holding(desk, book)
    out = order_of(desk, side="sell", type="market", limit=None, quantity="10", role="exit", is_reducing=True)
    waited(out)
    with django_assert_max_num_queries(10):
        order_submit(out.pk, now=later(2))
    assert fresh(out).status == "filled"


def test_an_order_that_lapsed_before_it_was_sent_is_told(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.RATE_LIMITED)
    order = order_of(desk, send_before=NOW + timedelta(seconds=1))
    order_submit(order.pk, now=NOW)
    order_submit(order.pk, now=later(600))
    assert fresh(order).status == "expired"
    assert Notification.objects.get(key=f"order:{order.pk}:ended").title == "AAPL: order was not sent"


def test_orders_of_disabled_connections_keep_no_other_waiting(
    desk: BrokerConnection, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = connect(alice, "Off")
    for _ in range(3):
        order_of(off, status="queued", send_after=NOW)
    BrokerConnection.objects.filter(pk=off.pk).update(is_active=False, status="disabled")
    mine = order_of(desk, status="queued", send_after=NOW)
    looked: list[Any] = []
    monkeypatch.setattr(releases, "_quotes_ask", lambda orders: None)
    monkeypatch.setattr(releases, "_look", lambda order, now: looked.append(order.pk))
    orders_release(later(1), limit=3)
    assert looked == [mine.pk]


def test_an_order_of_a_disabled_connection_still_lapses(desk: BrokerConnection) -> None:
    order = order_of(desk, status="queued", send_after=NOW, send_before=later(5))
    BrokerConnection.objects.filter(pk=desk.pk).update(is_active=False, status="disabled")
    orders_release(later(6))
    assert fresh(order).status == "expired"


def wished(desk: BrokerConnection, book: Book, **columns: Any) -> Order:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk, **columns)
    order_submit(order.pk, now=NOW)
    order = fresh(order)
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), "quantity": "300"}
    assert transition(order, OrderFact.ASK_REPLACE, source="trader", at=NOW, pending_change=change)
    return order


def test_a_change_of_an_entry_is_not_sent_once_live_trading_is_off(
    desk: BrokerConnection, book: Book, settings: Any
) -> None:
    order = wished(desk, book)
    settings.ENABLE_BROKER_INTEGRATIONS = True
    BrokerConnection.objects.filter(pk=desk.pk).update(is_paper=False)
    order_replace_send(order.pk, now=later(1))
    assert book.calls.count("replace") == 0
    assert fresh(order).pending_change is None
    assert Notification.objects.filter(title="AAPL: order not changed").exists()
