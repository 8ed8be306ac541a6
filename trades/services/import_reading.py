"""Reading an uploaded file for its preview: what it holds, what is new, what is wrong with it."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import TradingAccount
from trades.imports.formats import ROLES
from trades.imports.mapping import (
    DATE_ORDERS,
    Mapping,
    doubled_names,
    guess,
    header_key,
    missing_roles,
    order_is_ambiguous,
)
from trades.imports.progress import Progress
from trades.imports.reading import Shape, Table, look_at, open_table, without_lines
from trades.imports.refusals import FileRefused, LineError
from trades.imports.rows import FillReader, ParsedFill, Rules
from trades.imports.staging import Counts, compare, stage
from trades.models import FillImport, ImportMapping, ImportState
from trades.services.import_queue import import_settle, problem_entry

SHOWN_ERRORS = 100
GUESSED_FROM = 200
SAMPLE = 5
SHOWN_CELL = 60
SHOWN_COLUMNS = 30


@dataclass(slots=True)
class Lines:
    """Goes through a file's lines and notes what the preview shows about them."""

    reader: FillReader
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0
    seen: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)
    last: list[dict[str, Any]] = field(default_factory=list)

    def fills(self, lines: Iterable[tuple[int, list[str]]]) -> Iterator[ParsedFill]:
        recent: list[tuple[int, list[str]]] = []
        for number, cells in lines:
            self.seen += 1
            if self.seen <= SAMPLE:
                self.first.append(_shown(number, cells))
            else:
                recent.append((number, cells))
                if len(recent) > SAMPLE:
                    del recent[0]
            try:
                fill = self.reader.read(number, cells)
            except LineError as problem:
                self.note(number, problem.code, problem.sentence)
                continue
            if fill is not None:
                yield fill
        self.last = [_shown(*line) for line in recent]

    def note(self, line: int, code: str, sentence: str) -> None:
        self.error_count += 1
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append(problem_entry(line, code, sentence))


def _shown(line: int, cells: list[str]) -> dict[str, Any]:
    return {"line": line, "cells": [cell[:SHOWN_CELL] for cell in cells[:SHOWN_COLUMNS]]}


def import_read(found: FillImport, progress: Progress) -> None:
    """Read the file for its preview; what it finds is written in one update at the end."""
    try:
        with file_of(found) as file:
            shape = look_at(file)
            table = open_table(file, shape)
            first = list(itertools.islice(table.lines, GUESSED_FROM))
            if not first:
                raise without_lines(table)
            mapping = _mapping_for(found, table, [cells for _, cells in first])
            table.lines = itertools.chain(first, table.lines)
            columns = _preview(found, table, shape, mapping, progress)
    except FileRefused as problem:
        import_settle(
            found,
            ImportState.REFUSED,
            errors=[problem_entry(0, problem.code, problem.sentence)],
            error_count=1,
            rows=0,
            new=0,
            duplicate=0,
        )
        return
    except OSError:
        import_settle(found, ImportState.REFUSED, errors=[problem_entry(0, "file_gone", _GONE)], error_count=1)
        return
    if mapping_is_ambiguous := order_is_ambiguous(mapping, [cells for _, cells in first]):
        columns["warnings"].append(
            problem_entry(0, "ambiguous_dates", _AMBIGUOUS.format(DATE_ORDERS[mapping.date_order].lower()))
        )
    columns["settings"] = {**found.settings, "header_line": table.header_line, "ambiguous": mapping_is_ambiguous}
    import_settle(found, ImportState.PREVIEW, **columns)


def file_of(found: FillImport) -> BinaryIO:
    """The uploaded file, open. Raises FileRefused (file_gone)."""
    try:
        return found.file.open("rb")  # type: ignore[no-any-return]
    except (OSError, ValueError) as gone:
        raise FileRefused("file_gone", _GONE) from gone


_GONE = "The uploaded file is no longer there. Upload it again."
_MAYBE_CUT_OFF = (
    "Line {}, the last one, has no line end, so the file may have been cut off inside it: a price of 101 could stand"
    " there as 10. Compare it with your broker before you book."
)
_DOUBLED_NAME = "More than one column is called “{}”: check that the right one is chosen."
_AMBIGUOUS = (
    "The dates of this file can be read two ways, day first or month first. They are read as {}: compare the first"
    " lines below."
)


