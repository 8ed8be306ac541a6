"""The trades list: its pages, order, sums and bulk tagging."""

import base64
import re
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import TradingAccount, User
from tests.factories import ENTRY_AT, make_account, make_closed_trade, make_plan, make_setup, make_tag
from trades.filters import TradeFilter
from trades.models import FigureTotal, Tag, Trade
from trades.selectors.trade_pages import SORTS, trade_page
from trades.selectors.trades import trades_of, trades_sum
from trades.services.figures import figures_rebuild
from trenddojo.keyset import Cursor, cursor_read, cursor_write

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> Any:
    return make_account(alice)


@pytest.fixture
def twenty(account: TradingAccount) -> None:
    """Twenty trades with equal times in pairs, equal results, some without R, some plans, some cancelled."""
    for number in range(14):
        make_closed_trade(
            account,
            f"S{number % 5}",
            str((number % 4) * 10 - 10),
            initial_risk=Decimal(10) if number % 3 else None,
            entry_date=ENTRY_AT + timedelta(days=number // 2),
            exit_date=ENTRY_AT + timedelta(days=number // 2, minutes=number % 4),
        )
    for number in range(6):
        make_plan(
            account,
            f"S{number}",
            status="cancelled" if number % 2 else "planned",
            occurred_at=ENTRY_AT + timedelta(days=number),
        )


def walk(user: User, sort: str, size: int = 3) -> list[list[uuid.UUID]]:
    pages, cursor = [], ""
    while True:
        page = trade_page(trades_of(user), sort=sort, cursor=cursor, size=size)
        pages.append([row["id"] for row in page.rows])
        if page.next is None:
            return pages
        cursor = page.next


@pytest.mark.parametrize("sort", [sign + name for name in SORTS for sign in ("", "-")])
def test_walking_forward_and_back_shows_every_trade_once_in_one_order(alice: User, twenty: Any, sort: str) -> None:
    pages = walk(alice, sort)
    ids = [key for page in pages for key in page]
    assert len(ids) == len(set(ids)) == 20
    assert [len(page) for page in pages] == [3, 3, 3, 3, 3, 3, 2]
    page = trade_page(trades_of(alice), sort=sort, size=3)
    for expected in pages[1:]:
        page = trade_page(trades_of(alice), sort=sort, size=3, cursor=page.next)
        assert [row["id"] for row in page.rows] == expected
    for expected in reversed(pages[:-1]):
        page = trade_page(trades_of(alice), sort=sort, size=3, cursor=page.previous)
        assert [row["id"] for row in page.rows] == expected
    assert page.previous is None or expected == pages[0]


@pytest.mark.parametrize("name", ["result", "r", "holding"])
def test_what_has_no_value_comes_last_in_both_directions(alice: User, twenty: Any, name: str) -> None:
    field = {"result": "net_pnl", "r": "r_multiple", "holding": "holding_seconds"}[name]
    for sort in (name, f"-{name}"):
        rows = trade_page(trades_of(alice), sort=sort, size=50).rows
        values = [
            None if name == "result" and row["status"] not in {"active", "closed"} else row[field] for row in rows
        ]
        known = [value for value in values if value is not None]
        assert values[: len(known)] == sorted(known, reverse=sort.startswith("-"))
        assert values[len(known) :] == [None] * (20 - len(known))
        assert 0 < len(known) < 20


def test_a_trade_added_meanwhile_shifts_no_page(alice: User, account: TradingAccount, twenty: Any) -> None:
    first = trade_page(trades_of(alice), sort="-time", size=5)
    expected = [row["id"] for row in trade_page(trades_of(alice), sort="-time", size=5, cursor=first.next).rows]
    make_plan(account, "NEW", occurred_at=ENTRY_AT + timedelta(days=99))
    assert [row["id"] for row in trade_page(trades_of(alice), sort="-time", size=5, cursor=first.next).rows] == expected


@pytest.mark.parametrize(
    "text", ["x", "=", "%00", "bnVsbA", "W10", "WzAsMCwieCIsInkiXQ", "WzksMCwxLDJd", "é" * 30, "A" * 5000, "W1tbW1tb"]
)
def test_a_cursor_that_cannot_be_read_gives_the_first_page(
    alice_client: Client, alice: User, account: TradingAccount, text: str
) -> None:
    make_plan(account)
    assert cursor_read(text, SORTS["time"], Trade) is None
    assert b"AAPL" in alice_client.get("/trades/", {"cursor": text}).content


def test_a_cursor_in_a_zone_the_database_does_not_know_is_read_all_the_same(alice_client: Client) -> None:
    far = base64.urlsafe_b64encode(b'[0,0,"2026-03-02T15:00:00+23:59","6f1e5b8e-0000-4000-8000-000000000000"]').decode()
    assert alice_client.get("/trades/", {"cursor": far}).status_code == 200


def test_cursors_of_numbers_that_are_none_are_refused() -> None:
    for word in ("NaN", "Infinity", "1e999999", "-1e-999999"):
        text = cursor_write(Cursor(0, (word, uuid.uuid4())))
        assert cursor_read(text, SORTS["result"], Trade) is None
    assert cursor_read(cursor_write(Cursor(0, (10**30, uuid.uuid4()))), SORTS["holding"], Trade) is None
    assert cursor_read(cursor_write(Cursor(2, (ENTRY_AT, uuid.uuid4()))), SORTS["r"], Trade) is None
    for key in ('0,0,"2026-03-02T15:00:00+00:00",7', '1e999,0,"2026-03-02T15:00:00+00:00","x"', '0,0,"2026-03-02",[]'):
        text = base64.urlsafe_b64encode(f"[{key}]".encode()).decode()
        assert cursor_read(text, SORTS["time"], Trade) is None
    key = (Decimal("-12.50"), uuid.uuid4())
    assert cursor_read(cursor_write(Cursor(0, key, is_backward=True)), SORTS["result"], Trade) == Cursor(
        0, key, is_backward=True
    )


def test_fifty_a_page_with_the_filter_in_the_address(alice_client: Client, account: TradingAccount) -> None:
    for number in range(51):
        make_plan(account, "AAPL", occurred_at=ENTRY_AT + timedelta(minutes=number))
    make_plan(account, "MSFT")
    page = alice_client.get("/trades/?symbol=AAPL&status=planned").content.decode()
    assert page.count('<th scope="row">') == 50
    assert "MSFT" not in page
    following = re.search(r'href="([^"]*)" rel="next"', page)[1].replace("&amp;", "&")
    assert "symbol=AAPL" in following
    assert "status=planned" in following
    second = alice_client.get(following).content.decode()
    assert second.count('<th scope="row">') == 1
    previous = re.search(r'href="([^"]*)" rel="prev"', second)[1].replace("&amp;", "&")
    assert alice_client.get(previous).content.decode().count('<th scope="row">') == 50


def _queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    "address", ["/trades/", "/trades/?sort=-r", "/trades/?q=gap&sort=holding", "/trades/?net_min=0"]
)
def test_the_number_of_queries_does_not_grow_with_the_trades(
    alice_client: Client, alice: User, account: TradingAccount, address: str
) -> None:
    setup = make_setup(alice)
    tags = [make_tag(alice, name) for name in ("one", "two", "three")]
    make_closed_trade(account, "GAP", setup=setup).tags.set(tags)
    few = _queries(alice_client, address)
    for number in range(60):
        make_closed_trade(account, "GAP", setup=setup, entry_date=ENTRY_AT + timedelta(hours=number)).tags.set(tags)
    # A full page needs no second look for trades without a value.
    assert _queries(alice_client, address) <= few <= 10


def test_the_line_above_the_list_sums_by_currency(alice_client: Client, account: TradingAccount, alice: User) -> None:
    euro = make_account(alice, "Euro", currency="EUR")
    make_closed_trade(account, "AAPL", "500.00")
    make_closed_trade(account, "MSFT", "-200.00")
    make_closed_trade(euro, "SAP", "70.10")
    for one in (account, euro):
        figures_rebuild(one)
    whole = " ".join(re.sub(r"<[^>]*>", "", alice_client.get("/trades/").content.decode()).split())
    assert "3 closed trades · net +70.10 EUR▲ · net +300.00 USD▲" in whole
    part = " ".join(re.sub(r"<[^>]*>", "", alice_client.get("/trades/?outcome=loss").content.decode()).split())
    assert "1 trade · net −200.00 USD▼" in part
    one = " ".join(re.sub(r"<[^>]*>", "", alice_client.get(f"/trades/?account={euro.pk}").content.decode()).split())
    assert "1 closed trade · net +70.10 EUR▲" in one


def test_a_filtered_list_is_counted_to_a_bound(
    alice: User, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make_closed_trade(account, "AAPL", "10.00", entry_date=ENTRY_AT + timedelta(days=number))
    chosen = TradeFilter(QueryDict("symbol=AAPL"), owner=alice)
    assert trades_sum(chosen.qs, chosen.accounts).n == 4
    assert trades_sum(chosen.qs, chosen.accounts).net == {"USD": Decimal("40.00")}
    monkeypatch.setattr("trades.selectors.trades.COUNT_LIMIT", 3)
    assert trades_sum(chosen.qs, chosen.accounts).n is None
    assert trades_sum(chosen.qs, chosen.accounts).net == {}


def test_a_bad_value_is_said_at_its_field_and_the_list_still_stands(
    alice_client: Client, account: TradingAccount
) -> None:
    make_plan(account, "AAPL")
    answer = alice_client.get("/trades/?r_min=lots&direction=up")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "The figure must be a number, such as 12.50." in page
    assert "There is no such direction: choose one of the list." in page
    assert 'value="lots"' in page
    assert "AAPL" in page


def test_without_trades_the_page_says_what_to_do_and_without_a_match_how_to_go_on(
    alice_client: Client, account: TradingAccount
) -> None:
    assert b"No trades yet" in alice_client.get("/trades/").content
    make_plan(account)
    assert b"No trade matches" in alice_client.get("/trades/?symbol=NOPE").content


def test_nobody_sees_anothers_trades(charlie_client: Client, client: Client, account: TradingAccount) -> None:
    make_plan(account, "SECRET")
    assert b"SECRET" not in charlie_client.get("/trades/").content
    assert client.get("/trades/").status_code == 302


def bulk(client: Client, **fields: Any) -> Any:
    defaults = {"action": "add", "kind": "tag", "words": "gap, Earnings", "scope": "chosen", "query": ""}
    return client.post("/trades/bulk/", defaults | fields)


def test_chosen_trades_get_their_words_and_the_figures_follow(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    one, two, other = (make_closed_trade(account, symbol, "10.00") for symbol in ("AAPL", "MSFT", "GME"))
    figures_rebuild(account)
    make_tag(alice, "earnings")
    answer = bulk(alice_client, trade=[one.pk, two.pk], query="status=closed")
    assert answer.status_code == 302
    assert answer.url == "/trades/?status=closed"
    assert {(tag.kind, tag.name) for tag in Tag.objects.all()} == {("tag", "gap"), ("tag", "earnings")}
    gap = Tag.objects.get(name="gap")
    assert set(gap.trades.all()) == {one, two}
    assert not other.tags.exists()
    kept = FigureTotal.objects.get(account=account, dimension="tag", key=str(gap.pk))
    assert (kept.n, kept.sum_net) == (2, Decimal("20.00"))
    assert FigureTotal.objects.get(account=account, dimension="tag", key="").n == 1
    assert one.version == 1


def test_the_same_tagging_sent_twice_changes_nothing_more(alice_client: Client, account: TradingAccount) -> None:
    one = make_closed_trade(account)
    for _time in range(2):
        bulk(alice_client, trade=[one.pk])
    assert one.tags.count() == 2
    assert FigureTotal.objects.filter(dimension="tag").exclude(key="").count() == 2


def test_all_the_filter_finds_can_be_tagged_and_untagged(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    euro = make_account(alice, "Euro", currency="EUR")
    mine = [make_closed_trade(account, "AAPL", "10.00"), make_closed_trade(euro, "AAPL", "5.00")]
    make_closed_trade(account, "MSFT")
    bulk(alice_client, scope="all", query="symbol=AAPL", words="gap")
    gap = Tag.objects.get(name="gap")
    assert set(gap.trades.all()) == set(mine)
    assert FigureTotal.objects.get(account=euro, dimension="tag", key=str(gap.pk)).sum_net == Decimal("5.00")
    bulk(alice_client, scope="all", query="symbol=AAPL", words="GAP", action="remove")
    assert not gap.trades.exists()
    assert not FigureTotal.objects.filter(dimension="tag", key=str(gap.pk)).exists()


def test_a_filter_with_a_bad_value_tags_nothing(alice_client: Client, account: TradingAccount) -> None:
    make_plan(account)
    answer = bulk(alice_client, scope="all", query="r_min=lots")
    assert answer.status_code == 422
    assert b"The filter holds a value that cannot be used" in answer.content
    assert not Tag.objects.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"trade": []}, "Choose at least one trade in the list"),
        ({"words": " , ,"}, "Enter at least one word"),
        ({"words": "x" * 51}, "50 are the most"),
        ({"trade": ["nonsense"]}, "reload the page and choose again"),
    ],
)
def test_bulk_tagging_says_what_is_missing_and_keeps_what_was_typed(
    alice_client: Client, account: TradingAccount, fields: Any, sentence: str
) -> None:
    trade = make_plan(account)
    answer = bulk(alice_client, **({"trade": [trade.pk], "words": "kept words"} | fields))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    if "words" not in fields:
        assert 'value="kept words"' in page
    assert not Tag.objects.exists()


def test_anothers_trade_among_the_chosen_is_not_found_and_nothing_is_tagged(
    charlie_client: Client, charlie: User, account: TradingAccount
) -> None:
    theirs = make_plan(account)
    mine = make_plan(make_account(charlie, "Mine"))
    assert bulk(charlie_client, trade=[mine.pk, theirs.pk]).status_code == 404
    assert not Tag.objects.exists()
    assert not Trade.tags.through.objects.exists()
