"""How many orders wait for the workers, and whether that is a crowd, which pages and late nudges make way for.

Programs whose entry was told to come back and that come at once are remembered: to tell them again costs no question.
"""

import hashlib
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings

QUEUE: Final = "orders"
SECONDS: Final = 0.5
# So long a process goes by what it heard last.
HEARD_FOR: Final = 2.0
# What tells one entry from another, and how many of them are remembered: one that is forgotten is looked at anew.
ENTRY: Final = ("account", "symbol", "side")
MOST_REMEMBERED: Final = 10_000


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
    """Half of what may wait is more than workers have before them on a busy day."""
    return waiting > settings.ORDERS_WAITING_MOST // 2


def is_crowded() -> bool:
    """Whether there was a crowd when an order was placed here a moment ago; asks nobody."""
    return time.monotonic() - _Heard.at < HEARD_FOR and is_crowd(_Heard.waiting)


def is_full() -> bool:
    """Whether there were too many a moment ago; asks nobody."""
    return time.monotonic() - _Heard.at < HEARD_FOR and _Heard.waiting > settings.ORDERS_WAITING_MOST


_come_back: dict[str, float] = {}


def wait_told(authorization: str, order: Mapping[str, Any], seconds: float) -> None:
    """Remember in this process that whoever sent this was told to come back in so many seconds with such an entry."""
    if len(_come_back) >= MOST_REMEMBERED:
        _come_back.clear()
    if (entry := _entry(authorization, order)) is not None:
        _come_back[entry] = time.monotonic() + seconds


def is_told_to_wait(authorization: str, order: Mapping[str, Any]) -> bool:
    """Whether this is such an entry before its time, and there are too many still; asks nobody."""
    if not _come_back or not is_full():
        return False
    return time.monotonic() < _come_back.get(_entry(authorization, order) or "", 0.0)


def _entry(authorization: str, order: Mapping[str, Any]) -> str | None:
    """None where it does not say what it is. A digest: what it is made of is secret."""
    words = [order.get(name) for name in ENTRY]
    if not authorization or not all(isinstance(word, str) for word in words):
        return None
    return hashlib.sha256("\0".join([authorization, *words]).encode(errors="replace")).hexdigest()


@cache
def _queue(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
