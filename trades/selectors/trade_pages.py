"""Pages of the trades list by cursor: the thousandth costs what the first does, and new rows shift nothing.

A sort is an order over an index. Trades that lack what is sorted by come last in both directions; they are a
segment of their own, so that every query walks one index from one point. A page is at most two short queries.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

from trades.models import Trade
from trades.selectors.trades import WITH_RESULT

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


@dataclass(frozen=True)
class Sort:
    """An order of the list: its fields, and which trades have what it sorts by."""

    fields: tuple[str, ...]
    has: Q | None = None
    lacks: Q | None = None

    def segments(self) -> list[tuple[Q, tuple[str, ...]]]:
        if self.has is None or self.lacks is None:
            return [(Q(), self.fields)]
        return [(self.has, self.fields), (self.lacks, BY_TIME)]


# Before the first exit there is no result; the column's 0 is told apart, and keeps the index useful.
_WITHOUT_RESULT = ~Q(status__in=WITH_RESULT) & Q(net_pnl=0)
SORTS: dict[str, Sort] = {
    "time": Sort(BY_TIME),
    "symbol": Sort(("symbol", "occurred_at", "id")),
    "result": Sort(("net_pnl", "id"), Q(status__in=WITH_RESULT), _WITHOUT_RESULT),
    "r": Sort(("r_multiple", "id"), Q(r_multiple__isnull=False), Q(r_multiple__isnull=True)),
    "holding": Sort(("holding_seconds", "id"), Q(holding_seconds__isnull=False), Q(holding_seconds__isnull=True)),
}
DEFAULT_SORT = "-time"


@dataclass(frozen=True)
class Cursor:
    """A point between two rows: the segment, the fields of the row beside it, and which way the page lies."""

    segment: int
    key: tuple[Any, ...]
    is_backward: bool = False


@dataclass(frozen=True)
class TradePage:
    rows: list[dict[str, Any]]
    previous: str | None
    next: str | None


def sort_named(name: str) -> str:
    """The sort asked for, or the default for a name there is none of."""
    return name if name.removeprefix("-") in SORTS else DEFAULT_SORT


def trade_page(trades: QuerySet[Trade], *, sort: str, cursor: str = "", size: int = PAGE_SIZE) -> TradePage:
    """One page of ``trades`` in the order of ``sort`` (a name of SORTS, with a minus for descending).

    A cursor that cannot be read, or beyond which nothing is left, gives the first page.
    """
    walk = _Walk(trades, SORTS[sort.removeprefix("-")], is_descending=sort.startswith("-"))
    at = cursor_read(cursor, walk.sort)
    if at is not None and at.is_backward:
        found = walk.rows(at, size + 1)
        if len(found) > size:
            return walk.page(found[:size][::-1], has_previous=True, has_next=True)
        # Fewer than a page lie before: that is the first page.
        at = None
    found = walk.rows(at, size + 1)
    if not found and at is not None:
        at, found = None, walk.rows(None, size + 1)
    return walk.page(found[:size], has_previous=at is not None, has_next=len(found) > size)


class _Walk:
    """Reads rows of a queryset in an order, from a point, either way."""

    def __init__(self, trades: QuerySet[Trade], sort: Sort, *, is_descending: bool) -> None:
        self.trades = trades
        self.sort = sort
        self.is_descending = is_descending

    def rows(self, at: Cursor | None, limit: int) -> list[dict[str, Any]]:
        segments = list(enumerate(self.sort.segments()))
        is_backward = at is not None and at.is_backward
        if is_backward:
            segments.reverse()
        found: list[dict[str, Any]] = []
        for number, (which, fields) in segments:
            if at is not None and (number > at.segment if is_backward else number < at.segment):
                continue
            key = at.key if at is not None and number == at.segment else None
            part = self._part(which, fields, key, is_backward=is_backward)[: limit - len(found)]
            found += [{**row, "segment": number} for row in part.values(*COLUMNS)]
            if len(found) >= limit:
                break
        return found

    def _part(
        self, which: Q, fields: Sequence[str], key: tuple[Any, ...] | None, *, is_backward: bool
    ) -> QuerySet[Any]:
        # The last segment has no order of its own: the newest first, whichever way the sort goes.
        descends = (self.is_descending if fields == self.sort.fields else True) != is_backward
        part = self.trades.filter(which).order_by(*(f"-{name}" if descends else name for name in fields))
        if key is None:
            return part
        compare = LessThan if descends else GreaterThan
        return part.filter(compare(_Row(*map(F, fields)), _Row(*map(Value, key))))

    def page(self, rows: list[dict[str, Any]], *, has_previous: bool, has_next: bool) -> TradePage:
        return TradePage(
            rows=rows,
            previous=self._cursor(rows[0], is_backward=True) if rows and has_previous else None,
            next=self._cursor(rows[-1], is_backward=False) if rows and has_next else None,
        )

    def _cursor(self, row: Mapping[str, Any], *, is_backward: bool) -> str:
        _which, fields = self.sort.segments()[row["segment"]]
        return cursor_write(Cursor(row["segment"], tuple(row[name] for name in fields), is_backward))


class _Row(Func):
    """A row of values: PostgreSQL compares rows field by field and can walk an index of these fields."""

    function = "ROW"
    output_field = BooleanField()


def cursor_write(cursor: Cursor) -> str:
    key = [value.isoformat() if isinstance(value, datetime) else str(value) for value in cursor.key]
    text = json.dumps([cursor.segment, int(cursor.is_backward), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_read(text: str, sort: Sort) -> Cursor | None:
    """The cursor in a page's address, or None for one that is no cursor of this sort."""
    if not text or len(text) > 400:  # noqa: PLR2004 - no cursor of ours is as long
        return None
    try:
        segment, is_backward, *words = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        _which, fields = sort.segments()[_READERS["segment"](segment)]
        key = tuple(_READERS[name](word) for name, word in zip(fields, words, strict=True))
    except (ValueError, TypeError, IndexError, RecursionError, binascii.Error, InvalidOperation):
        return None
    return Cursor(segment, key, bool(is_backward))


