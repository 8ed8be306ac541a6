"""Blotter, order page and what is done from them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.trades.orders.kit import book, connected_account, d, make_bracket, make_event, make_order
from trades.models import Order, OrderEvent
from trades.templatetags.orders import fact_words
from trenddojo.domain.order_state import OrderFact, OrderState
from trenddojo.templatetags.desk import status_badge

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def read(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_blotter_says_what_comes_here(alice_client: Client) -> None:
    assert "No orders yet" in read(alice_client, "/orders/")


def test_every_state_and_every_fact_has_words_and_an_icon_of_its_own() -> None:
    plain = status_badge("no-such-state", "x")
    for state in OrderState:
        assert status_badge(state.value, "x") != plain, state
    for fact in OrderFact:
        assert fact_words(fact.value) != fact.value.replace("_", " ").capitalize() or fact in {
            OrderFact.FILL, OrderFact.EXPIRE, OrderFact.CANCEL, OrderFact.REPLACE,
        }, fact  # fmt: skip


def test_the_blotter_takes_the_same_number_of_queries_for_any_length(
    alice_client: Client, account: TradingAccount
) -> None:
    asked = []
    for size in (1, 12):
        for _ in range(size):
            make_bracket(account)
            make_order(account, "MSFT", status="cancelled")
        # Once before it counts: what every page keeps for a while is there then.
        read(alice_client, "/orders/")
        with CaptureQueriesContext(connection) as captured:
            read(alice_client, "/orders/")
        asked.append(len(captured))
    assert asked[0] == asked[1] <= 10


def test_a_reason_stands_with_its_order(alice_client: Client, account: TradingAccount) -> None:
    make_order(account, status="rejected", reason_detail="insufficient buying power")
    text = read(alice_client, "/orders/")
    assert "Rejected" in text
    assert "insufficient buying power" in text


def test_the_blotter_is_filtered(alice: User, alice_client: Client, account: TradingAccount) -> None:
    other = connected_account(alice, "Other")
    make_order(account, "AAPL")
    make_order(other, "MSFT", status="filled")
    assert ">AAPL<" in read(alice_client, "/orders/", symbol="aapl")
    assert "MSFT" not in read(alice_client, "/orders/", symbol="aapl")
    assert "AAPL" not in read(alice_client, "/orders/", account=other.pk)
    assert "AAPL" not in read(alice_client, "/orders/", status="filled")
    assert "No order matches" in read(alice_client, "/orders/", symbol="ZZZ")
    assert read(alice_client, "/orders/", status="no-such", cursor="x", symbol="\0")


def test_anothers_orders_are_not_listed(account: TradingAccount, charlie_client: Client) -> None:
    make_order(account)
    assert "AAPL" not in read(charlie_client, "/orders/")
    assert charlie_client.get("/orders/", {"account": account.pk}).status_code == 404


def test_an_order_page_tells_every_step_with_source_and_figures(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account, status="partially_filled", filled_quantity=d("40"))
    make_event(order, "intend", "new", from_status="", source="trader", detail={"value": "18750.500000000"})
    make_event(order, "partial", "partially_filled", from_status="accepted", detail={"filled_quantity": "40"})
    text = read(alice_client, f"/orders/{order.pk}/")
    for words in ("Placed", "18,750.5</dd>", "you", "Partly filled", "the broker&#x27;s stream", order.broker_order_id):
        assert words in text


def test_a_page_that_reads_itself_anew_leaves_the_message_to_the_next_page(
    alice_client: Client, account: TradingAccount
) -> None:
    order = make_order(account)
    alice_client.post(f"/orders/{order.pk}/cancel/")
    again = alice_client.get("/orders/", headers={"HX-Request": "true"}).content.decode()
    assert "You asked to cancel" not in again
    assert "You asked to cancel" in read(alice_client, f"/orders/{order.pk}/")


def test_a_cancellation_is_asked_about_and_then_asked_for(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account)
    assert "Cancel the order for AAPL?" in read(alice_client, f"/orders/{order.pk}/cancel/")
    answer = alice_client.post(f"/orders/{order.pk}/cancel/", follow=True)
    order.refresh_from_db()
    assert order.status == "cancelling"
    assert "You asked to cancel the order for AAPL." in answer.content.decode()
    assert OrderEvent.objects.get(order=order).fact == "ask_cancel"


def test_cancelling_what_is_over_says_so(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account, status="filled")
    text = alice_client.post(f"/orders/{order.pk}/cancel/", follow=True).content.decode()
    assert "The order was not cancelled. This order is filled already." in text


def test_all_orders_of_an_account_are_cancelled_at_once(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    other = make_order(connected_account(alice, "Other"))
    make_order(account)
    make_order(account, "MSFT", status="new", broker_order_id="")
    assert "Cancel 2 orders in Main?" in read(alice_client, "/orders/cancel-all/", account=account.pk)
    answer = alice_client.post(f"/orders/cancel-all/?account={account.pk}", follow=True)
    assert "You asked to cancel 2 orders." in answer.content.decode()
    assert sorted(Order.objects.filter(account=account).values_list("status", flat=True)) == ["cancelled", "cancelling"]
    other.refresh_from_db()
    assert other.status == "accepted"
    nothing = alice_client.get("/orders/cancel-all/", {"account": account.pk, "symbol": "ZZZ"}, follow=True)
    assert "No order works: there is nothing to cancel." in nothing.content.decode()


def test_a_change_is_asked_for_and_the_order_keeps_working(alice_client: Client, account: TradingAccount) -> None:
    book(account).show("AAPL", d("187.40"), d("187.60"))
    order = make_order(account)
    page = read(alice_client, f"/orders/{order.pk}/replace/")
    assert 'name="limit_price" value="187.5"' in page
    assert 'name="stop_price"' not in page
    data = {"creation_key": str(uuid4()), "quantity": "100", "limit_price": "186.25"}
    answer = alice_client.post(f"/orders/{order.pk}/replace/", data, follow=True)
    order.refresh_from_db()
    assert (order.status, order.limit_price) == ("accepted", d("187.50"))
    assert order.pending_change["limit_price"] == "186.25"
    assert "Change asked" in answer.content.decode()


def test_a_change_that_breaks_limits_is_refused_with_all_of_them(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account, limit_price=d(100))
    data = {"creation_key": str(uuid4()), "quantity": "5000", "limit_price": "100"}
    text = alice_client.post(f"/orders/{order.pk}/replace/", data).content.decode()
    assert "The position would be 500.00 % of equity; 30 % is the most." in text
    assert 'value="5000"' in text
    order.refresh_from_db()
    assert order.pending_change is None


def test_of_a_stop_that_belongs_to_a_group_only_the_price_is_offered(
    alice_client: Client, account: TradingAccount
) -> None:
    stop = make_bracket(account, status="filled").legs.get(role="stop_loss")
    page = read(alice_client, f"/orders/{stop.pk}/replace/")
    assert 'name="stop_price"' in page
    assert 'name="quantity"' not in page


def test_who_asked_for_a_change_is_led_to_the_order_that_took_the_place(
    alice_client: Client, account: TradingAccount
) -> None:
    book(account).show("AAPL", d("187.40"), d("187.60"))
    order = make_order(account, quantity=d(10))
    given = {"creation_key": str(uuid4()), "quantity": "10", "limit_price": "186.25"}
    answer = alice_client.post(f"/orders/{order.pk}/replace/", given)
    there = f"/orders/{order.pk}/?follow=1"
    assert answer["Location"] == there
    assert "You asked to change the order for AAPL." in read(alice_client, there)

    Order.objects.filter(pk=order.pk).update(status="replaced", pending_change=None)
    second = make_order(account, limit_price=d("186.25"), replaces=order)

    assert alice_client.get(there)["Location"] == f"/orders/{second.pk}/"
    # A page that is open goes on by itself.
    asked = alice_client.get(there, headers={"HX-Request": "true"})
    assert asked["HX-Redirect"] == f"/orders/{second.pk}/"
    # Who looks at the old order sees the old order.
    assert "Replaced by" in read(alice_client, f"/orders/{order.pk}/")


@pytest.mark.parametrize(
    ("terms", "offered"),
    [
        ({"time_in_force": "day"}, ["day", "gtc"]),
        # What is still here may become anything; an order that lives for a moment stays what it is.
        ({"time_in_force": "day", "status": "queued"}, ["day", "gtc", "ioc", "fok", "opg", "cls"]),
        ({"time_in_force": "ioc"}, []),
        ({"time_in_force": "gtc", "order_class": "bracket"}, []),
        ({"time_in_force": "day", "quantity": d("1.5")}, []),
    ],
)
def test_how_long_an_order_works_can_be_changed_where_brokers_replace_it(
    alice_client: Client, account: TradingAccount, terms: dict[str, Any], offered: list[str]
) -> None:
    order = make_order(account, **terms)
    form = alice_client.get(f"/orders/{order.pk}/replace/").context["form"]
    choices = [key for key, _ in form.fields["time_in_force"].choices] if "time_in_force" in form.fields else []
    assert choices == offered


def test_a_day_order_is_asked_to_last(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account, limit_price=d(100), time_in_force="day")
    given = {"creation_key": str(uuid4()), "quantity": "100", "limit_price": "100", "time_in_force": "gtc"}
    alice_client.post(f"/orders/{order.pk}/replace/", given)
    order.refresh_from_db()
    assert (order.time_in_force, order.pending_change["time_in_force"]) == ("day", "gtc")
    assert "limit_price" not in order.pending_change


def test_stop_and_target_that_stand_alone_are_called_so(alice_client: Client, account: TradingAccount) -> None:
    make_order(account, role="take_profit", order_class="oco", side="sell")
    assert '<span class="text-secondary">Target</span>' in read(alice_client, "/orders/")


def test_pages_that_ask_lead_back(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account)
    for path, crumb in (
        (f"/orders/{order.pk}/cancel/", f'<a href="/orders/{order.pk}/">AAPL</a>'),
        ("/orders/cancel-all/", '<a href="/orders/">Orders</a>'),
        (f"/accounts/{account.pk}/halt/", f'<a href="/accounts/{account.pk}/">Main</a>'),
        (f"/accounts/{account.pk}/live/", f'<a href="/accounts/{account.pk}/">Main</a>'),
        (f"/connections/{account.connection.pk}/remove/", f'<a href="/connections/{account.connection.pk}/">Main at'),
    ):
        text = read(alice_client, path)
        assert 'aria-label="Breadcrumb"' in text, path
        assert crumb in text, path


def test_news_that_are_old_are_said(alice_client: Client, account: TradingAccount) -> None:
    make_order(account)
    assert "Stale since" not in read(alice_client, "/orders/freshness/")
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=10))
    assert "has not been read in full since then" in read(alice_client, "/orders/freshness/")
    assert "has not been read in full since then" in read(alice_client, "/orders/")
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert "is disabled: nothing is sent or read through it" in read(alice_client, "/orders/")


def test_a_halted_account_sends_no_entry_and_says_so_on_every_page(
    alice_client: Client, account: TradingAccount
) -> None:
    entry = make_order(account)
    assert "Halt Main?" in read(alice_client, f"/accounts/{account.pk}/halt/")
    alice_client.post(f"/accounts/{account.pk}/halt/", {"reason": "Feed looks wrong"})
    account.refresh_from_db()
    entry.refresh_from_db()
    assert (account.is_halted, account.halt_reason, entry.status) == (True, "Feed looks wrong", "cancelling")
    for path in ("/", "/orders/", "/journal/", "/settings/"):
        text = read(alice_client, path)
        assert "Main is halted" in text, path
        assert "Feed looks wrong" in text, path
    alice_client.post(f"/accounts/{account.pk}/resume/")
    account.refresh_from_db()
    assert not account.is_halted
    assert "is halted" not in read(alice_client, "/settings/")
