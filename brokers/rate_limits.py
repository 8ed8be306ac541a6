"""How often each broker may be asked: one budget per connection and kind of call, shared by all processes.

A moving minute in Redis: in no sixty seconds more is asked than the broker allows, whenever its own minute begins.
Where Redis is away, each process keeps to a tenth of it by itself.
"""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import redis
from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from brokers.base import ConnectionSettings
from brokers.errors import TryLater
from brokers.http import READS
from trenddojo import measures

MINUTE: Final = 60
PREFIX: Final = "trenddojo:budget"
# Seconds: a queue that does not answer delays an order by no more, and is not asked again for a while.
REDIS_TIMEOUT: Final = 0.5
REDIS_REST: Final = 5
# Seconds that a broker's word about the size of its minute is remembered.
TOLD_LASTS: Final = 3600
# What a process on its own may use where nobody can be asked what the others use.
ALONE: Final = 10


class Priority(StrEnum):
    """Who goes first. The room above a priority's share is kept for those above it."""

    CANCEL = "cancel"
    RECONCILE = "reconcile"
    SUBMIT = "submit"
    POLL = "poll"


# Percent of the budget that each may use up.
SHARE: Final = {Priority.CANCEL: 100, Priority.RECONCILE: 95, Priority.SUBMIT: 85, Priority.POLL: 60}


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a minute by kind; the kinds of `together` also share one limit, which the broker's headers speak of."""

    by_class: Mapping[str, int]
    together: tuple[str, ...] = ()
    shared: int = 0
    otherwise: int = 60


ALPACA: Final = Limits(
    by_class={"orders": 200, "positions": 100, "account": 60, "data": 200},
    together=("orders", "positions", "account"),
    shared=200,
)
LIMITS: Final[Mapping[str, Limits]] = {
    "alpaca": ALPACA,
    "simulator": ALPACA,
    "interactive_brokers": Limits(by_class={"orders": 50, "positions": 30, "account": 10}),
}
OTHERS: Final = Limits(by_class={})
TRADING: Final = "trading"

# The first part of the path that names the kind of call; everything else is the account's.
CLASS_OF_PATH: Final[Mapping[str, str]] = {"orders": "orders", "positions": "positions"}


@dataclass(frozen=True, slots=True)
class Budget:
    """The calls one connection may make; every process of the desk draws on the same."""

    broker: str

    def spend(self, connection_id: str, endpoint_class: str, *, priority: Priority) -> None:
        """Count one call. Raises TryLater, which says when to come back, when the priority's share is used up."""
        for group, allowed in self._groups(endpoint_class):
            wait = _spend(f"{connection_id}:{group}", allowed, priority)
            if wait:
                measures.count("trenddojo_budget_waits_total", self.broker, group, priority)
                sentence = f"The broker allows no more requests for the moment; it goes on in {math.ceil(wait)} s."
                raise TryLater(sentence, after=wait, code="rate_limited")

    def learn(self, connection_id: str, headers: Mapping[str, str], *, endpoint_class: str = "orders") -> None:
        """Believe the broker's X-RateLimit headers over our own count; without them nothing changes."""
        told = _told(headers)
        if told is not None:
            group, _ = self._groups(endpoint_class)[-1]
            measures.observe("trenddojo_budget_left_ratio", told.remaining / max(told.limit, 1), self.broker, group)
            _remember(f"{connection_id}:{group}", told)

    def _groups(self, endpoint_class: str) -> list[tuple[str, int]]:
        """The counters a call is counted in, with what each allows; the broker's own last."""
        limits = LIMITS.get(self.broker, OTHERS)
        own = (endpoint_class, limits.by_class.get(endpoint_class, limits.otherwise))
        if endpoint_class not in limits.together:
            return [own]
        shared = (TRADING, limits.shared)
        return [shared] if own[1] >= limits.shared else [own, shared]


@dataclass(frozen=True, slots=True)
class ConnectionGate:
    """Asks the budget before each request of one connection; `reads` is the priority of what only looks."""

    settings: ConnectionSettings
    reads: Priority = Priority.RECONCILE

    def before(self, method: str, url: str) -> None:
        Budget(self.settings.broker).spend(
            self.settings.connection_id, self._class_of(url), priority=priority_of(method, self.reads)
        )

    def after(self, url: str, headers: Mapping[str, str]) -> None:
        Budget(self.settings.broker).learn(self.settings.connection_id, headers, endpoint_class=self._class_of(url))

    def _class_of(self, url: str) -> str:
        """By the path, as in /v2/orders/…: prices may come from the same host as orders."""
        words = [word for word in urlsplit(url).path.split("/") if word]
        # Executions are read as often as orders fill.
        if "activities" in words:
            return "orders"
        resource = words[1].split(":")[0] if len(words) > 1 else ""
        if resource in {"stocks", "crypto", "options", "corporate-actions"}:
            return "data"
        return CLASS_OF_PATH.get(resource, "account")


