"""One request tells how all open orders stand; what filled is booked to the trade."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from brokers.base import OrderRef
from brokers.registry import adapter_for
from tests.trades.execution.exchange_kit import account, ask, connection_of, exchange, send
from trades.execution.poll import connection_poll, connections_with_open_orders
from trades.execution.track import reports_apply
from trades.models import Fill, Order, Trade

__all__ = ["account", "exchange"]

ONE_MINUTE_AGO = timezone.now() - timedelta(minutes=1)


def long_ago(*orders: Order) -> None:
    """As if the broker had had them for a while."""
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(
        submitted_at=ONE_MINUTE_AGO, reported_at=ONE_MINUTE_AGO
    )


def test_only_connections_with_an_order_at_the_broker_are_polled(account, exchange) -> None:
    order = ask(account, type="limit", limit_price=D("99.00"))
    assert list(connections_with_open_orders()) == []
    Order.objects.filter(pk=order.pk).update(status="accepted", broker_order_id="b-1")
    assert list(connections_with_open_orders()) == [connection_of(account)]


def test_many_open_orders_cost_one_request(account, exchange) -> None:
    for price in ("99.00", "98.00", "97.00"):
        send(account, type="limit", limit_price=D(price))
    # The first time the broker's word is no longer the one of its first answer.
    connection_poll(connection_of(account))
    exchange.control.forget_counts()
    assert connection_poll(connection_of(account)) == set()
    assert exchange.control.counts() == {"GET /v2/orders": 1}


def test_a_limit_order_that_filled_meanwhile_is_filled_and_its_fill_booked_once(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    assert order.status == "accepted"
    long_ago(order)
    exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
    assert connection_poll(connection_of(account)) == {order.pk}
    connection_poll(connection_of(account))
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, order.filled_average_price) == ("filled", D(10), D("98.98"))
    assert list(Fill.objects.values_list("side", "quantity", "price", "order_id")) == [
        ("buy", D(10), D("98.98"), order.pk)
    ]
    trade = Trade.objects.get()
    assert (trade.status, trade.open_quantity, trade.actual_entry) == ("active", D(10), D("98.98"))
    assert (trade.broker, trade.broker_order_id, trade.broker_sync_status) == (
        "simulator",
        order.broker_order_id,
        "synced",
    )


def test_executions_of_an_order_that_is_told_to_be_filled_are_read(account, exchange) -> None:
    order, connection = send(account), connection_of(account)
    report = adapter_for(connection).order(OrderRef(order.broker_order_id))
    reports_apply(connection, [report], source="stream", now=timezone.now())
    order.refresh_from_db()
    assert (order.status, Fill.objects.count()) == ("filled", 0)
    exchange.control.forget_counts()
    for _ in range(2):
        connection_poll(connection_of(account))
    assert list(Fill.objects.values_list("quantity", "price")) == [(D(10), D("100.01"))]
    asked = [request["path"] for request in exchange.control.requests()]
    assert asked == ["/v2/orders", "/v2/account/activities/FILL", "/v2/orders"]


def test_an_order_the_list_does_not_show_is_asked_for_by_itself(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    long_ago(order)
    exchange.control.cancel_external(exchange.account, order.broker_order_id)
    exchange.control.forget_counts()
    assert connection_poll(connection_of(account)) == {order.pk}
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert exchange.control.count("GET", "/v2/orders/*") == 1


def test_a_silent_broker_leaves_the_orders_as_they_are_and_is_noted(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    long_ago(order)
    exchange.control.fault("status_before", method="GET", path="/v2/orders", status=502)
    assert connection_poll(connection_of(account)) == set()
    order.refresh_from_db()
    connection = connection_of(account)
    assert order.status == "accepted"
    assert connection.last_error != ""
    assert connection.is_active


def test_refused_keys_disable_the_connection_and_stop_all_calls(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    exchange.control.change_keys(exchange.account, key_id="PKOTHER", secret_key="another")
    assert connection_poll(connection_of(account)) == set()
    connection = connection_of(account)
    assert (connection.is_active, connection.status) == (False, "disabled")
    assert account.owner.notifications.filter(kind="connection").count() == 1
    order.refresh_from_db()
    assert order.status == "accepted"
    exchange.control.forget_counts()
    connection_poll(connection)
    assert exchange.control.counts() == {}


@pytest.mark.parametrize("quantity", [D(10)])
def test_an_order_made_elsewhere_is_adopted_and_kept_in_step(account, exchange, quantity) -> None:
    send(account, type="limit", limit_price=D("99.00"))
    exchange.control.place_external(
        exchange.account,
        symbol="SPY",
        side="buy",
        type="limit",
        qty=str(quantity),
        limit_price="98.00",
        time_in_force="gtc",
    )
    connection_poll(connection_of(account))
    external = Order.objects.get(origin="external")
    assert (external.status, external.quantity, external.limit_price) == ("accepted", D(10), D("98.00"))
