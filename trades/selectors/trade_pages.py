"""Pages of the trades list by cursor, in the orders its columns offer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from trades.models import Trade
from trades.selectors.trades import WITH_RESULT
from trenddojo.keyset import Page, Sort, Walk

PAGE_SIZE = 50
COLUMNS = (
    "id",
    "account_id",
    "setup_id",
    "symbol",
    "asset_class",
    "direction",
    "status",
    "outcome",
    "occurred_at",
    "entry_date",
    "quantity",
    "planned_quantity",
    "actual_entry",
    "entry_price",
    "actual_exit",
    "net_pnl",
    "r_multiple",
    "holding_seconds",
    "rating",
    "is_override",
    "has_estimated_costs",
    "is_incomplete",
)
BY_TIME = ("occurred_at", "id")


# Before the first exit there is no result; the column's 0 is told apart, and keeps the index useful.
_WITHOUT_RESULT = ~Q(status__in=WITH_RESULT) & Q(net_pnl=0)
SORTS: dict[str, Sort] = {
    "time": Sort(BY_TIME),
    "symbol": Sort(("symbol", "occurred_at", "id")),
    "result": Sort(("net_pnl", "id"), Q(status__in=WITH_RESULT), _WITHOUT_RESULT, BY_TIME),
    "r": Sort(("r_multiple", "id"), Q(r_multiple__isnull=False), Q(r_multiple__isnull=True), BY_TIME),
    "holding": Sort(
        ("holding_seconds", "id"), Q(holding_seconds__isnull=False), Q(holding_seconds__isnull=True), BY_TIME
    ),
}
DEFAULT_SORT = "-time"


def sort_named(name: str) -> str:
    """The sort asked for, or the default for a name there is none of."""
    return name if name.removeprefix("-") in SORTS else DEFAULT_SORT


def trade_page(trades: QuerySet[Trade], *, sort: str, cursor: str = "", size: int = PAGE_SIZE) -> Page:
    """One page of ``trades`` in the order of ``sort`` (a name of SORTS, with a minus for descending).

    A cursor that cannot be read, or beyond which nothing is left, gives the first page.
    """
    walk = Walk(trades, SORTS[sort.removeprefix("-")], is_descending=sort.startswith("-"), columns=COLUMNS)
    return walk.shown(cursor, size)


def tags_by_trade(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, list[tuple[str, str]]]:
    """The (kind, name) of every tag of these rows, by trade: one query for the page."""
    through = Trade.tags.through.objects.filter(trade_id__in=[row["id"] for row in rows])
    found: dict[UUID, list[tuple[str, str]]] = {}
    for trade_id, kind, name in _tag_rows(through):
        found.setdefault(trade_id, []).append((kind, name))
    return found


def _tag_rows(through: QuerySet[Any]) -> Iterator[tuple[UUID, str, str]]:
    yield from through.order_by("tag__kind", "tag__name").values_list("trade_id", "tag__kind", "tag__name")
