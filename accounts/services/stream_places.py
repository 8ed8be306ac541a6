"""How many event streams a user may have open at once, counted in Redis for all processes.

A place is kept for a while after its stream was last heard of, so that those of a killed process come free again.
While Redis is away nobody is refused here; each process still has its own limit.
"""

import contextlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import redis
from django.conf import settings

MOST = 10
# Streams say every 15 seconds that they live: two words may be lost.
KEPT_SECONDS = 50
PREFIX = "trenddojo:api:streams"
TIMEOUT = 0.5

# The server's own clock: hosts may differ.
_NOW = "local now = tonumber(redis.call('TIME')[1])"
_TAKE = f"""
{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
_KEEP = f"""
{_NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One stream of a user."""

    user_id: uuid.UUID
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        return f"{PREFIX}:{self.user_id}"


def place_take(user_id: uuid.UUID) -> Place | None:
    """A place for one more stream of this user, or None when all are taken."""
    place = Place(user_id)
    try:
        is_free = _server(settings.CACHE_URL).eval(_TAKE, 1, place.name, place.key, MOST, KEPT_SECONDS)
    except redis.RedisError:
        return place
    return place if is_free else None


def places_keep(places: Iterable[Place]) -> None:
    """Say that these streams live."""
    with contextlib.suppress(redis.RedisError), _server(settings.CACHE_URL).pipeline(transaction=False) as pipeline:
        for place in places:
            pipeline.eval(_KEEP, 1, place.name, place.key, KEPT_SECONDS)
        pipeline.execute()


def places_free(places: Iterable[Place]) -> None:
    """Give back the places of streams that have ended."""
    with contextlib.suppress(redis.RedisError), _server(settings.CACHE_URL).pipeline(transaction=False) as pipeline:
        for place in places:
            pipeline.zrem(place.name, place.key)
        pipeline.execute()


@lru_cache(maxsize=2)
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
