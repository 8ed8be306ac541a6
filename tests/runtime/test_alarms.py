"""A desk in trouble says so: metrics make the alerts true, readiness turns, and all is quiet again once it is over."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.runtime.operated import Operated, desk, ids, running, until
from tests.trenddojo.alert_kit import Scrape

__all__ = ["desk", "running"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]


@pytest.fixture
def before(desk: Operated) -> Scrape:
    return desk.scrape()


def test_one_click_is_followed_from_the_page_to_the_exchange_and_back(desk: Operated) -> None:
    click = "click-0123456789abcdef"
    order = desk.order(click).json()["id"]
    events = ("order.placed", "http.answered", "broker.call.answered", "order.answered")
    # The worker may be done before the page's own line is written.
    until(lambda: all(desk.lines(request=click, event=event) for event in events), "every line of the click")

    placed, answered, called, done = (desk.lines(request=click, event=event) for event in events)
    assert [len(found) for found in (placed, answered, called, done)] == [1, 1, 1, 1]
    assert {found[0]["user"] for found in (placed, answered, called, done)} == {desk.trader["user"]}
    # The worker's lines say which task, order and connection; the web's have no task.
    assert called[0]["order"] == placed[0]["order"] == done[0]["order"] == order
    assert called[0]["connection"] == desk.trader["connection"]
    assert "task" not in answered[0]
    assert called[0]["task"] == done[0]["task"] != ""
    # The exchange knows the call by the number that stands beside ours.
    asked = {request.get("request_id"): request for request in desk.exchange.control.requests()}
    assert asked[called[0]["broker_request"]]["path"] == called[0]["path"] == "/v2/orders"


def test_a_fill_that_comes_by_the_stream_is_followed_by_its_order(desk: Operated) -> None:
    (order,) = ids([desk.order()])
    until(lambda: desk_state(desk, order) == "accepted", "the order")
    desk.exchange.control.set_quote("SPY", bid="89.00", ask="89.02")
    until(lambda: desk.lines(event="fill.booked", order=order), "the line of the fill")
    until(lambda: desk.lines(event="order.step", order=order, to="filled"), "the line of the order")

    (booked,) = desk.lines(event="fill.booked", order=order)
    # The stream may have told of the order's acceptance too, before the worker had its answer.
    (filled,) = desk.lines(event="order.step", order=order, to="filled")
    ((trade, execution),) = desk.sql("SELECT trade_id, execution_id FROM fills WHERE order_id = %s", order)
    assert (booked["trade"], booked["execution"]) == (str(trade), execution)
    assert [filled[name] for name in ("from", "to", "fact", "source")] == ["accepted", "filled", "fill", "stream"]
    for line in (booked, filled):
        # Nobody clicked, and the stream process knows whose connection it listens to.
        assert (line["request"], line["connection"]) == ("-", desk.trader["connection"])
        assert line in desk.lines(said_by="stream")
        assert not {"price", "quantity", "symbol"} & set(line)

    # Its stop goes the same way, and the position is gone.
    desk.exchange.control.set_quote("SPY", bid="84.00", ask="84.02")
    ((leg,),) = desk.sql("SELECT id::text FROM orders WHERE parent_id = %s", order)
    until(lambda: desk.lines(event="fill.booked", order=leg, said_by="stream"), "the line of the stop's fill")
    until(lambda: desk_state(desk, leg) == "filled", "the end of the stop")
    desk.exchange.control.set_quote("SPY", bid="100.00", ask="100.02")


def test_no_secret_of_the_desk_is_in_what_it_said(desk: Operated) -> None:
    said = "\n".join(line for line in desk.desk.output if "Sign in as" not in line)
    keys = (desk.trader["token"], desk.exchange.secret_key, "a long password of nobody", "operators-token")
    written = dict(line.split("=", 1) for line in (desk.desk.folder / ".env").read_text().splitlines() if "=" in line)
    secrets = [*keys, *(written[name] for name in ("SECRET_KEY", "BROKER_ENCRYPTION_KEY"))]

    assert desk.lines(event="http.answered")
    assert [secret for secret in secrets if secret in said] == []


def test_workers_beat_and_streams_that_stand_still_are_missed_and_what_waits_for_them_is_told(
    desk: Operated, before: Scrape
) -> None:
    desk.exchange.control.fault("slow_before", method="POST", path="/v2/orders", seconds=3)
    resting = ids([desk.order()])
    until(lambda: desk.orders_in("submitting") == 1, "an order that is being sent")
    with desk.stopped("orders", "worker", "beat", "stream"):
        waiting = ids([desk.order()])
        found = desk.fires(
            *("OrderWorkersMissing", "WorkersMissing", "BeatMissing", "StreamMissing", "StreamsDown"),
            *("OrdersNotSent", "OrdersStuckSending", "PollsLate"),
            since=before,
            within=150,
        )
        status, checks = desk.ready()
    assert found >= {"OrderWorkersMissing", "OrdersNotSent"}
    # Pages are served all the while: a load balancer keeps sending visitors.
    assert status == 200
    assert {name for name, state in checks.items() if state == "degraded"} >= {
        *("worker", "worker for orders", "order stream", "beat"),
    }
    # What waited is sent, once, as soon as they go on.
    until(lambda: {desk_state(desk, order) for order in resting + waiting} == {"accepted"}, "both at the exchange", 60)
    sent = [order["client_order_id"] for order in desk.exchange.control.orders(desk.exchange.account)]
    assert [sent.count(f"td-{order.replace('-', '')}") for order in resting + waiting] == [1, 1]


def desk_state(desk: Operated, order: str) -> str:
    ((status,),) = desk.sql("SELECT status FROM orders WHERE id = %s", order)
    return str(status)


def test_doubts_are_counted_and_grow_old_until_the_broker_can_be_asked(desk: Operated, before: Scrape) -> None:
    control = desk.exchange.control
    # The order stream would tell of what the exchange took.
    control.mute()
    control.fault("status_after", method="POST", path="/v2/orders", times=4, status=504)
    control.fault("status_before", method="GET", path="/v2/orders*", times=10_000, status=500)
    orders = ids([desk.order() for _ in range(4)])
    until(lambda: desk.orders_in("in_doubt") == 4, "four doubts")

    young = desk.value("trenddojo_orders_oldest_seconds", state="in_doubt")
    until(lambda: desk.value("trenddojo_orders_oldest_seconds", state="in_doubt") > young + 2, "an older doubt")
    desk.sql("UPDATE orders SET doubted_at = doubted_at - interval '2 minutes' WHERE status = 'in_doubt'")
    found = desk.fires("OrdersInDoubt", "OutcomesUnknown", since=before)

    assert "OrdersNotSent" not in found
    control.clear_faults()
    control.unmute()
    until(lambda: desk.orders_in("in_doubt") == 0, "the end of all doubts", 90)
    assert {desk_state(desk, order) for order in orders} == {"accepted"}


def test_a_cancellation_without_a_trace_is_told(desk: Operated, before: Scrape) -> None:
    (order,) = ids([desk.order()])
    until(lambda: desk_state(desk, order) == "accepted", "the order")
    desk.exchange.control.set_delays(cancel=8)
    desk.cancel(order)
    until(lambda: desk_state(desk, order) == "cancelling", "the wish")
    desk.sql("UPDATE orders SET cancel_asked_at = cancel_asked_at - interval '2 minutes' WHERE id = %s", order)
    desk.fires("CancelsUnanswered", since=before)

    desk.exchange.control.set_delays()
    until(lambda: desk_state(desk, order) == "cancelled", "the end of the order", 60)


def test_a_slow_broker_and_a_late_stream_are_told(desk: Operated, before: Scrape) -> None:
    control = desk.exchange.control
    control.fault("slow_before", method="POST", path="/v2/orders", seconds=3, times=3)
    control.stream_fault("delay", times=20, seconds=11)
    orders = ids([desk.order() for _ in range(2)])
    desk.fires("SubmitSlow", "StreamsLag", "OrdersWaitForWorkers", since=before, within=60)
    # Its calls are slow, not ours.
    calls = [line for order in orders for line in desk.lines(event="broker.call.answered", order=order)]
    assert max(call["ms"] for call in calls if call["path"] == "/v2/orders") >= 3000

    until(lambda: {desk_state(desk, order) for order in orders} == {"accepted"}, "both orders")


def test_a_broker_that_fails_and_a_budget_that_is_used_up_are_told(desk: Operated, before: Scrape) -> None:
    desk.exchange.control.fault("status_before", method="GET", path="*", times=10_000, status=500)
    desk.fires("BrokerTroubled", since=before, within=90)
    desk.exchange.control.clear_faults()
    desk.quiet()

    before = desk.scrape()
    desk.exchange.control.set_rate_limit(10)
    ids([desk.order() for _ in range(25)])
    desk.fires("BudgetShort", since=before, within=60)
    desk.exchange.control.set_rate_limit(100_000)
    until(lambda: desk.orders_in("new") == 0, "the end of the waiting", 120)


def test_messages_that_pile_up_and_tasks_that_fail_are_told(desk: Operated, before: Scrape) -> None:
    with desk.stopped("orders", "worker"), desk.piled_up(orders=210, desk=5010):
        desk.fires("OrderQueueLong", "DeskQueueLong", since=before)
    desk.quiet()
    before = desk.scrape()
    desk.sql("ALTER TABLE webhooks RENAME TO webhooks_away")
    try:
        desk.fires("TasksFail", since=before, within=60)
    finally:
        desk.sql("ALTER TABLE webhooks_away RENAME TO webhooks")
    assert desk.lines(logger="celery.app.trace", level="ERROR")


def test_a_database_that_is_behind_the_code_takes_no_visitors(desk: Operated, before: Scrape) -> None:
    ((name,),) = desk.sql("SELECT max(name) FROM django_migrations WHERE app = 'trades'")
    desk.sql("DELETE FROM django_migrations WHERE app = 'trades' AND name = %s", name)
    try:
        desk.fires("MigrationsPending", since=before)
        status, checks = desk.ready()
    finally:
        desk.sql("INSERT INTO django_migrations (app, name, applied) VALUES ('trades', %s, now())", name)

    assert (status, checks["migrations"]) == (503, "failed")
    # Expected, and so one line that warns, without a traceback.
    (line,) = [line for line in desk.lines(logger="django.request") if "/readyz" in str(line.get("message"))][-1:]
    assert (line["level"], "traceback" in line) == ("WARNING", False)


def test_slow_and_failing_pages_are_told(desk: Operated, before: Scrape) -> None:
    headers = {"Authorization": f"Bearer {desk.trader['token']}"}
    desk.sql("ALTER TABLE accounts RENAME TO accounts_away")
    try:
        answers = [requests.get(desk.url("/api/v1/accounts/"), headers=headers, timeout=30) for _ in "abc"]
    finally:
        desk.sql("ALTER TABLE accounts_away RENAME TO accounts")
    assert {answer.status_code for answer in answers} == {500}
    desk.fires("PagesFail", since=before)
    # The page is named, and the log has the traceback under the id that the visitor sees.
    routes = {dict(key)["route"] for key in desk.scrape()["trenddojo_http_requests_total"] if ("status", "500") in key}
    assert routes == {"api:account-list"}
    for answer in answers:
        (line,) = desk.lines(logger="django.request", level="ERROR", request=answer.headers["X-Request-ID"])
        assert "accounts" in line["traceback"]

    before = desk.scrape()
    with desk.locked("accounts") as lock, ThreadPoolExecutor(2) as visitors:
        asked = [visitors.submit(requests.get, desk.url("/api/v1/accounts/"), headers=headers) for _ in "ab"]
        time.sleep(2)
        # They are answered as soon as the lock is gone.
        lock.rollback()
        assert {visit.result().status_code for visit in asked} == {200}
    desk.fires("PagesSlow", since=before)


@pytest.mark.parametrize(("server", "alerts"), [("database", {"DatabaseDown"}), ("queue", {"QueueDown", "CacheDown"})])
def test_a_server_that_is_gone_is_told_by_the_pages_that_are_left(
    desk: Operated, server: str, alerts: set[str]
) -> None:
    entry, supervisor = desk.desk.entries()[server], desk.desk.popen
    assert supervisor is not None
    # The desk starts its servers anew within a second: it is held meanwhile.
    os.kill(supervisor.pid, signal.SIGSTOP)
    try:
        os.kill(entry.pid, signal.SIGKILL)
        found = desk.fires(*alerts, since={}, within=30)
        status, _ = desk.ready()
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)

    assert found >= alerts
    assert status == 503
