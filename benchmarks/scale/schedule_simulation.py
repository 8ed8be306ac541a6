"""The schedule of polls and syncs, played through for any number of connections, seconds at a time.

The rules are those of the desk, taken from where it keeps them: a connection's place in the cycle (`next_turn`), how
often beat looks and when its message expires, how many turns one look hands out, how long a claim lasts, and what part
of a broker's budget polls may use. What is drawn by chance comes from a seed. One queue of messages, first come first
served, and a number of workers; a look is a message like others, so it stands behind what waits already.
"""

import heapq
import math
import random
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from uuid import UUID

from django.conf import settings

from brokers.rate_limits import ALPACA, MINUTE, SHARE, Priority
from brokers.services.schedule import CLAIM, next_poll, next_turn
from trades.tasks.connections import MOST_TAKES, MOST_TURNS
from trenddojo.schedule import EVERY

BEGAN = datetime(2026, 3, 4, 15, tzinfo=UTC)
SYNC, POLL, STREAMED = "sync", "poll", "poll beside a stream"
LOOKS = {SYNC: "connections-sync", POLL: "connections-poll"}
# What is due at once goes before everything else that is due, by this many seconds.
AT_ONCE = 1e9


@dataclass(frozen=True)
class Scene:
    """What is played, in seconds. While `away` nobody looks or works, while `lost` a share of the workers does not."""

    name: str
    connections: int
    workers: int
    sync_seconds: float
    poll_seconds: float
    requests_a_sync: int
    hand_out_seconds: float
    seconds: int = 600
    streamed: float = 1.0
    with_orders: float = 0.1
    sync_cycle: int = field(default_factory=lambda: settings.SYNC_SECONDS)
    most_turns: int = MOST_TURNS * MOST_TAKES
    away: tuple[float, float] = (0, 0)
    lost: tuple[float, float] = (0, 0)
    lost_share: float = 0.0
    seed: int = 1


@dataclass
class Played:
    """What came of it: (due, began, connection) of every turn by kind, and requests of some connections."""

    scene: Scene
    turns: dict[str, list[tuple[float, float, int]]]
    most_in_a_minute: int
    expired_looks: int
    busy: float

    def lags(self, kind: str, since: float = 0, until: float = math.inf) -> list[float]:
        return [began - due for due, began, _one in self.turns[kind] if since <= due < until]

    def told(self, kind: str, since: float = 0, until: float = math.inf) -> tuple[float, float, float]:
        """p50, p99 and the longest of what turns waited."""
        return waits_of(self.lags(kind, since, until))

    def longest_gap(self, kind: str) -> float:
        """The longest time any connection was left alone, up to the end."""
        last, gap = dict.fromkeys(self.whose(kind), 0.0), 0.0
        for _due, began, one in sorted(self.turns[kind], key=lambda turn: turn[1]):
            gap = max(gap, began - last.get(one, 0.0))
            last[one] = began
        return max(gap, *(self.scene.seconds - at for at in last.values()), 0.0)

    def whose(self, kind: str) -> range:
        everybody = self.scene.connections
        return range(everybody if kind == SYNC else round(everybody * self.scene.with_orders))

    def spread(self, kind: str, cycle: int) -> float:
        """The fullest second of the cycle to the average one, by when turns come due."""
        seconds = Counter(int(due) % cycle for due, _began, _one in self.turns[kind] if due >= cycle)
        whole = sum(seconds.values())
        return max(seconds.values()) / (whole / cycle) if whole else 0.0

    def well_again(self, kind: str, since: float, late: float) -> float | None:
        """Seconds after `since` until no turn waited for longer than `late`; None: not while this was played."""
        over = [began for due, began, _one in self.turns[kind] if began >= since and began - due > late]
        if not over:
            return 0.0
        return max(over) - since if max(over) < self.scene.seconds - late else None


def play(scene: Scene) -> Played:
    return _Desk(scene).play()


