"""What Prometheus reads: the sums of `trenddojo.measures`, and how things stand at the moment of asking.

How things stand is asked of the database and Redis, which know it for all processes and machines; one scrape is a
handful of statements and two round trips, however many orders there are. Nothing here has a label without an end.
A part that cannot be asked says so in `trenddojo_part_up`, and the rest is told all the same.
"""

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from brokers.registry import streaming_brokers
from trades.selectors.operations import connections_standing, open_orders, polls_overdue
from trenddojo import health, measures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Milliseconds: a database that is busy is not kept busier by those who watch it.
DATABASE_WITHIN: Final = 3000

# Name, help and labels of what is asked at the moment of the scrape.
GAUGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "trenddojo_part_up": ("Whether a part answered: database, queue, cache.", ("part",)),
    "trenddojo_info": ("The version that answers.", ("version",)),
    "trenddojo_migrations_pending": ("Migrations that the code has and the database has not.", ()),
    "trenddojo_clock_skew_seconds": ("Our clock against the database's.", ()),
    "trenddojo_orders": ("Orders that are not done, by state.", ("broker", "state")),
    "trenddojo_orders_oldest_seconds": (
        "How long the longest-waiting order of a state waits; 0 when none does.",
        ("broker", "state"),
    ),
    "trenddojo_connections": ("Connections, by status.", ("broker", "status")),
    "trenddojo_streams_up": ("Connections whose order stream is up.", ("broker",)),
    "trenddojo_streams_wanted": ("Connections that have an order stream to be up.", ("broker",)),
    "trenddojo_sync_age_seconds": ("Since connections were synced: max and p95.", ("broker", "stat")),
    "trenddojo_poll_overdue_seconds": (
        "How long the poll of open orders that waits longest is overdue.",
        ("broker",),
    ),
    "trenddojo_queue_messages": ("Messages that wait for a worker.", ("queue",)),
    "trenddojo_heartbeat_age_seconds": ("Since a kind of process was last seen alive.", ("process",)),
}
HEARTBEATS: Final = {
    "orders": health.ORDERS_HEARTBEAT,
    "worker": health.WORKER_HEARTBEAT,
    "stream": health.STREAM_HEARTBEAT,
    "beat": health.BEAT_HEARTBEAT,
}
# States in which waiting is somebody's fault.
WAITED_IN: Final = ("new", "submitting", "in_doubt", "cancelling")

Families = Iterator[Metric]


def exposition() -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Desk())
    return generate_latest(registry)


class _Desk(Collector):
    """Asks each part, and tells which of them answered."""

    def collect(self) -> Families:
        # What this process counted until now is told with the rest.
        measures.hand_over()
        up = _gauge("trenddojo_part_up")
        for name, ask in PARTS:
            families, is_up = _asked(ask)
            up.add_metric([name], is_up)
            yield from families
        yield up
        yield _one("trenddojo_info", 1, settings.VERSION)


def _asked(ask: Callable[[], Families]) -> tuple[list[Metric], int]:
    """What a part told, as far as it got."""
    told: list[Metric] = []
    try:
        told.extend(ask())
    except (DatabaseError, redis.RedisError, OSError):
        return told, 0
    return told, 1


def _database() -> Families:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true), clock_timestamp()", [str(DATABASE_WITHIN)])
        theirs = cursor.fetchone()[1]
        now = timezone.now()
        yield _one("trenddojo_clock_skew_seconds", abs((now - theirs).total_seconds()))
        yield _one("trenddojo_migrations_pending", len(health.migrations_missing()))
        yield from _orders(now)
        yield from _connections(now)


def _orders(now: datetime) -> Families:
    count, oldest = _gauge("trenddojo_orders"), _gauge("trenddojo_orders_oldest_seconds")
    for row in open_orders(now):
        count.add_metric([row.broker, row.state], row.count)
        if row.state in WAITED_IN:
            oldest.add_metric([row.broker, row.state], _age(row.waits_since, now))
    yield from (count, oldest)


