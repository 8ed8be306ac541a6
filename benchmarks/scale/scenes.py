"""Which worlds are played through, from what was measured, and how many machines such a world asks for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.conf import settings

from benchmarks.scale.costs import Costs
from benchmarks.scale.meters import Cost
from benchmarks.scale.schedule_simulation import Scene

# Assumed, not measured: what a request to a real broker takes over the internet.
BROKER_SECONDS = 0.1
# Workers are planned to be busy for so much of their time.
FULL = 0.7
SLOW_SYNC = 300


def _ten_thousand(costs: Costs) -> Scene:
    sync, poll = (costs.operations[name] for name in ("sync", "poll"))
    return _staffed(
        Scene(
            "ten thousand, all streams up", 10_000, 0, sync_seconds=_takes(sync), poll_seconds=_takes(poll),
            requests_a_sync=round(sync.requests), hand_out_seconds=1 / costs.handed_out,
        )
    )  # fmt: skip


def of(costs: Costs) -> Iterator[Scene]:
    base = _ten_thousand(costs)
    yield base
    yield replace(base, name="nobody there from 3:00 to 8:00", seconds=1200, away=(180, 480))
    yield replace(
        base, name="half of the workers lost from 3:00 to 8:00", seconds=1200, lost=(180, 480), lost_share=0.5
    )
    yield _staffed(replace(base, name="all with open orders, all streams up", with_orders=1.0))
    yield _staffed(replace(base, name="all with open orders, no stream up", with_orders=1.0, streamed=0.0, seconds=240))
    yield _staffed(replace(base, name="synced every five minutes", sync_cycle=SLOW_SYNC, seconds=900))
    yield _staffed(
        replace(base, name="a hundred thousand in one place, every five minutes", connections=100_000,
                sync_cycle=SLOW_SYNC, seconds=660)
    )  # fmt: skip


def shard_of(costs: Costs) -> Scene:
    """One desk of those a million are divided among."""
    return _staffed(replace(_ten_thousand(costs), name="a shard", connections=SHARD, sync_cycle=SLOW_SYNC, seconds=900))


def _takes(cost: Cost) -> float:
    """Seconds of a worker: our own work, and the broker's answers."""
    return cost.processor / 1000 + cost.requests * BROKER_SECONDS


def work_of(scene: Scene) -> float:
    """Workers that are busy at any time."""
    polled = scene.connections * scene.with_orders
    polls = polled * (scene.streamed / settings.POLL_SECONDS_WITH_STREAM + (1 - scene.streamed) / settings.POLL_SECONDS)
    syncs = scene.connections / scene.sync_cycle
    # Handing out is work as well.
    return syncs * (scene.sync_seconds + scene.hand_out_seconds) + polls * (scene.poll_seconds + scene.hand_out_seconds)


def _staffed(scene: Scene) -> Scene:
    return replace(scene, workers=math.ceil(work_of(scene) / FULL))


# --- machines ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What is assumed of so many connected accounts; each belongs to a trader."""

    connections: int
    sync_cycle: int = SLOW_SYNC
    # At the busiest moment: shares of all traders.
    online: float = 0.1
    with_orders: float = 0.1
    followed: float = 0.05
    seconds_a_page: float = 7.5
    # Of those online, on a page that asks for changes, and how often in a second.
    on_live_pages: float = 0.3
    orders_a_day: float = 10
    # The part of a day's orders that falls into its busiest hour.
    busiest_hour: float = 0.25


ORDER_PARTS = ("the request", "the sending", "its execution booked by a poll")
# Accounts of one desk where there are a million; its database is given 16 GB.
SHARD = 25_000
MILLION = 1_000_000
HOST_PROCESSORS, HOST_MB, USED = 16, 64_000, 0.6


@dataclass(frozen=True)
class Need:
    """Of one kind of process: how much happens a second, processors, megabytes, and machines for both."""

    what: str
    a_second: str
    processors: float
    megabytes: float

    @property
    def hosts(self) -> int:
        return max(
            math.ceil(self.processors / (HOST_PROCESSORS * USED)), math.ceil(self.megabytes / (HOST_MB * USED)), 1
        )


def needs(costs: Costs, world: World) -> list[Need]:
    ops = costs.operations
    pages = world.connections * world.online / world.seconds_a_page
    asks = world.connections * world.online * world.on_live_pages / 0.7
    orders = world.connections * world.orders_a_day * world.busiest_hour / 3600
    syncs, polls = world.connections / world.sync_cycle, world.connections * world.with_orders / 30
    request, sending, booking = (
        ops[f"order, {part}"] for part in ("the request", "the sending", "its execution booked by a poll")
    )
    web = (pages * ops["page"].desk + asks * ops["changes"].desk + orders * request.desk) / 1000
    sent = orders * sending.desk / 1000
    pulled = (syncs * ops["sync"].desk + polls * ops["poll"].desk + (syncs + polls) * 1000 / costs.handed_out) / 1000
    listened, followed = costs.streams
    streams = (world.connections * listened.milliseconds_a_minute / 60 + orders * booking.desk) / 1000
    rates = ((pages, "page"), (asks, "changes"), (syncs, "sync"), (polls, "poll"))
    parts = [(rate, ops[name]) for rate, name in rates] + [(orders, one) for one in (request, sending, booking)]
    database = sum(rate * one.database for rate, one in parts) / 1000
    cache = sum(rate * one.cache for rate, one in parts) / 1000
    log_mb = sum(rate * one.log_bytes for rate, one in parts) / 2**20
    sync_workers = (syncs * _takes(ops["sync"]) + polls * _takes(ops["poll"])) / FULL
    order_workers = orders * _takes(sending) / FULL
    open_streams = world.connections * world.followed
    web_mb = web / USED * costs.web_mb + open_streams * followed.kilobytes / 1024
    statements, commands = (sum(rate * getattr(one, name) for rate, one in parts) for name in ("queries", "commands"))
    seen = (
        f"{pages:,.0f} pages, {asks:,.0f} questions for changes, {orders:,.0f} orders, {open_streams:,.0f} streams held"
    )
    order_processes, processes = math.ceil(order_workers), math.ceil(sync_workers)
    pulls = f"{syncs:,.0f} syncs, {polls:,.0f} polls: {processes:,} processes"
    sockets = f"{world.connections:,} sockets held, {orders:,.0f} executions"
    return [
        Need("web", seen, web, web_mb),
        Need("workers for orders", f"{orders:,.0f} orders: {order_processes:,} processes", sent,
             order_processes * costs.worker_mb),
        Need("workers for syncs and polls", pulls, pulled, processes * costs.worker_mb),
        Need("order streams", sockets, streams, world.connections * listened.kilobytes / 1024),
        Need("PostgreSQL", f"{statements:,.0f} statements, {log_mb:.1f} MB of its log", database,
             16_000 * max(world.connections / SHARD, 1)),
        Need("Valkey", f"{commands:,.0f} commands", cache, 1000),
    ]  # fmt: skip
