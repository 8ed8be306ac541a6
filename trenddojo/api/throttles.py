"""How often the API may be asked: a budget for each user, one for each token, and a strict one for making tokens.

Counted in Redis for all processes; while Redis is away each process counts by itself.
"""

import time
from functools import lru_cache
from typing import Any

import redis
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

PREFIX = "trenddojo:api"
TIMEOUT = 0.5
ADDRESS_PER_MINUTE = 120
# Programs whose token ran out are told so at once; after so many tries they are told to wait.
FAILED_PER_MINUTE = 60


class MinuteThrottle(BaseThrottle):
    """A budget of so many requests a minute for whatever `identity` names; none for what it does not name."""

    name = ""
    wait_seconds: float | None = None

    def allowed(self) -> int:
        """Requests a minute."""
        raise NotImplementedError

    def identity(self, request: Request) -> str | None:
        """Who is counted."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002 - the framework's signature
        who = self.identity(request)
        if who is None:
            return True
        self.wait_seconds = _wait(RateLimitItemPerMinute(self.allowed()), f"{self.name}:{who}")
        return self.wait_seconds is None

    def wait(self) -> float | None:
        return self.wait_seconds


class UserThrottle(MinuteThrottle):
    name = "user"

    def allowed(self) -> int:
        return int(settings.API_USER_PER_MINUTE)

    def identity(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class TokenThrottle(MinuteThrottle):
    name = "token"

    def allowed(self) -> int:
        return int(settings.API_TOKEN_PER_MINUTE)

    def identity(self, request: Request) -> str | None:
        return str(request.auth.pk) if request.auth is not None else None


class AddressThrottle(MinuteThrottle):
    """For what strangers may ask: a budget for each network address; whoever signed in has one as a user."""

    name = "address"

    def allowed(self) -> int:
        return ADDRESS_PER_MINUTE

    def identity(self, request: Request) -> str | None:
        if request.user.is_authenticated:
            return None
        return address_of(request)


class FailedTokens(MinuteThrottle):
    """For what is no token, or none any more: a budget for each network address."""

    name = "failed"

    def allowed(self) -> int:
        return FAILED_PER_MINUTE

    def identity(self, request: Any) -> str:
        return address_of(request)


def address_of(request: Any) -> str:
    """The visitor's network address, behind as many proxies as are trusted."""
    try:
        return str(get_adapter().get_client_ip(request))
    except (PermissionDenied, ImproperlyConfigured):
        return "unknown"  # behind a socket, or a proxy that is not counted: all of them share one budget


def _wait(item: RateLimitItem, who: str) -> float | None:
    """Seconds until there is room, or None when this request was counted."""
    try:
        return _take(_shared(settings.CACHE_URL), item, who)
    except redis.RedisError:
        return _take(_alone(), item, who)


def _take(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, who: str) -> float | None:
    if limiter.hit(item, who):
        return None
    return max(limiter.get_window_stats(item, who).reset_time - time.time(), 1.0)


@lru_cache(maxsize=2)
def _shared(url: str) -> SlidingWindowCounterRateLimiter:
    server = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
    return SlidingWindowCounterRateLimiter(RedisStorage(url, connection_pool=server.connection_pool, key_prefix=PREFIX))


@lru_cache(maxsize=1)
def _alone() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())
