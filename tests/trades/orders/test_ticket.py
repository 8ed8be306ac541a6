"""The order ticket: what is typed, what would be sent, and what is."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.factories import make_account, make_plan
from tests.trades.orders.kit import book, connected_account, d
from trades.models import Order, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def ticket(account: TradingAccount, **changes: Any) -> dict[str, Any]:
    """Buy 10 AAPL at 100 or less, with stop and target."""
    typed = {
        "creation_key": str(uuid4()),
        "account": str(account.pk),
        "symbol": "aapl",
        "asset_class": "stock",
        "side": "buy",
        "type": "limit",
        "quantity": "10",
        "limit_price": "100",
        "time_in_force": "gtc",
        "stop_loss": "95",
        "take_profit": "110",
        "step": "preview",
    }
    return {name: value for name, value in (typed | changes).items() if value is not None}


def page(client: Client, data: dict[str, Any]) -> str:
    answer = client.post("/orders/new/", data)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_second_step_says_exactly_what_is_sent_and_writes_nothing(
    alice_client: Client, account: TradingAccount
) -> None:
    text = page(alice_client, ticket(account))
    for sentence in (
        "Buy 10 AAPL at 100.00 or less.",
        "It works until it is filled or cancelled.",
        "Stop: Sell 10 at the market price once the price falls to 95.00.",
        "Target: Sell 10 at 110.00 or more.",
        "The first of the two that is filled cancels the other.",
    ):
        assert sentence in text
    assert "1,000.00" in text
    assert 'value="send"' in text
    assert not Order.objects.exists()


def test_a_confirmed_order_is_written_once_however_often_it_is_sent(
    alice_client: Client, account: TradingAccount
) -> None:
    data = ticket(account, step="send")
    first = alice_client.post("/orders/new/", data)
    second = alice_client.post("/orders/new/", data)
    order = Order.objects.get(parent=None)
    assert first["Location"] == second["Location"] == f"/orders/{order.pk}/"
    assert (order.status, order.order_class, order.quantity, order.limit_price) == ("new", "bracket", 10, 100)
    assert set(order.legs.values_list("role", "stop_price", "limit_price")) == {
        ("stop_loss", d(95), None),
        ("take_profit", None, d(110)),
    }


def test_a_form_sent_before_with_other_words_is_asked_about(alice_client: Client, account: TradingAccount) -> None:
    data = ticket(account, step="send")
    alice_client.post("/orders/new/", data)
    text = page(alice_client, data | {"quantity": "11"})
    assert "This form was saved before, with other entries." in text
    assert 'value="11"' in text
    assert data["creation_key"] not in text
    assert Order.objects.filter(parent=None).count() == 1


def test_every_limit_is_told_with_its_numbers_and_nothing_can_be_sent(
    alice_client: Client, account: TradingAccount
) -> None:
    text = page(alice_client, ticket(account, quantity="2000"))
    assert "It cannot be sent: " in text
    assert "The position would be 200.00 % of equity; 30 % is the most." in text
    assert 'value="send"' not in text
    assert not Order.objects.exists()


def test_an_order_denied_at_the_last_moment_is_kept_with_its_reasons(
    alice_client: Client, account: TradingAccount
) -> None:
    answer = alice_client.post("/orders/new/", ticket(account, step="send", quantity="2000"), follow=True)
    order = Order.objects.get(parent=None)
    text = answer.content.decode()
    assert order.status == "denied"
    assert "The order was not sent. The position would be 200.00 % of equity" in text
    assert "Denied" in text


def test_typed_words_stay_when_something_is_wrong(alice_client: Client, account: TradingAccount) -> None:
    text = page(alice_client, ticket(account, limit_price="1oo", quantity="7"))
    assert "Please mend this first" in text
    for value in ("1oo", "7", "95", "110"):
        assert f'value="{value}"' in text
    assert not Order.objects.exists()


def test_a_refusal_stands_at_its_field(alice_client: Client, account: TradingAccount) -> None:
    text = page(alice_client, ticket(account, stop_loss="101"))
    assert "The stop belongs below 100" in text[text.index('id="id_stop_loss_error"') :]


def test_going_back_shows_the_ticket_as_it_was(alice_client: Client, account: TradingAccount) -> None:
    data = ticket(account, step="change", extended_hours="on")
    text = page(alice_client, data)
    assert data["creation_key"] in text
    for value in ("aapl", "10", "100", "95", "110"):
        assert f'value="{value}"' in text
    assert "invalid-feedback" not in text


def test_an_order_that_was_sent_after_its_session_ended_is_a_ticket_again(
    alice_client: Client, account: TradingAccount, password: str
) -> None:
    alice_client.get("/orders/new/")
    alice_client.session.flush()
    answer = alice_client.post("/orders/new/", ticket(account, step="send"))
    alice_client.post(answer["Location"], {"login": "alice", "password": password})
    text = alice_client.get("/orders/new/").content.decode()
    for name, value in (("symbol", "aapl"), ("quantity", "10"), ("limit_price", "100"), ("stop_loss", "95")):
        assert f'name="{name}" value="{value}"' in text
    assert not Order.objects.exists()


def test_an_empty_quantity_is_computed_from_the_stop(alice_client: Client, account: TradingAccount) -> None:
    """One percent of 100,000 over five a share is 200 shares."""
    text = page(alice_client, ticket(account, quantity=None))
    assert "Buy 200 AAPL at 100.00 or less." in text
    assert '<input type="hidden" name="quantity" value="200">' in text
    market = page(alice_client, ticket(account, quantity=None, type="market", limit_price=None, stop_loss="90.01"))
    assert "Buy 100 AAPL at the market price." in market


def test_without_quantity_and_stop_the_ticket_asks_for_one(alice_client: Client, account: TradingAccount) -> None:
    text = page(alice_client, ticket(account, quantity=None, stop_loss=None, take_profit=None))
    assert "Enter the quantity, or a protective stop to have it computed." in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"type": "market", "limit_price": None}, "Buy 10 AAPL at the market price."),
        (
            {"type": "stop", "limit_price": None, "stop_price": "105"},
            "Buy 10 AAPL at the market price once the price rises to 105.00.",
        ),
        (
            {"type": "stop_limit", "limit_price": "106", "stop_price": "105"},
            "Buy 10 AAPL at 106.00 or less once the price rises to 105.00.",
        ),
        (
            {"type": "trailing_stop", "limit_price": None, "trail_percent": "2.5", "stop_loss": None, "take_profit": None},
            "Buy 10 AAPL at the market price once it rises 2.5 % from its best.",
        ),
        ({"time_in_force": "ioc", "stop_loss": None, "take_profit": None}, "It works at once: what is not filled"),
        (
            {"time_in_force": "day", "extended_hours": "on", "stop_loss": None, "take_profit": None},
            "It works for today, extended hours included.",
        ),
        (
            {"stop_loss_limit": "94.5", "take_profit": None},
            "Stop: Sell 10 at 94.50 or more once the price falls to 95.00.",
        ),
    ],
)  # fmt: skip
def test_every_kind_of_order_is_told_in_words(
    alice_client: Client, account: TradingAccount, changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in page(alice_client, ticket(account, **changes))


def test_the_ticket_offers_what_the_broker_can_do(
    alice_client: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from brokers.mock.adapter import MockAdapter
    from trenddojo.domain.orders import OrderClass, OrderType, TimeInForce

    little = replace(
        MockAdapter.capabilities,
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        times_in_force=frozenset({TimeInForce.DAY}),
        order_classes=frozenset({OrderClass.SIMPLE}),
        extended_hours=False,
    )
    monkeypatch.setattr(MockAdapter, "capabilities", little)
    text = alice_client.get("/orders/new/").content.decode()
    for name in ("stop_price", "trail_percent", "stop_loss", "take_profit", "is_oco", "extended_hours"):
        assert f'name="{name}"' not in text
    assert 'value="gtc"' not in text
    refused = page(alice_client, ticket(account, type="stop", stop_loss=None, take_profit=None))
    assert "This broker does not take it: choose one of the list." in refused


def test_a_plan_fills_the_ticket_and_its_order_makes_it_pending(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    plan = make_plan(account)
    text = alice_client.get("/orders/new/", {"trade": plan.pk}).content.decode()
    for name, value in (("quantity", "100"), ("limit_price", "100"), ("stop_loss", "95"), ("take_profit", "110")):
        assert f'name="{name}" value="{value}"' in text
    data = ticket(account, trade=str(plan.pk), quantity="100", step="send")
    assert alice_client.post("/orders/new/", data).status_code == 302
    assert Trade.objects.get(pk=plan.pk).status == "pending"
    assert Order.objects.get(parent=None).trade_id == plan.pk


def test_a_plan_without_prices_fills_in_what_it_knows(alice_client: Client, account: TradingAccount) -> None:
    plan = make_plan(account, entry_price=None, planned_quantity=None)
    text = alice_client.get("/orders/new/", {"trade": plan.pk}).content.decode()
    assert 'name="symbol" value="AAPL"' in text


def test_without_a_connected_account_the_ticket_leads_to_one(alice: User, alice_client: Client) -> None:
    make_account(alice)
    text = alice_client.get("/orders/new/").content.decode()
    assert "Connect a broker first" in text
    assert '<form method="post" action="/orders/new/"' not in text


def test_a_live_account_is_marked_and_says_that_it_is_not_armed(
    alice_client: Client, account: TradingAccount, settings: Any
) -> None:
    settings.ENABLE_BROKER_INTEGRATIONS = True
    BrokerConnection.objects.update(is_paper=False)
    text = page(alice_client, ticket(account))
    assert "Live account: this is real money." in text
    assert "Live trading is off for Main, so nothing can be sent." in text
    assert "Live trading is not switched on for this account" in text
    assert 'value="send"' not in text
    BrokerConnection.objects.update(live_armed_at=timezone.now(), live_used_at=timezone.now())
    armed = page(alice_client, ticket(account))
    assert "Live trading is off" not in armed
    assert "Send with real money" in armed


def test_anothers_account_and_trade_cannot_be_named(
    alice: User, account: TradingAccount, charlie: User, charlie_client: Client
) -> None:
    plan = make_plan(account)
    mine = connected_account(charlie, "Mine")
    assert "Choose one of your connected accounts." in page(charlie_client, ticket(account, step="send"))
    assert charlie_client.get("/orders/new/", {"trade": plan.pk}).status_code == 404
    assert charlie_client.post("/orders/new/", ticket(mine, trade=str(plan.pk), step="send")).status_code == 404
    assert not Order.objects.exists()


def test_the_preview_follows_what_is_typed(alice_client: Client, account: TradingAccount) -> None:
    book(account).show("AAPL", d("101.24"), d("101.26"))
    headers = {"HX-Request": "true"}
    text = alice_client.post("/orders/new/preview/", ticket(account), headers=headers).content.decode()
    assert "101.24" in text
    assert "101.26" in text
    assert "<html" not in text
    half = alice_client.post(
        "/orders/new/preview/", {"account": str(account.pk), "symbol": "AAPL", "quantity": ""}, headers=headers
    )
    assert "quote, cost, heat and your limits are shown here" in half.content.decode()
    assert alice_client.get("/orders/new/preview/").status_code == 302
    assert not Order.objects.exists()


def test_a_moment_that_is_half_typed_is_no_reason_to_show_nothing(
    alice_client: Client, account: TradingAccount
) -> None:
    told, _ = verdict(alice_client, account, send_before="2026-13-")
    assert told == "It can be sent. Cost 1,000.00 USD."
    assert "Write the time as 2026-03-05 15:30." in page(alice_client, ticket(account, send_before="2026-13-"))


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        ("10.5", "The plan is for 10.5. Stop and target go only with whole shares, so the order is for 10, and 0.5"),
        ("10", ""),
        ("0.75", ""),
    ],
)
def test_a_plan_in_parts_of_a_share_says_why_whole_ones_are_ordered(
    alice_client: Client, account: TradingAccount, planned: str, told: str
) -> None:
    plan = make_plan(account, planned_quantity=d(planned))
    text = alice_client.get("/orders/new/", {"trade": plan.pk}).content.decode()
    assert ("go only with whole shares" in text) is bool(told)
    assert told in text
    confirmed = page(alice_client, ticket(account, trade=str(plan.pk), quantity="10"))
    assert ("go only with whole shares" in confirmed) is bool(told)


def verdict(client: Client, account: TradingAccount, **changes: Any) -> tuple[str, str]:
    """What a listener is told of a preview, and by what it is told again."""
    answer = client.post("/orders/new/preview/", ticket(account, **changes), headers={"HX-Request": "true"})
    said = answer.context["answer"]
    assert said.told in answer.content.decode().replace("&#x27;", "'")
    return said.told, said.verdict


def test_a_listener_is_told_again_what_can_be_done_and_not_each_price(
    alice_client: Client, account: TradingAccount
) -> None:
    first, before = verdict(alice_client, account)
    dearer, after = verdict(alice_client, account, limit_price="101")
    assert (first, dearer) == ("It can be sent. Cost 1,000.00 USD.", "It can be sent. Cost 1,010.00 USD.")
    assert before == after
    refused, why = verdict(alice_client, account, quantity="2000")
    assert refused.startswith("It cannot be sent. The position would be 200.00 % of equity; 30 % is the most.")
    assert why != before


def test_a_preview_that_the_page_asks_for_writes_nothing(
    alice_client: Client, account: TradingAccount, django_assert_max_num_queries: Any
) -> None:
    alice_client.post("/orders/new/preview/", ticket(account), headers={"HX-Request": "true"})
    with django_assert_max_num_queries(25) as asked:
        alice_client.post("/orders/new/preview/", ticket(account), headers={"HX-Request": "true", "Asked-By": "page"})
    written = [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert written == []
    assert not Order.objects.exists()
