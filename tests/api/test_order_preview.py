"""The preview of an order over the API."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import BrokerConnection
from tests.api.kit import error
from tests.api.orders_kit import order_body, plain_body
from tests.factories import make_account, make_plan
from tests.trades.orders.kit import connected_account, make_quote
from trades.execution.intents import account_halt
from trades.models import Order, OrderEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return connected_account(alice)


def codes(notices):
    return [notice["code"] for notice in notices]


def test_a_preview_says_what_the_order_costs_takes_and_breaks_and_writes_none(api, account):
    make_quote(bid="99.98", ask="100.00", at=timezone.now() - timedelta(seconds=2))
    answer = api.post("/orders/preview/", order_body(account))
    assert answer.status_code == 200
    said = answer.json()
    quote = said.pop("quote")
    assert (quote["bid"], quote["ask"]) == ("99.98", "100.00")
    assert 2 <= float(quote["age_seconds"]) < 60
    assert said == {
        "symbol": "AAPL",
        "order_class": "bracket",
        "quantity": "10",
        "unit_price": "100.00",
        "cost": "1000.00",
        "position_percent": "1",
        "risk": "50.00",
        "commission": "0.00",
        "fees": "0.00",
        "heat_before": "0",
        "heat": "0.05",
        "is_reducing": False,
        "send_after": None,
        "breaches": [],
        "warnings": [],
    }
    assert not Order.objects.exists()
    assert not OrderEvent.objects.exists()


def test_every_limit_it_would_break_is_named_with_the_code_it_is_denied_by(api, account):
    body = order_body(account, quantity="100000")
    shown = api.post("/orders/preview/", body).json()
    denied = api.post("/orders/", body)
    assert denied.status_code == 422
    assert codes(shown["breaches"]) == codes(denied.json()["errors"])
    assert shown["breaches"][0]["detail"] == denied.json()["errors"][0]["detail"]


def test_a_halted_account_is_a_breach(api, alice, account):
    account_halt(owner=alice, account_id=account.pk, reason="enough")
    assert "halted" in codes(api.post("/orders/preview/", order_body(account)).json()["breaches"])


def test_without_a_stop_it_warns(api, account):
    shown = api.post("/orders/preview/", plain_body(account)).json()
    assert (shown["risk"], codes(shown["warnings"])) == ("0.00", ["no_stop"])


def test_exits_that_end_today_are_warned_of(api, account):
    shown = api.post("/orders/preview/", order_body(account, time_in_force="day")).json()
    assert codes(shown["warnings"]) == ["exits_end_today"]


def test_a_token_to_read_may_ask(reader, account):
    assert reader.post("/orders/preview/", order_body(account)).status_code == 200
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantity": "0"}, (400, "not_positive", "quantity")),
        ({"quantity": None}, (400, "required", "quantity")),
        ({"side": "hold"}, (400, "invalid_choice", "side")),
        ({"colour": "red"}, (400, "unknown_field", "colour")),
        ({"stop_loss": {"stop_price": "105"}}, (400, "stop_wrong_side", "stop_loss.stop_price")),
        ({"symbol": "no such"}, (400, "bad_symbol", "symbol")),
    ],
)
def test_what_cannot_be_an_order_is_said_at_its_field(api, account, change, said):
    assert error(api.post("/orders/preview/", order_body(account, **change))) == said


def test_where_no_order_can_leave_it_says_so(api, alice, account):
    assert error(api.post("/orders/preview/", order_body(make_account(alice, "By hand")))) == (
        409,
        "places_no_orders",
        None,
    )
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert error(api.post("/orders/preview/", order_body(account)))[:2] == (409, "connection_disabled")


def test_anothers_account_and_plan_do_not_exist(stranger, charlie, alice, account):
    mine = connected_account(charlie)
    assert error(stranger.post("/orders/preview/", order_body(account))) == (404, "not_found", None)
    for trade in (make_plan(account).pk, uuid.uuid4()):
        body = order_body(mine, trade=str(trade))
        assert error(stranger.post("/orders/preview/", body)) == (404, "not_found", None)
