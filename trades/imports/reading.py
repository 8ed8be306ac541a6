"""Bytes of any kind into the lines of a table, in bounded memory.

A file is looked at before it is trusted: its first bytes, its encoding, the length of its lines. What is no table is
refused with a sentence. Nothing here keeps more than one line of the file.
"""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from trades.imports.formats import recognised_roles
from trades.imports.refusals import FileRefused

MAX_BYTES = 64 * 1024 * 1024
MAX_LINES = 1_000_000
MAX_LINE = 65_536
MAX_RECORD = 2 * MAX_LINE
MAX_COLUMNS = 500
CHUNK = 65_536
# Broker statements open with a title and the account's name; the header is looked for among these lines.
PREAMBLE = 30
LEAST_RECOGNISED = 3
DELIMITERS = (",", ";", "\t", "|")

_CONTROL = bytes(set(range(32)) - {9, 10, 11, 12, 13})
_MAGIC = (
    (b"PK\x03\x04", "spreadsheet"),
    (b"PK\x05\x06", "spreadsheet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "spreadsheet"),
    (b"%PDF", "pdf"),
    (b"\x1f\x8b", "compressed"),
    (b"\x89PNG", "binary"),
    (b"\xff\xd8\xff", "binary"),
    (b"{\\rtf", "binary"),
)
_SENTENCES = {
    "empty": "The file is empty. Export the fills from your broker again and choose that file.",
    "no_header": (
        "The file is one line and that is no header: it looks like a fill. Put the names of the columns on a line above"
        " it, or start from the template."
    ),
    "header_only": "The file has a header but no fills below it. Choose a period with fills and export it again.",
    "spreadsheet": (
        "This is a spreadsheet, whatever its name says. Open it and save it as “CSV UTF-8”, then upload that file."
    ),
    "pdf": "This is a PDF. Export the fills as a CSV file from your broker and upload that one.",
    "compressed": "This file is compressed. Unpack it and upload the CSV file inside.",
    "html": "This is a web page, not a CSV file. Download the export itself and upload it.",
    "binary": "This is no text file: it contains bytes that no CSV has. Export the fills as CSV and upload that file.",
    "bad_encoding": "The characters of this file cannot be read. Save it as “CSV UTF-8” and upload it again.",
    "too_large": (
        f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it, for example by year, and upload the parts."
    ),
    "too_many_lines": (
        f"The file has more than {MAX_LINES:,} lines. Split it, for example by year, and upload the parts."
    ),
    "line_too_long": (
        f"A line of this file is longer than {MAX_LINE:,} characters, so it is no list of fills. Check the file."
    ),
    "too_many_columns": f"The file has more than {MAX_COLUMNS} columns, so it is no list of fills. Check the file.",
    "one_column": (
        "No columns were found: a CSV file separates them by commas, semicolons or tabs. Check the file, or start from"
        " the template."
    ),
}

_NUMBER = re.compile(r"\s*[-+]?[\d.,]*\d[\d.,]*\s*")


def refusal(code: str) -> FileRefused:
    return FileRefused(code, _SENTENCES[code])


@dataclass(frozen=True, slots=True)
class Shape:
    """How the bytes of a file become lines of a table."""

    encoding: str
    delimiter: str
    ends_with_newline: bool


@dataclass(slots=True)
class Table:
    """The header of a file and an iterator over the lines below it, each with its line number."""

    header: list[str]
    header_line: int
    lines: Iterator[tuple[int, list[str]]]


def look_at_start(file: BinaryIO) -> None:
    """Refuse what is clearly no table by its first megabyte alone, so that the trader hears it at once."""
    file.seek(0)
    start = file.read(1024 * 1024)
    file.seek(0)
    _refuse_magic(start)
    encoding = _encoding_of(start)
    is_whole = len(start) < 1024 * 1024
    _Scanner(encoding).take_all(start, is_whole=is_whole)
    if is_whole:
        table = open_table(io.BytesIO(start), look_at(io.BytesIO(start)))
        if sum(1 for _ in table.lines) == 0:
            raise without_lines(table)


def without_lines(table: Table) -> FileRefused:
    """What to say of a table without a line below its header; a name of a column holds no number."""
    is_fill = not recognised_roles(table.header) and any(map(_NUMBER.fullmatch, table.header))
    return refusal("no_header" if is_fill else "header_only")


def look_at(file: BinaryIO) -> Shape:
    """Find the encoding and the delimiter; raises FileRefused for what is no text table."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise refusal("too_large")
    file.seek(max(0, size - 4))
    end = file.read()
    file.seek(0)
    start = file.read(CHUNK)
    _refuse_magic(start)
    encoding = _checked_encoding(file, _encoding_of(start))
    text = codecs.getincrementaldecoder(encoding)().decode(start)
    if not text.strip("\ufeff \t\r\n"):
        raise refusal("empty")
    newline = (b"\n\x00", b"\x00\n", b"\r\x00", b"\x00\r") if encoding == "utf-16" else (b"\n", b"\r")
    return Shape(encoding, _delimiter_of(text), end.endswith(newline))


def _refuse_magic(start: bytes) -> None:
    if not start.strip():
        raise refusal("empty")
    for magic, code in _MAGIC:
        if start.startswith(magic):
            raise refusal(code)
    if start[:256].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        raise refusal("html")


def _encoding_of(start: bytes) -> str:
    """By the byte order mark; without one UTF-8 is tried first."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refusal("bad_encoding")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"


def _checked_encoding(file: BinaryIO, encoding: str) -> str:
    """The encoding that reads the whole file; a file that is not UTF-8 is read as Latin-1."""
    scanner = _Scanner(encoding)
    file.seek(0)
    while chunk := file.read(CHUNK):
        scanner.take(chunk)
    scanner.finish()
    return scanner.encoding


class _Scanner:
    """Goes through a file once: are the bytes text, in which encoding, in lines of a sane length?"""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")

    def take_all(self, start: bytes, *, is_whole: bool) -> None:
        for at in range(0, len(start), CHUNK):
            self.take(start[at : at + CHUNK])
        if is_whole:
            self.finish()

    def take(self, chunk: bytes) -> None:
        text = self._decode(chunk)
        # A full chunk without any line end is a line longer than any fill's.
        if len(chunk) == CHUNK and b"\n" not in chunk and b"\r" not in chunk:
            raise refusal("line_too_long")
        raw = text.encode() if self.encoding == "utf-16" else chunk
        if len(raw.translate(None, _CONTROL)) != len(raw):
            raise refusal("binary")

    def finish(self) -> None:
        self._decode(b"", final=True)

    def _decode(self, chunk: bytes, final: bool = False) -> str:  # noqa: FBT001, FBT002 - as in the codecs module
        try:
            return self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            if self.encoding == "utf-16":
                raise refusal("bad_encoding") from None
        self.encoding = "latin-1"
        self._decoder = codecs.getincrementaldecoder("latin-1")("strict")
        return ""


def _delimiter_of(text: str) -> str:
    """The delimiter that splits most of the first lines into the most columns."""
    lines = [line for line in text[:CHUNK].splitlines() if line.strip()][:PREAMBLE]
    counts = {mark: max((line.count(mark) for line in lines), default=0) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: counts[mark])
    if counts[best] == 0:
        if len(lines) == 1 and len(lines[0]) > MAX_LINE:
            raise refusal("line_too_long")
        raise refusal("one_column")
    return best


class _Lines:
    """Physical lines for the csv module, which would otherwise read a line of any length into memory."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._since_record = 0

    def record_ended(self) -> None:
        self._since_record = 0

    def __iter__(self) -> Iterator[str]:
        read = self._stream.readline
        limit = MAX_LINE + 1
        while line := read(limit):
            size = len(line)
            if size == limit:
                raise refusal("line_too_long")
            self._since_record += size
            if self._since_record > MAX_RECORD:
                raise FileRefused(
                    "quotes_never_close",
                    "A quotation mark opens a field that does not end. Check the quotation marks in the file.",
                )
            yield line


def _records(stream: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank, with the number of the line it starts on."""
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            lines.record_ended()
            if reader.line_num > MAX_LINES:
                raise refusal("too_many_lines")
            if len(cells) > MAX_COLUMNS:
                raise refusal("too_many_columns")
            if any(cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as problem:
        raise _quote_refusal(str(problem), start) from None


def _quote_refusal(problem: str, line: int) -> FileRefused:
    if "unexpected end" in problem:
        return FileRefused(
            "cut_off_quotes",
            f"The file ends inside quotation marks that open on line {line}: it was cut off. Export it again.",
        )
    return FileRefused("bad_quotes", f"Line {line}: the quotation marks do not match. Mend the line or export again.")


def open_table(file: BinaryIO, shape: Shape) -> Table:
    """Find the header and return it with the lines below it; raises FileRefused."""
    file.seek(0)
    stream = io.TextIOWrapper(_Unclosed(file), encoding=shape.encoding, newline="")
    records = _records(stream, shape.delimiter)
    first = list(itertools.islice(records, PREAMBLE))
    if not first:
        raise refusal("empty")
    lines = itertools.chain(first, records)
    if first[0][1][:2] == ["Statement", "Header"]:
        lines = _trades_section(lines)
        first = list(itertools.islice(lines, 1))
        lines = itertools.chain(first, lines)
    at = _header_index([cells for _, cells in first])
    header_line, header = first[at]
    header = _trimmed(header)
    if len(header) < 2:  # noqa: PLR2004 - one column is no table
        raise refusal("one_column")
    below = itertools.islice(lines, at + 1, None)
    return Table(header, header_line, _whole_lines(below, header))


class _Unclosed(io.BufferedIOBase):
    """Lends a file to a text reader that would close it when it is collected."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self._file.read(CHUNK if size < 0 else size)


def _trimmed(cells: list[str]) -> list[str]:
    """The names of the columns; a comma at the line's end is no column."""
    names = [cell.strip().lstrip("\ufeff") for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _header_index(rows: list[list[str]]) -> int:
    scores = [len(recognised_roles(cells)) for cells in rows]
    best = max(scores)
    return scores.index(best) if best >= LEAST_RECOGNISED else 0


def _trades_section(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The fills inside an Interactive Brokers activity statement, which holds many tables one after the other."""
    header: list[str] | None = None
    for number, cells in lines:
        if cells[0] != "Trades" or len(cells) < 3:  # noqa: PLR2004 - section, kind, first column
            continue
        if cells[1] == "Header":
            if header is None:
                yield number, cells[2:]
            header = cells
        elif cells[1] == "Data" and cells[2] in {"Order", "Execution"}:
            yield number, cells[2:]
    if header is None:
        raise FileRefused(
            "no_trades_section",
            "This statement has no section “Trades”. Create it again with the trades included.",
        )


def _whole_lines(lines: Iterator[tuple[int, list[str]]], header: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Hold one line back, so that a file that stops inside its last line is refused whole."""
    held: tuple[int, list[str]] | None = None
    for line in lines:
        if held is not None:
            yield held
        held = line
    if held is None:
        return
    if not _is_remark(held[1]) and len(held[1]) < len(header):
        raise FileRefused(
            "cut_off",
            f"The file ends inside line {held[0]}, which has {len(held[1])} of {len(header)} columns: it was cut off."
            " Export it again.",
        )
    yield held


def _is_remark(cells: list[str]) -> bool:
    """A closing remark such as “***END OF FILE***”."""
    return cells[0].lstrip().startswith("***")