def _mapping_for(found: FillImport, table: Table, sample: list[list[str]]) -> Mapping:
    """The mapping chosen in the preview, else by the format asked for, else the one kept for such files, else a guess.

    Raises FileRefused where the file is not of the format asked for.
    """
    columns = len(table.header)
    if found.mapping and (chosen := Mapping.from_json(found.mapping, columns=columns)):
        return chosen
    if asked := found.settings.get("format"):
        return guess(table.header, sample, timezone=found.owner.timezone, asked=asked)
    kept = ImportMapping.objects.filter(account_id=found.account_id, header_key=header_key(table.header)).first()
    if kept is not None and (known := Mapping.from_json(kept.mapping, columns=columns)):
        return known
    return guess(table.header, sample, timezone=found.owner.timezone)


def _preview(found: FillImport, table: Table, shape: Shape, mapping: Mapping, progress: Progress) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "encoding": shape.encoding,
        "delimiter": shape.delimiter,
        "header": [name[:200] for name in table.header],
        "mapping": mapping.as_json(),
    }
    missing = missing_roles(mapping)
    if missing:
        return columns | _unmapped(table, missing)
    lines = Lines(line_reader(found.account, table, mapping))
    with transaction.atomic():
        rows = stage(lines.fills(table.lines), each=progress)
        counts = compare(found.account_id, rows=rows)
    for later, earlier in counts.contradictions:
        lines.note(later, "execution_id_twice", _contradiction(earlier))
    return columns | _counted(lines, counts) | {"warnings": _warnings(table, shape, mapping, lines)}


def _contradiction(earlier: int) -> str:
    return (
        f"This execution id already stands on line {earlier} with another content. If the column holds order ids, leave"
        " “Execution id” empty below."
    )


def line_reader(account: TradingAccount, table: Table, mapping: Mapping) -> FillReader:
    rules = Rules.of(account, now=timezone.now(), known=known_instruments(account))
    return FillReader(mapping, rules, columns=len(table.header))


def known_instruments(account: TradingAccount) -> dict[str, tuple[str, Any]]:
    """How the account has traded each symbol, where there is but one way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT symbol, min(asset_class), min(multiplier) FROM trades WHERE account_id = %s"
            " AND status IN ('active', 'closed') GROUP BY symbol"
            " HAVING count(DISTINCT (asset_class, multiplier)) = 1",
            [account.pk],
        )
        return {symbol: (asset_class, multiplier.normalize()) for symbol, asset_class, multiplier in cursor.fetchall()}


def _unmapped(table: Table, missing: list[str]) -> dict[str, Any]:
    """Without its columns no line can be read: the first lines are shown, and what is to be chosen."""
    shown = [_shown(*line) for line in itertools.islice(table.lines, 2 * SAMPLE)]
    for _ in table.lines:
        pass
    errors = [problem_entry(table.header_line, f"no_{role}", _no_column(role)) for role in missing]
    return {
        "sample": shown,
        "errors": errors,
        "error_count": len(errors),
        "warnings": [],
        "rows": 0,
        "new": 0,
        "duplicate": 0,
    }


def _no_column(role: str) -> str:
    if role == "side":
        return (
            "No column says whether a line buys or sells. Choose it below, or say there that a minus sign at the"
            " quantity means sold."
        )
    return f"No column of this header was recognised as “{ROLES[role].lower()}”. Choose it below."


def _counted(lines: Lines, counts: Counts) -> dict[str, Any]:
    return {
        "sample": [*lines.first, *lines.last],
        "errors": sorted(lines.errors, key=lambda error: error["line"])[:SHOWN_ERRORS],
        "error_count": lines.error_count,
        "rows": lines.seen - sum(lines.reader.skipped.values()),
        "new": counts.new,
        "duplicate": counts.duplicate,
        "total": lines.seen,
        "done": lines.seen,
    }


def _warnings(table: Table, shape: Shape, mapping: Mapping, lines: Lines) -> list[dict[str, Any]]:
    found = []
    if not shape.ends_with_newline:
        last = (lines.last or lines.first)[-1]["line"]
        found.append(problem_entry(last, "maybe_cut_off", _MAYBE_CUT_OFF.format(last)))
    doubled = doubled_names(table.header, mapping)
    found.extend(problem_entry(0, "doubled_name", _DOUBLED_NAME.format(name)) for name in doubled)
    skipped = lines.reader.skipped
    if skipped:
        listed = ", ".join(f"{name} ({count})" for name, count in skipped.most_common(6))
        lines_left_out = f"{sum(skipped.values())} lines are no fills and are left out: {listed}."
        found.append(problem_entry(0, "no_fills", lines_left_out))
    return found
