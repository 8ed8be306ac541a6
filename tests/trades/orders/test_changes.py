"""Open pages are told that something changed: by one query, about one's own orders and trades only."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.base import AccountReport
from brokers.models import BrokerConnection, Quote
from brokers.services.snapshots import snapshot_keep
from tests.factories import make_plan
from tests.trades.orders.kit import connected_account, d, make_event, make_order, make_quote
from trades.execution.intents import trader_halt
from trades.models import Order, OrderEvent, Trade
from trades.selectors import order_changes
from trades.selectors.order_changes import changes_since, seen_now
from trades.selectors.ticket_glance import glance_at

pytestmark = pytest.mark.django_db


def test_nothing_is_told_while_nothing_happened(alice: User, django_assert_num_queries: Any) -> None:
    make_event(make_order(connected_account(alice)), "accept", "accepted")
    seen = str(seen_now(alice))
    with django_assert_num_queries(1):
        assert not changes_since(alice, seen).has_changed


def test_an_event_is_told_once(alice: User) -> None:
    order = make_order(connected_account(alice), status="filled")
    seen = str(seen_now(alice))
    make_event(order, "fill", "filled")
    found = changes_since(alice, seen)
    assert found.has_changed
    assert not changes_since(alice, str(found.seen)).has_changed


def test_a_row_that_changes_without_an_event_is_told_too(alice: User) -> None:
    account = connected_account(alice)
    order, plan = make_order(account), make_plan(account)
    seen = str(seen_now(alice))
    Order.objects.filter(pk=order.pk).update(version=2)
    after_order = changes_since(alice, seen)
    Trade.objects.filter(pk=plan.pk).update(version=2)
    after_trade = changes_since(alice, str(after_order.seen))
    assert after_order.has_changed
    assert after_trade.has_changed


def test_anothers_orders_are_nobodys_news(alice: User, charlie: User) -> None:
    order = make_order(connected_account(charlie))
    seen = str(seen_now(alice))
    make_event(order, "fill", "filled")
    assert not changes_since(alice, seen).has_changed


def test_after_many_events_of_others_the_place_to_go_on_from_moves(
    alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_changes, "RENEW_AFTER", 3)
    order = make_order(connected_account(charlie))
    seen = seen_now(alice)
    for _ in range(4):
        make_event(order, "partial", "partially_filled")
    found = changes_since(alice, str(seen))
    assert (found.has_changed, found.is_old) == (False, True)
    assert found.seen.last > seen.last


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_not_missed(alice: User) -> None:
    """Its id was drawn before that of an event that was seen already."""
    account = connected_account(alice)
    slow, quick = make_order(account, status="filled"), make_order(account, status="filled")
    drawn, seen_by_reader = Event(), Event()

    def write_slowly() -> None:
        with transaction.atomic():
            make_event(slow, "fill", "filled")
            drawn.set()
            seen_by_reader.wait(10)
        connection.close()

    writer = Thread(target=write_slowly)
    writer.start()
    assert drawn.wait(10)
    make_event(quick, "fill", "filled")
    seen = str(seen_now(alice))
    seen_by_reader.set()
    writer.join()
    assert OrderEvent.objects.filter(order=slow).get().pk < OrderEvent.objects.get(order=quick).pk
    assert changes_since(alice, seen).has_changed


@pytest.mark.parametrize("since", ["", "x", "-", "9" * 30 + "-1", "1-x", "-1--1", "1-1-" + "x" * 200, "\0"])
def test_a_place_that_cannot_be_read_counts_as_changed(alice_client: Client, since: str) -> None:
    answer = alice_client.get("/orders/changes/", {"since": since})
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (200, '{"orders-changed": {}}')


def test_the_address_answers_204_until_something_happens(alice: User, alice_client: Client) -> None:
    order = make_order(connected_account(alice), status="filled")
    seen = str(seen_now(alice))
    assert alice_client.get("/orders/changes/", {"since": seen}).status_code == 204
    make_event(order, "fill", "filled")
    answer = alice_client.get("/orders/changes/", {"since": seen})
    assert answer.status_code == 200
    assert answer.content.decode() == f'<input type="hidden" name="since" value="{seen_now(alice)}">'


# --- An open ticket ---------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(alice: User) -> tuple[TradingAccount, str, str]:
    """The account of a ticket for AAPL that was looked at, and what it asks with."""
    account = connected_account(alice)
    make_quote("AAPL", "99.98", "100.02")
    return account, str(seen_now(alice)), str(glance_at(alice, account.pk, "AAPL"))


def quoted(account: TradingAccount) -> None:
    Quote.objects.update(ask=d("100.05"))


def halted_by_itself(account: TradingAccount) -> None:
    TradingAccount.objects.filter(pk=account.pk).update(halted_at=timezone.now())


def halted_by_its_trader(account: TradingAccount) -> None:
    trader_halt(user=account.owner, reason="Enough")


def worth_less(account: TradingAccount) -> None:
    report = AccountReport("1", "USD", equity=d(50_000), cash=d(100), buying_power=d(100))
    snapshot_keep(account.connection, report, at=timezone.now())


def switched_off(account: TradingAccount) -> None:
    BrokerConnection.objects.update(is_active=False, status="disabled")


@pytest.mark.parametrize("change", [quoted, halted_by_itself, halted_by_its_trader, worth_less, switched_off])
def test_a_ticket_is_told_once_that_it_stands_otherwise(
    alice: User, alice_client: Client, shown: tuple[TradingAccount, str, str], change: Callable[[TradingAccount], None]
) -> None:
    account, since, glance = shown
    asked = {"since": since, "glance": glance}
    assert alice_client.get("/orders/changes/", asked).status_code == 204
    change(account)
    told = alice_client.get("/orders/changes/", asked)
    assert (told.status_code, told.headers["HX-Trigger"]) == (200, '{"orders-changed": {}}')
    now = str(glance_at(alice, account.pk, "AAPL"))
    assert f'<div id="order-glance" hx-swap-oob="true" hidden><input type="hidden" name="glance" value="{now}">' in (
        told.content.decode()
    )
    assert alice_client.get("/orders/changes/", {"since": seen_now(alice), "glance": now}).status_code == 204


def test_a_ticket_costs_one_question_more(
    alice: User, shown: tuple[TradingAccount, str, str], django_assert_num_queries: Any
) -> None:
    account, _since, glance = shown
    with django_assert_num_queries(1):
        assert str(glance_at(alice, account.pk, "AAPL")) == glance


def test_anothers_account_and_what_cannot_be_read_tell_nothing(
    charlie: User, charlie_client: Client, shown: tuple[TradingAccount, str, str]
) -> None:
    account, _since, glance = shown
    assert glance_at(charlie, account.pk, "AAPL") is None
    quoted(account)
    for asked in (glance, "x", "", "\0", glance + "0", "-" * 36 + glance[36:]):
        answer = charlie_client.get("/orders/changes/", {"since": seen_now(charlie), "glance": asked})
        assert answer.status_code == 204
