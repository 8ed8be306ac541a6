"""What can be had otherwise: sessions lie in the database, figures are reckoned and brokers asked once more."""

from typing import Any, Final

import redis
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.connection import ConnectionProxy
from redis.exceptions import RedisError


class OneClient(RedisCacheClient):
    """Django makes a client for each question, which takes longer than asking it."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._made: dict[redis.ConnectionPool, redis.Redis] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> redis.Redis:  # noqa: ARG002 - Django's signature
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]  # the stubs leave out what is inside
        if pool not in self._made:
            self._made[pool] = redis.Redis(connection_pool=pool)
        return self._made[pool]


class DeskCache(RedisCache):
    """Django's, with one client for each pool of connections."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._class = OneClient


class SpareCache(DeskCache):
    """A cache that is empty, and keeps nothing, while its server is away.

    Removing fails all the same: when the server is back, others would go on reading what was to be gone.
    """

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except RedisError:
            return default

    def set(self, key: Any, value: Any, *args: Any, **given: Any) -> None:
        try:
            super().set(key, value, *args, **given)
        except RedisError:
            return


SPARE: Final = "spare"
# Limits of guessing and throttles count in the other one, whose absence they must notice.
spare = ConnectionProxy(caches, SPARE)
