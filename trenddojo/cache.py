"""What can be had otherwise: sessions lie in the database, figures are reckoned and brokers asked once more."""

from typing import Any, Final

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.utils.connection import ConnectionProxy
from redis.exceptions import RedisError


class SpareCache(RedisCache):
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
