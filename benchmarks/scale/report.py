"""The document that a scale run writes: measured costs, the schedule played through, and the plan that follows."""

import os
import platform

from benchmarks.scale.costs import EVENT_STREAMS, FIRST, HELD, OPEN, SOCKETS, Costs
from benchmarks.scale.meters import Cost
from benchmarks.scale.scenes import (
    BROKER_SECONDS,
    FULL,
    HOST_MB,
    HOST_PROCESSORS,
    MILLION,
    SHARD,
    SLOW_SYNC,
    USED,
    World,
    needs,
)
from benchmarks.scale.schedule_simulation import POLL, SYNC, Played, PlayedTogether, Scene, polls_may_use
from brokers.rate_limits import ALPACA

# Seconds: what waits for longer than two looks waits for workers.
LATE = 10.0
SNAPSHOTS_WHOLE_DAYS = 7
SMALL = 10_000

Row = tuple[str, ...]


def document(costs: Costs, played: list[tuple[Scene, Played]], shard: Scene, million: PlayedTogether) -> str:
    """docs/scale.md."""
    small, large = World(SMALL, sync_cycle=60), World(MILLION)
    parts = [
        _HEAD.format(python=platform.python_version(), processors=os.cpu_count(), machine=platform.machine()),
        "## What was measured",
        _MEASURED.format(open=OPEN, held=HELD),
        _table(_COST_HEAD, [_cost(one) for one in costs.operations.values()]),
        _STREAMS.format(sockets=SOCKETS, followed=EVENT_STREAMS, first=FIRST),
        _table(
            ("one more open stream", "memory", "processor, idle"),
            [(one.name, f"{max(one.kilobytes, 0):,.0f} kB", f"{max(one.milliseconds_a_minute, 0):.1f} ms a minute")
             for one in costs.streams],
        ),
        _handing(costs),
        "Bytes of one row on disk, with its indexes:",
        _table(("table", "bytes"), [(name, f"{size:,.0f}") for name, size in costs.rows.items()]),
        _growth(costs),
        "## The schedule, played through",
        _SIMULATED.format(broker=BROKER_SECONDS * 1000, full=FULL * 100, late=LATE),
        _table(_SCENE_HEAD, [*(_scene(scene, one) for scene, one in played), _together(shard, million)]),
        _shards(shard, million),
        _READ.format(
            budget=ALPACA.shared, polls=polls_may_use(),
            most=max(million.most_in_a_minute, *(one.most_in_a_minute for _, one in played)),
        ),
        "## Ten thousand connected accounts",
        _assumed(small),
        _needs(costs, small),
        _TEN_THOUSAND.format(processors=HOST_PROCESSORS, gigabytes=HOST_MB // 1000, used=USED * 100),
        "## A million",
        _assumed(large),
        _needs(costs, large),
        _MILLION.format(shards=million.shards, shard=SHARD),
        _BREAKS.format(handed=costs.handed_out, minute=60 * costs.handed_out),
        _BROKERS.format(budget=ALPACA.shared, polls=polls_may_use()),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n"


_COST_HEAD = (
    "operation", "desk", "PostgreSQL", "Valkey", "statements", "requests to the broker", "commands of Valkey",
    "log of the database",
)  # fmt: skip
_SCENE_HEAD = (
    "world", "workers", "busy", "syncs wait p50 / p99 / longest", "polls wait p50 / p99 / longest", "longest alone",
    "fullest second to average", "well again", "looks that expired",
)  # fmt: skip

_HEAD = """
# At scale

Written by `make scale`; do not edit. What a connected account costs was measured on one machine (Python {python},
{processors} processors, {machine}), the schedule of polls and syncs was played through for many of them with the
rules of the desk itself, and both together are a plan on paper. Nobody has run a desk of this size: what is measured,
what is played and what is assumed is said of each figure.
"""

_MEASURED = """
One account at the stand-in exchange, which answers from memory: {held} positions, {open} open orders, and some
thousand trades in the journal. Milliseconds of processor, by who spent them; the exchange's own are not counted.
`page` is the mix of pages of [load.md](load.md); `changes` is what an open page of orders asks every 0.7 seconds,
answered with 204.
"""

_STREAMS = """
Open streams, the difference between {first} and {followed} programs at a web process, and between one and {sockets}
brokers' sockets at the order stream, after all of them had caught up:
"""

_SIMULATED = """
`benchmarks/scale/schedule_simulation.py` plays the seconds one after the other: beat's looks, the turns they hand
out, one queue, and workers that take what they find. Where a connection's turn lies, how many turns a look takes,
when a message expires and how long a claim lasts is imported from the desk, not copied; a test hands the same
connections to the database and compares. A sync or poll takes a worker what was measured, and {broker:.0f} ms for
each request to the broker (assumed; drawn with a spread, from a seed). Workers are as many as are busy {full:.0f} %
of the time. Seconds from the moment a turn is due to its beginning; “well again” is counted from the end of the
trouble until nothing waits for longer than {late:.0f} s.
"""

_READ = """
Turns come due evenly, because ids are random and the place in the cycle follows from the id: not even an outage
changes that, since the next place is counted from the clock and not from the last turn. Oldest first means that
whoever is late, everybody is late alike; nobody starves. A look stands in the same queue as what it handed out, and
expires, so that a backlog is not added to while it lasts. In no world was an account asked more than {most} times in
a minute by polls and syncs together; they may use {polls} of Alpaca's {budget}.

Playing it found two faults, which are mended. A poll's place coincided with the same connection's sync, found it
held, and had it synced twice: polls now come half a cycle beside. And a look handed out a thousand turns at most,
which alone stretched a cycle of 4 seconds to 20 for ten thousand accounts without streams: it now goes on until
nothing is due. What is left of the wait in that world is the handing out itself, which must be quicker than turns come
due.
"""

_TEN_THOUSAND = """
One database, one Valkey, no shards. Every process may run on any machine; the table's machines have {processors}
processors and {gigabytes} GB, of which {used:.0f} % are planned with. What costs most is the sync once in a minute:
`SYNC_SECONDS=300` divides it by five, and loses little where streams are up, since orders and executions come by them
at once. Workers mostly wait for the broker, so their number is given by its answers and their memory, not by
processors.
"""

_MILLION = """
**What is sharded, and by what.** By user: {shards} desks of {shard:,} accounts each, complete with database, Valkey,
workers and order streams. Every row of the journal, every order, connection and event belongs to one user, and
nothing of one user's is asked for by another; only sweeps look at all of a desk, for what is due. A connection's work
follows its user. A front that knows user → desk (a cookie
for pages, the token's prefix for programs) is the only new part: nothing inside a desk has to change. Ids are UUIDs,
so a user's rows can be moved to another desk without meeting others. What is common (sign-up, unique names and
addresses) needs one small database of its own.

Within a desk of that size the next limits are far. Read replicas for reports come before splitting further; the
tables that grow (`order_events`, `fills`, `account_snapshots`, `events`) can be partitioned by time, since all of
them are read by time.
"""

_BREAKS = """
## What breaks first

In this order, for one desk that only grows:

1. **Workers for syncs**: processes that wait for a broker, and their memory. Longer `SYNC_SECONDS`, then more
   machines; beyond some thousand processes, a sync that waits without a process of its own (threads or a loop), as
   streams do.
2. **Handing out**: {handed:,.0f} turns for each second of processor, so {minute:,.0f} connections a minute by a look
   that has one to itself. Looks may run side by side (rows are locked and skipped), but beat starts one every few
   seconds; beyond that, shard.
3. **Connections of the database**: one for each process and web thread; a pooler from about a hundred processes on,
   with `DATABASE_CONN_MAX_AGE=0` and `DATABASE_PREPARE_AFTER=0`.
4. **Order streams**: 500 a process by our own limit; take more processes. Then addresses: brokers limit sockets by
   key, and some by address too.
5. **The database's processors**, by the table above. Writes come from orders and executions and from one snapshot a
   sync; reads are by key and kept sums ([benchmarks.md](benchmarks.md)).
6. **Valkey**: one thread; orders and budgets need a handful of commands each. Queue and cache can be two servers by
   settings alone.
7. **Numbering of events**: one advisory lock a database gives all events their order. It is taken once in 0.3 seconds
   by each web process that has streams, for everybody at once; many web processes per database would wait for each
   other.
"""

_BROKERS = """
## Brokers

Alpaca allows {budget} requests a minute for each account's key, so budgets grow with accounts and none is shared:
{polls} of them may be used by polls and syncs, the rest is kept for orders and cancellations
([adr/0026](adr/0026-one-budget-of-requests.md)). With a stream up an account costs 2 polls a minute while it has open
orders, without one 15; a sync is the same with or without. A broker that limits by address or by application instead
of by account would be the first thing to break of all: ten thousand accounts cannot share {budget} requests.
Interactive Brokers needs a gateway process for each account, a gigabyte of memory each, which no plan for a million
contains.

**Not measured here:** real brokers and networks, machines with more than two processors, replication, and what
several machines cost each other. The tables multiply what one account costs on one machine; caches that no longer fit
will make the database's part larger.
"""


def _cost(cost: Cost) -> Row:
    return (
        cost.name, f"{cost.desk:.1f} ms", f"{cost.database:.1f} ms", f"{cost.cache:.2f} ms", f"{cost.queries:.0f}",
        f"{cost.requests:.1f}", f"{cost.commands:.0f}", f"{cost.log_bytes / 1024:.1f} kB",
    )  # fmt: skip


def _scene(scene: Scene, played: Played) -> Row:
    # The first cycle has no turns before it: what comes after it counts.
    since = scene.sync_cycle
    trouble = max(scene.away[1], scene.lost[1])
    well = played.well_again(SYNC, trouble, LATE) if trouble else None
    told = {True: "—", False: "not while played"}[not trouble] if well is None else f"{well:.0f} s"
    return (
        scene.name, f"{scene.workers:,}", f"{100 * played.busy:.0f}%", _waits(played.told(SYNC, since)),
        _waits(played.told(POLL, since)), f"{played.longest_gap(SYNC):.0f} s",
        f"{played.spread(SYNC, scene.sync_cycle):.2f}", told, str(played.expired_looks),
    )  # fmt: skip


def _together(shard: Scene, million: PlayedTogether) -> Row:
    return (
        f"a million: {million.shards} shards of {shard.connections:,}, every five minutes",
        f"{million.shards * shard.workers:,}", f"{100 * million.busy:.0f}%", _waits(million.told(SYNC)),
        _waits(million.told(POLL)), f"{million.longest_gap:.0f} s", f"{million.spread:.2f}", "—",
        str(million.expired_looks),
    )  # fmt: skip


def _shards(shard: Scene, million: PlayedTogether) -> str:
    seconds = shard.seconds - shard.sync_cycle
    syncs, polls = (len(million.lags[kind]) for kind in (SYNC, POLL))
    return (
        f"The last row is a million accounts, all of them played: {million.shards} shards one after the other for "
        f"{shard.seconds // 60} minutes each, with ids, places in the cycle and chance of their own. Shards share "
        "nothing, so playing them in turn is playing them at once; their waits are taken together, “longest alone” "
        "and the fullest second are the worst of any shard. After the first cycle they began "
        f"{syncs:,} syncs and {polls:,} polls, {syncs / seconds:,.0f} and {polls / seconds:,.0f} a second."
    )


def _waits(told: tuple[float, float, float]) -> str:
    return " / ".join(f"{one:.1f}" for one in told)


def _handing(costs: Costs) -> str:
    return (
        f"One worker hands out {costs.handed_out:,.0f} turns for each second of processor, ours and the database's; "
        "a thousand are taken at once, then told to the queue. "
        f"One more worker process takes {costs.worker_mb:.0f} MB, one more web process {costs.web_mb:.0f} MB."
    )


def _growth(costs: Costs) -> str:
    """Bytes of an order, and of a connection in a day in which nothing happens."""
    row = costs.rows.get
    order = row("orders", 0) + 3 * row("order_events", 0) + row("fills", 0) + 3 * row("events", 0)
    day = 86_400 / SLOW_SYNC * row("account_snapshots", 0)
    keys = row("idempotency_keys", 0)
    return (
        f"An order that is filled is a row of orders with three of its events, a fill and three events of the desk: "
        f"{order / 1024:.1f} kB for good, and {keys / 1024:.1f} kB for 48 hours where a program sent it with a key. A "
        f"connection that is synced every {SLOW_SYNC} seconds keeps {86_400 // SLOW_SYNC} snapshots a day, "
        f"{day / 1024:.0f} kB, for {SNAPSHOTS_WHOLE_DAYS} days, and the last of each day after that."
    )


def _assumed(world: World) -> str:
    return (
        f"Assumed: {world.connections:,} accounts, synced every {world.sync_cycle} s, each with a stream, "
        f"{world.with_orders:.0%} with open orders; {world.online:.0%} of the traders are online at the busiest moment "
        f"with {world.seconds_a_page:g} s between two pages, {world.on_live_pages:.0%} of them on a page that asks for "
        f"changes; {world.followed:.0%} have a program that follows events; {world.orders_a_day:g} orders a day each, "
        f"{world.busiest_hour:.0%} of them in one hour."
    )


def _needs(costs: Costs, world: World) -> str:
    return _table(
        ("part", "in a second", "processors", "memory", f"machines of {HOST_PROCESSORS} processors"),
        [(one.what, one.a_second, f"{one.processors:,.1f}", f"{one.megabytes / 1024:,.0f} GB", f"{one.hosts:,}")
         for one in needs(costs, world)],
    )  # fmt: skip


def _table(head: Row, rows: list[Row]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
