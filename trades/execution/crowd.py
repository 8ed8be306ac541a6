"""How many orders stand before a new one. An entry that would leave late is worth nothing: it is not taken."""

from functools import cache

import redis
from django.conf import settings

from trenddojo.domain.orders import OrderError

QUEUE = "orders"
DESK_BUSY = "desk_busy"
SECONDS = 0.5


def orders_waiting() -> int:
    """Messages about orders that no worker has taken; 0 where the queue does not say. Uses the network."""
    try:
        return int(_queue(settings.REDIS_URL).llen(QUEUE))
    except redis.RedisError:
        return 0


def crowd_refuse(waiting: int) -> None:
    """Raise OrderError where more orders wait than workers send within seconds."""
    if waiting > settings.ORDERS_WAITING_MOST:
        raise OrderError(
            DESK_BUSY,
            f"{waiting} orders wait to be sent, so this one would leave late and was not taken. Send it again in some "
            "seconds; what closes a position is taken at once.",
        )


@cache
def _queue(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
