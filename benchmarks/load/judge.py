"""What came of a load: how long requests took, how they ended, and whether every order is where it should be."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from django.db import connection

from benchmarks.load.visitors import BUSY, TOO_MANY
from brokers.models import AccountSnapshot
from tests.brokers.simulator_server import RunningSimulator
from trades.models import Order

ORDER = "POST /api/v1/orders/"
CHANGES = "changes of orders"
MINUTE = 60.0
# So many seconds at least must have been as before.
SEEN = 10


@dataclass(frozen=True)
class Row:
    began: float
    kind: str
    status: int
    seconds: float
    is_right: bool


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float


@dataclass
class Phase:
    """A part of the run: what was asked for, and what it came to."""

    name: str
    people: int
    orders_a_second: float
    began: float
    ended: float
    rows: list[Row] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    # From the row of an order to its arrival at the exchange.
    sent: Times | None = None
    # Connections that were read in full.
    syncs: int = 0

    @property
    def errors(self) -> int:
        """Answers that are neither what was asked for nor a proper refusal."""
        return sum(not row.is_right for row in self.rows)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(row.status for row in self.rows)

    def rates(self) -> dict[str, float]:
        """Orders, pages and syncs that were done, a second."""
        done = Counter(row.kind == ORDER for row in self.rows if self._is_done(row))
        lasted = self.ended - self.began
        return {"orders": done[True] / lasted, "pages": done[False] / lasted, "syncs": self.syncs / lasted}

    def _is_done(self, row: Row) -> bool:
        return row.status not in {0, BUSY, TOO_MANY} and row.began + row.seconds <= self.ended

    def refused(self, kind: str | None = None) -> tuple[int, int]:
        """How many were told to come back, of how many."""
        asked = [row for row in self.rows if kind in {None, row.kind}]
        return sum(row.status in {BUSY, TOO_MANY} for row in asked), len(asked)


def times(seconds: Iterable[float]) -> Times | None:
    found = sorted(one * 1000 for one in seconds)
    if len(found) < 2:  # noqa: PLR2004 - quantiles need two
        return None
    cuts = quantiles(found, n=100, method="inclusive")
    return Times(len(found), median(found), cuts[94], cuts[98])


def times_by_kind(phase: Phase) -> dict[str, Times]:
    """Of what was answered, not refused."""
    answered: dict[str, list[float]] = {}
    for row in phase.rows:
        if row.status not in {0, BUSY, TOO_MANY}:
            answered.setdefault(row.kind, []).append(row.seconds)
    return {kind: found for kind, seconds in sorted(answered.items()) if (found := times(seconds))}


def recovered(before: Phase, after: Phase, *, within: float, kinds: Callable[[str], bool] = bool) -> float | None:
    """Seconds after the crowd was gone from which on, to the end, nothing of these kinds was refused and their p95 was
    within so many times that of before; None where that did not come within the phase."""
    usual = times(row.seconds for row in before.rows if kinds(row.kind))
    for second in range(int(after.ended - after.began) - SEEN + 1):
        seen = [row for row in after.rows if kinds(row.kind) and row.began >= after.began + second]
        now = times(row.seconds for row in seen)
        is_answered = all(row.status not in {0, BUSY, TOO_MANY} for row in seen)
        if usual and now and is_answered and now.p95 <= within * usual.p95:
            return second
    return None


def kept(usual: Phase, crowd: Phase) -> dict[str, float]:
    """What was done a second in the crowd, as parts of what was usual."""
    before, now = usual.rates(), crowd.rates()
    return {what: now[what] / rate for what, rate in before.items() if rate}


# --- orders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Books:
    """Orders answered with 201, in our database, and at the exchange; and what is wrong with them."""

    answered: int
    ours: int
    theirs: int
    lost: list[str]
    doubled: list[str]
    strangers: list[str]
    different: list[str]

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.strangers or self.different)


def books(exchange: RunningSimulator, desks: list[dict[str, Any]], answered: list[str]) -> Books:
    """Both sides held against each other, after everything has come to rest."""
    theirs = [order for desk in desks for order in exchange.control.orders(desk["number_there"])]
    at_exchange = Counter(order["client_order_id"] for order in theirs)
    state_there = {order["client_order_id"]: order["status"] for order in theirs}
    ours = {str(order.pk): order for order in Order.objects.filter(account__name="Stand-in")}
    names = {order.client_order_id for order in ours.values()}
    return Books(
        answered=len(set(answered)),
        ours=len(ours),
        theirs=len(theirs),
        lost=[pk for pk in answered if pk not in ours or ours[pk].client_order_id not in at_exchange],
        doubled=[name for name, count in at_exchange.items() if count > 1]
        + [pk for pk, count in Counter(answered).items() if count > 1],
        strangers=[name for name in at_exchange if name not in names] + [pk for pk in ours if pk not in set(answered)],
        different=[pk for pk, order in ours.items() if _differs(order.status, state_there.get(order.client_order_id))],
    )


def _differs(ours: str, theirs: str | None) -> bool:
    return theirs is not None and {"new": "accepted"}.get(theirs, theirs) != ours


def unsent() -> int:
    """Orders that are still on their way to the exchange, or of which its word is awaited."""
    return Order.objects.filter(status__in=("new", "submitting", "in_doubt"), account__name="Stand-in").count()


def ways(exchange: RunningSimulator, desks: list[dict[str, Any]], phases: list[Phase]) -> None:
    """Tell each phase how long its orders took from our row to the exchange's."""
    arrived = {
        order["client_order_id"]: datetime.fromisoformat(order["created_at"])
        for desk in desks
        for order in exchange.control.orders(desk["number_there"])
    }
    rows = {str(one.pk): one for one in Order.objects.filter(account__name="Stand-in")}
    for phase in phases:
        mine = [rows[pk] for pk in phase.orders if pk in rows and rows[pk].client_order_id in arrived]
        phase.sent = times((arrived[one.client_order_id] - one.created_at).total_seconds() for one in mine)


def syncs_count(phases: list[Phase]) -> None:
    """Tell each phase how often a connection was read in full: each time leaves one snapshot."""
    for phase in phases:
        span = (datetime.fromtimestamp(phase.began, UTC), datetime.fromtimestamp(phase.ended, UTC))
        phase.syncs = AccountSnapshot.objects.filter(at__range=span).count()


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
