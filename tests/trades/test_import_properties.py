"""What holds for every file: splitting it changes nothing, undoing it leaves no trace, no bytes break the reader."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from accounts.models import TradingAccount, User
from tests.factories import make_account
from tests.trades.import_kit import HEADER, book, books, fill_line, undo
from trades.imports.mapping import guess, missing_roles
from trades.imports.reading import look_at, look_at_start, open_table
from trades.imports.refusals import FileRefused, LineError
from trades.imports.rows import FillReader, Rules
from trades.models import ImportState, Trade
from trenddojo.domain.instruments import Fractions

START = datetime(2025, 3, 3, 15, 0, tzinfo=UTC)
WITH_DATABASE = settings(
    deadline=None,
    max_examples=int(os.environ.get("IMPORT_EXAMPLES", "25")),
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

fill_lines = st.lists(
    st.tuples(
        st.integers(0, 12),  # a few instants, so that several fills share one
        st.sampled_from(["AAPL", "MSFT"]),
        st.sampled_from(["buy", "sell", "sell", "buy", "Buy to cover", "Sell to close"]),
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=14,
)


def as_lines(fills: list[tuple[int, str, str, int, int]]) -> list[str]:
    """Lines with execution ids; costs follow from the quantity, so that equal fills are truly interchangeable."""
    return [
        fill_line(
            f"{START + timedelta(hours=7 * hour):%Y-%m-%dT%H:%M:%SZ}",
            symbol,
            side,
            quantity * 10,
            f"{99 + price}.35",
            commission=f"0.{quantity}3",
            execution_id=f"E{number}",
        )
        for number, (hour, symbol, side, quantity, price) in enumerate(fills)
    ]


def without_ties(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Runs of wins and losses put trades that end at one instant in the order of their ids, which differ."""
    return {name: rows for name, rows in found.items() if name != "streak_days"}


@contextmanager
def taken_back() -> Iterator[None]:
    """Whatever happens inside never was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


@WITH_DATABASE
@given(fills=fill_lines, data=st.data())
def test_a_file_in_two_parts_makes_the_same_trades(account: TradingAccount, fills: Any, data: Any) -> None:
    lines = as_lines(fills)
    with taken_back():
        book(account, HEADER + "".join(lines))
        whole = without_ties(books(account))
    in_first = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    assume(any(in_first) and not all(in_first))
    with taken_back():
        book(account, HEADER + "".join(line for line, first in zip(lines, in_first, strict=True) if first))
        book(account, HEADER + "".join(line for line, first in zip(lines, in_first, strict=True) if not first))
        parts = without_ties(books(account))
    assert parts == whole


@WITH_DATABASE
@given(before=fill_lines, after=fill_lines, words=st.lists(st.booleans(), min_size=14, max_size=14))
def test_undoing_an_import_leaves_the_books_as_they_were(
    account: TradingAccount, before: Any, after: Any, words: Any
) -> None:
    with taken_back():
        book(account, HEADER + "".join(as_lines(before)))
        for trade, has_words in zip(Trade.objects.order_by("entry_date", "symbol", "id"), words, strict=False):
            if has_words:
                Trade.objects.filter(pk=trade.pk).update(thesis=f"Why I took {trade.pk}")
        as_it_was = books(account, ids="with")
        made = book(account, HEADER + "".join(line.replace(",E", ",L") for line in as_lines(after)))
        assert undo(made).state == ImportState.UNDONE, made.errors
        assert books(account, ids="with") == as_it_was


@WITH_DATABASE
@given(fills=fill_lines)
def test_the_same_file_twice_adds_nothing(account: TradingAccount, fills: Any) -> None:
    text = HEADER + "".join(line.replace(f",E{number},", ",,") for number, line in enumerate(as_lines(fills)))
    with taken_back():
        first = book(account, text)
        assert first.executions_created == len(fills)
        once = books(account, ids="with")
        second = book(account, text)
        assert (second.executions_created, second.duplicate) == (0, len(fills))
        assert books(account, ids="with") == once


def read_all(raw: bytes) -> None:
    """All a worker does with a file, without the database."""
    file = io.BytesIO(raw)
    look_at_start(file)
    shape = look_at(file)
    table = open_table(file, shape)
    lines = list(table.lines)
    mapping = guess(table.header, [cells for _, cells in lines[:200]], timezone="America/New_York")
    if missing_roles(mapping):
        return
    rules = Rules("USD", Fractions.WHOLE, START + timedelta(days=900))
    reader = FillReader(mapping, rules, columns=len(table.header))
    for number, cells in lines:
        try:
            reader.read(number, cells)
        except LineError as problem:
            sentence = problem.sentence
            assert sentence[0].isupper() or sentence[0] == "“"


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_a_sentence(raw: bytes) -> None:
    try:
        read_all(raw)
    except FileRefused as problem:
        sentence = problem.sentence
        assert sentence.endswith(".")


cell = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "buy", "SLD", "-5", "1,234.50", "1e9", "NaN", "=1+1", "2026-03-02", "03/04/2026", "9:31 PM", '"', "'", "\x00",
         "2026-13-45", "99999999999999999999999999999999", "Infinity", "AAPL", "2026-03-02T09:31:05+25:00", "١٢٣"]
    ),
)  # fmt: skip
headers = st.sampled_from(
    [
        "Date,Symbol,Action,Qty,Price",
        "Date,Time,Symbol,Side,Quantity,Price,Commission,Fees,Id",
        "Symbol;Buy/Sell;Quantity;TradePrice;DateTime;IBCommission;Multiplier;AssetClass;CurrencyPrimary",
        HEADER.strip(),
    ]
)


@settings(deadline=None, max_examples=400)
@given(
    header=headers,
    rows=st.lists(st.lists(cell, min_size=1, max_size=10), max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    cut=st.integers(0, 40),
)
def test_any_cells_are_read_or_refused_with_a_sentence(
    header: str, rows: list[list[str]], encoding: str, cut: int
) -> None:
    mark = ";" if ";" in header else ","
    text = header + "\r\n" + "\r\n".join(mark.join(row) for row in rows)
    raw = text.encode(encoding, errors="replace")
    try:
        read_all(raw[: len(raw) - cut])
    except FileRefused as problem:
        sentence = problem.sentence
        assert sentence.endswith(".")
