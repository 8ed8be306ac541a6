"""What docs/runbook.md tells an operator to do is done, and ends the alarm: each order at the exchange once."""

import sys
import time

import pytest
import requests

from tests.runtime.operated import TOKEN, Operated, desk, ids, running, until
from tests.trenddojo.alert_kit import Between
from trenddojo.measures import HAND_OVER_SECONDS

__all__ = ["desk", "running"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

# Prometheus' own: a scrape that takes longer has failed.
SCRAPE_SECONDS = 10


def state(desk: Operated, order: str) -> str:
    ((status,),) = desk.sql("SELECT status FROM orders WHERE id = %s", order)
    return str(status)


def is_each_at_the_exchange_once(desk: Operated, orders: list[str]) -> None:
    until(lambda: {state(desk, order) for order in orders} == {"accepted"}, "every order at the exchange", 90)
    sent = [order["client_order_id"] for order in desk.exchange.control.orders(desk.exchange.account)]
    assert {order: sent.count(f"td-{order.replace('-', '')}") for order in orders} == dict.fromkeys(orders, 1)


def desk_down(desk: Operated) -> bool:
    """Whether DeskDown is true: `up` is what Prometheus itself makes of a scrape."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        is_up = requests.get(desk.url("/metrics"), headers=headers, timeout=SCRAPE_SECONDS).ok
    except requests.RequestException:
        is_up = False
    up = {"up": {frozenset({("job", "trenddojo")}): float(is_up)}}
    return Between(up, up).firing(["DeskDown"]) == {"DeskDown"}


def test_an_order_queue_that_is_deleted_loses_nothing(desk: Operated) -> None:
    with desk.stopped("orders"), desk.queue() as queue:
        waiting = ids([desk.order() for _ in range(3)])
        with desk.piled_up(orders=210):
            desk.fires("OrderQueueLong")
            assert queue.delete("orders") == 1
            until(lambda: "OrderQueueLong" not in desk.fires(), "a short queue")
        assert {state(desk, order) for order in waiting} == {"new"}
    is_each_at_the_exchange_once(desk, waiting)


def test_processes_that_were_killed_are_started_anew_and_take_up_what_waited(desk: Operated) -> None:
    """OrderWorkersMissing, WorkersMissing, BeatMissing, StreamMissing, SyncOld: the remedy of each is a restart."""
    desk.exchange.control.fault("slow_before", method="POST", path="/v2/orders", seconds=3)
    (sent,) = ids([desk.order()])
    until(lambda: state(desk, sent) == "submitting", "an order that is being sent")
    with desk.killed("orders", "worker", "beat", "stream"):
        waiting = ids([desk.order() for _ in range(2)])
        desk.sql("UPDATE broker_connections SET last_sync = last_sync - interval '10 minutes'")
        desk.fires(
            *("OrderWorkersMissing", "WorkersMissing", "BeatMissing", "StreamMissing", "SyncOld", "OrdersNotSent"),
            within=120,
        )
        assert {state(desk, order) for order in waiting} == {"new"}
    # The one that was on its way when its worker died became a doubt, and the broker was asked.
    is_each_at_the_exchange_once(desk, [sent, *waiting])
    desk.quiet()
    assert desk.value("trenddojo_sync_age_seconds", stat="p95") < 120


def test_more_workers_end_the_waiting_of_orders(desk: Operated) -> None:
    control = desk.exchange.control
    before = desk.scrape()
    control.fault("slow_before", method="POST", path="/v2/orders", seconds=3, times=3)
    first = ids([desk.order() for _ in range(3)])
    desk.fires("OrdersWaitForWorkers", since=before, within=60)
    is_each_at_the_exchange_once(desk, first)

    counted_out(desk)
    few = listening(desk)
    with desk.another("orders", "--concurrency", "4"):
        until(lambda: listening(desk) > few, "one more worker", 60)
        before = desk.scrape()
        control.fault("slow_before", method="POST", path="/v2/orders", seconds=3, times=3)
        second = ids([desk.order() for _ in range(3)])
        is_each_at_the_exchange_once(desk, second)
        counted = "trenddojo_order_submit_seconds_count"
        earlier = sum(before[counted].values())
        until(lambda: desk.value(counted) >= earlier + 3, "what the workers counted")
        assert "OrdersWaitForWorkers" not in Between(before, desk.scrape()).firing()


def counted_out(desk: Operated) -> None:
    """Until all is counted that the workers of orders did: processes keep what they counted to themselves for a moment.

    A second message about an order that waited is taken when the order has left, and has waited as long.
    """

    def waited() -> float:
        return desk.value("trenddojo_task_wait_seconds_count", queue="orders")

    seen, since = waited(), time.monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        now = waited()
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 2 * HAND_OVER_SECONDS

    until(is_quiet, "all that the workers counted")


def listening(desk: Operated) -> int:
    """Workers that wait for messages."""
    with desk.queue() as queue:
        return sum(client["cmd"] == "brpop" for client in queue.client_list())


def test_web_processes_that_hang_are_killed_and_started_anew(desk: Operated) -> None:
    with desk.stopped("web"):
        assert desk_down(desk)
        with desk.killed("web"):
            assert desk_down(desk)
    until(lambda: not desk_down(desk), "a page", 60)
    is_each_at_the_exchange_once(desk, ids([desk.order()]))