def priority_of(method: str, reads: Priority) -> Priority:
    if method in READS:
        return reads
    return Priority.CANCEL if method == "DELETE" else Priority.SUBMIT


@dataclass(frozen=True, slots=True)
class Told:
    """What the broker said: how many calls its minute has, how many are left, and when it ends (Unix seconds)."""

    limit: int
    remaining: int
    reset: int

    def is_plenty(self) -> bool:
        """Whether not even those who must leave most to others have to wait."""
        return self.remaining > self.limit * (100 - min(SHARE.values())) // 100


def _told(headers: Mapping[str, str]) -> Told | None:
    words = [str(headers.get(f"X-RateLimit-{name}", "")).strip() for name in ("Limit", "Remaining", "Reset")]
    if not all(word.isdecimal() and len(word) < 12 for word in words):  # noqa: PLR2004 - no such number is meant
        return None
    limit, remaining, reset = (int(word) for word in words)
    # A broker whose clock is wrong holds nobody for longer than its minute.
    return Told(limit, remaining, min(reset, int(time.time()) + MINUTE))


# The broker's word and the calls of the last minute are looked at in one round trip: every request waits for it.
# Keys: the calls, newest first, and the word. Given: now, the calls allowed where there is no word, the percent of them
# that this priority may use. Answers the seconds to wait, "0" when the call was counted, and the word.
_SPEND = """
local now, allowed, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local told = redis.call('GET', KEYS[2])
if told then
    local word = cjson.decode(told)
    allowed = word.limit
    -- A minute that is over says nothing about the next.
    if word.remaining <= math.floor(allowed * (100 - share) / 100) and word.reset > now then
        return {tostring(word.reset - now), told}
    end
end
local most = math.max(math.floor(allowed * share / 100), 1)
local oldest = tonumber(redis.call('LINDEX', KEYS[1], most - 1) or 0)
-- Once the oldest call that counts is a minute old, there is room for one.
if oldest >= now - 60 then return {tostring(math.max(oldest + 60 - now, 0.1)), told} end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, most - 1)
redis.call('EXPIRE', KEYS[1], 60)
return {'0', told}
"""


class _Minute(RateLimitItemPerMinute):
    """A limit whose counter does not depend on the number allowed: priorities share one counter."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return "/".join(str(word) for word in identifiers)


class _Shared:
    """The counters in Redis."""

    def __init__(self, url: str) -> None:
        self.redis: redis.Redis = redis.Redis.from_url(
            url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
        )
        self._script = self.redis.register_script(_SPEND)
        # The limit in force by counter, where its last look found plenty.
        self._plenty: dict[str, int] = {}

    def spend(self, counter: str, allowed: int, priority: Priority) -> float:
        keys = [f"{PREFIX}:calls:{counter}", f"{PREFIX}:told:{counter}"]
        wait, words = self._script(keys=keys, args=[repr(time.time()), allowed, SHARE[priority]])
        told = Told(**json.loads(words)) if words else None
        self._plenty.pop(counter, None)
        if told is None or told.is_plenty():
            self._plenty[counter] = told.limit if told else allowed
        return float(wait)

    def remember(self, counter: str, told: Told) -> None:
        if told.is_plenty() and self._plenty.get(counter) == told.limit:
            # Nobody would wait any longer or shorter for this word.
            return
        self.redis.set(f"{PREFIX}:told:{counter}", json.dumps(asdict(told)), ex=TOLD_LASTS)


class _Alone:
    """The counters of this process only, with a tenth of every budget."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.asked_at = 0.0


@lru_cache(maxsize=1)
def _alone() -> _Alone:
    return _Alone()


@lru_cache(maxsize=2)
def _shared(url: str) -> _Shared:
    return _Shared(url)


def _spend(counter: str, allowed: int, priority: Priority) -> float:
    """Seconds to wait; 0 when the call was counted."""
    if not _resting():
        try:
            return _shared(settings.REDIS_URL).spend(counter, allowed, priority)
        except redis.RedisError:
            _rest()
    return _take(_alone().storage, counter, max(allowed // ALONE, 1), priority)


def _take(storage: MemoryStorage, counter: str, allowed: int, priority: Priority) -> float:
    most = max(allowed * SHARE[priority] // 100, 1)
    limiter, minute = MovingWindowRateLimiter(storage), _Minute(most)
    if limiter.hit(minute, counter):
        return 0.0
    return max(limiter.get_window_stats(minute, counter).reset_time - time.time(), 0.1)


def _remember(counter: str, told: Told) -> None:
    if _resting():
        return
    try:
        _shared(settings.REDIS_URL).remember(counter, told)
    except redis.RedisError:
        _rest()


def _resting() -> bool:
    return time.monotonic() - _alone().asked_at < REDIS_REST if _alone().asked_at else False


def _rest() -> None:
    _alone().asked_at = time.monotonic()


def budget_is_shared() -> bool:
    """Whether Redis answers, so that all processes draw on one budget."""
    try:
        return bool(_shared(settings.REDIS_URL).redis.ping())
    except redis.RedisError:
        return False
