"""Orders placed over the API."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import RiskPolicy
from brokers.mock.book import Outcome
from brokers.mock.config import CAPABILITIES
from brokers.models import BrokerConnection
from tests.api.kit import error
from tests.api.orders_kit import codes, order_body, plain_body
from tests.factories import make_account, make_plan
from tests.trades.orders.kit import book, connected_account, held, make_position, make_quote
from trades.execution import desks
from trades.execution.intents import account_halt
from trades.models import Order, OrderEvent
from trenddojo.domain.orders import OrderType, TimeInForce

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return connected_account(alice)


def test_an_order_is_answered_as_it_was_asked_before_the_broker_is(api, account):
    plan = make_plan(account)
    answer = api.post("/orders/", order_body(account, trade=str(plan.pk), symbol="aapl"))
    assert answer.status_code == 201
    said = answer.json()
    order = Order.objects.get(parent=None)
    stop, target = order.legs.get(role="stop_loss"), order.legs.get(role="take_profit")
    [event] = said.pop("events")
    assert event.pop("detail")["value"] == "1000.00"
    assert event == {"at": event["at"], "from": None, "to": "new", "source": "trader"}
    legs = {leg["role"]: leg for leg in said.pop("legs")}
    assert said == {
        "id": str(order.pk),
        "client_order_id": f"td-{order.pk.hex}",
        "broker_order_id": None,
        "account": str(account.pk),
        "trade": str(plan.pk),
        "parent": None,
        "role": "entry",
        "symbol": "AAPL",
        "asset_class": "stock",
        "side": "buy",
        "type": "limit",
        "order_class": "bracket",
        "quantity": "10",
        "limit_price": "100.00",
        "stop_price": None,
        "trail_percent": None,
        "trail_price": None,
        "time_in_force": "gtc",
        "extended_hours": False,
        "stop_loss": {"stop_price": "95.00", "limit_price": None},
        "take_profit": {"limit_price": "110.00"},
        "send_after": None,
        "send_before": None,
        "status": "new",
        "status_reason": None,
        "pending_change": None,
        "replaces": None,
        "replaced_by": None,
        "filled_quantity": "0",
        "filled_average_price": None,
        "commission": "0.00",
        "submitted_at": None,
        "filled_at": None,
        "created_at": said["created_at"],
    }
    assert (legs["stop_loss"]["id"], legs["stop_loss"]["stop_price"]) == (str(stop.pk), "95.00")
    assert (legs["take_profit"]["id"], legs["take_profit"]["limit_price"]) == (str(target.pk), "110.00")
    assert {leg["parent"] for leg in legs.values()} == {str(order.pk)}
    assert all(
        (leg["side"], leg["status"], leg["legs"], leg["events"]) == ("sell", "new", [], []) for leg in legs.values()
    )
    assert "submit" not in book(account).calls
    assert answer["Location"].endswith(f"/api/v1/orders/{order.pk}/")


def test_what_is_read_is_what_was_answered(api, account):
    placed = api.post("/orders/", order_body(account))
    read = api.get(f"/orders/{placed.json()['id']}/")
    assert (read.json(), read["ETag"]) == (placed.json(), placed["ETag"])
    assert api.get("/orders/").json() == {"next": None, "previous": None, "results": [placed.json()]}
    assert api.get(f"/orders/{placed.json()['id']}/", headers={"If-None-Match": read["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "market", "limit_price": None}, {"type": "market", "limit_price": None}),
        ({"type": "stop", "limit_price": None, "stop_price": "101"}, {"stop_price": "101.00"}),
        ({"type": "stop_limit", "limit_price": "101.50", "stop_price": "101"}, {"limit_price": "101.50"}),
        ({"extended_hours": True, "time_in_force": "day"}, {"extended_hours": True}),
        ({"time_in_force": "ioc"}, {"time_in_force": "ioc"}),
        ({"time_in_force": None}, {"time_in_force": "day"}),
        ({"quantity": 5}, {"quantity": "5"}),
        ({"stop_loss": {"stop_price": "95", "limit_price": "94.50"}}, {"order_class": "oto", "take_profit": None}),
        ({"trade": None, "stop_price": None}, {"trade": None}),
    ],
)
def test_every_kind_of_order_is_placed(api, account, changes, said):
    make_quote(bid="99.99", ask="100.01")
    answer = api.post("/orders/", plain_body(account, **changes))
    assert answer.status_code == 201, answer.content
    assert {name: answer.json()[name] for name in said} == said


def test_null_stands_for_a_price_that_is_not_given(api, account):
    body = plain_body(account) | {"stop_price": None, "stop_loss": None, "take_profit": None, "trade": None}
    assert api.post("/orders/", body).status_code == 201


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, ("unknown_field", "colour")),
        ({"side": "hold"}, ("invalid_choice", "side")),
        ({"side": None}, ("required", "side")),
        ({"quantity": None}, ("required", "quantity")),
        ({"quantity": "many"}, ("invalid", "quantity")),
        ({"quantity": "0"}, ("not_positive", "quantity")),
        ({"quantity": True}, ("invalid", "quantity")),
        ({"limit_price": None}, ("required", "limit_price")),
        ({"limit_price": "100.001"}, ("bad_tick", "limit_price")),
        ({"stop_price": "99"}, ("not_used", "stop_price")),
        ({"stop_loss": {}}, ("required", "stop_loss.stop_price")),
        ({"stop_loss": {"stop_price": "101"}}, ("stop_wrong_side", "stop_loss.stop_price")),
        ({"stop_loss": {"stop_price": "95", "limit_price": "96"}}, ("limit_wrong_side", "stop_loss.limit_price")),
        ({"stop_loss": {"stop_price": "95", "price": "1"}}, ("unknown_field", "stop_loss.price")),
        ({"take_profit": {"limit_price": "90"}}, ("target_wrong_side", "take_profit.limit_price")),
        ({"take_profit": "110"}, ("invalid", "take_profit")),
        ({"time_in_force": "ioc"}, ("bad_time_in_force", "time_in_force")),
        ({"time_in_force": "GTC"}, ("invalid_choice", "time_in_force")),
        ({"extended_hours": "yes"}, ("invalid", "extended_hours")),
        ({"symbol": "A B"}, ("bad_symbol", "symbol")),
        ({"trade": "main"}, ("invalid", "trade")),
        ({"order_class": "simple"}, ("not_used", "order_class")),
        ({"send_before": "2020-01-01T00:00:00Z"}, ("expired", "send_before")),
    ],
)
def test_a_wrong_order_is_refused_at_its_field_and_nothing_is_written(api, account, changes, said):
    assert error(api.post("/orders/", order_body(account, **changes))) == (400, *said)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("changes", "ability", "attr"),
    [
        (
            {"type": "trailing_stop", "limit_price": None, "trail_percent": "1"},
            {"order_types": {OrderType.LIMIT}},
            "type",
        ),
        ({"time_in_force": "fok"}, {"times_in_force": {TimeInForce.DAY}}, "time_in_force"),
        ({"extended_hours": True, "time_in_force": "day"}, {"extended_hours": False}, "extended_hours"),
        ({"quantity": "0.5", "time_in_force": "day"}, {"fractions": False}, "quantity"),
    ],
)
def test_what_the_broker_cannot_do_is_refused_at_its_field(api, account, monkeypatch, changes, ability, attr):
    type(account).objects.filter(pk=account.pk).update(allows_fractions=True)
    monkeypatch.setattr(desks, "capabilities_of", lambda name: replace(CAPABILITIES, **ability))
    assert error(api.post("/orders/", plain_body(account, **changes))) == (400, "unsupported", attr)
    assert not Order.objects.exists()


def test_a_denied_order_names_every_limit_and_is_kept_visible_and_counted(api, account):
    RiskPolicy.objects.filter(account=account).update(max_orders_per_minute=2)
    answer = api.post("/orders/", order_body(account, quantity="2000"))
    assert answer.status_code == 422
    assert answer.json()["type"] == "client_error"
    assert codes(answer) == ["max_position", "open_risk", "daily_loss", "weekly_loss", "insufficient_buying_power"]
    assert answer.json()["errors"][0] == {
        "code": "max_position",
        "detail": "The position would be 200.00 % of equity; 30 % is the most.",
        "attr": None,
    }
    [kept] = api.get("/orders/?status=denied").json()["results"]
    assert answer["Location"].endswith(f"/api/v1/orders/{kept['id']}/")
    assert (kept["status"], kept["status_reason"]["code"]) == ("denied", "max_position")
    assert kept["status_reason"]["detail"].startswith("The position would be 200.00 % of equity; 30 % is the most. ")
    assert [event["to"] for event in kept["events"]] == ["denied"]
    assert {leg["status"] for leg in kept["legs"]} == {"denied"}
    assert api.post("/orders/", order_body(account)).status_code == 201
    assert codes(api.post("/orders/", order_body(account, symbol="MSFT"))) == ["orders_per_minute"]


def test_a_halted_account_says_so(api, account, alice):
    account_halt(owner=alice, account_id=account.pk, reason="enough")
    answer = api.post("/orders/", order_body(account))
    assert (answer.status_code, codes(answer)) == (422, ["halted"])
    assert Order.objects.get(parent=None).status == "denied"


def test_a_denied_order_sent_again_is_answered_the_same_and_denied_once(api, account):
    headers = {"Idempotency-Key": "big"}
    first, again = (api.post("/orders/", order_body(account, quantity="2000"), headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (422, 422, "true")
    assert (first.content, first["Location"]) == (again.content, again["Location"])
    assert Order.objects.filter(parent=None).count() == 1


def test_an_order_sent_again_is_answered_the_same_and_placed_once(api, account):
    headers = {"Idempotency-Key": "one"}
    first, again = (api.post("/orders/", order_body(account), headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert (first.content, first["ETag"]) == (again.content, again["ETag"])
    assert Order.objects.filter(parent=None).count() == 1
    other = api.post("/orders/", order_body(account, quantity="11"), headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_without_a_key_two_orders_are_two(api, account):
    ids = {api.post("/orders/", order_body(account)).json()["id"] for _ in range(2)}
    assert len(ids) == 2


def test_an_order_waits_for_the_open_and_says_until_when(api, account):
    book(account).is_open = False
    later = (timezone.now() + timedelta(days=30)).replace(microsecond=0)
    answer = api.post("/orders/", order_body(account, send_before=later.isoformat()))
    assert (answer.status_code, answer.json()["status"]) == (201, "queued")
    assert answer.json()["send_before"] == later.isoformat().replace("+00:00", "Z")
    assert answer.json()["send_after"] is not None


def test_stop_and_target_of_what_is_held_are_one_order(api, account):
    trade = held(account)
    make_position(account)
    body = plain_body(account, side="sell", quantity="100", limit_price=None, order_class="oco")
    answer = api.post("/orders/", body | {"stop_loss": {"stop_price": "95"}, "take_profit": {"limit_price": "110"}})
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["order_class"], said["role"], said["trade"]) == ("oco", "take_profit", str(trade.pk))
    assert (said["limit_price"], said["take_profit"]) == ("110.00", {"limit_price": "110.00"})
    assert said["stop_loss"] == {"stop_price": "95.00", "limit_price": None}


def test_anothers_account_and_trade_do_not_exist(stranger, api, account, alice, charlie):
    assert error(stranger.post("/orders/", order_body(account))) == (404, "not_found", None)
    mine = connected_account(charlie, "Mine")
    body = order_body(mine, trade=str(make_plan(account).pk))
    assert error(stranger.post("/orders/", body)) == (404, "not_found", None)
    assert error(api.post("/orders/", order_body(account) | {"account": str(uuid.uuid4())})) == (404, "not_found", None)
    assert not Order.objects.exists()


def test_a_token_to_read_places_nothing(reader, account):
    assert error(reader.post("/orders/", order_body(account))) == (403, "missing_scope", None)
    assert not Order.objects.exists()


def test_an_account_without_a_broker_places_nothing(api, alice):
    answer = api.post("/orders/", order_body(make_account(alice, "By hand")))
    assert error(answer) == (409, "places_no_orders", None)
    assert not Order.objects.exists()


def test_a_disabled_connection_places_nothing(api, account):
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert error(api.post("/orders/", order_body(account))) == (409, "connection_disabled", None)
    assert not Order.objects.exists()


def test_a_silent_broker_delays_no_order_whose_price_is_known(api, account):
    make_quote(bid="99.99", ask="100.01")
    book(account).script("clock", *[Outcome.UNREACHABLE] * 3)
    answer = api.post("/orders/", order_body(account))
    assert answer.status_code == 201


def test_nothing_but_the_order_is_written(api, account):
    api.post("/orders/", order_body(account))
    assert (Order.objects.count(), OrderEvent.objects.count()) == (3, 1)


def test_an_order_takes_as_few_queries_as_on_its_page(api, account, django_assert_max_num_queries):
    """Nineteen, and the savepoint of a test; with a key two more, which claim it and keep the answer."""
    make_quote(bid="99.99", ask="100.01")
    api.post("/orders/", order_body(account))
    with django_assert_max_num_queries(20):
        assert api.post("/orders/", order_body(account)).status_code == 201
    with django_assert_max_num_queries(22):
        assert api.post("/orders/", order_body(account), headers={"Idempotency-Key": "one"}).status_code == 201
