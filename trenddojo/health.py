"""Whether what the desk stands on works: database, queue, worker, clock.

Each check answers with a state: ``ok``, ``degraded`` (the pages work, the work behind them waits)
or ``failed`` (this process should get no visitors). None of them raises.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache as cache_of_process
from importlib.metadata import version

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from brokers.rate_limits import budget_is_shared

WORKER_HEARTBEAT = "heartbeat:worker"
ORDERS_HEARTBEAT = "heartbeat:orders"
STREAM_HEARTBEAT = "heartbeat:stream"
BEAT_HEARTBEAT = "heartbeat:beat"
# Workers beat every two seconds, the order stream every eight, beat every ten.
STALE_AFTER_SECONDS = 60
QUEUES = ("orders", "desk")
CLOCK_TOLERANCE_SECONDS = 2
REDIS_TIMEOUT = 2.0


class State(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its state, and a sentence that names no host, user or password."""

    name: str
    state: State
    detail: str


def heartbeat_write(key: str) -> None:
    """Notes that a process is alive now. A cache that is away must not stop the process."""
    try:
        cache.set(key, timezone.now().isoformat(), timeout=24 * 3600)
    except redis.RedisError:
        return


def heartbeat_age(key: str) -> float | None:
    """Seconds since the heartbeat, or None when there was none or the cache is away."""
    try:
        written = cache.get(key)
    except redis.RedisError:
        return None
    if not written:
        return None
    return (timezone.now() - datetime.fromisoformat(written)).total_seconds()


def database_check() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Check("database", State.FAILED, "The database does not answer.")
    return Check("database", State.OK, "The database answers.")


def migrations_pending() -> list[str]:
    """Names of migrations that the code has and the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


@cache_of_process
def _known_migrations() -> frozenset[tuple[str, str]]:
    """What the code has; it does not change while the process lives."""
    return frozenset(MigrationLoader(None).disk_migrations)


def migrations_missing() -> list[str]:
    """As migrations_pending, cheap enough to be asked every few seconds. Raises DatabaseError."""
    applied = MigrationRecorder(connection).applied_migrations()
    # A squashed migration is not in the table where those it replaces were applied: only the plan knows.
    return migrations_pending() if _known_migrations() - applied.keys() else []


def migrations_check() -> Check:
    """Code that is newer than the database breaks on the first new column; `manage.py migrate` comes first."""
    try:
        missing = migrations_missing()
    except DatabaseError:
        return Check("migrations", State.FAILED, "The database does not answer.")
    if missing:
        return Check("migrations", State.FAILED, f"{len(missing)} migrations are not applied: run manage.py migrate.")
    return Check("migrations", State.OK, "All are applied.")


def clock_check() -> Check:
    """The database's clock against ours: orders and sessions hang on the time."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (theirs,) = cursor.fetchone()
    except DatabaseError:
        return Check("clock", State.FAILED, "The database's clock cannot be read.")
    skew = abs((timezone.now() - theirs).total_seconds())
    if skew > CLOCK_TOLERANCE_SECONDS:
        return Check("clock", State.FAILED, f"Our clock and the database's differ by {skew:.1f} s.")
    return Check("clock", State.OK, "Our clock and the database's agree.")


def queue_redis() -> "redis.Redis":
    """The queue's server, which is not waited for long: who asks how it is must be told soon."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)


def queue_depth() -> int | None:
    """Messages waiting for a worker, or None when the queue is away."""
    try:
        with queue_redis() as client:
            return sum(int(client.llen(name)) for name in QUEUES)
    except redis.RedisError:
        return None


def queue_check() -> Check:
    depth = queue_depth()
    if depth is None:
        return Check("queue", State.FAILED, "The queue does not answer.")
    return Check("queue", State.OK, f"{depth} messages wait.")


def heartbeat_check(name: str, key: str) -> Check:
    age = heartbeat_age(key)
    if age is None:
        return Check(name, State.DEGRADED, f"No {name} has reported yet.")
    if age > STALE_AFTER_SECONDS:
        return Check(name, State.DEGRADED, f"The {name} was last seen {age:.0f} s ago.")
    return Check(name, State.OK, f"The {name} was seen {age:.0f} s ago.")


def budget_check() -> Check:
    """How often brokers may be asked is counted for all processes together, or by each for itself."""
    if budget_is_shared():
        return Check("broker budget", State.OK, "All processes draw on one budget of requests to brokers.")
    told = "Each process keeps to a tenth of every broker's limit, because the shared budget does not answer."
    return Check("broker budget", State.DEGRADED, told)


CHECKS: tuple[Callable[[], Check], ...] = (
    database_check,
    migrations_check,
    queue_check,
    lambda: heartbeat_check("worker", WORKER_HEARTBEAT),
    lambda: heartbeat_check("worker for orders", ORDERS_HEARTBEAT),
    lambda: heartbeat_check("order stream", STREAM_HEARTBEAT),
    lambda: heartbeat_check("beat", BEAT_HEARTBEAT),
    clock_check,
    budget_check,
)


def checks_run() -> list[Check]:
    return [check() for check in CHECKS]


def overall(checks: list[Check]) -> State:
    """The worst state of all."""
    order = (State.FAILED, State.DEGRADED)
    states = {check.state for check in checks}
    return next((state for state in order if state in states), State.OK)


def versions() -> dict[str, str]:
    """Names and versions of what runs, for the system page."""
    return {
        "TrendDojo": settings.VERSION,
        "Python": platform.python_version(),
        "Django": version("django"),
        "Celery": version("celery"),
        "PostgreSQL": _postgres_version(),
        "Valkey or Redis": _queue_version(),
    }


def _postgres_version() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchone()[0])
    except DatabaseError:
        return "does not answer"


def _queue_version() -> str:
    try:
        client = redis.Redis.from_url(settings.CACHE_URL)
        info = client.info("server")
    except (redis.RedisError, ValueError):
        return "does not answer"
    return str(info.get("valkey_version") or info.get("redis_version"))
