"""Figures by what trades have in common, what plans came to, and what overriding limits cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from trades.models import LimitOverride
from trades.selectors.contributions import HOLDING_BOUNDS
from trades.selectors.figures import PAGE, KeyTotals, TotalsWalk, together, totals_by_key
from trades.selectors.scope import Scope
from trenddojo.keyset import Page, Sort, Walk

# Breakdown → the order it is read in when the reader asks for no other.
BREAKDOWNS: dict[str, str] = {
    "setup": "-n",
    "tag": "-n",
    "symbol": "-n",
    "direction": "key",
    "weekday": "key",
    "hour": "key",
    "holding": "key",
    "month": "-key",
    "account": "-n",
}
OVERRIDES_SHOWN = 25
BY_TIME = Sort(("created_at", "id"))


def breakdown(scope: Scope, by: str, *, order: str, cursor: str = "", size: int = PAGE) -> Page:
    """One page of a breakdown's rows, KeyTotals; a cursor that leads nowhere gives the first page."""
    return TotalsWalk(scope, by, order).shown(cursor, size)


def holding_label(key: str) -> str:
    """A bucket of holding times in words."""
    names = [_span(bound) for bound in HOLDING_BOUNDS]
    number = int(key)
    if number == 0:
        return f"under {names[0]}"
    if number == len(names):
        return f"{names[-1]} or longer"
    return f"{names[number - 1]} to {names[number]}"


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What plans came to: by planned R, by where the exit was, and by the checklist."""

    planned: dict[str, KeyTotals]
    exits: dict[str, KeyTotals]
    checklist: dict[str, KeyTotals]

    @property
    def with_plan(self) -> KeyTotals:
        """The trades that had a planned R, together."""
        return together(part for key, part in self.planned.items() if key != "none")


def plan_outcomes(scope: Scope) -> Outcomes:
    found = totals_by_key(scope, ["planned", "exit", "checklist"])
    return Outcomes(*({part.key: part for part in found[name]} for name in ("planned", "exit", "checklist")))


@dataclass(frozen=True, slots=True)
class OverrideCost:
    """The trades that broke a limit beside those that kept to all of them.

    ``cost`` is what the overridden trades made less than the same number of others would have at their mean;
    None where one of the two groups is empty. Negative: they made more.
    """

    overridden: KeyTotals
    others: KeyTotals

    @property
    def cost(self) -> Decimal | None:
        mine, rest = self.overridden.totals, self.others.totals
        if not mine.n or not rest.n:
            return None
        return rest.sum_net / rest.n * mine.n - mine.sum_net


def override_cost(scope: Scope) -> OverrideCost:
    parts: Mapping[str, KeyTotals] = {part.key: part for part in totals_by_key(scope, ["override"])["override"]}
    return OverrideCost(parts.get("yes", KeyTotals("yes")), parts.get("no", KeyTotals("no")))


@dataclass(frozen=True, slots=True)
class CodeCost:
    """One limit: how often it was overridden in closed trades and what those trades came to."""

    code: str
    n: int
    net: Decimal

    @property
    def label(self) -> str:
        return self.code.replace("_", " ").capitalize()


def overrides_by_code(scope: Scope) -> list[CodeCost]:
    """By limit, the most often overridden first; a trade that broke two limits counts under both."""
    rows = (
        _overrides(scope)
        .filter(trade__status="closed", trade__is_incomplete=False)
        .order_by()
        .values_list("code")
        .annotate(n=Count("trade", distinct=True), net=Sum("trade__net_pnl"))
        .order_by("-n", "code")
    )
    return [CodeCost(*row) for row in rows]


def overrides_page(scope: Scope, *, cursor: str = "") -> Page:
    """One page of overrides, the newest first; a cursor that leads nowhere gives the first page."""
    return Walk(overrides_of(scope), BY_TIME, is_descending=True).shown(cursor, OVERRIDES_SHOWN)


def overrides_of(scope: Scope | None) -> QuerySet[LimitOverride]:
    """Overrides with their trades, of trades that are not closed too."""
    found = _overrides(scope) if scope is not None else LimitOverride.objects.none()
    return found.select_related("trade")


def _overrides(scope: Scope) -> QuerySet[LimitOverride]:
    found = LimitOverride.objects.filter(trade__account_id__in=scope.account_ids)
    return found if scope.trades is None else found.filter(trade__in=scope.trades.order_by().values("pk"))
