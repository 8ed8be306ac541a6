"""Positions are closed, reduced and protected at a stand-in exchange: over the wire, by the workers' real code."""

from datetime import timedelta
from decimal import Decimal as D
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from tests.trades.desk_kit import a_plan
from tests.trades.execution.exchange_kit import account, connection_of, exchange
from trades.execution.cancel import order_cancel_send
from trades.execution.intents import (
    order_create,
    order_from_trade,
    orders_release,
    position_close,
    scale_out,
    stop_move,
    stop_trail,
)
from trades.execution.poll import connection_poll
from trades.execution.replace import order_replace_send
from trades.execution.submit import order_submit, orders_to_submit
from trades.models import Order, Trade
from trades.services.plan_input import Target
from trades.services.plans import plan_create

__all__ = ["account", "exchange"]


@pytest.fixture(autouse=True)
def _no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange's list shows at once what has changed."""
    monkeypatch.setattr("trades.execution.poll.LIST_LAG", timedelta(0))


@pytest.fixture
def trade(account, exchange) -> Trade:
    """100 SPY bought at 100.01 by a bracket; its stop at 95 and its target at 110 work."""
    targets = (Target(D(110)),)
    plan = a_plan(account, symbol="SPY", entry=D("100.50"), stop=D(95), targets=targets, quantity=D(100))
    made = plan_create(owner=account.owner, plan=plan, creation_key=uuid4(), now=timezone.now())
    given = order_from_trade(owner=account.owner, trade_id=made.pk)
    order = order_create(owner=account.owner, given=given, creation_key=uuid4(), now=timezone.now())
    assert order.status == "new", order.reason_detail
    work(account)
    made.refresh_from_db()
    assert (made.status, made.open_quantity) == ("active", D(100))
    return made


def work(account, turns: int = 4) -> None:
    """What the workers do in a few turns: send, ask, look, release."""
    for _ in range(turns):
        for order in Order.objects.filter(cancel_asked_at__isnull=False, status__in=["cancelling"]):
            order_cancel_send(order.pk)
        for order in Order.objects.filter(pending_change__isnull=False):
            order_replace_send(order.pk)
        for key in orders_to_submit(timezone.now(), 50):
            order_submit(key)
        connection_poll(connection_of(account))
        orders_release(timezone.now())


def working(trade: Trade) -> list[tuple]:
    found = Order.objects.filter(trade=trade, status__in=["accepted", "partially_filled"]).order_by("role")
    return [(order.role, order.quantity, order.stop_price or order.limit_price) for order in found]


def at_exchange(exchange) -> list[tuple]:
    """What the exchange itself says still works."""
    found = exchange.control.orders(exchange.account)
    open_ones = [order for order in found if order["status"] in ("new", "accepted", "held", "partially_filled")]
    return sorted((order["type"], D(order["qty"])) for order in open_ones)


def test_a_bracket_protects_what_it_bought(trade: Trade, exchange) -> None:
    assert working(trade) == [("stop_loss", D(100), D(95)), ("take_profit", D(100), D(110))]


def test_a_position_with_working_exits_is_closed(alice: User, trade: Trade, account, exchange) -> None:
    order = position_close(owner=alice, trade_id=trade.pk, creation_key=uuid4(), now=timezone.now())
    assert order.status == "queued"
    work(account)
    order.refresh_from_db()
    trade.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("filled", D(100))
    assert (trade.status, trade.open_quantity, trade.actual_exit) == ("closed", D(0), D("99.99"))
    assert at_exchange(exchange) == []


def test_scaling_out_leaves_the_rest_protected(alice: User, trade: Trade, account, exchange) -> None:
    scale_out(owner=alice, trade_id=trade.pk, quantity=D(40), creation_key=uuid4(), now=timezone.now())
    work(account)
    trade.refresh_from_db()
    assert (trade.status, trade.open_quantity) == ("active", D(60))
    assert working(trade) == [("stop_loss", D(60), D(95)), ("take_profit", D(60), D(110))]
    assert at_exchange(exchange) == [("limit", D(60)), ("stop", D(60))]


def test_a_moved_stop_works_where_it_was_moved_and_the_journal_follows(
    alice: User, trade: Trade, account, exchange
) -> None:
    stop_move(owner=alice, trade_id=trade.pk, price=D(97), creation_key=uuid4(), now=timezone.now())
    work(account)
    trade.refresh_from_db()
    assert trade.stop_loss == D(97)
    assert working(trade) == [("stop_loss", D(100), D(97)), ("take_profit", D(100), D(110))]
    assert at_exchange(exchange) == [("limit", D(100)), ("stop", D(100))]


def test_after_a_move_the_position_still_closes(alice: User, trade: Trade, account, exchange) -> None:
    stop_move(owner=alice, trade_id=trade.pk, price=D(97), creation_key=uuid4(), now=timezone.now())
    work(account)
    position_close(owner=alice, trade_id=trade.pk, creation_key=uuid4(), now=timezone.now())
    work(account)
    trade.refresh_from_db()
    assert (trade.status, at_exchange(exchange)) == ("closed", [])


def test_a_trailing_stop_takes_the_place_of_the_exits(alice: User, trade: Trade, account, exchange) -> None:
    stop_trail(owner=alice, trade_id=trade.pk, trail_percent=D(3), creation_key=uuid4(), now=timezone.now())
    work(account)
    assert at_exchange(exchange) == [("trailing_stop", D(100))]
    (order,) = Order.objects.filter(trade=trade, status="accepted")
    assert (order.type, order.role, order.trail_percent) == ("trailing_stop", "stop_loss", D(3))
