"""What docs/runbook.md says of tasks, orders and pages that fail or are late is followed, with its own questions."""

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from tests.runtime.operated import Operated, desk, ids, running, until
from tests.runtime.test_remedies import is_each_at_the_exchange_once, state
from tests.runtime.test_remedies_by_hand import RUNBOOK, queries
from tests.trenddojo.alert_kit import Between, Scrape

__all__ = ["desk", "running"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

OUTCOMES = "trenddojo_order_outcomes_total"
# What a worker asks of an order before it claims it.
READING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%a.halted_at, a.halt_reason%%'"
)
SELECTED = re.compile(r"jq 'select\((.+?)\)'")
CONDITION = re.compile(r'\.(\w+) == "([^"]*)"')
ACCOUNTS = "/api/v1/accounts/"


def section(name: str) -> str:
    return RUNBOOK.read_text(encoding="utf-8").split(f"### {name}\n")[1].split("\n### ")[0]


def log_lines(desk: Operated, name: str, **more: str) -> list[dict[str, Any]]:
    """What the jq of an alarm's section finds in the log."""
    (found,) = SELECTED.findall(section(name))
    return desk.lines(**dict(CONDITION.findall(found)), **more)


def page(desk: Operated, path: str = ACCOUNTS, **asked: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {desk.trader['token']}"}
    return requests.get(desk.url(path), params=asked, headers=headers, timeout=60)


def quote(desk: Operated, symbol: str) -> requests.Response:
    """The broker is asked for one that nobody asked for yet."""
    desk.exchange.control.set_quote(symbol, bid="100.00", ask="100.02")
    return page(desk, "/api/v1/market/quote/", account=desk.trader["account"], symbol=symbol)


@contextmanager
def away(desk: Operated, table: str) -> Iterator[None]:
    """A part that is missing."""
    desk.sql(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        desk.sql(f"ALTER TABLE {table}_away RENAME TO {table}")


def end_who_holds(desk: Operated, holder: int) -> None:
    """The session that others wait for is named by the section of DatabaseDown, and ended as it says."""
    _, holders = queries("DatabaseDown")
    assert [pid for pid, *_ in desk.sql(holders)] == [holder]
    assert desk.sql("SELECT pg_terminate_backend(%s)", holder) == [(True,)]


def waited(desk: Operated, seconds: int) -> bool:
    """Whether somebody waits for a lock for so long."""
    late = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query_start < now() - %s * interval '1 s'"
    return bool(desk.sql(late, seconds))


def test_a_task_that_fails_is_named_with_its_order_and_the_sweep_sends_it_later(desk: Operated) -> None:
    """TasksFail: a part is missing."""
    before = desk.scrape()
    with ExitStack() as missing:
        with desk.stopped("orders"):
            (order,) = ids([desk.order()])
            missing.enter_context(away(desk, "order_events"))
        desk.fires("TasksFail", since=before, within=90)
        line = log_lines(desk, "TasksFail", order=order)[-1]
        assert 'relation "order_events" does not exist' in line["traceback"]
        assert line["task"]
        assert state(desk, order) == "new"
    is_each_at_the_exchange_once(desk, [order])
    desk.quiet()
    before = desk.scrape()
    is_each_at_the_exchange_once(desk, ids([desk.order()]))
    assert "TasksFail" not in Between(before, desk.scrape()).firing()


def test_a_desk_that_is_halted_gets_no_further_unknown_outcome_and_decides_those_it_has(desk: Operated) -> None:
    """OutcomesUnknown: it goes on, and so the desk is halted until the broker answers."""
    control, before = desk.exchange.control, desk.scrape()
    control.mute()
    control.fault("status_after", method="POST", path="/v2/orders", times=10_000, status=504)
    control.fault("status_before", method="GET", path="/v2/orders*", times=10_000, status=500)
    lost = ids([desk.order() for _ in range(4)])
    desk.fires("OutcomesUnknown", since=before)
    assert {state(desk, order) for order in lost} == {"in_doubt"}

    told = desk.shell('echo yes | manage.py desk_halt --reason "orders get no answer"')
    assert "New entries are refused from now on" in told
    unknown, sent = desk.value(OUTCOMES, outcome="OutcomeUnknown"), control.count("POST", "/v2/orders")
    refused = desk.order()
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "desk_halted")

    control.clear_faults()
    control.unmute()
    # Each was adopted, and cancelled as the halt wants it: here and there.
    until(lambda: {state(desk, order) for order in lost} == {"cancelled"}, "the end of every doubt", 90)
    there = {order["client_order_id"]: order["status"] for order in control.orders(desk.exchange.account)}
    assert {there[f"td-{order.replace('-', '')}"] for order in lost} == {"canceled"}
    assert control.count("POST", "/v2/orders") == sent
    assert desk.value(OUTCOMES, outcome="OutcomeUnknown") == unknown

    before = desk.scrape()
    assert desk.shell("manage.py desk_resume") == "The desk trades again.\n"
    is_each_at_the_exchange_once(desk, ids([desk.order()]))
    assert "OutcomesUnknown" not in Between(before, desk.scrape()).firing()


def test_what_is_stuck_in_sending_is_doubted_and_asked_for_once_the_sweep_runs(desk: Operated) -> None:
    """OrdersStuckSending and PollsLate: both name processes that are missing, which are started anew."""
    control = desk.exchange.control
    (resting,) = ids([desk.order()])
    until(lambda: state(desk, resting) == "accepted", "the order")
    control.fault("slow_before", method="POST", path="/v2/orders", seconds=3)
    control.mute()
    (sent,) = ids([desk.order()])
    until(lambda: state(desk, sent) == "submitting", "an order that is being sent")
    with desk.killed("orders", "worker", "beat"):
        # Until the doubt is seen nobody but who asks for it hears of the order.
        control.fault("status_before", method="GET", path="/v2/orders*", times=10_000, status=500)
        desk.sql("UPDATE orders SET claimed_at = claimed_at - interval '2 minutes' WHERE id = %s", sent)
        desk.fires("OrdersStuckSending", "WorkersMissing", "BeatMissing", "PollsLate", within=180)
        assert state(desk, sent) == "submitting"
    until(lambda: state(desk, sent) == "in_doubt", "the sweep", 60)
    control.forget_counts()
    control.clear_faults()
    control.unmute()
    is_each_at_the_exchange_once(desk, [resting, sent])
    assert control.count("GET", "/v2/orders:by_client_order_id") >= 1
    until(lambda: not {"OrdersStuckSending", "PollsLate"} & desk.fires(), "polls and no order on its way", 60)


def test_polls_that_are_late_because_workers_are_too_few_are_made_by_one_more(desk: Operated) -> None:
    """PollsLate."""
    (order,) = ids([desk.order()])
    until(lambda: state(desk, order) == "accepted", "the order")
    with desk.stopped("worker"):
        desk.sql("UPDATE orders SET submitted_at = submitted_at - interval '5 minutes' WHERE id = %s", order)
        desk.sql("UPDATE broker_connections SET next_poll_at = now() - interval '2 minutes'")
        desk.fires("PollsLate")
        with desk.another("desk"):
            until(lambda: "PollsLate" not in desk.fires(), "a poll", 60)


def test_an_order_that_waits_for_the_database_is_told_from_one_that_waits_for_its_broker(desk: Operated) -> None:
    """SubmitSlow: the broker's calls are quick and ours are slow, because somebody holds a lock."""
    before = desk.scrape()
    with ExitStack() as lock:
        with desk.stopped("orders"):
            (order,) = ids([desk.order()])
            holder = lock.enter_context(desk.held("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", order))
        until(lambda: waited(desk, 3), "an order that waits")
        end_who_holds(desk, holder)
    is_each_at_the_exchange_once(desk, [order])
    desk.fires("SubmitSlow", since=before)
    until(lambda: desk.lines(event="order.answered", order=order), "the line of the answer")
    (ours,), (call,) = (desk.lines(event=f"{event}.answered", order=order) for event in ("order", "broker.call"))
    assert ours["ms"] - call["ms"] >= 3000

    before = desk.scrape()
    is_each_at_the_exchange_once(desk, ids([desk.order()]))
    assert "SubmitSlow" not in Between(before, desk.scrape()).firing()


def test_a_queue_that_does_not_answer_in_time_makes_no_order_late(desk: Operated) -> None:
    """SubmitSlow is never the doing of the budget's Redis: each process counts for itself then."""
    with ExitStack() as lock:
        with desk.stopped("orders"):
            (order,) = ids([desk.order()])
            holder = lock.enter_context(desk.held("LOCK TABLE accounts"))
        # Its worker has the message, and has looked at nothing yet.
        until(lambda: desk.sql(READING), "a worker that reads the order")
        before = desk.scrape()
        with desk.queue() as queue:
            queue.client_pause(5000)
        desk.sql("SELECT pg_terminate_backend(%s)", holder)
    until(lambda: state(desk, order) == "accepted", "the order", 60)
    until(lambda: desk.lines(event="order.answered", order=order), "the line of the answer")
    (ours,) = desk.lines(event="order.answered", order=order)
    assert ours["ms"] >= 500
    counted = "trenddojo_order_submit_seconds_count"
    until(lambda: desk.value(counted) > sum(before[counted].values()), "what the worker counted")
    assert "SubmitSlow" not in Between(before, desk.scrape()).firing()
    is_each_at_the_exchange_once(desk, [order])


def test_pages_that_fail_are_named_and_the_log_says_what_is_missing(desk: Operated) -> None:
    """PagesFail, by a fault and by a server that is away."""
    before = desk.scrape()
    with away(desk, "accounts"):
        failed = [page(desk) for _ in "abc"]
        desk.fires("PagesFail", since=before)
    assert failing(before, desk.scrape()) == {("api:account-list", "500")}
    for answer in failed:
        (line,) = log_lines(desk, "PagesFail", request=answer.headers["X-Request-ID"])
        assert 'relation "accounts" does not exist' in line["traceback"]

    before = desk.scrape()
    with desk.killed("database"):
        answer = page(desk)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        desk.fires("DatabaseDown", "PagesFail", since=before)
    # Expected: a line that warns.
    (line,) = desk.lines(logger="django.request", request=answer.headers["X-Request-ID"])
    assert (line["level"], "traceback" in line) == ("WARNING", False)
    until(lambda: page(desk).ok, "the database", 60)
    desk.quiet()
    before = desk.scrape()
    assert page(desk).ok
    assert "PagesFail" not in Between(before, desk.scrape()).firing()


def failing(before: Scrape, after: Scrape) -> set[tuple[str, str]]:
    """Route and status of what the section's question by page counts."""
    assert "sum by (route, status) (rate(trenddojo_http_requests_total" in section("PagesFail")
    name = "trenddojo_http_requests_total"
    came = {key for key, value in after[name].items() if value > before[name].get(key, 0)}
    return {(told["route"], told["status"]) for key in came if (told := dict(key))["status"].startswith("5")}


def test_slow_pages_are_named_and_so_is_what_they_wait_for(desk: Operated) -> None:
    """PagesSlow, by a slow broker and by a lock."""
    before = desk.scrape()
    desk.exchange.control.fault("slow_before", method="GET", path="*/quotes/latest", seconds=2, times=10_000)
    assert quote(desk, "QQQ").ok
    desk.fires("PagesSlow", since=before)
    assert slow(before, desk.scrape()) == {"api:market-quote"}
    desk.quiet()
    before = desk.scrape()
    assert quote(desk, "IWM").ok
    assert "PagesSlow" not in Between(before, desk.scrape()).firing()

    before = desk.scrape()
    with desk.held("LOCK TABLE accounts") as holder, ThreadPoolExecutor(2) as visitors:
        asked_for = [visitors.submit(page, desk) for _ in "ab"]
        until(lambda: waited(desk, 2), "pages that wait")
        end_who_holds(desk, holder)
        assert {visit.result().status_code for visit in asked_for} == {200}
    desk.fires("PagesSlow", since=before)
    assert slow(before, desk.scrape()) == {"api:account-list"}

    before = desk.scrape()
    assert page(desk).ok
    assert "PagesSlow" not in Between(before, desk.scrape()).firing()


def slow(before: Scrape, after: Scrape) -> set[str]:
    """Routes that the section's question by page says to take more than a second."""
    question = "histogram_quantile(0.95, sum by (route, le) (rate(trenddojo_http_request_seconds_bucket[10m])))"
    assert question in section("PagesSlow")
    name, between = "trenddojo_http_request_seconds_count", Between(before, after)
    routes = {dict(key)["route"] for key in after[name]} - {"trenddojo:metrics"}
    by_route = {route: question.replace("bucket", f'bucket{{route="{route}"}}') for route in routes}
    return {route for route, asked in by_route.items() if between.is_true(f"{asked} > 1")}
