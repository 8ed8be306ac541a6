"""Files of fills and of bars, from their bytes to the books: whatever they hold, they are staged, booked or refused with a
sentence; what is refused leaves nothing, and what is booked can be taken back to the last row."""

import io
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import TradingAccount, User
from tests.factories import make_account
from tests.fuzz.kit import DATES, NUMBERS, WORDS, examples
from tests.trades.import_kit import HEADER, books, commit, fill_line, no_worker, undo, upload
from trades.imports.bar_file import BarsRefused, bars_read
from trades.imports.formats import FORMATS, NAMES, ROLES
from trades.imports.mapping import (
    ASSET_CLASSES,
    COST_SIGNS,
    DATE_ORDERS,
    DECIMAL_MARKS,
    SIDES_FROM,
    UNOPENED,
    Mapping,
)
from trades.imports.refusals import FileRefused
from trades.models import FillImport, ImportState
from trades.services.imports import MAYBE_CUT_OFF, import_map

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOW = datetime(2026, 3, 20, tzinfo=UTC)
LIKELY: dict[str, tuple[str, ...]] = {
    "executed_at": (
        "2026-03-02 09:31:05",
        "03/02/2026 9:31 AM",
        "02.03.2026",
        "2026-03-02T09:31:05Z",
        "20260302;093105",
    ),
    "time": ("09:31:05", "9:31 PM", ""),
    "symbol": ("AAPL", "BTC/USD", "AAPL  260320C00190000", "ESM6", "brk.b"),
    "side": ("buy", "SLD", "Sell to Close", "BOT", "short"),
    "quantity": ("100", "-5", "1,000", "0.5", "(10)"),
    "price": ("187.45", "$1.00", "187,45", "0.0001"),
    "commission": ("1.00", "-1.00", ""),
    "fees": ("0", "0.02", ""),
    "execution_id": ("E1", "E2", "", "E1"),
    "asset_class": ("stock", "STK", "OPT", "crypto", ""),
    "multiplier": ("1", "100", ""),
    "currency": ("USD", "EUR", ""),
    "status": ("Filled", "Cancelled", ""),
    "open_close": ("O", "C", "Open", ""),
}
HEADERS = [
    *(
        tuple(dict.fromkeys((*found.signature, *(name for name in found.columns.values() if name))))
        for found in FORMATS
    ),
    *(tuple(names[min(at, len(names) - 1)] for names in NAMES.values()) for at in range(3)),
]
ROLE_OF = {name: role for role, names in NAMES.items() for name in names}
garbage = st.sampled_from((*NUMBERS, *DATES, *WORDS)).filter(lambda text: len(text) < 5000) | st.text(max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A file of some broker's columns in some order, most or all cells likely, some garbage, in some encoding."""
    header = draw(st.permutations(draw(st.sampled_from(HEADERS))))
    garbled = draw(st.integers(0, 2))
    mark = draw(st.sampled_from((",", ";", "\t", "|")))
    lines = [mark.join(header)]
    for _ in range(draw(st.integers(0, 6))):
        cells = [draw(_cell(ROLE_OF.get(name, ""), garbled)) for name in header]
        whole = cells[: draw(st.integers(1, 40))] if garbled else cells
        lines.append(mark.join(_quoted(draw, cell, mark) for cell in whole))
    text = draw(st.sampled_from(("\n", "\r\n", "\r"))).join(lines)
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")))
    return text.encode(encoding, "replace")


def _cell(role: str, garbled: int) -> st.SearchStrategy[str]:
    """Garbage in so many of ten."""
    likely = st.sampled_from(LIKELY.get(role, ("", "x", "1")))
    return st.integers(0, 9).flatmap(lambda luck: garbage if luck < garbled else likely)


def _quoted(draw: st.DrawFn, cell: str, mark: str) -> str:
    needs = mark in cell or '"' in cell or "\n" in cell or "\r" in cell
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if needs and draw(st.booleans()) else cell


def mappings(columns: int) -> st.SearchStrategy[Mapping]:
    places = st.dictionaries(
        st.sampled_from(sorted(ROLES)), st.integers(0, max(columns - 1, 0)), min_size=4, max_size=12
    )
    options = {
        "timezone": ("UTC", "America/New_York", "Asia/Kathmandu"),
        "date_order": tuple(DATE_ORDERS),
        "decimal": tuple(DECIMAL_MARKS),
        "sides": tuple(SIDES_FROM),
        "costs": tuple(COST_SIGNS),
        "unopened": tuple(UNOPENED),
        "asset_class": tuple(ASSET_CLASSES),
    }
    return st.builds(Mapping, columns=places, **{name: st.sampled_from(found) for name, found in options.items()})


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def uploaded(account: TradingAccount, raw: bytes) -> FillImport | None:
    """The staged file; None where it was refused with a sentence."""
    try:
        return upload(account, raw)
    except FileRefused as refused:
        sentence = refused.sentence
    assert sentence.endswith(".")
    return None


@examples(15)
@given(raw=tables() | st.binary(max_size=400), data=st.data())
def test_any_file_is_staged_booked_and_taken_back_or_refused(account: TradingAccount, raw: bytes, data: Any) -> None:
    with transaction.atomic():
        empty = books(account)
        made = uploaded(account, raw)
        if made is not None and data.draw(st.booleans()):
            chosen = data.draw(mappings(raw.count(b",") % 12 + 1))
            # A mapping the form would not have let through is refused there: here it must only not break.
            with suppress(FileRefused):
                import_map(fill_import=made, mapping=chosen, nudge=no_worker)
            made.refresh_from_db()
        assert books(account) == empty, "looking at a file books nothing"
        if made is not None and made.state == ImportState.PREVIEW and not made.errors:
            booked = commit(made, [MAYBE_CUT_OFF])
            assert booked.state in (ImportState.COMMITTED, ImportState.PREVIEW)
            if booked.state == ImportState.COMMITTED:
                assert undo(booked).state == ImportState.UNDONE, booked.errors
            assert books(account) == empty
        transaction.set_rollback(True)


fills = st.tuples(
    st.integers(0, 10 * 86_400).map(lambda seconds: NOW - timedelta(days=5, seconds=seconds)),
    st.sampled_from(("AAPL", "MSFT", "brk.b")),
    st.sampled_from(("buy", "sell")),
    st.integers(1, 5000),
    st.decimals("0.0001", "900", places=4),
)


@examples(15)
@given(lines=st.lists(fills, min_size=1, max_size=12))
def test_a_file_whose_lines_are_right_is_booked_whole_and_taken_back_whole(
    account: TradingAccount, lines: list[tuple[Any, ...]]
) -> None:
    with transaction.atomic():
        empty = books(account)
        made = upload(account, HEADER + "".join(fill_line(f"{at:%Y-%m-%d %H:%M:%S}", *rest) for at, *rest in lines))
        assert (made.state, made.errors) == (ImportState.PREVIEW, [])
        booked = commit(made, [MAYBE_CUT_OFF])
        assert (booked.state, booked.errors) == (ImportState.COMMITTED, [])
        assert booked.executions_created == len(lines)
        assert books(account) != empty
        assert undo(booked).state == ImportState.UNDONE
        assert books(account) == empty
        transaction.set_rollback(True)


bars = st.lists(st.tuples(*(st.sampled_from(NUMBERS[:20]) | st.integers(1, 9).map(str) for _ in range(5))), max_size=8)


@examples(80)
@given(
    rows=bars,
    times=st.lists(
        st.sampled_from(("2026-03-02 09:31", "2026-03-02 09:32", "1772443860", *DATES)), min_size=8, max_size=8
    ),
    timeframe=st.sampled_from(("", "1Min", "1Day")),
)
def test_any_bars_are_read_or_refused_with_sentences(rows: Any, times: list[str], timeframe: str) -> None:
    lines = [",".join((at, *row)) for at, row in zip(times, rows, strict=False)]
    file = io.BytesIO("\n".join(["time,open,high,low,close,volume", *lines]).encode())
    try:
        found = bars_read(file, zone=ZoneInfo("America/New_York"), date_order="ymd", timeframe=timeframe, now=NOW)
    except (FileRefused, BarsRefused):
        return
    for row in found.rows:
        assert 0 < row.low <= row.open <= row.high
        assert row.start.tzinfo is not None


def test_every_role_and_option_of_a_mapping_is_drawn() -> None:
    assert LIKELY.keys() == ROLES.keys()
    assert set(asdict(Mapping())) == {*Mapping().options(), "columns"}
