"""Setups and tags with what their closed trades came to, from the kept sums."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from accounts.models import User
from trades.models import FigureTotal, Setup, Tag, TagKind
from trades.selectors.trades import setups_of, tags_of


@dataclass
class Closed:
    """Closed trades with one key: how many, the mean R of those that have one, the net result by currency."""

    n: int = 0
    wins: int = 0
    losses: int = 0
    r_n: int = 0
    r_sum: Decimal = Decimal(0)
    net: dict[str, Decimal] = field(default_factory=dict)

    @property
    def mean_r(self) -> Decimal | None:
        return self.r_sum / self.r_n if self.r_n else None

    @property
    def win_rate(self) -> Decimal | None:
        decided = self.wins + self.losses
        return Decimal(self.wins) / decided if decided else None


def _closed_by_key(user: User, dimension: str) -> dict[str, Closed]:
    sums = {name: Sum(name) for name in ("wins", "losses", "r_n", "r_sum", "sum_net")}
    rows: Iterable[dict[str, Any]] = (
        FigureTotal.objects.filter(account__owner=user, dimension=dimension)
        .values("key", "account__currency")
        .annotate(count=Sum("n"), **{f"all_{name}": total for name, total in sums.items()})
        .order_by("key", "account__currency")
    )
    found: dict[str, Closed] = {}
    for row in rows:
        closed = found.setdefault(row["key"], Closed())
        closed.n += row["count"]
        closed.wins += row["all_wins"]
        closed.losses += row["all_losses"]
        closed.r_n += row["all_r_n"]
        closed.r_sum += row["all_r_sum"]
        closed.net[row["account__currency"]] = row["all_sum_net"]
    return found


def setups_with_results(user: User) -> list[tuple[Setup, Closed]]:
    """Every setup with its number of criteria in use and its closed trades; those in use first."""
    closed = _closed_by_key(user, "setup")
    setups = setups_of(user).annotate(criteria_count=Count("criteria", filter=Q(criteria__is_active=True)))
    return [(setup, closed.get(str(setup.pk), Closed())) for setup in setups.order_by("-is_active", "name")]


def tags_with_results(user: User) -> list[tuple[TagKind, list[tuple[Tag, Closed]]]]:
    """The owner's words by kind with their closed trades."""
    closed = _closed_by_key(user, "tag")
    tags = list(tags_of(user).order_by("name"))
    return [(kind, [(tag, closed.get(str(tag.pk), Closed())) for tag in tags if tag.kind == kind]) for kind in TagKind]
