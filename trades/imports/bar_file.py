"""A CSV file of price bars into rows: every line is read before anything is kept, and each bad one has its sentence."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import BinaryIO
from zoneinfo import ZoneInfo

from brokers.services.bars import TIMEFRAMES
from trades.imports.reading import Shape, Table, look_at, open_table
from trades.imports.refusals import FileRefused, LineError
from trades.imports.values import number_reader, time_reader
from trenddojo.domain.money import rounded_price

MAX_BYTES = 24 * 1024 * 1024
MAX_BARS = 250_000
# Errors that are shown; a file with more of them has one cause.
MOST_ERRORS = 25
PRICES = ("open", "high", "low", "close")
# What files call their columns, in lower case without marks.
NAMES: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "datetime", "dateandtime", "starttime", "opentime", "date", "time", "day", "t"),
    "open": ("open", "openprice", "o"),
    "high": ("high", "highprice", "h"),
    "low": ("low", "lowprice", "l"),
    "close": ("close", "closeprice", "last", "closelast", "c"),
    "volume": ("volume", "vol", "tradevolume", "v"),
}
SENTENCES = {
    "empty": "The file is empty. Choose a file with price bars.",
    "header_only": "The file has a header but no bars below it. Choose a longer period and export it again.",
    "too_large": f"The file is larger than {MAX_BYTES // 1024 // 1024} MB: split it, for example by year.",
    "line_too_long": "A line of this file is far too long to be a price bar. Check the file.",
    "too_many_columns": "The file has too many columns to be a list of price bars. Check the file.",
    "pdf": "This is a PDF. Export the bars as a CSV file and upload that one.",
    "binary": "This is no text file: it contains bytes that no CSV has. Export the bars as CSV.",
    "one_column": "No columns were found: a CSV file separates them by commas, semicolons or tabs. Check the file.",
}
# Refusals that the choice of a bar size is to blame for, by the name of that choice.
NOT_AS_CHOSEN = {"bar_size": "timeframe", "one_bar": "timeframe"}
# On the day the clocks change, a day is an hour shorter.
SHORTEST_DAY = timedelta(hours=23)
_EPOCH = re.compile(r"[0-9]{10}").fullmatch
_CLOCK = re.compile(r"[0-9]:[0-9]").search
_FINE = re.compile(r"([0-9]{1,11}\.[0-9]{9})[0-9]{1,12}").fullmatch
_MARKS = re.compile(r"[^a-z]")


@dataclass(frozen=True, slots=True)
class BarRow:
    """One bar; `start` is aware UTC."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class BarFile:
    """Bars by time; `untraded` is how many lines had quotes only."""

    timeframe: str
    rows: list[BarRow]
    untraded: int


@dataclass(slots=True)
class BarsRefused(Exception):
    """Nothing is taken; `errors` are the first lines that are wrong, `count` is how many there are."""

    errors: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, sentence: str) -> None:
        self.count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append((line, sentence))


