"""Long listings of Alpaca: page by page, nothing twice, nothing left out, and never for ever."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.alpaca import adapter as module
from brokers.alpaca import listing
from brokers.errors import TryLater
from tests.brokers.alpaca import answers
from tests.brokers.alpaca.wire import Wire, adapter_at, wire

__all__ = ["wire"]

START, END = datetime(2026, 3, 16, 13, 30, tzinfo=UTC), datetime(2026, 3, 16, 20, tzinfo=UTC)


def order_at(number: int, second: int) -> dict[str, Any]:
    return answers.order(id=f"o-{number:04d}", submitted_at=f"2026-03-16T18:00:{second:02d}.500000001Z")


def test_a_page_of_orders_begins_a_moment_before_the_last_one_ended(wire: Wire) -> None:
    first = [order_at(number, number // 100) for number in range(500)]
    # Two more of the very moment the first page ends with.
    wire.answer(first, [*first[400:], order_at(500, 4), order_at(501, 4)])
    reports = adapter_at(wire).orders()

    assert [report.broker_order_id for report in reports] == [f"o-{number:04d}" for number in range(502)]
    assert [asked.query for asked in wire.asked] == [
        {"status": "open", "direction": "asc", "nested": "true", "limit": "500"},
        {
            "status": "open", "direction": "asc", "nested": "true", "limit": "500",
            "after": "2026-03-16T18:00:04.499999Z",
        },
    ]  # fmt: skip


def test_a_page_that_is_all_of_one_moment_leads_on_by_id(wire: Wire) -> None:
    first = [order_at(number, 0) for number in range(500)]
    wire.answer(first, first, [order_at(number, 0) for number in range(500, 510)])
    reports = adapter_at(wire).orders()

    assert len({report.broker_order_id for report in reports}) == len(reports) == 510
    assert wire.asked[2].query["after_order_id"] == "o-0499"
    assert "after" not in wire.asked[2].query


def test_a_broker_that_repeats_itself_for_ever_is_left(wire: Wire) -> None:
    page = [order_at(number, 0) for number in range(500)]
    wire.answer(page, page, page)

    assert len(adapter_at(wire).orders()) == 500
    assert len(wire.asked) == 3


def bracket_at(number: int) -> dict[str, Any]:
    legs = [answers.order(id=f"{number}-leg-{leg}", side="sell") for leg in range(2)]
    return order_at(number, number % 60) | {"legs": legs}


@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        ([[order_at(number, 0) for number in range(499)]], 1),
        ([[bracket_at(number) for number in range(166)]], 1),
        # Full only with its legs: one more request shows that this was all, ...
        ([[bracket_at(number) for number in range(167)], []], 2),
        ([[bracket_at(number) for number in range(500)], [bracket_at(499)]], 2),
        # ... or that legs do count, and more were to come.
        ([[bracket_at(number) for number in range(167)], [bracket_at(number) for number in range(166, 200)]], 2),
    ],
    ids=["499 orders", "166 brackets", "167 brackets", "500 brackets", "200 brackets, cut"],
)
def test_open_orders_are_one_request_up_to_a_page_with_their_legs(
    wire: Wire, pages: list[list[dict[str, Any]]], requests: int
) -> None:
    wire.answer(*pages)
    reports = adapter_at(wire).orders()

    rows = {row["id"]: row for page in pages for row in page}
    assert [report.broker_order_id for report in reports] == list(rows)
    assert [len(report.legs) for report in reports] == [len(row["legs"] or ()) for row in rows.values()]
    assert len(wire.asked) == requests


def test_fills_are_read_page_by_page_from_the_token(wire: Wire) -> None:
    fills = [answers.fill_at(number, START) for number in range(150)]
    wire.answer(fills[:100], fills[100:])
    reports = adapter_at(wire).fills(cursor="token-0")

    assert [report.execution_id for report in reports] == [fill["id"] for fill in fills]
    assert [asked.query for asked in wire.asked] == [
        {"page_token": "token-0", "direction": "asc", "page_size": "100"},
        {"page_token": fills[99]["id"], "direction": "asc", "page_size": "100"},
    ]
    assert reports[-1].cursor == fills[-1]["id"]


def test_the_cursor_stays_behind_fills_that_may_still_get_neighbours(wire: Wire) -> None:
    now = datetime.now(UTC)
    old, young = answers.fill_at(1, now - 2 * module.UNSETTLED), answers.fill_at(2, now)
    late = answers.fill_at(3, now - 2 * module.UNSETTLED)
    wire.answer([old, young, late])
    reports = adapter_at(wire).fills(since=now - timedelta(days=1))

    assert [report.cursor for report in reports] == [old["id"]] * 3
    assert wire.asked[0].query["after"] == (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")


def test_a_listing_that_leads_nowhere_is_left(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    page = [answers.fill_at(number, START) for number in range(100)]
    bars = {"bars": {}, "next_page_token": "same"}
    wire.answer(page, page, bars, bars)
    with pytest.raises(TryLater, match="does not end"):
        adapter_at(wire).fills()
    with pytest.raises(TryLater, match="does not end"):
        adapter_at(wire).bars("AAPL", "1Min", START, END)
    assert len(wire.asked) == 4

    monkeypatch.setattr(listing, "MOST_PAGES", 1)
    wire.answer(page, [order_at(number, 0) for number in range(500)], {**bars, "next_page_token": "more"})
    for call in (
        adapter_at(wire).fills,
        adapter_at(wire).orders,
        lambda: adapter_at(wire).bars("AAPL", "1Min", START, END),
    ):
        with pytest.raises(TryLater):
            call()


def test_a_listing_with_one_unreadable_fill_is_asked_for_again_rather_than_shortened(wire: Wire) -> None:
    wire.answer([answers.FILL, {**answers.FILL, "price": None}])

    with pytest.raises(TryLater) as problem:
        adapter_at(wire).fills()
    assert "price" in problem.value.sentence


def test_money_is_read_again_from_days_before_the_last_one_taken(wire: Wire) -> None:
    wire.answer([answers.DIVIDEND, {**answers.DIVIDEND, "activity_type": "SPLIT", "net_amount": None}])
    reports = adapter_at(wire).cash_movements(date(2026, 1, 1), cursor="20260805000000000::x")

    assert [(report.kind, report.amount, report.symbol) for report in reports] == [("dividend", D("1.02"), "T")]
    assert wire.asked[0].query["after"] == "2026-07-25"
    assert {"CSD", "DIV", "FEE", "JNLC"} <= set(wire.asked[0].query["activity_types"].split(","))
