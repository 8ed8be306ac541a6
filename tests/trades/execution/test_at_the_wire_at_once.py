"""While the answer to an order is on its way, others hear of it first: it is one order with one fill all the same."""

import threading
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from tests.brokers.simulator_server import wait_until
from tests.trades.execution.exchange_kit import account, ask, connection_of, exchange
from trades.execution import submit
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.intents import account_halt
from trades.execution.poll import connection_poll
from trades.execution.submit import SEND_TIMEOUT, order_submit, submitting_sweep
from trades.execution.sync import connection_sync
from trades.models import Fill, Order

__all__ = ["account", "exchange"]

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(work: Any, *given: Any) -> threading.Thread:
    def run() -> None:
        try:
            work(*given)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def is_taken(exchange: Any) -> bool:
    return bool(exchange.control.orders(exchange.account))


def test_a_fill_that_is_told_before_the_answer_is_booked_once(account: Any, exchange: Any) -> None:
    order = ask(account, type="limit", limit_price=D("100.05"))
    exchange.control.fault("slow_after", method="POST", path="/v2/orders", seconds=2)
    sending = in_thread(order_submit, order.pk)
    wait_until(lambda: is_taken(exchange), "the order")
    connection_poll(connection_of(account))
    connection_sync(connection_of(account))
    told = Order.objects.get(pk=order.pk)
    assert (told.status, told.filled_quantity) == ("filled", 10)
    sending.join()
    assert Order.objects.get(pk=order.pk).version >= told.version
    assert [(row.status, row.filled_quantity) for row in Order.objects.all()] == [("filled", 10)]
    assert [fill.quantity for fill in Fill.objects.all()] == [10]


def test_a_halt_while_the_order_is_on_its_way_cancels_it_there(account: Any, exchange: Any) -> None:
    order = ask(account, type="limit", limit_price=D("99.90"))
    exchange.control.fault("slow_after", method="POST", path="/v2/orders", seconds=1)
    sending = in_thread(order_submit, order.pk)
    wait_until(lambda: is_taken(exchange), "the order")
    account_halt(owner=account.owner, account_id=account.pk)
    sending.join()
    assert Order.objects.get(pk=order.pk).status == "cancelling"


def test_an_order_whose_outcome_the_database_did_not_take_is_found_again(
    account: Any, exchange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ask(account)

    def down(*given: Any, **named: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(submit, "answer_apply", down)
        patch.setattr(submit, "outcome_unexpected", down)
        with pytest.raises(OperationalError):
            order_submit(order.pk)
    assert Order.objects.get(pk=order.pk).status == "submitting"
    order_submit(order.pk)
    later = timezone.now() + SEND_TIMEOUT * 2
    assert submitting_sweep(later) == [order.pk]
    assert doubts_due(later, 10) == [order.pk]
    doubts_resolve(order.pk, now=later)
    connection_sync(connection_of(account))
    assert Order.objects.get(pk=order.pk).status == "filled"
    assert exchange.control.count("POST", "/v2/orders") == 1
    assert Fill.objects.count() == 1
