"""A process goes by what it heard last of the queue, for as long as that may be true."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from trenddojo import crowd


@pytest.fixture
def queue(settings: Any) -> Iterator[redis.Redis]:
    """Eight may wait: three are a crowd."""
    settings.ORDERS_WAITING_MOST = 4
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(crowd.QUEUE)
        yield client
        client.delete(crowd.QUEUE)
        crowd.orders_waiting()


def test_a_crowd_is_more_than_half_of_what_may_wait(queue: redis.Redis) -> None:
    queue.rpush(crowd.QUEUE, "one", "two")
    assert (crowd.orders_waiting(), crowd.is_crowded()) == (2, False)
    queue.rpush(crowd.QUEUE, "three")
    assert crowd.is_crowded() is False, "nobody asked since"
    assert (crowd.orders_waiting(), crowd.is_crowded()) == (3, True)


def test_what_was_heard_is_forgotten_after_two_seconds(queue: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(crowd.time, "monotonic", lambda: now)
    queue.rpush(crowd.QUEUE, "one", "two", "three")
    crowd.orders_waiting()
    now = 1001.9
    assert crowd.is_crowded()
    now = 1002.0
    assert not crowd.is_crowded()


def test_a_queue_that_does_not_answer_is_no_crowd(queue: redis.Redis, settings: Any) -> None:
    queue.rpush(crowd.QUEUE, "one", "two", "three")
    crowd.orders_waiting()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert (crowd.orders_waiting(), crowd.is_crowded()) == (0, False)
