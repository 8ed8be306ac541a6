"""How many orders wait for the workers, and whether that is a crowd, which pages and late nudges make way for."""

import time
from functools import cache
from typing import Final

import redis
from django.conf import settings

QUEUE: Final = "orders"
SECONDS: Final = 0.5
# So long a process goes by what it heard last.
HEARD_FOR: Final = 2.0


class _Heard:
    """What this process heard last: how many wait, and when that was."""

    waiting = 0
    at = float("-inf")


def orders_waiting() -> int:
    """Messages about orders that no worker has taken; 0 where the queue does not say. Uses the network."""
    try:
        found = int(_queue(settings.REDIS_URL).llen(QUEUE))
    except redis.RedisError:
        found = 0
    _Heard.waiting, _Heard.at = found, time.monotonic()
    return found


def is_crowd(waiting: int) -> bool:
    """A quarter of what may wait is more than workers have before them on a usual day."""
    return waiting > settings.ORDERS_WAITING_MOST // 4


def is_crowded() -> bool:
    """Whether there was a crowd when an order was placed here a moment ago; asks nobody."""
    return time.monotonic() - _Heard.at < HEARD_FOR and is_crowd(_Heard.waiting)


@cache
def _queue(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