def _connections(now: datetime) -> Families:
    count, age = _gauge("trenddojo_connections"), _gauge("trenddojo_sync_age_seconds")
    up, wanted, late = (
        _gauge(name) for name in ("trenddojo_streams_up", "trenddojo_streams_wanted", "trenddojo_poll_overdue_seconds")
    )
    overdue = polls_overdue(now)
    standing: dict[str, list[Any]] = {}
    for row in connections_standing(now):
        count.add_metric([row.broker, row.status], row.count)
        standing.setdefault(row.broker, []).append(row)
    for broker, rows in standing.items():
        active = [row for row in rows if row.oldest_sync is not None]
        age.add_metric([broker, "max"], max((_age(row.oldest_sync, now) for row in active), default=0))
        age.add_metric([broker, "p95"], max((row.sync_age_p95 for row in active), default=0))
        late.add_metric([broker], _age(overdue.get(broker), now))
        if broker in streaming_brokers():
            up.add_metric([broker], sum(row.streams_up for row in rows))
            wanted.add_metric([broker], sum(row.count for row in active))
    yield from (count, age, up, wanted, late)


def _queue() -> Families:
    """Messages and sums, in one round trip."""
    with health.queue_redis() as client, client.pipeline(transaction=False) as pipeline:
        for name in health.QUEUES:
            pipeline.llen(name)
        pipeline.hgetall(measures.KEY)
        *depths, told = pipeline.execute()
    waiting = _gauge("trenddojo_queue_messages")
    for name, depth in zip(health.QUEUES, depths, strict=True):
        waiting.add_metric([name], depth)
    yield waiting
    yield from _summed(measures.sums_of(told))


def _cache() -> Families:
    found = cache.get_many(HEARTBEATS.values())
    ages, now = _gauge("trenddojo_heartbeat_age_seconds"), timezone.now()
    for name, key in HEARTBEATS.items():
        written = found.get(key)
        # Never seen is longer ago than any time.
        ages.add_metric([name], _age(datetime.fromisoformat(written), now) if written else math.inf)
    yield ages


PARTS: Final[tuple[tuple[str, Callable[[], Families]], ...]] = (
    ("database", _database),
    ("queue", _queue),
    ("cache", _cache),
)


def _summed(sums: dict[tuple[str, ...], float]) -> Families:
    """Counters and histograms; one that was never counted has no lines yet but its head."""
    found: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in measures.MEASURES}
    for (name, *labels), value in sums.items():
        # What an older version counted means nothing to this one.
        if name in found:
            found[name][tuple(labels)] = value
    for name, values in found.items():
        measure = measures.MEASURES[name]
        yield (_histogram if measure.bounds else _counter)(name, measure, values)


def _counter(name: str, measure: measures.Measure, values: dict[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name.removesuffix("_total"), measure.help, labels=measure.labels)
    for labels, value in sorted(values.items()):
        if len(labels) == len(measure.labels):
            family.add_metric(labels, value)
    return family


def _histogram(name: str, measure: measures.Measure, values: dict[tuple[str, ...], float]) -> Metric:
    family = HistogramMetricFamily(name, measure.help, labels=measure.labels)
    bounds = [*(repr(bound) for bound in measure.bounds), "+Inf"]
    for labels in sorted({labels[:-1] for labels in values if len(labels) == len(measure.labels) + 1}):
        total, buckets = 0.0, []
        for number, bound in enumerate(bounds):
            total += values.get((*labels, str(number)), 0)
            buckets.append((bound, total))
        family.add_metric(labels, buckets=buckets, sum_value=values.get((*labels, measures.SUM), 0.0))
    return family


def _gauge(name: str) -> GaugeMetricFamily:
    told, labels = GAUGES[name]
    return GaugeMetricFamily(name, told, labels=labels)


def _one(name: str, value: float, *labels: str) -> Metric:
    family = _gauge(name)
    family.add_metric(labels, value)
    return family


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