def bars_read(file: BinaryIO, *, zone: ZoneInfo, date_order: str, timeframe: str, now: datetime) -> BarFile:
    """Read the whole file; an empty `timeframe` is found out. Raises FileRefused or BarsRefused."""
    try:
        shape = look_at(file)
        table = open_table(file, shape)
        reader = _Reader(table, shape, zone=zone, date_order=date_order, now=now)
        rows = reader.rows()
    except FileRefused as problem:
        raise FileRefused(problem.code, SENTENCES.get(problem.code, problem.sentence)) from None
    if not rows:
        raise FileRefused("header_only", SENTENCES["header_only"])
    rows.sort(key=lambda row: row.start)
    return BarFile(_timeframe(rows, timeframe), rows, reader.untraded)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, table: Table, shape: Shape, *, zone: ZoneInfo, date_order: str, now: datetime) -> None:
        self.untraded = 0
        self._table = table
        self._columns = columns_of(table.header)
        self._moment = _moment_reader(zone, time_reader(zone, date_order))
        # Where commas do not separate the columns, they may be decimal marks.
        self._marks = ".," if shape.delimiter != "," else "."
        self._readers = {mark: number_reader(mark) for mark in self._marks}
        self._latest = now + timedelta(days=1)

    def rows(self) -> list[BarRow]:
        refused, found, seen = BarsRefused(), [], dict[datetime, int]()
        for line, cells in self._traded():
            try:
                row = self._row(cells)
            except LineError as problem:
                refused.add(line, problem.sentence)
                continue
            if row.start in seen:
                refused.add(line, f"There is a bar of this time already, on line {seen[row.start]}.")
            seen[row.start] = line
            found.append(row)
            if len(found) > MAX_BARS:
                raise FileRefused("too_many", f"The file has more than {MAX_BARS:,} bars: split it by year or symbol.")
        if refused.count:
            raise refused
        return found

    def _traded(self) -> Iterator[tuple[int, list[str]]]:
        """Lines with prices; a minute in which nothing was traded may have quotes alone."""
        for line, cells in self._table.lines:
            if any(self._cell(cells, name) for name in PRICES):
                yield line, cells
            else:
                self.untraded += 1

    def _cell(self, cells: Sequence[str], name: str) -> str:
        at = self._columns[name]
        return " ".join(cells[n].strip() for n in at if n < len(cells))

    def _row(self, cells: Sequence[str]) -> BarRow:
        start = self._moment(self._cell(cells, "time"))
        if start > self._latest:
            raise LineError("future", "This bar lies in the future: check the order of day and month.")
        prices = {name: self._price(self._cell(cells, name), name) for name in PRICES}
        volume = self._volume(self._cell(cells, "volume"))
        if not prices["low"] <= min(prices["open"], prices["close"]):
            raise LineError("low", f"The low of {prices['low']} is above the open or the close.")
        if not prices["high"] >= max(prices["open"], prices["close"]):
            raise LineError("high", f"The high of {prices['high']} is below the open or the close.")
        return BarRow(start, **prices, volume=volume)

    def _price(self, text: str, name: str) -> Decimal:
        if fine := _FINE(text):
            return rounded_price(Decimal(fine[0]))
        value = self._number(text, name)
        if value <= 0:
            raise LineError("not_positive", f"The {name} must be greater than zero; it is {text[:20]}.")
        return value

    def _volume(self, text: str) -> Decimal:
        if not text:
            return Decimal(0)
        value = self._number(text, "volume")
        if value < 0:
            raise LineError("negative", f"The volume cannot be negative; it is {text[:20]}.")
        return value

    def _number(self, text: str, name: str) -> Decimal:
        mark = "," if "," in self._marks and "," in text and "." not in text else "."
        return self._readers[mark](text, name)


def columns_of(header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Where each part of a bar stands; a day and a time of day may have two columns. Raises FileRefused."""
    names = [_MARKS.sub("", name.lower()) for name in header]
    found = {role: next((names.index(word) for word in words if word in names), None) for role, words in NAMES.items()}
    missing = [role for role, at in found.items() if at is None and role != "volume"]
    if missing:
        raise FileRefused(
            "columns",
            f"No column was found for: {', '.join(missing)}. Name the columns timestamp (or date), open, high, low,"
            " close and volume in the first line.",
        )
    places = {role: () if at is None else (at,) for role, at in found.items()}
    if "date" in names and "time" in names:
        places["time"] = (names.index("date"), names.index("time"))
    return places


def _moment_reader(zone: ZoneInfo, read: Callable[[str], datetime]) -> Callable[[str], datetime]:
    def moment(text: str) -> datetime:
        if _EPOCH(text):
            return datetime.fromtimestamp(int(text), UTC)
        found = read(text)
        if _CLOCK(text):
            return found
        return datetime.combine(found.astimezone(zone).date(), time(), zone).astimezone(UTC)

    return moment


def _timeframe(rows: Sequence[BarRow], chosen: str) -> str:
    """The bar size that was chosen, if the bars can be of it, or the largest that fits between any two of them."""
    step = min((later.start - earlier.start for earlier, later in pairwise(rows)), default=None)
    if step is None:
        if chosen:
            return chosen
        raise FileRefused("one_bar", "The file has a single bar, which does not tell its size: choose the bar size.")
    fitting = [name for name, size in TIMEFRAMES.items() if min(size, SHORTEST_DAY) <= step]
    if not fitting:
        raise FileRefused("too_fine", "These bars are finer than a minute: export one-minute bars or coarser ones.")
    if chosen and chosen not in fitting:
        raise FileRefused("bar_size", "The bars lie closer together than the size you chose: let it be found out.")
    return chosen or fitting[-1]
