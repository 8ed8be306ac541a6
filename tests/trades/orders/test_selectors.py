"""What the blotter reads: working before done, legs under their parents, and the same number of queries for any list."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import make_plan
from tests.trades.orders.kit import connected_account, make_bracket, make_event, make_leg, make_order
from trades.models import Order
from trades.selectors import orders as selectors
from trades.selectors.orders import (
    OrderFilter,
    order_detail,
    order_for,
    orders_done,
    orders_of_trade,
    orders_working,
    working_counts,
    working_ids,
)

pytestmark = pytest.mark.django_db


def test_a_filled_entry_works_as_long_as_its_legs_do(alice: User) -> None:
    account = connected_account(alice)
    bracket = make_bracket(account, status="filled")
    done = make_order(account, "MSFT", status="filled")
    shown = OrderFilter([account])
    ((line,), has_more) = orders_working(shown)
    assert (line.order, has_more) == (bracket, False)
    assert [leg.role for leg in line.legs] == ["stop_loss", "take_profit"]
    page = orders_done(shown, without=[line.order.pk])
    assert [line.order for line in page.lines] == [done]


def test_a_replaced_leg_is_left_to_the_orders_own_page(alice: User) -> None:
    account = connected_account(alice)
    bracket = make_bracket(account)
    moved = bracket.legs.get(role="stop_loss")
    Order.objects.filter(pk=moved.pk).update(status="replaced")
    make_leg(bracket, "stop_loss", "183", replaces=moved)
    ((line,), _) = orders_working(OrderFilter([account]))
    assert [leg.stop_price for leg in line.legs if leg.role == "stop_loss"] == [183]
    assert len(order_detail(alice, bracket.pk).legs) == 3


def test_orders_are_narrowed_by_account_symbol_and_state(alice: User) -> None:
    one, other = connected_account(alice), connected_account(alice, "Other")
    make_order(one, "AAPL")
    doubtful = make_order(other, "MSFT", status="in_doubt", doubted_at=timezone.now())
    assert [line.order.symbol for line in orders_working(OrderFilter([one]))[0]] == ["AAPL"]
    assert [line.order.symbol for line in orders_working(OrderFilter([one, other], "MSFT"))[0]] == ["MSFT"]
    assert [line.order for line in orders_working(OrderFilter([one, other], "", ("in_doubt",)))[0]] == [doubtful]
    assert orders_working(OrderFilter([one, other], "", ("filled",))) == ([], False)
    assert orders_done(OrderFilter([one, other], "", ("in_doubt",))).lines == []


def test_a_list_that_is_cut_off_says_so(alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "WORKING_SHOWN", 2)
    account = connected_account(alice)
    for symbol in ("OLD", "AAPL", "MSFT"):
        make_order(account, symbol)
    lines, has_more = orders_working(OrderFilter([account]))
    assert ([line.order.symbol for line in lines], has_more) == (["MSFT", "AAPL"], True)
    text = alice_client.get("/orders/").content.decode()
    assert "More orders work than are shown here" in text


def test_pages_of_done_orders_meet_without_gap_or_overlap(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE_SIZE", 4)
    account = connected_account(alice)
    keys = [make_order(account, status="cancelled").pk for _ in range(10)]
    at = timezone.now()
    # Three of the same moment: the id decides.
    Order.objects.filter(pk__in=keys[3:6]).update(created_at=at - timedelta(hours=1))
    shown, seen, cursors, cursor = OrderFilter([account]), [], [""], ""
    for _ in range(3):
        page = orders_done(shown, cursor=cursor)
        seen += [line.order.pk for line in page.lines]
        cursor = page.next
        cursors.append(cursor)
    assert cursor == ""
    assert seen == list(Order.objects.order_by("-created_at", "-id").values_list("pk", flat=True))
    last = orders_done(shown, cursor=cursors[2])
    back = orders_done(shown, cursor=last.previous)
    assert [line.order.pk for line in back.lines] == seen[4:8]
    first = orders_done(shown, cursor=back.previous)
    assert ([line.order.pk for line in first.lines], first.previous) == (seen[:4], "")


@pytest.mark.parametrize("cursor", ["x", "f_2026-03-05_x", "f_2026-03-05T10:00:00_" + "0" * 32, "b", "f__", "\0_\0_\0"])
def test_a_cursor_that_cannot_be_read_gives_the_first_page(alice: User, cursor: str) -> None:
    account = connected_account(alice)
    order = make_order(account, status="cancelled")
    assert [line.order for line in orders_done(OrderFilter([account]), cursor=cursor).lines] == [order]


def test_any_list_takes_the_same_number_of_queries(alice: User, django_assert_num_queries: Any) -> None:
    account = connected_account(alice)
    trade = make_plan(account)
    shown = OrderFilter([account])
    for size in (1, 8):
        for _ in range(size):
            make_bracket(account, trade=trade)
            make_order(account, status="cancelled", trade=trade)
        with django_assert_num_queries(2):
            for line in orders_working(shown)[0]:
                assert render_to_string("trades/_order_row.html", {"order": line.order, "now": line.order.created_at})
        with django_assert_num_queries(2):
            assert orders_done(shown).lines
        with django_assert_num_queries(2):
            assert orders_of_trade(trade)


def test_one_order_is_read_with_everything_that_happened(alice: User, django_assert_num_queries: Any) -> None:
    order = make_bracket(connected_account(alice))
    for _ in range(5):
        make_event(order, "partial", "partially_filled")
    with django_assert_num_queries(4):
        page = order_detail(alice, order.pk)
        assert (page.order.parent, page.order.replaces, page.replaced_by) == (None, None, None)
    assert (len(page.events), len(page.legs)) == (5, 2)


def test_anothers_order_does_not_exist(alice: User, charlie: User) -> None:
    order = make_order(connected_account(alice))
    for read in (order_for, order_detail):
        with pytest.raises(Http404):
            read(charlie, order.pk)


def test_what_works_and_what_is_in_doubt_is_counted(alice: User, django_assert_num_queries: Any) -> None:
    account = connected_account(alice)
    make_bracket(account)
    make_order(account, status="in_doubt", doubted_at=timezone.now())
    make_order(account, status="filled")
    with django_assert_num_queries(1):
        # The bracket counts once, as the list of orders shows it.
        assert working_counts([account]) == (2, 1)


def test_cancel_all_means_entries_before_their_legs(alice: User) -> None:
    account = connected_account(alice)
    bracket = make_bracket(account)
    other = make_order(account, "MSFT")
    make_order(account, "MSFT", status="filled")
    keys = working_ids([account])
    assert set(keys[:2]) == {bracket.pk, other.pk}
    assert len(keys) == 4
    assert working_ids([account], symbol="MSFT") == [other.pk]
