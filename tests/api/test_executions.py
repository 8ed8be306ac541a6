"""Executions of a trade over the API."""

import uuid

import pytest

from tests.api.kit import error
from tests.api.trades_kit import a_plan, a_record, a_sale, an_execution
from tests.factories import make_account, make_closed_trade, make_fill
from tests.factories import make_plan as plan_row
from trades.models import Fill, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def plan(api, account):
    return api.post("/trades/", a_plan(account)).json()


def path(trade, execution=None):
    return f"/trades/{trade['id']}/executions/" + (f"{execution['id']}/" if execution else "")


def read(api, trade):
    return api.get(f"/trades/{trade['id']}/")


def test_executions_open_and_close_a_trade(api, plan):
    made = api.post(path(plan), an_execution(price="100.25", commission="1.00", fees="0.02"))
    assert made.status_code == 201, made.json()
    bought = made.json()
    assert bought == {
        "id": bought["id"],
        "side": "buy",
        "quantity": "200",
        "price": "100.25",
        "commission": "1.00",
        "fees": "0.02",
        "executed_at": "2026-03-02T15:00:00Z",
        "broker_execution_id": None,
        "kind": "trade",
        "has_estimated_costs": False,
    }
    trade = read(api, plan)
    assert (trade.json()["status"], trade.json()["executions"]) == ("active", [bought])
    assert made["ETag"] == trade["ETag"]
    api.post(path(plan), a_sale())
    closed = read(api, plan).json()
    assert (closed["status"], closed["net_pnl"], closed["quantity"]) == ("closed", "1948.98", "200")


def test_costs_that_are_not_said_are_estimated(api, alice):
    account = make_account(alice, "Schwab", broker="schwab")
    trade = api.post(
        "/trades/",
        a_plan(
            account,
            asset_class="option",
            symbol="AAPL260417C00150000",
            quantity="1",
            entry_price="5",
            stop_loss="3",
            target_price="9",
        ),
    ).json()
    body = {"side": "buy", "quantity": "1", "price": "5", "executed_at": "2026-03-02T15:00:00Z"}
    bought = api.post(path(trade), body).json()
    assert (bought["commission"], bought["has_estimated_costs"]) == ("0.65", True)
    more = api.patch(path(trade, bought), {"quantity": "2"}).json()
    assert (more["commission"], more["has_estimated_costs"]) == ("1.30", True)
    said = api.patch(path(trade, bought), {"commission": "1", "fees": "0"}).json()
    assert (said["commission"], said["has_estimated_costs"]) == ("1.00", False)
    assert api.patch(path(trade, bought), {"price": "5.10"}).json()["commission"] == "1.00"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"side": "hold"}, (400, "invalid_choice", "side")),
        ({"quantity": "0"}, (400, "not_positive", "quantity")),
        ({"quantity": "0.5"}, (400, "too_many_decimals", "quantity")),
        ({"price": "abc"}, (400, "invalid", "price")),
        ({"executed_at": "2026-03-02T15:00:00"}, (400, "zone", "executed_at")),
        ({"executed_at": "2026-03-02T15:00:00.123456789Z"}, (400, "invalid", "executed_at")),
        ({"executed_at": "2999-03-02T15:00:00Z"}, (400, "invalid", "executed_at")),
        ({"executed_at": "2190-03-02T15:00:00Z"}, (400, "in_future", "executed_at")),
        ({"side": "sell"}, (400, "exit_exceeds_position", "quantity")),
        ({"kind": "transfer_out"}, (400, "wrong_side", "side")),
        ({"id": str(uuid.uuid4())}, (400, "unknown_field", "id")),
    ],
)
def test_a_wrong_execution_is_said_at_its_field_and_leaves_nothing(api, plan, changes, said):
    assert error(api.post(path(plan), an_execution(**changes))) == said
    assert not Fill.objects.exists()
    assert read(api, plan).json() == plan


def test_an_execution_sent_twice_is_one(api, plan):
    headers = {"Idempotency-Key": "fill-1"}
    first = api.post(path(plan), an_execution(), headers=headers)
    again = api.post(path(plan), an_execution(), headers=headers)
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert Fill.objects.count() == 1


def test_a_corrected_execution_changes_the_result(api, account):
    trade = api.post("/trades/", a_record(account)).json()
    sold = trade["executions"][1]
    assert api.patch(path(trade, sold), {"price": "112"}).json() == {**sold, "price": "112.00"}
    assert read(api, trade).json()["net_pnl"] == "2400.00"
    answer = api.patch(path(trade, sold), {"quantity": "300"})
    assert (answer.status_code, read(api, trade).json()["net_pnl"]) == (400, "2400.00")


def test_without_its_last_execution_a_trade_is_a_plan_again(api, plan):
    bought = api.post(path(plan), an_execution()).json()
    assert api.delete(path(plan, bought)).status_code == 204
    trade = read(api, plan).json()
    assert (trade["status"], trade["executions"], trade["net_pnl"]) == ("planned", [], None)


def test_an_entry_that_is_sold_already_stays(api, account):
    trade = api.post("/trades/", a_record(account)).json()
    assert error(api.delete(path(trade, trade["executions"][0]))) == (409, "exit_exceeds_position", None)
    assert read(api, trade).json() == trade


def test_an_execution_of_another_trade_does_not_exist(api, account):
    one, other = make_closed_trade(account, "AAPL"), make_closed_trade(account, "MSFT")
    address = f"/trades/{one.pk}/executions/{other.fills.first().pk}/"
    assert error(api.patch(address, {"price": "1"})) == (404, "not_found", None)
    assert error(api.delete(address)) == (404, "not_found", None)
    assert Fill.objects.count() == 4


def test_what_the_broker_told_keeps_its_facts(api, account):
    trade = plan_row(account, broker="alpaca")
    fill = make_fill(trade, "buy", "100", "100", execution_id="e-1")
    address = f"/trades/{trade.pk}/executions/{fill.pk}/"
    assert error(api.patch(address, {"price": "99"})) == (409, "broker_fills", None)
    assert error(api.delete(address)) == (409, "broker_fills", None)
    costs = api.patch(address, {"commission": "1.25", "fees": "0"}).json()
    assert (costs["commission"], costs["price"], costs["broker_execution_id"]) == ("1.25", "100.00", "e-1")


def test_who_read_an_older_version_of_the_trade_changes_nothing(api, account):
    trade = api.post("/trades/", a_record(account)).json()
    etag = read(api, trade)["ETag"]
    sold = trade["executions"][1]
    changed = api.patch(path(trade, sold), {"price": "112"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    for answer in (
        api.patch(path(trade, sold), {"price": "113"}, headers={"If-Match": etag}),
        api.delete(path(trade, sold), headers={"If-Match": etag}),
    ):
        assert error(answer) == (412, "stale", None)
    assert api.patch(path(trade, sold), {"price": "113"}, headers={"If-Match": changed["ETag"]}).status_code == 200


def test_a_cancelled_plan_takes_no_execution(api, plan):
    api.patch(f"/trades/{plan['id']}/", {"status": "cancelled"})
    assert error(api.post(path(plan), an_execution())) == (409, "cancelled", None)


def test_a_second_position_in_a_symbol_is_refused(api, account, plan):
    api.post("/trades/", a_record(account, an_execution()))
    assert error(api.post(path(plan), an_execution())) == (400, "position_exists", "symbol")
    assert Trade.objects.filter(status="active").count() == 1
