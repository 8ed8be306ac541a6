"""What an order is (side, type, time in force, class) in words that the desk does not know: known orders go on all the same."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from accounts.models import Notification
from brokers.base import OrderReport
from brokers.models import BrokerConnection
from tests.trades.execution.exchange_kit import account, connection_of, exchange, send
from tests.trades.execution.recording_kit import NOW, book, desk, external_report, fresh, later, order_of, report_of
from trades.execution.doubts import doubts_resolve
from trades.execution.poll import connection_poll
from trades.execution.track import Applied, reports_apply
from trades.models import Order
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderType, StopLoss, TakeProfit

__all__ = ["account", "book", "desk", "exchange"]

UNKNOWN: dict[str, Any] = dict.fromkeys(("side", "type", "time_in_force", "order_class"))
ENUMS = {
    "side": "lend",
    "type": "iceberg",
    "order_type": "iceberg",
    "time_in_force": "forever",
    "order_class": "pyramid",
}


def poll(desk: BrokerConnection, *reports: OrderReport) -> Applied:
    return reports_apply(desk, reports, source="poll", now=NOW)


def words(order: Order) -> tuple[str, str, str, str]:
    return (order.side, order.type, order.time_in_force, order.order_class)


def test_an_order_is_accepted_and_followed_whatever_its_answers_call_it(account, exchange) -> None:
    exchange.control.fault("replace_fields", method="POST", path="/v2/orders", fields=ENUMS)
    exits = {"stop_loss": StopLoss(D(95)), "take_profit": TakeProfit(D(110))}
    order = send(account, type="limit", limit_price=D("99.00"), time_in_force="gtc", **exits)
    assert (order.status, *words(order)) == ("accepted", "buy", "limit", "gtc", "bracket")
    assert order.legs.exclude(broker_order_id="").count() == 2
    exchange.control.fault("replace_fields", method="GET", path="/v2/orders", fields=ENUMS)
    exchange.control.set_quote("SPY", bid="98.98", ask="99.00", bid_size=4, ask_size=4)
    connection_poll(connection_of(account))
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, *words(order)) == (
        "partially_filled",
        4,
        "buy",
        "limit",
        "gtc",
        "bracket",
    )
    assert (Order.objects.count(), connection_of(account).last_error) == (3, "")


def test_a_doubt_is_ended_by_an_answer_in_unknown_words_and_the_legs_come_with_it(account, exchange) -> None:
    exchange.control.fault("drop_after", method="POST", path="/v2/orders")
    order = send(account, type="limit", limit_price=D("99.00"), time_in_force="gtc", stop_loss=StopLoss(D(95)))
    assert order.status == "in_doubt"
    exchange.control.fault("replace_fields", method="GET", path="/v2/orders*", times=2, fields=ENUMS)
    doubts_resolve(order.pk)
    order.refresh_from_db()
    assert (order.status, *words(order)) == ("accepted", "buy", "limit", "gtc", "oto")
    assert order.legs.exclude(broker_order_id="").count() == 1


def test_legs_are_told_apart_by_their_prices(desk: BrokerConnection) -> None:
    order = order_of(desk, stop_loss="95", take_profit="110")
    leg = report_of(order, client_order_id="", limit_price=None, **UNKNOWN)
    target = replace(leg, broker_order_id="leg-1", limit_price=D(110))
    stop = replace(leg, broker_order_id="leg-2", stop_price=D(95))
    poll(desk, report_of(order, legs=(stop, target)))
    assert dict(order.legs.values_list("role", "broker_order_id")) == {"take_profit": "leg-1", "stop_loss": "leg-2"}


def test_a_replacement_is_what_the_order_before_it_was(desk: BrokerConnection) -> None:
    order = order_of(desk, side="sell", type="stop", limit=None, stop="95")
    Order.objects.filter(pk=order.pk).update(time_in_force="gtc")
    poll(desk, report_of(order, broker_order_id="b-1"))
    poll(desk, external_report(7, replaces="b-1", limit_price=None, stop_price=D(94), **UNKNOWN))
    row = Order.objects.get(replaces=order)
    assert (row.stop_price, *words(row)) == (94, *words(fresh(order)))
    assert words(row)[:2] == ("sell", "stop")


def test_an_order_made_elsewhere_waits_until_it_is_told_whether_it_buys_or_sells(desk: BrokerConnection) -> None:
    for _ in range(2):
        poll(desk, external_report(1, side=None), external_report(2))
    assert list(Order.objects.values_list("broker_order_id", flat=True)) == ["x-2"]
    assert list(Notification.objects.values_list("kind", "title")) == [
        ("order_in_doubt", "AAPL: order that the desk cannot read")
    ]
    poll(desk, external_report(1, side=Side.SELL, updated_at=later(1)))
    assert set(Order.objects.values_list("broker_order_id", "side")) == {("x-1", "sell"), ("x-2", "buy")}


@pytest.mark.parametrize(
    ("prices", "kind"),
    [
        ({}, OrderType.MARKET),
        ({"limit_price": D(99)}, OrderType.LIMIT),
        ({"stop_price": D(95)}, OrderType.STOP),
        ({"stop_price": D(95), "limit_price": D(94)}, OrderType.STOP_LIMIT),
        ({"stop_price": D(95), "trail_percent": D(3)}, OrderType.TRAILING_STOP),
    ],
    ids=lambda value: value.value if isinstance(value, OrderType) else "",
)
def test_an_order_made_elsewhere_is_the_plainest_with_its_prices(
    desk: BrokerConnection, prices: dict[str, D], kind: OrderType
) -> None:
    poll(desk, external_report(**{"limit_price": None, **UNKNOWN, "side": Side.BUY, **prices}))
    row = Order.objects.get()
    assert words(row) == ("buy", kind.value, "day", OrderClass.SIMPLE.value)
    assert row.status == OrderState.ACCEPTED
