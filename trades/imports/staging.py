"""The lines of a file in a temporary table, and which of them the account does not have yet.

The table lives in one transaction of one connection; memory stays flat whatever the size of the file.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from trades.imports.rows import ParsedFill

BATCH = 2000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

# What a fill says, costs apart: a typed fill has estimated costs, a statement the real ones.
CONTENT = (
    "encode(sha256(convert_to(concat_ws('|', {symbol}, {side}, trim_scale({quantity}), trim_scale({price}),"
    " trim_scale(extract(epoch from {executed_at}))), 'UTF8')), 'hex')"
)
CONTENT_OF_STAGED = CONTENT.format(
    symbol="s.symbol", side="s.side", quantity="s.quantity", price="s.price", executed_at="s.executed_at"
)
CONTENT_OF_FILL = CONTENT.format(
    symbol="t.symbol", side="f.side", quantity="f.quantity", price="f.price", executed_at="f.executed_at"
)

_CREATE = """
CREATE TEMPORARY TABLE import_lines (
    line integer, symbol text, asset_class text, multiplier numeric, side text, quantity numeric, price numeric,
    commission numeric, fees numeric, executed_at timestamptz, execution_id text, closes boolean
) ON COMMIT DROP
"""

_KEYED = f"""
CREATE TEMPORARY TABLE import_keyed ON COMMIT DROP AS
SELECT s.*, {CONTENT_OF_STAGED} AS content_key,
    CASE WHEN s.execution_id = '' THEN 1
        ELSE row_number() OVER (PARTITION BY s.execution_id ORDER BY s.line) END AS occurrence
FROM import_lines s
"""  # noqa: S608 - put together from constants

# The account's fills that a line could be: by what was kept when they came in, or by what was typed.
_KNOWN = f"""
CREATE TEMPORARY TABLE import_known ON COMMIT DROP AS
SELECT f.content_key, f.execution_id, f.content_number FROM fills f
WHERE f.account_id = %(account)s AND f.part = 0 AND f.content_key <> ''
    AND f.content_key IN (SELECT k.content_key FROM import_keyed k)
UNION ALL
SELECT {CONTENT_OF_FILL}, f.execution_id, NULL FROM fills f JOIN trades t ON t.id = f.trade_id
WHERE f.account_id = %(account)s AND f.part = 0 AND f.content_key = '' AND f.kind = 'trade'
    AND f.executed_at BETWEEN (SELECT min(executed_at) FROM import_keyed)
        AND (SELECT max(executed_at) FROM import_keyed)
"""  # noqa: S608 - put together from constants

# A line is known by its execution id. Otherwise by content and count: lines with an id can only be fills without
# one (typed by hand); lines without an id can be any fill of that content that no other line is.
_NEW = """
CREATE TEMPORARY TABLE import_new ON COMMIT DROP AS
WITH counted AS (
    SELECT content_key, count(*) AS total, count(*) FILTER (WHERE execution_id = '') AS typed,
        count(*) FILTER (WHERE execution_id <> '' AND execution_id IN (SELECT execution_id FROM import_keyed))
            AS matched,
        coalesce(max(content_number) + 1, 0) AS next_number
    FROM import_known GROUP BY content_key
), looked_up AS (
    SELECT k.*, k.execution_id <> '' AS has_id, k.execution_id <> '' AND EXISTS (
        SELECT 1 FROM fills f WHERE f.account_id = %(account)s AND f.execution_id = k.execution_id
            AND f.execution_id <> '' AND f.part = 0) AS is_matched
    FROM import_keyed k WHERE k.occurrence = 1
), ranked AS (
    SELECT l.*, row_number() OVER (PARTITION BY content_key, has_id, is_matched ORDER BY line) AS rank,
        count(*) FILTER (WHERE has_id AND NOT is_matched) OVER (PARTITION BY content_key) AS ids
    FROM looked_up l
), fresh AS (
    SELECT r.*, coalesce(c.next_number, 0) AS next_number FROM ranked r LEFT JOIN counted c USING (content_key)
    WHERE NOT r.is_matched AND r.rank > CASE WHEN r.has_id THEN coalesce(c.typed, 0)
        ELSE coalesce(c.total, 0) - coalesce(c.matched, 0) - least(r.ids, coalesce(c.typed, 0)) END
)
SELECT md5(concat_ws('|', %(account)s::text, content_key, number))::uuid AS id, *
FROM (SELECT line, symbol, asset_class, multiplier, side, quantity, price, commission, fees, executed_at, execution_id,
    closes, content_key,
    (next_number + row_number() OVER (PARTITION BY content_key ORDER BY line) - 1)::integer AS number
FROM fresh) AS numbered
"""

# Looking for a line that is the same as an earlier one but for its id would not find a mapping that took the order's id
# for the execution's: there the content differs.
_CONTRADICTIONS = """
SELECT later.line, first.line FROM import_keyed later
JOIN import_keyed first ON first.execution_id = later.execution_id AND first.occurrence = 1
WHERE later.occurrence > 1 AND later.content_key <> first.content_key ORDER BY later.line
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the lines of a file are to the account; `contradictions` pairs lines with one id and two contents."""

    rows: int
    new: int
    contradictions: list[tuple[int, int]]

    @property
    def duplicate(self) -> int:
        return self.rows - self.new


def escaped(text: str) -> str:
    """A text as COPY reads it."""
    return text.translate(_ESCAPES)


def copy_rows(table: str, columns: str, lines: Iterable[str]) -> None:
    """Write lines of tab-separated values by COPY; null is \\N."""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        copy.write("".join(lines).encode())


def stage(fills: Iterable[ParsedFill], *, each: Callable[[int], None]) -> int:
    """Write the fills into the temporary table, telling `each` how many there are so far; return their number."""
    with connection.cursor() as cursor:
        for table in ("import_lines", "import_keyed", "import_known", "import_new"):
            cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{table}")
        cursor.execute(_CREATE)
        count = 0
        batch: list[str] = []
        with cursor.copy("COPY import_lines FROM STDIN") as copy:
            for fill in fills:
                batch.append(_line(fill))
                if len(batch) == BATCH:
                    copy.write("".join(batch).encode())
                    count += BATCH
                    batch.clear()
                    each(count)
            copy.write("".join(batch).encode())
    return count + len(batch)


def _line(fill: ParsedFill) -> str:
    return (
        f"{fill.line}\t{fill.symbol}\t{fill.asset_class}\t{fill.multiplier}\t{fill.side}\t{fill.quantity}\t{fill.price}"
        f"\t{fill.commission}\t{fill.fees}\t{fill.executed_at}\t{escaped(fill.execution_id)}\t{fill.closes}\n"
    )


def compare(account_id: UUID, *, rows: int) -> Counts:
    """Find the lines the account does not have; the caller holds the account's lock where it goes on to book them."""
    parameters: dict[str, Any] = {"account": account_id}
    with connection.cursor() as cursor:
        for statement in (
            "DROP TABLE IF EXISTS pg_temp.import_keyed, pg_temp.import_known, pg_temp.import_new",
            _KEYED,
        ):
            cursor.execute(statement)
        cursor.execute("ANALYZE import_keyed")
        cursor.execute(_KNOWN, parameters)
        cursor.execute("ANALYZE import_known")
        cursor.execute(_NEW, parameters)
        cursor.execute("SELECT count(*) FROM import_new")
        new = cursor.fetchone()[0]
        cursor.execute(_CONTRADICTIONS)
        return Counts(rows, new, cursor.fetchall())