@dataclass
class PlayedTogether:
    """Shards that were played one after the other, taken together: what turns waited by kind, and the worst of all."""

    shards: int = 0
    lags: dict[str, "array[float]"] = field(default_factory=lambda: {SYNC: array("d"), POLL: array("d")})
    busy: float = 0.0
    longest_gap: float = 0.0
    spread: float = 0.0
    most_in_a_minute: int = 0
    expired_looks: int = 0

    def add(self, played: Played) -> None:
        """The first cycle has no turns before it: what comes after it counts."""
        cycle = played.scene.sync_cycle
        for kind, lags in self.lags.items():
            lags.extend(played.lags(kind, cycle))
        self.shards += 1
        self.busy += (played.busy - self.busy) / self.shards
        self.longest_gap = max(self.longest_gap, played.longest_gap(SYNC))
        self.spread = max(self.spread, played.spread(SYNC, cycle))
        self.most_in_a_minute = max(self.most_in_a_minute, played.most_in_a_minute)
        self.expired_looks += played.expired_looks

    def told(self, kind: str) -> tuple[float, float, float]:
        """As Played.told, of the turns of all shards."""
        return waits_of(self.lags[kind])


def play_together(scene: Scene, shards: int) -> PlayedTogether:
    """Shards share nothing: each has connections of its own, whose ids and so whose places in the cycle are others."""
    together = PlayedTogether()
    for number in range(shards):
        together.add(play(replace(scene, seed=scene.seed + number)))
    return together


def waits_of(lags: Sequence[float]) -> tuple[float, float, float]:
    """p50, p99 and the longest."""
    if len(lags) < 2:  # noqa: PLR2004 - quantiles need two
        return (0.0, 0.0, max(lags, default=0.0))
    cuts = quantiles(lags, n=100, method="inclusive")
    return (cuts[49], cuts[98], max(lags))


