"""A plan sent to the broker and a trade closed, over the API."""

import pytest
from django.utils import timezone

from brokers.models import AccountSnapshot
from tests.api.kit import error
from tests.api.trades_kit import a_plan, a_record, an_execution, codes
from tests.factories import make_account
from tests.trades.execution.gate_kit import broker, connected, held, quoted
from trades.models import Fill, Order, Trade

pytestmark = pytest.mark.django_db

__all__ = ["broker"]


@pytest.fixture
def desk(alice, broker):
    """An account at a broker that can do everything, with a fresh quote for AAPL."""
    account = connected(alice)
    AccountSnapshot.objects.update(at=timezone.now())
    quoted("AAPL", "99.99", "100.01", at=timezone.now())
    return account


@pytest.fixture
def by_hand(alice):
    return make_account(alice, "By hand")


def made(api, body):
    answer = api.post("/trades/", body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_plan_is_sent_with_its_stop_and_its_target(api, desk):
    plan = made(api, a_plan(desk))
    answer = api.post(f"/trades/{plan['id']}/submit/")
    assert answer.status_code == 201, answer.json()
    order = answer.json()
    told = {name: order[name] for name in ("trade", "account", "symbol", "side", "type", "quantity", "limit_price")}
    assert told == {
        "trade": plan["id"],
        "account": str(desk.pk),
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "quantity": "200",
        "limit_price": "100.00",
    }
    assert order["status"] in {"new", "queued"}
    assert order["time_in_force"] == "gtc"
    assert sorted(leg["type"] for leg in order["legs"]) == ["limit", "stop"]
    assert api.get(f"/trades/{plan['id']}/").json()["status"] == "pending"


def test_a_plan_sent_twice_is_one_order(api, desk):
    plan = made(api, a_plan(desk))
    headers = {"Idempotency-Key": "submit-1"}
    first = api.post(f"/trades/{plan['id']}/submit/", headers=headers)
    again = api.post(f"/trades/{plan['id']}/submit/", headers=headers)
    assert (first.status_code, again.content) == (201, first.content)
    assert Order.objects.filter(parent=None).count() == 1
    assert error(api.post(f"/trades/{plan['id']}/submit/")) == (409, "already_ordered", None)


def test_a_plan_the_gate_denies_names_every_limit_and_the_order_is_kept(api, desk):
    plan = made(api, a_plan(desk))
    Trade.objects.update(planned_quantity=900)
    answer = api.post(f"/trades/{plan['id']}/submit/")
    assert answer.status_code == 422
    assert {"daily_loss", "max_position"} <= set(codes(answer))
    assert Order.objects.get(parent=None).status == "denied"
    assert api.get(f"/trades/{plan['id']}/").json()["status"] == "planned"


def test_what_cannot_be_sent_is_refused(api, desk, by_hand):
    plan = made(api, a_plan(by_hand))
    assert error(api.post(f"/trades/{plan['id']}/submit/")) == (409, "places_no_orders", None)
    over = made(api, a_record(desk))
    assert error(api.post(f"/trades/{over['id']}/submit/")) == (409, "no_plan", None)
    plan = made(api, a_plan(desk))
    for body, said in (
        ({"type": "trailing_stop"}, (400, "invalid_choice", "type")),
        ({"limit_price": "1"}, (400, "unknown_field", "limit_price")),
        ({"quantity": "0"}, (400, "not_positive", "quantity")),
    ):
        assert error(api.post(f"/trades/{plan['id']}/submit/", body)) == said
    assert not Order.objects.exists()


def test_a_pending_plan_keeps_its_words_open_and_its_prices_shut(api, desk):
    plan = made(api, a_plan(desk))
    api.post(f"/trades/{plan['id']}/submit/")
    assert error(api.patch(f"/trades/{plan['id']}/", {"entry_price": "99"})) == (409, "has_orders", None)
    assert error(api.delete(f"/trades/{plan['id']}/")) == (409, "has_orders", None)
    assert api.patch(f"/trades/{plan['id']}/", {"notes": "Patience"}).json()["notes"] == "Patience"


def test_a_trade_kept_by_hand_is_closed_by_an_exit(api, by_hand):
    trade = made(api, a_record(by_hand, an_execution()))
    body = {"price": "110", "executed_at": "2026-03-03T15:00:00Z", "commission": "0", "fees": "0"}
    headers = {"Idempotency-Key": "close-1"}
    answer = api.post(f"/trades/{trade['id']}/close/", body, headers=headers)
    assert answer.status_code == 201
    sold = answer.json()
    assert (sold["side"], sold["quantity"], sold["price"]) == ("sell", "200", "110.00")
    closed = api.get(f"/trades/{trade['id']}/")
    assert (closed.json()["status"], closed.json()["net_pnl"], closed["ETag"]) == ("closed", "2000.00", answer["ETag"])
    assert api.post(f"/trades/{trade['id']}/close/", body, headers=headers).content == answer.content
    assert Fill.objects.count() == 2
    assert error(api.post(f"/trades/{trade['id']}/close/", body)) == (409, "not_open", None)


def test_a_part_is_closed_and_the_rest_stays_open(api, by_hand):
    trade = made(api, a_record(by_hand, an_execution()))
    assert api.post(f"/trades/{trade['id']}/close/", {"price": "110", "quantity": "50"}).status_code == 201
    assert api.get(f"/trades/{trade['id']}/").json()["open_quantity"] == "150"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, (400, "required", "price")),
        ({"price": "110", "quantity": "0"}, (400, "not_positive", "quantity")),
        ({"price": "110", "quantity": "201"}, (400, "exit_exceeds_position", "quantity")),
        ({"price": "110", "executed_at": "2026-03-01T15:00:00Z"}, (400, "exit_before_entry", "executed_at")),
        ({"price": "-1"}, (400, "not_positive", "price")),
        ({"side": "buy"}, (400, "unknown_field", "side")),
    ],
)
def test_a_wrong_exit_is_said_at_its_field_and_closes_nothing(api, by_hand, body, said):
    trade = made(api, a_record(by_hand, an_execution()))
    assert error(api.post(f"/trades/{trade['id']}/close/", body)) == said
    assert api.get(f"/trades/{trade['id']}/").json() == trade


def test_a_position_at_a_broker_is_closed_by_an_order(api, desk):
    trade = made(api, a_record(desk, an_execution()))
    held(desk, 200)
    told = api.post(f"/trades/{trade['id']}/close/", {"price": "110"})
    assert error(told) == (400, "told_by_broker", "price")
    answer = api.post(f"/trades/{trade['id']}/close/")
    assert answer.status_code == 201, answer.json()
    order = answer.json()
    assert (order["side"], order["type"], order["quantity"], order["trade"]) == ("sell", "market", "200", trade["id"])
    assert error(api.post(f"/trades/{trade['id']}/close/")) == (409, "closing", None)
    assert Fill.objects.count() == 1


def test_the_stop_of_a_position_at_a_broker_is_moved_by_an_order(api, desk):
    trade = made(api, a_record(desk, an_execution()))
    held(desk, 200)
    both = api.patch(f"/trades/{trade['id']}/", {"stop_loss": "97", "notes": "Trail"})
    assert error(both) == (400, "alone", "stop_loss")
    assert not Order.objects.exists()
    answer = api.patch(f"/trades/{trade['id']}/", {"stop_loss": "97"})
    assert answer.status_code == 200, answer.json()
    order = Order.objects.get()
    assert (order.type, order.side, order.quantity, order.stop_price) == ("stop", "sell", 200, 97)
    # The trade's own stop follows once the broker shows the order.
    assert answer.json()["stop_loss"] == "95.00"
