"""The fills of each instrument in time order: what a file brings, merged with what the account already has.

A stream is one symbol, asset class and multiplier in one account. Trades that ended before the first change of their
stream stay as they are; the others are built again from their fills.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from trades.models import FillImport
from trenddojo.domain.positions import Fill, FillKind, Side

FETCH = 2000
SIDES = {side.value: side for side in Side}
KINDS = {kind.value: kind for kind in FillKind}

_STREAMS_OF_NEW = """
CREATE TEMPORARY TABLE import_streams ON COMMIT DROP AS
SELECT symbol, asset_class, multiplier, min(executed_at) AS since FROM import_new GROUP BY 1, 2, 3
"""
_STREAMS_OF_IMPORT = """
CREATE TEMPORARY TABLE import_streams ON COMMIT DROP AS
SELECT t.symbol, t.asset_class, t.multiplier, min(f.executed_at) AS since
FROM fills f JOIN trades t ON t.id = f.trade_id WHERE f.source_id = %s AND f.account_id = %s GROUP BY 1, 2, 3
"""
_NOTHING_NEW = """
CREATE TEMPORARY TABLE import_new (id uuid, line integer, symbol text, asset_class text, multiplier numeric, side text,
    quantity numeric, price numeric, commission numeric, fees numeric, executed_at timestamptz, execution_id text,
    closes boolean, content_key text, number integer) ON COMMIT DROP
"""
_AFFECTED = """
CREATE TEMPORARY TABLE import_affected ON COMMIT DROP AS
SELECT t.id, t.status = 'active' AS is_active FROM trades t
JOIN import_streams s USING (symbol, asset_class, multiplier)
WHERE t.account_id = %s AND (t.status = 'active' OR (t.status = 'closed' AND t.exit_date >= s.since))
"""
_MERGED = """
SELECT symbol, asset_class, multiplier, executed_at, id, NULL::uuid AS trade_id, 'trade' AS kind, side, quantity, price,
    commission, fees, FALSE AS has_estimated_costs, execution_id, content_key, number AS content_number, 0 AS part,
    closes AS only_closes, FALSE AS is_exit, 0 AS trade_fills,
    NULL::timestamptz AS created_at, line, NULL::uuid AS source_id,
    FALSE AS is_first
FROM import_new
UNION ALL
SELECT *, 1 = row_number() OVER (PARTITION BY trade_id ORDER BY executed_at, created_at, part, id) FROM (
    SELECT t.symbol, t.asset_class, t.multiplier, f.executed_at, f.id, f.trade_id, f.kind, f.side, f.quantity, f.price,
        f.commission, f.fees, f.has_estimated_costs, f.execution_id, f.content_key, f.content_number, f.part,
        f.only_closes, f.is_exit, count(*) OVER (PARTITION BY f.trade_id), f.created_at, 0, f.source_id
    FROM import_affected a JOIN trades t ON t.id = a.id JOIN fills f ON f.trade_id = t.id
) AS kept
WHERE kept.source_id IS DISTINCT FROM %s
ORDER BY symbol, asset_class, multiplier, executed_at, created_at NULLS LAST, line, part, id
"""


class Row(NamedTuple):
    """One line of the merged fills; `trade_id` is None for what the file brings."""

    symbol: str
    asset_class: str
    multiplier: Decimal
    executed_at: datetime
    id: UUID
    trade_id: UUID | None
    kind: str
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    fees: Decimal
    has_estimated_costs: bool
    execution_id: str
    content_key: str
    content_number: int
    part: int
    only_closes: bool
    is_exit: bool
    trade_fills: int
    created_at: datetime | None
    line: int
    source_id: UUID | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Stream:
    symbol: str
    asset_class: str
    multiplier: Decimal


@dataclass(slots=True)
class Origin:
    """One execution and the rows it is kept in: two where it took a position through zero."""

    fill: Fill
    rows: list[Row]

    @property
    def first(self) -> Row:
        return self.rows[0]

    def join(self, row: Row) -> None:
        """Take the other part of the same execution, so that it can be split anew."""
        self.rows = sorted([*self.rows, row], key=lambda one: one.part)
        self.fill = Fill(
            key=str(self.first.id),
            side=self.fill.side,
            quantity=self.fill.quantity + row.quantity,
            price=self.fill.price,
            commission=self.fill.commission + row.commission,
            fees=self.fill.fees + row.fees,
            executed_at=self.fill.executed_at,
            kind=self.fill.kind,
        )


def streams_prepare(fill_import: FillImport) -> list[UUID]:
    """Find the streams that the new lines touch and return the trades that have to be built again."""
    return _prepare(fill_import, _STREAMS_OF_NEW, [])


def streams_prepare_without(fill_import: FillImport) -> list[UUID]:
    """As `streams_prepare`, for taking away what the import brought."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_new")
        cursor.execute(_NOTHING_NEW)
    return _prepare(fill_import, _STREAMS_OF_IMPORT, [fill_import.pk, fill_import.account_id])


