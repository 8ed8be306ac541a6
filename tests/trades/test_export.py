"""The CSV export: the filter's trades, whole, in the trader's time, and no formula for a spreadsheet."""

import csv
import io
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import ENTRY_AT, make_account, make_closed_trade, make_plan, make_setup, make_tag
from trades.models import Trade
from trades.selectors.trade_export import FIELDS, trade_csv
from trades.spreadsheet import safe_cell


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


@pytest.mark.django_db
def test_a_trade_is_written_with_every_column(alice_client: Client, alice: User) -> None:
    account = make_account(alice)
    trade = make_closed_trade(
        account,
        "AAPL",
        "-12.50",
        setup=make_setup(alice),
        rating=4,
        thesis='Said "buy",\nso I did',
        initial_risk=Decimal(25),
        mae=Decimal(-80),
        mfe=Decimal(20),
        excursion_bar="1Min",
    )
    trade.tags.set([make_tag(alice, "gap"), make_tag(alice, "earnings"), make_tag(alice, "FOMO", "mistake")])
    answer = alice_client.get("/trades/export/")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="trades-')
    assert answer.headers["Cache-Control"] == "private, no-store"
    (row,) = rows_of(answer)
    assert list(row) == list(FIELDS)
    assert row == {
        "trade id": str(trade.pk),
        "account": "Main",
        "currency": "USD",
        "symbol": "AAPL",
        "asset class": "stock",
        "direction": "long",
        "status": "closed",
        "outcome": "loss",
        "setup": "Breakout",
        "entry time": "2025-03-04T10:00:00-05:00",
        "exit time": "2025-03-04T11:00:00-05:00",
        "closed session": "2025-03-04",
        "quantity": "100",
        "open quantity": "0",
        "average entry": "100",
        "average exit": "99.875",
        "planned entry": "100",
        "stop": "95",
        "initial stop": "95",
        "target": "110",
        "planned quantity": "100",
        "planned r": "2",
        "initial risk": "25.00",
        "gross": "-12.50",
        "costs": "0.00",
        "net": "-12.50",
        "r": "-0.5",
        "mae": "-80.00",
        "mfe": "20.00",
        "bar size": "1Min",
        "holding seconds": "3600",
        "rating": "4",
        "limit overridden": "no",
        "estimated costs": "no",
        "opening fills missing": "no",
        "tags": "earnings, gap",
        "mistakes": "FOMO",
        "emotions": "",
        "thesis": 'Said "buy",\nso I did',
        "notes during": "",
        "notes after": "",
    }


@pytest.mark.django_db
def test_only_the_filters_trades_of_the_owner_are_written(
    alice_client: Client, charlie_client: Client, alice: User
) -> None:
    account = make_account(alice)
    make_closed_trade(account, "AAPL")
    make_plan(account, "MSFT")
    assert [row["symbol"] for row in rows_of(alice_client.get("/trades/export/?status=planned"))] == ["MSFT"]
    assert rows_of(charlie_client.get("/trades/export/")) == []


@pytest.mark.django_db
def test_a_plan_has_no_result(alice_client: Client, alice: User) -> None:
    make_plan(make_account(alice))
    (row,) = rows_of(alice_client.get("/trades/export/"))
    assert (row["gross"], row["costs"], row["net"], row["entry time"]) == ("", "", "", "")


@pytest.mark.django_db
def test_a_filter_that_cannot_be_read_is_shown_instead_of_exported(alice_client: Client, alice: User) -> None:
    make_plan(make_account(alice))
    answer = alice_client.get("/trades/export/?r_min=lots")
    assert answer.status_code == 302
    assert answer.url == "/trades/?r_min=lots"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r=1", "'=1"),
        ("\tplain", "plain"),
        ("  =1", "  '=1"),
        ('"=1', "\"'=1"),
        ("'=1", "''=1"),
        ("\u200b=1", "\u200b'=1"),
        ("\ufeff=1", "\ufeff'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-12.50", "-12.50"),
        ("-7", "-7"),
        ("-.5+cmd", "'-.5+cmd"),
        ("--5", "'--5"),
        ("-12.5\n=1", "'-12.5\n'=1"),
        ("stop;=cmd|' /C calc'!A0", "stop;'=cmd|' /C calc'!A0"),
        ("a,=1", "a,'=1"),
        ("line\n- item", "line\n'- item"),
        ("line\r\n=1", "line\r\n'=1"),
        ("2-1=1 and a@b.c", "2-1=1 and a@b.c"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_no_text_begins_a_formula_and_negative_numbers_stay_numbers(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@pytest.mark.django_db
def test_attacks_in_every_text_column_are_disarmed(alice_client: Client, alice: User) -> None:
    attack = '=HYPERLINK("http://x","y")'
    account = make_account(alice, attack)
    trade = make_plan(
        account, "=A1", thesis=attack, notes_during=attack, notes_after=attack, setup=make_setup(alice, attack)
    )
    for kind in ("tag", "mistake", "emotion"):
        trade.tags.add(make_tag(alice, "@x", kind))
    (row,) = rows_of(alice_client.get("/trades/export/"))
    assert [name for name, value in row.items() if value.lstrip()[:1] in "=+-@" and value] == []
    for name in ("account", "symbol", "setup", "thesis", "notes during", "notes after", "tags", "mistakes", "emotions"):
        assert row[name].startswith("'"), name


@pytest.mark.django_db(transaction=True)
def test_memory_stays_flat_while_rows_are_sent(alice: User) -> None:
    account = make_account(alice)
    Trade.objects.bulk_create(
        Trade(
            owner=alice,
            account=account,
            symbol="AAPL",
            direction="long",
            thesis="x" * 3000,
            occurred_at=ENTRY_AT + timedelta(minutes=number),
        )
        for number in range(8_000)
    )
    tracemalloc.start()
    lines = trade_csv(Trade.objects.filter(owner=alice).defer("search"), zone=ZoneInfo("UTC"))
    count = sum(1 for _line in lines)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 8_001
    # Twenty-four megabytes of notes pass through; a chunk of rows is all that is held.
    assert peak < 16_000_000
