# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Figures over many trades, from the kept sums or, under a filter, from the same sums made in SQL."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db import connection

from trades.models import FigureTotal, StreakDay, Trade
from trades.selectors.contributions import CLOSING_ORDER, COUNTED, SUMS, contributions, rows
from trades.selectors.scope import Scope
from trenddojo.cache import spare
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.metrics.intervals import bootstrap_mean
from trenddojo.domain.metrics.streaks import Run, StreakSummary
from trenddojo.domain.metrics.trades import TradeTotals, figures
from trenddojo.keyset import Cursor, Page, Sort, Walk

SEED = 20_260_101
PAGE = 50
INTERVAL_SECONDS = 24 * 3600

_SUMMED = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
_TOTAL_NAMES = tuple(TradeTotals.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class KeyTotals:
    """The sums of the trades that share a key of a dimension."""

    key: str
    totals: TradeTotals = field(default_factory=TradeTotals)
    planned_r_n: int = 0
    planned_r_sum: Decimal = Decimal(0)
    sum_holding_seconds: int = 0

    @property
    def figures(self) -> dict[str, Figure]:
        return figures(self.totals)

    @property
    def mean_holding_seconds(self) -> int | None:
        return self.sum_holding_seconds // self.totals.n if self.totals.n else None

    @property
    def mean_planned_r(self) -> Figure:
        n = self.planned_r_n
        reason = None if n else "No trade here had a target and a stop."
        return Figure(self.planned_r_sum / n if n else None, n, reason)


def totals_by_key(scope: Scope, dimensions: Sequence[str]) -> dict[str, list[KeyTotals]]:
    """For each dimension its keys with their sums, by key. Meant for dimensions of bounded size."""
    source, parameters = _source(scope, dimensions)
    found: dict[str, list[KeyTotals]] = {dimension: [] for dimension in dimensions}
    for row in _fetch(f"SELECT dimension, key, {_SUMMED} FROM {source} GROUP BY 1, 2 ORDER BY 1, 2", parameters):
        found[row.pop("dimension")].append(_key_totals(row))
    return found


# By what sums are sorted; keys are there once, so that every order ends with them.
ORDERS: dict[str, tuple[tuple[str, str], ...]] = {
    "key": (("key", "ASC"),),
    "-key": (("key", "DESC"),),
    "-n": (("n", "DESC"), ("key", "ASC")),
    "-net": (("sum_net", "DESC"), ("key", "ASC")),
    "net": (("sum_net", "ASC"), ("key", "ASC")),
}


class TotalsWalk(Walk):
    """Reads the sums of a dimension's keys in an order of ORDERS, from a point, either way; no table holds these rows.

    A page is one query. `account` is a dimension too, its keys the ids of the accounts.
    """

    def __init__(self, scope: Scope | None, dimension: str, order: str) -> None:
        super().__init__(
            FigureTotal.objects.none(), Sort(tuple(name for name, _way in ORDERS[order])), is_descending=False
        )
        self.scope, self.dimension, self.order = scope, dimension, order

    def page(self, at: Cursor | None, size: int) -> Page:
        found = super().page(at, size)
        return replace(found, rows=[_key_totals(row) for row in found.rows])

    def read(self, text: str) -> Cursor | None:
        order, _, rest = text.partition(".")
        return super().read(rest) if order == self.order else None

    def written(self, segment: int, row: Any, *, is_backward: bool) -> str:
        # It names its order: sums by which another order sorts would be read as if they were this one's.
        return f"{self.order}.{super().written(segment, row, is_backward=is_backward)}"

    def rows(self, at: Cursor | None, limit: int) -> list[tuple[int, Any]]:
        if self.scope is None:
            return []
        terms = [(name, (way == "DESC") != (at is not None and at.is_backward)) for name, way in ORDERS[self.order]]
        where, values = _beyond(terms, at.key) if at is not None else ("TRUE", [])
        source, parameters = self._summed(self.scope)
        order = ", ".join(f"{name} {'DESC' if descends else 'ASC'}" for name, descends in terms)
        found = _fetch(
            f"SELECT * FROM ({source}) AS summed WHERE {where} ORDER BY {order} LIMIT %s",
            [*parameters, *values, limit],
        )
        return [(0, row) for row in found]

    def _summed(self, scope: Scope) -> tuple[str, list[Any]]:
        dimension, key = ("all", "account_id::text") if self.dimension == "account" else (self.dimension, "key")
        source, parameters = _source(scope, [dimension])
        return f"SELECT {key} AS key, {_SUMMED} FROM {source} GROUP BY 1", parameters


def _beyond(terms: Sequence[tuple[str, bool]], point: Sequence[Any]) -> tuple[str, list[Any]]:
    """The condition for what follows a point in an order of (column, whether it descends), and its parameters."""
    (name, descends), *others = terms
    sign = "<" if descends else ">"
    if not others:
        return f"{name} {sign} %s", [point[0]]
    rest, values = _beyond(others, point[1:])
    return f"({name} {sign} %s OR ({name} = %s AND {rest}))", [point[0], point[0], *values]


def totals_by_account(scope: Scope) -> dict[str, KeyTotals]:
    """The sums of each account, by its id; accounts without a closed trade are missing."""
    source, parameters = _source(scope, ["all"])
    found = _fetch(f"SELECT account_id::text AS key, {_SUMMED} FROM {source} GROUP BY 1", parameters)
    return {row["key"]: _key_totals(row) for row in found}


def _source(scope: Scope, dimensions: Sequence[str]) -> tuple[str, list[Any]]:
    """A table expression with a row for each account, dimension and key, and its parameters."""
    if scope.trades is None:
        kept = "(SELECT * FROM figure_totals WHERE account_id = ANY(%s) AND dimension = ANY(%s)) AS kept"
        return kept, [scope.account_ids, list(dimensions)]
    where, parameters = scope.where()
    return f"({contributions(dimensions, where)}) AS made", parameters


def _fetch(statement: str, parameters: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return rows(cursor)


def _key_totals(row: dict[str, Any]) -> KeyTotals:
    counts = {name: int(row[name]) for name in ("n", "wins", "losses", "break_evens", "r_n")}
    totals = TradeTotals(**{name: counts.get(name, row[name]) for name in _TOTAL_NAMES})
    return KeyTotals(row["key"], totals, int(row["planned_r_n"]), row["planned_r_sum"], int(row["sum_holding_seconds"]))


def together(parts: Iterable[KeyTotals]) -> KeyTotals:
    """The sums of several keys as one."""
    whole = KeyTotals("")
    for part in parts:
        whole = KeyTotals(
            "",
            whole.totals + part.totals,
            whole.planned_r_n + part.planned_r_n,
            whole.planned_r_sum + part.planned_r_sum,
            whole.sum_holding_seconds + part.sum_holding_seconds,
        )
    return whole


def trade_figures(totals: TradeTotals, buckets: Sequence[KeyTotals], streaks: StreakSummary) -> dict[str, Figure]:
    """Every figure over many trades, the mean R with its bootstrap interval from the buckets of R."""
    found = figures(totals, streaks)
    interval = _mean_r_interval(buckets)
    if interval is not None:
        found["expectancy_r"] = replace(found["expectancy_r"], low=interval[0], high=interval[1])
    return found


def _mean_r_interval(buckets: Sequence[KeyTotals]) -> tuple[float, float] | None:
    """The interval belongs to these very buckets, so it is kept under their digest."""
    pairs = [(bucket.totals.r_sum, bucket.totals.r_n) for bucket in sorted(buckets, key=lambda bucket: int(bucket.key))]
    name = "mean-r:" + hashlib.sha256(repr(pairs).encode()).hexdigest()
    known = spare.get(name)
    if known is None:
        known = (bootstrap_mean(pairs, seed=SEED),)
        spare.set(name, known, INTERVAL_SECONDS)
    interval: tuple[float, float] | None = known[0]
    return interval


def streaks(scope: Scope, totals: TradeTotals) -> StreakSummary:
    """The runs of wins and losses over all trades of the scope, which ``totals`` counts."""
    if scope.trades is None:
        kept = _kept_streaks(scope)
        # An account deleted by an administrator leaves the runs over all accounts behind its trades.
        if kept is not None and kept.n == totals.wins + totals.losses:
            return kept
    return _streaks_in_sql(scope)


def _kept_streaks(scope: Scope) -> StreakSummary | None:
    """None when what is asked for is neither one account nor all of the owner's in the currency."""
    first = scope.accounts[0]
    days = StreakDay.objects.filter(owner_id=first.owner_id, currency=scope.currency)
    alone = days.filter(account=first) if len(scope.accounts) == 1 else days.filter(account=None)
    whole = StreakSummary()
    for runs in alone.order_by("day").values_list("runs", flat=True):
        whole += StreakSummary(runs["n"], Run(**runs["wins"]), Run(**runs["losses"]))
    return whole


# One sort: a run begins where the outcome differs from the one before, and ends where the next begins.
_STREAKS = """
WITH decided AS (
    SELECT t.outcome, row_number() OVER closing AS place, lag(t.outcome) OVER closing AS before, count(*) OVER () AS n
    FROM trades t WHERE {counted} AND {where} AND t.outcome IN ('win', 'loss')
    WINDOW closing AS (ORDER BY {order})
), runs AS (
    SELECT outcome, n, place, coalesce(lead(place) OVER (ORDER BY place), n + 1) - place AS length FROM decided
    WHERE outcome IS DISTINCT FROM before
)
SELECT outcome, sum(length) AS n, max(length) AS longest, coalesce(max(length) FILTER (WHERE place = 1), 0) AS prefix,
    coalesce(max(length) FILTER (WHERE place + length = n + 1), 0) AS suffix
FROM runs GROUP BY outcome
"""


def _streaks_in_sql(scope: Scope) -> StreakSummary:
    where, parameters = scope.where()
    statement = _STREAKS.format(counted=COUNTED, where=where, order=CLOSING_ORDER)
    found = {row["outcome"]: row for row in _fetch(statement, parameters)}
    runs = {outcome: Run(int(row["prefix"]), int(row["suffix"]), int(row["longest"])) for outcome, row in found.items()}
    n = sum(int(row["n"]) for row in found.values())
    return StreakSummary(n, runs.get("win", Run()), runs.get("loss", Run()))


def left_out(scope: Scope) -> int:
    """How many trades no figure counts because their opening fills are missing."""
    trades = Trade.objects.all() if scope.trades is None else scope.trades
    return trades.order_by().filter(account_id__in=scope.account_ids, is_incomplete=True).count()
