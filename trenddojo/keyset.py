"""Pages of a list by cursor: the thousandth costs what the first does, and new rows shift nothing.

A sort is an order over an index. Rows that lack what is sorted by come last in both directions; they are a segment of
their own, so that every query walks one index from one point. A page is at most two short queries.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan

LONGEST = 400


@dataclass(frozen=True)
class Sort:
    """An order of a list: its fields, the last of them unique, and which rows have what it sorts by.

    Those that lack it follow in the order of `rest`, the largest first.
    """

    fields: tuple[str, ...]
    has: Q | None = None
    lacks: Q | None = None
    rest: tuple[str, ...] = ("id",)

    def segments(self) -> list[tuple[Q, tuple[str, ...]]]:
        if self.has is None or self.lacks is None:
            return [(Q(), self.fields)]
        return [(self.has, self.fields), (self.lacks, self.rest)]


@dataclass(frozen=True)
class Cursor:
    """A point between two rows: the segment, the fields of the row beside it, and which way the page lies."""

    segment: int
    key: tuple[Any, ...]
    is_backward: bool = False


@dataclass(frozen=True)
class Page:
    """Rows in the order asked for, and the cursors of the pages beside them."""

    rows: list[Any]
    previous: str | None
    next: str | None


class Walk:
    """Reads rows of a queryset in an order, from a point, either way; `columns` names what is read, none: the whole."""

    def __init__(
        self, queryset: QuerySet[Any], sort: Sort, *, is_descending: bool, columns: Sequence[str] = ()
    ) -> None:
        self.queryset = queryset
        self.sort = sort
        self.is_descending = is_descending
        self.columns = columns

    def page(self, at: Cursor | None, size: int) -> Page:
        """The page that begins, or going backward ends, at a cursor; without one the first page."""
        found = self.rows(at, size + 1)
        rows, has_more = found[:size], len(found) > size
        if at is None or not at.is_backward:
            return self._page(rows, has_previous=at is not None, has_next=has_more)
        return self._page(rows[::-1], has_previous=has_more, has_next=True)

    def shown(self, text: str, size: int) -> Page:
        """The page of a cursor in an address; one that cannot be read, or beyond which nothing is left: the first."""
        at = self.read(text)
        found = self.page(at, size)
        # Fewer than a page lie before: that is the first page.
        is_short = at is not None and at.is_backward and found.previous is None
        return self.page(None, size) if is_short or (at is not None and not found.rows) else found

    def read(self, text: str) -> Cursor | None:
        """The cursor in an address, or None for one that is no cursor of this sort."""
        return cursor_read(text, self.sort, self.queryset.model)

    def rows(self, at: Cursor | None, limit: int) -> list[tuple[int, Any]]:
        """The next rows on the way a cursor points, each with its segment; going backward the nearest come first."""
        segments = list(enumerate(self.sort.segments()))
        is_backward = at is not None and at.is_backward
        if is_backward:
            segments.reverse()
        found: list[tuple[int, Any]] = []
        for number, (which, fields) in segments:
            if at is not None and (number > at.segment if is_backward else number < at.segment):
                continue
            key = at.key if at is not None and number == at.segment else None
            part = self._part(which, fields, key, is_backward=is_backward)[: limit - len(found)]
            found += [(number, row) for row in (part.values(*self.columns) if self.columns else part)]
            if len(found) >= limit:
                break
        return found

    def _part(
        self, which: Q, fields: Sequence[str], key: tuple[Any, ...] | None, *, is_backward: bool
    ) -> QuerySet[Any]:
        # The last segment has no order of its own: the newest first, whichever way the sort goes.
        descends = (self.is_descending if fields == self.sort.fields else True) != is_backward
        part = self.queryset.filter(which).order_by(*(f"-{name}" if descends else name for name in fields))
        if key is None:
            return part
        compare = LessThan if descends else GreaterThan
        return part.filter(compare(_Row(*map(F, fields)), _Row(*map(Value, key))))

    def _page(self, found: list[tuple[int, Any]], *, has_previous: bool, has_next: bool) -> Page:
        return Page(
            rows=[row for _number, row in found],
            previous=self.written(*found[0], is_backward=True) if found and has_previous else None,
            next=self.written(*found[-1], is_backward=False) if found and has_next else None,
        )

    def written(self, segment: int, row: Any, *, is_backward: bool) -> str:
        """The cursor beside a row, as an address has it."""
        _which, fields = self.sort.segments()[segment]
        values = [row[name] if isinstance(row, Mapping) else getattr(row, name) for name in fields]
        return cursor_write(Cursor(segment, tuple(values), is_backward))


class _Row(Func):
    """A row of values: PostgreSQL compares rows field by field and can walk an index of these fields."""

    function = "ROW"
    output_field = BooleanField()


def cursor_write(cursor: Cursor) -> str:
    key = [value.isoformat() if isinstance(value, date) else str(value) for value in cursor.key]
    text = json.dumps([cursor.segment, int(cursor.is_backward), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_read(text: str, sort: Sort, model: type[models.Model]) -> Cursor | None:
    """The cursor of this sort in a text, or None for a text that is none."""
    if not text or len(text) > LONGEST:
        return None
    try:
        segment, is_backward, *words = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        _which, fields = sort.segments()[_whole(segment)]
        key = tuple(_reader(model, name)(word) for name, word in zip(fields, words, strict=True))
    except (ValueError, TypeError, IndexError, RecursionError, binascii.Error, ArithmeticError):
        return None
    return Cursor(segment, key, bool(is_backward))


def _reader(model: type[models.Model], name: str) -> Callable[[Any], Any]:
    field = model._meta.get_field(name)
    return next(read for kind, read in _READERS if isinstance(field, kind))


def _moment(word: str) -> datetime:
    moment = datetime.fromisoformat(word)
    if moment.tzinfo is None or not 1 < moment.year < 9999:  # noqa: PLR2004 - what every zone can hold
        raise ValueError(word)
    # PostgreSQL knows no zone that is as far from UTC as Python's may be.
    return moment.astimezone(UTC)


def _amount(word: str) -> Decimal:
    amount = Decimal(word)
    if not amount.is_finite() or abs(amount.adjusted()) > 20:  # noqa: PLR2004 - more digits than any column
        raise ValueError(word)
    return amount


def _whole(word: Any) -> int:
    number = int(word)
    if not 0 <= number < 2**63:
        raise ValueError(word)
    return number


def _id(word: Any) -> UUID:
    if not isinstance(word, str):
        raise TypeError(word)
    return UUID(word)


def _text(word: str) -> str:
    if not isinstance(word, str) or "\0" in word:
        raise ValueError(word)
    return word.encode("utf-8").decode()


_READERS: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (models.DateTimeField, _moment),
    (models.DateField, date.fromisoformat),
    (models.UUIDField, _id),
    (models.DecimalField, _amount),
    (models.IntegerField, _whole),
    (models.CharField, _text),
)
