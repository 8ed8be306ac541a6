"""What processes count arrives in one place, whatever they are and however they end."""

import os
import threading
import time
from collections.abc import Iterator
from unittest import mock
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from brokers.rate_limits import Budget
from trenddojo import measures

NAME, SECONDS = "trenddojo_budget_waits_total", "trenddojo_order_submit_seconds"


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    measures.hand_over()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(measures.KEY)
    yield
    measures.hand_over()
    client.delete(measures.KEY)


def told() -> dict[tuple[str, ...], float]:
    return measures.sums_of(redis.Redis.from_url(settings.REDIS_URL).hgetall(measures.KEY))


def test_what_is_counted_arrives_once_and_adds_up() -> None:
    for _ in range(3):
        measures.count(NAME, "alpaca", "trading", "poll")
    measures.hand_over()
    measures.count(NAME, "alpaca", "trading", "poll", by=2)
    measures.hand_over()
    measures.hand_over()

    assert told() == {(NAME, "alpaca", "trading", "poll"): 5.0}


def test_a_value_is_counted_in_its_bucket_and_in_the_sum() -> None:
    for value in (0.005, 0.0051, 99.0):
        measures.observe(SECONDS, value, "alpaca")
    measures.hand_over()

    assert told() == {
        (SECONDS, "alpaca", "0"): 1.0,
        (SECONDS, "alpaca", "1"): 1.0,
        (SECONDS, "alpaca", str(len(measures.SHORT))): 1.0,
        (SECONDS, "alpaca", "sum"): pytest.approx(99.0101),
    }


def test_what_a_broker_says_is_left_of_a_minute_is_told_by_its_share() -> None:
    budget, connection = Budget("alpaca"), uuid4().hex
    for remaining in (200, 30, 0):
        told_by_it = {"Limit": "200", "Remaining": str(remaining), "Reset": str(int(time.time()) + 30)}
        budget.learn(connection, {f"X-RateLimit-{name}": value for name, value in told_by_it.items()})
    budget.learn(connection, {})
    measures.hand_over()

    name = "trenddojo_budget_left_ratio"
    bucket = {share: str(measures.SHARES.index(share)) for share in (0.0, 0.15, 1.0)}
    assert told() == {
        **{(name, "alpaca", "trading", bucket[share]): 1.0 for share in (0.0, 0.15, 1.0)},
        (name, "alpaca", "trading", "sum"): pytest.approx(1.15),
    }


def test_while_redis_is_away_it_is_kept_for_the_next_time() -> None:
    measures.count(NAME, "alpaca", "trading", "poll")
    with mock.patch.object(measures._Process, "_send", side_effect=redis.ConnectionError):
        measures.hand_over()
    measures.count(NAME, "alpaca", "trading", "poll")
    measures.hand_over()

    assert told() == {(NAME, "alpaca", "trading", "poll"): 2.0}


def test_many_threads_lose_nothing() -> None:
    def count() -> None:
        for _ in range(500):
            measures.count(NAME, "alpaca", "trading", "poll")
            measures.observe(SECONDS, 1.0, "alpaca")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        measures.hand_over()
    for thread in threads:
        thread.join()
    measures.hand_over()

    assert told()[(NAME, "alpaca", "trading", "poll")] == 4000.0
    assert told()[(SECONDS, "alpaca", "sum")] == 4000.0


def test_a_child_counts_for_itself_and_not_again_what_its_parent_counted() -> None:
    measures.count(NAME, "alpaca", "trading", "poll")
    child = os.fork()
    if child == 0:
        measures.count(NAME, "alpaca", "data", "poll")
        measures.hand_over()
        os._exit(0)
    os.waitpid(child, 0)
    measures.hand_over()

    assert told() == {(NAME, "alpaca", "trading", "poll"): 1.0, (NAME, "alpaca", "data", "poll"): 1.0}


def test_labels_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MOST_FIELDS", 3)
    for number in range(10):
        measures.count(NAME, "alpaca", "trading", str(number))
    measures.hand_over()

    assert len(told()) == 3


@pytest.mark.parametrize("name", sorted(measures.MEASURES))
def test_names_and_bounds_are_as_prometheus_wants_them(name: str) -> None:
    measure = measures.MEASURES[name]
    assert name.startswith("trenddojo_")
    assert name.endswith("_total") == (not measure.bounds)
    assert list(measure.bounds) == sorted(set(measure.bounds))
    assert measure.help.endswith(".")