def _prepare(fill_import: FillImport, statement: str, parameters: list[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_streams, pg_temp.import_affected")
        cursor.execute(statement, parameters)
        cursor.execute("ANALYZE import_streams")
        cursor.execute(_AFFECTED, [fill_import.account_id])
        cursor.execute("ANALYZE import_affected")
        cursor.execute("SELECT id FROM import_affected")
        return [row[0] for row in cursor.fetchall()]


def positions_set_aside() -> None:
    """Free the one open position an instrument may have, until the rebuilt trades are written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trades SET status = 'cancelled', open_quantity = 0"
            " WHERE id IN (SELECT id FROM import_affected WHERE is_active)"
        )


def active_before() -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM import_affected WHERE is_active")
        return {row[0] for row in cursor.fetchall()}


def merged(fill_import: FillImport) -> Iterator[tuple[Stream, Iterator[list[Origin]]]]:
    """Every stream with its executions, those of one instant together. Streams must be read one after the other."""
    rows = _rows(fill_import)
    ahead = next(rows, None)
    while ahead is not None:
        stream = Stream(ahead.symbol, ahead.asset_class, ahead.multiplier)
        instants = _Instants(stream, ahead, rows)
        yield stream, iter(instants)
        ahead = instants.ahead


def instants_of(stream: Stream, rows: Iterator[Row]) -> Iterator[list[Origin]]:
    """The executions of one stream, those of one instant together; its rows come in time order."""
    first = next(rows, None)
    return iter(()) if first is None else iter(_Instants(stream, first, rows))


def _rows(fill_import: FillImport) -> Iterator[Row]:
    """Undoing leaves out what the import brought; while booking it has brought nothing yet."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_MERGED, [fill_import.pk])
        while found := cursor.fetchmany(FETCH):
            yield from map(Row._make, found)


class _Instants:
    """Groups a stream's rows by their time; `ahead` is the first row of the next stream."""

    def __init__(self, stream: Stream, first: Row, rows: Iterator[Row]) -> None:
        self._stream = stream
        self._rows = rows
        self.ahead: Row | None = first

    def __iter__(self) -> Iterator[list[Origin]]:
        stream = (self._stream.symbol, self._stream.asset_class, self._stream.multiplier)
        row = self.ahead
        while row is not None and row[:3] == stream:
            at = row.executed_at
            group = [_origin(row)]
            row = next(self._rows, None)
            while row is not None and row.executed_at == at and row[:3] == stream:
                _add(group, row)
                row = next(self._rows, None)
            self.ahead = row
            yield group


def _add(group: list[Origin], row: Row) -> None:
    if row.trade_id is not None and (row.content_key or row.execution_id):
        same = (row.execution_id, row.content_key, row.content_number)
        for origin in group:
            known = origin.first
            is_same = (known.execution_id, known.content_key, known.content_number) == same
            if is_same and known.trade_id is not None and row.part not in [one.part for one in origin.rows]:
                origin.join(row)
                return
    group.append(_origin(row))


def _origin(row: Row) -> Origin:
    fill = Fill(
        str(row.id),
        SIDES[row.side],
        row.quantity,
        row.price,
        row.commission,
        row.fees,
        row.executed_at,
        KINDS[row.kind],
    )
    return Origin(fill, [row])