class _Desk:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.drawn = random.Random(scene.seed)  # noqa: S311 - the same in every run
        self.ids = [UUID(int=self.drawn.getrandbits(128)) for _ in range(scene.connections)]
        self.has_orders = round(scene.connections * scene.with_orders)
        self.has_stream = [self.drawn.random() < scene.streamed for _ in self.ids]
        # When each is next due, and all of them with the longest-waiting first; what is out of date is passed over.
        self.due: dict[str, dict[int, float]] = {kind: {} for kind in (SYNC, POLL, STREAMED)}
        self.heaps: dict[str, list[tuple[float, int]]] = {kind: [] for kind in (SYNC, POLL, STREAMED)}
        self.free = [(0.0, number) for number in range(scene.workers)]
        self.held = [0.0] * scene.connections
        self.turns: dict[str, list[tuple[float, float, int]]] = {SYNC: [], POLL: []}
        self.asked: dict[int, deque[tuple[float, int]]] = {}
        # Messages in the order in which they are sent: of a look, or to a connection that was due at some time.
        self.sent: list[tuple[float, int, str, int | None, float]] = []
        self.numbers = scene.seconds
        self.most = self.expired = 0
        self.busy = 0.0

    def play(self) -> Played:
        for one in range(self.scene.connections):
            self._put(SYNC, one, self._next(SYNC, one, 0))
            if one < self.has_orders:
                kind = self._poll_kind(one)
                self._put(kind, one, self._next(kind, one, 0))
        self.sent = [(at, number, name, None, 0.0) for number, (at, name) in enumerate(self._looks())]
        heapq.heapify(self.sent)
        while self.sent:
            at, _number, name, one, due = heapq.heappop(self.sent)
            if one is None:
                self._look(at, name)
            else:
                self._work(name, one, due, at)
        whole = self.scene.workers * self.scene.seconds
        return Played(self.scene, self.turns, self.most, self.expired, self.busy / whole)

    def _looks(self) -> Iterator[tuple[float, str]]:
        """When beat sends which message."""
        every = {name: EVERY[entry]["schedule"] for name, entry in LOOKS.items()}
        found = [
            (step * number, name) for name, step in every.items() for number in range(int(self.scene.seconds / step))
        ]
        return (look for look in sorted(found) if not self.scene.away[0] <= look[0] < self.scene.away[1])

    def _look(self, at: float, name: str) -> None:
        """Hand out what is due, one after the other, if a worker finds the message in time."""
        began, worker = self._worker(at)
        if began - at > EVERY[LOOKS[name]]["options"]["expires"]:
            self.expired += 1
            heapq.heappush(self.free, (began, worker))
            return
        handed = began
        for kind in (SYNC,) if name == SYNC else (STREAMED, POLL):
            for due, one in self._take(kind, began):
                handed += self.scene.hand_out_seconds
                self.numbers += 1
                heapq.heappush(self.sent, (handed, self.numbers, SYNC if kind == SYNC else POLL, one, due))
        self._end(began, handed, worker)

    def _take(self, kind: str, now: float) -> list[tuple[float, int]]:
        """As brokers.services.schedule does in one statement: the longest-waiting first, so many and no more."""
        found: list[tuple[float, int]] = []
        heap, due = self.heaps[kind], self.due[kind]
        while heap and heap[0][0] <= now and len(found) < self.scene.most_turns:
            at, one = heapq.heappop(heap)
            if due[one] == at:
                found.append((at + AT_ONCE if at < 0 else at, one))
                due[one] = math.inf
        for _at, one in found:
            self._put(kind, one, self._next(kind, one, now))
        return found

    def _work(self, kind: str, one: int, due: float, sent: float) -> None:
        began, worker = self._worker(sent)
        if began < self.held[one]:
            # Somebody holds the connection: it is due again, and the message was for nothing.
            self._put(SYNC, one, began - AT_ONCE)
            self._end(began, began, worker)
            return
        mean = self.scene.sync_seconds if kind == SYNC else self.scene.poll_seconds
        took = min(self.drawn.lognormvariate(math.log(mean) - 0.125, 0.5), CLAIM.total_seconds() - 20)
        self.held[one] = began + took
        if began < self.scene.seconds:
            self.turns[kind].append((due, began, one))
            self._ask(one, began, self.scene.requests_a_sync if kind == SYNC else 1)
        self._end(began, began + took, worker)

    def _worker(self, at: float) -> tuple[float, int]:
        """Who is free first, and from when."""
        while True:
            free, worker = heapq.heappop(self.free)
            began = max(free, at)
            gone = self._gone_until(began, worker)
            if gone is None:
                return began, worker
            heapq.heappush(self.free, (gone, worker))

    def _gone_until(self, at: float, worker: int) -> float | None:
        lost, away = self.scene.lost, self.scene.away
        if away[0] <= at < away[1]:
            return away[1]
        is_lost = worker < self.scene.workers * self.scene.lost_share
        return lost[1] if is_lost and lost[0] <= at < lost[1] else None

    def _end(self, began: float, ended: float, worker: int) -> None:
        self.busy += max(min(ended, self.scene.seconds) - min(began, self.scene.seconds), 0)
        heapq.heappush(self.free, (ended, worker))

    def _ask(self, one: int, at: float, requests: int) -> None:
        """Count what a broker is asked for one account within any minute."""
        recent = self.asked.setdefault(one, deque())
        recent.append((at, requests))
        while recent[0][0] <= at - MINUTE:
            recent.popleft()
        self.most = max(self.most, sum(count for _at, count in recent))

    def _put(self, kind: str, one: int, at: float) -> None:
        self.due[kind][one] = at
        heapq.heappush(self.heaps[kind], (at, one))

    def _next(self, kind: str, one: int, now: float) -> float:
        rule = next_turn if kind == SYNC else next_poll
        turn = rule(self.ids[one], cycle=self._cycle(kind), now=BEGAN + timedelta(seconds=now))
        return (turn - BEGAN).total_seconds()

    def _poll_kind(self, one: int) -> str:
        return STREAMED if self.has_stream[one] else POLL

    def _cycle(self, kind: str) -> int:
        return {
            SYNC: self.scene.sync_cycle,
            POLL: settings.POLL_SECONDS,
            STREAMED: settings.POLL_SECONDS_WITH_STREAM,
        }[kind]


def polls_may_use() -> int:
    """Requests a minute that reads of the schedule may use up of one account at Alpaca."""
    return ALPACA.shared * SHARE[Priority.POLL] // 100