def _moment(word: str) -> datetime:
    moment = datetime.fromisoformat(word)
    if moment.tzinfo is None or not 1 < moment.year < 9999:  # noqa: PLR2004 - what every zone can hold
        raise ValueError(word)
    return moment


def _amount(word: str) -> Decimal:
    amount = Decimal(word)
    if not amount.is_finite() or abs(amount.adjusted()) > 20:  # noqa: PLR2004 - more digits than any column
        raise ValueError(word)
    return amount


def _whole(word: str) -> int:
    number = int(word)
    if not 0 <= number < 2**63:
        raise ValueError(word)
    return number


def _symbol(word: str) -> str:
    if not isinstance(word, str) or "\0" in word:
        raise ValueError(word)
    return word.encode("utf-8").decode()


_READERS: dict[str, Callable[[Any], Any]] = {
    "segment": _whole,
    "occurred_at": _moment,
    "id": UUID,
    "symbol": _symbol,
    "net_pnl": _amount,
    "r_multiple": _amount,
    "holding_seconds": _whole,
}


def tags_by_trade(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, list[tuple[str, str]]]:
    """The (kind, name) of every tag of these rows, by trade: one query for the page."""
    through = Trade.tags.through.objects.filter(trade_id__in=[row["id"] for row in rows])
    found: dict[UUID, list[tuple[str, str]]] = {}
    for trade_id, kind, name in _tag_rows(through):
        found.setdefault(trade_id, []).append((kind, name))
    return found


def _tag_rows(through: QuerySet[Any]) -> Iterator[tuple[UUID, str, str]]:
    yield from through.order_by("tag__kind", "tag__name").values_list("trade_id", "tag__kind", "tag__name")
