"""What is no list of fills is refused with a sentence; what is one is read, whatever its encoding and separators."""

import io
import itertools
import time

import pytest

from trades.imports.reading import look_at, look_at_start, open_table
from trades.imports.refusals import FileRefused


def table_of(raw: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    file = io.BytesIO(raw)
    look_at_start(file)
    table = open_table(file, look_at(file))
    return table.header, list(table.lines)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"Date,Symbol,Price\n", "header_only"),
        (b"Date,Symbol,Price", "header_only"),
        (b"when,2024", "no_header"),
        (b"2026-03-02 09:31,AAPL,buy,100,187.45\n", "no_header"),
        (b"02/03/2026;AAPL;K;1.000,50;187,45", "no_header"),
        (b"PK\x03\x04\x14\x00\x06\x00", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "spreadsheet"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\x89PNG\r\n\x1a\n", "binary"),
        (b"<!DOCTYPE html><html>", "html"),
        (b"a,b\n1,\x00\n", "binary"),
        (b"a,b\n1,\x07\n", "binary"),
        ("a,b\n1,2\n".encode("utf-16-le"), "binary"),
        (b"\xff\xfea,b", "bad_encoding"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "bad_encoding"),
        (b"one column\nonly\n", "one_column"),
        (b"a,b,c\n1,2\n", "cut_off"),
        (b"a,b,c\n1,2,3\n4,5", "cut_off"),
        (b'a,b\n1,"2\n3,4\n', "cut_off_quotes"),
        (b'a,b\n"1"x,2\n', "bad_quotes"),
        (b"," * 1_000_000, "line_too_long"),
        (b"," * 60_000 + b"\n" + b"," * 60_000 + b"\n", "too_many_columns"),
        (b"a,b\n1,2\n" + b"x" * 70_000 + b",1\n", "line_too_long"),
        (b'a,b\n"' + b'\n","' * 100_000, "quotes_never_close"),
        (b"Statement,Header,Field Name,Field Value\nStatement,Data,Title,x\n", "no_trades_section"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(raw: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        table_of(raw)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_one_line_of_45_megabytes_is_refused_within_a_second() -> None:
    file = io.BytesIO(b"Date,Symbol\n" + b"x" * 45_000_000)
    began = time.perf_counter()
    with pytest.raises(FileRefused):
        look_at_start(file)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    header, lines = table_of("Symbol,Broker\nAAPL,Zürich\n".encode(encoding))
    assert header == ["Symbol", "Broker"]
    assert lines == [(2, ["AAPL", "Zürich"])]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_every_usual_separator_is_found(mark: str) -> None:
    header, lines = table_of(f"Symbol{mark}Price\nAAPL{mark}1.50\n".encode())
    assert (header, lines) == (["Symbol", "Price"], [(2, ["AAPL", "1.50"])])


def test_lines_are_numbered_as_in_the_file_when_a_cell_holds_line_ends() -> None:
    _, lines = table_of(b'Symbol,Note\nAAPL,"two\nlines"\n\nMSFT,one\n')
    assert lines == [(2, ["AAPL", "two\nlines"]), (5, ["MSFT", "one"])]


def test_a_header_below_a_title_is_found() -> None:
    raw = b'"Transactions for account 123"\n\nDate,Action,Symbol,Quantity,Price\n03/02/2026,Buy,AAPL,1,2\n'
    header, lines = table_of(raw)
    assert header == ["Date", "Action", "Symbol", "Quantity", "Price"]
    assert lines == [(4, ["03/02/2026", "Buy", "AAPL", "1", "2"])]


def test_the_trades_of_an_activity_statement_are_read_alone() -> None:
    raw = (
        b"Statement,Header,Field Name,Field Value\nStatement,Data,Title,Activity\n"
        b"Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Comm/Fee,Code\n"
        b'Trades,Data,Order,Stocks,USD,AAPL,"2026-03-02, 09:31:05",100,187.45,-1,O\n'
        b"Trades,SubTotal,,Stocks,USD,AAPL,,100,,-1,\n"
        b"Dividends,Header,Currency,Date,Description,Amount\nDividends,Data,USD,2026-03-02,AAPL,1\n"
    )
    header, lines = table_of(raw)
    assert header[:2] == ["DataDiscriminator", "Asset Category"]
    assert [cells[3] for _, cells in lines] == ["AAPL"]


def test_a_remark_at_the_end_is_no_cut_off_line() -> None:
    _, lines = table_of(b"Symbol,Price\nAAPL,1\n***END OF FILE***\n")
    assert lines[-1] == (3, ["***END OF FILE***"])


def test_a_file_is_read_line_by_line_without_keeping_it() -> None:
    raw = b"Symbol,Price\n" + b"AAPL,1\n" * 300_000
    file = io.BytesIO(raw)
    table = open_table(file, look_at(file))
    first = list(itertools.islice(table.lines, 3))
    assert [number for number, _ in first] == [2, 3, 4]
    assert file.tell() < 1_000_000


def test_more_than_a_million_lines_are_refused() -> None:
    with pytest.raises(FileRefused, match="1,000,000 lines"):
        table_of(b"a,b\n" + b"1,2\n" * 1_000_001)
