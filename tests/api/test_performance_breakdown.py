"""Pages of a breakdown over the API while trades are booked: each row once, in its place, both ways."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_closed_trade, make_setup, make_tag
from trades.selectors.breakdowns import BREAKDOWNS
from trades.selectors.figures import ORDERS
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db

MONDAY = datetime(2025, 3, 3, 15, 0, tzinfo=UTC)
KINDS = 5
NETS = ("40.00", "-10.00", "40.00", "-30.00", "20.00")
HOLDINGS = (60, 600, 3_600, 30_000, 200_000)
# Kept sums answer without a filter; with one they are made for the request.
FILTERS = ("", "&from=2025-01-01")
CASES = [*product(BREAKDOWNS, ORDERS, FILTERS[:1]), *product(BREAKDOWNS, ["-net"], FILTERS[1:])]
# The token, the accounts, setups and tags that a filter may name, and one for the page.
QUERIES = 5


class Book:
    """Trades of five kinds, each kind with a key of its own in every breakdown; some kinds tie in number and result."""

    def __init__(self, owner: Any) -> None:
        self.accounts = [make_account(owner, f"Account {kind}") for kind in range(KINDS)]
        self.setups = [make_setup(owner, f"Setup {kind}") for kind in range(KINDS)]
        self.tags = [make_tag(owner, f"Tag {kind}") for kind in range(KINDS)]
        for kind, net in enumerate(NETS):
            for _ in range(1 + kind % 2):
                self.book(kind, net)

    def book(self, kind: int, net: str) -> None:
        begun = MONDAY + timedelta(days=kind + 35 * kind)
        ended = begun + timedelta(seconds=HOLDINGS[kind])
        trade = make_closed_trade(
            self.accounts[kind],
            f"S{kind}",
            net,
            direction="short" if kind % 2 else "long",
            setup=self.setups[kind],
            entry_date=begun,
            exit_date=ended,
            entry_hour=9 + kind,
        )
        trade.tags.add(self.tags[kind])
        figures_rebuild(self.accounts[kind])


@pytest.fixture
def book(alice: Any) -> Book:
    return Book(alice)


def place(row: dict[str, Any]) -> tuple[str, str, str]:
    """What a row is found by in every order."""
    return row["key"], row["trade_count"]["value"], row["net_pnl"]["value"]


def walked(api: Any, address: str | None, way: str, between: Any = lambda: None) -> list[tuple[str, str, str]]:
    """The rows from page to page, in the order read; `between` happens once, after the first page."""
    found = []
    while address is not None:
        page = api.get(address).json()
        found += [place(row) for row in page["results"]]
        address = page[way]
        between()
        between = lambda: None  # noqa: E731
    return found


@pytest.mark.parametrize(("by", "order", "given"), CASES)
def test_what_is_booked_between_two_pages_neither_doubles_nor_skips_a_row(api, book, by, order, given):
    address = f"/performance/breakdown/?by={by}&ordering={order}{given}"
    before = walked(api, f"{address}&page_size=200", "next")
    assert len(before) == (2 if by == "direction" else KINDS)

    # The row read first is the last now, or the other way round; one that was not read yet changes too.
    def booked():
        book.book(0, "-500.00")
        book.book(4, "700.00")

    read = walked(api, f"{address}&page_size=1", "next", booked)
    after = walked(api, f"{address}&page_size=200", "next")
    kept = [row for row in before if row in after]
    assert [row for row in read if row in kept] == kept
    assert len(kept) >= (1 if by == "direction" else 3)
    # A row that moved is read where it was or where it is, with what it was then.
    assert set(read) <= set(before) | set(after)


@pytest.mark.parametrize(("by", "order", "given"), CASES)
def test_going_back_meets_the_same_rows_while_trades_are_booked(api, book, by, order, given):
    address = f"/performance/breakdown/?by={by}&ordering={order}{given}"
    before = walked(api, f"{address}&page_size=200", "next")
    last = api.get(f"{address}&page_size={len(before) - 1}").json()["next"]
    assert [place(row) for row in api.get(last).json()["results"]] == before[-1:]
    back = walked(
        api, last.replace(f"page_size={len(before) - 1}", "page_size=1"), "previous", lambda: book.book(1, "5")
    )
    after = walked(api, f"{address}&page_size=200", "next")
    kept = [row for row in before if row in after]
    assert [row for row in reversed(back) if row in kept] == kept


def test_a_key_that_is_new_is_met_where_it_stands(api, book, alice):
    address = "/performance/breakdown/?by=symbol&ordering=key&page_size=2"
    first = api.get(address).json()
    make_closed_trade(book.accounts[0], "A", "1.00", entry_date=MONDAY)
    make_closed_trade(book.accounts[0], "S11", "1.00", entry_date=MONDAY)
    figures_rebuild(book.accounts[0])
    second = api.get(first["next"]).json()
    assert [row["key"] for row in first["results"]] == ["S0", "S1"]
    assert [row["key"] for row in second["results"]] == ["S11", "S2"]
    back = api.get(second["previous"]).json()
    assert [row["key"] for row in back["results"]] == ["S0", "S1"]
    assert [row["key"] for row in api.get(back["previous"]).json()["results"]] == ["A"]


def test_rows_of_one_number_or_result_follow_by_their_keys(api, book):
    rows = api.get("/performance/breakdown/?by=symbol&ordering=-n").json()["results"]
    assert [row["key"] for row in rows] == ["S1", "S3", "S0", "S2", "S4"]
    rows = api.get("/performance/breakdown/?by=symbol&ordering=-net").json()["results"]
    assert [row["key"] for row in rows] == ["S0", "S2", "S4", "S1", "S3"]


def test_a_cursor_of_another_order_is_none(api, book):
    following = api.get("/performance/breakdown/?by=symbol&ordering=-n&page_size=1").json()["next"]
    answer = api.get(following.replace("ordering=-n", "ordering=-net"))
    assert error(answer) == (400, "bad_cursor", "cursor")


@pytest.mark.parametrize("given", FILTERS)
def test_every_page_asks_as_often_however_many_rows_lie_before_it(api, book, django_assert_num_queries, given):
    address = f"/performance/breakdown/?by=symbol&page_size=1{given}"
    api.get(address)
    with django_assert_num_queries(QUERIES):
        page = api.get(address).json()
    for _ in range(KINDS - 1):
        with django_assert_num_queries(QUERIES):
            page = api.get(page["next"]).json()
    assert page["next"] is None
    with django_assert_num_queries(QUERIES):
        api.get(page["previous"])
