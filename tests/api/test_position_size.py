"""The size of a position over the API."""

import uuid

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_plan, make_setup
from tests.trades.execution.gate_kit import connected
from trades.models import SetupRisk, Trade

pytestmark = pytest.mark.django_db
ASKED = {"direction": "long", "entry_price": "100", "stop_price": "95"}


@pytest.fixture
def account(alice):
    return make_account(alice)


def asked(of, **changes):
    return {"account": str(of.pk), **ASKED, **changes}


def test_a_size_says_everything_the_contract_names(api, account):
    answer = api.post("/position-size/", asked(account, target_price="115", risk_percent="1"))
    assert answer.status_code == 200
    assert answer.json() == {
        "quantity": "200",
        "position_value": "20000.00",
        "position_percent": "20",
        "risk_amount": "1000.00",
        "risk_percent": "1",
        "reward_amount": "3000.00",
        "planned_r": "3",
        "bound_by": "risk",
        "warnings": [],
    }
    assert not Trade.objects.exists()


def test_without_a_target_there_is_no_reward(api, account):
    size = api.post("/position-size/", asked(account)).json()
    assert (size["reward_amount"], size["planned_r"]) == (None, None)


def test_an_amount_stands_in_place_of_the_percent(api, account):
    size = api.post("/position-size/", asked(account, risk_amount="500")).json()
    assert (size["quantity"], size["risk_amount"], size["risk_percent"]) == ("100", "500.00", "0.5")


def test_a_short_is_sized_by_its_stop_above(api, account):
    body = asked(account, direction="short", stop_price="105", target_price="90", risk_percent="1")
    size = api.post("/position-size/", body).json()
    assert (size["quantity"], size["planned_r"], size["reward_amount"]) == ("200", "2", "2000.00")


@pytest.mark.parametrize(
    ("changes", "policy", "bound"),
    [
        ({"stop_price": "99", "risk_percent": "1"}, {}, "max_position"),
        ({"risk_percent": "1"}, {"max_open_risk_percent": "0.5"}, "open_risk"),
        ({"risk_percent": "1"}, {"max_daily_loss_percent": "0.5"}, "daily_loss"),
        ({"risk_amount": "4"}, {}, "lot"),
    ],
)
def test_the_limit_that_was_met_first_is_named(api, alice, changes, policy, bound):
    account = make_account(alice, "Bound", policy=policy)
    assert api.post("/position-size/", asked(account, **changes)).json()["bound_by"] == bound


def test_buying_power_of_a_broker_bounds_the_size(api, alice):
    account = connected(alice)
    account.connection.snapshots.update(buying_power=5_000)
    size = api.post("/position-size/", asked(account, risk_percent="1")).json()
    assert (size["quantity"], size["bound_by"]) == ("50", "buying_power")


def test_a_size_of_nothing_says_why(api, account):
    size = api.post("/position-size/", asked(account, risk_amount="4")).json()
    assert (size["quantity"], size["bound_by"], [each["code"] for each in size["warnings"]]) == ("0", "lot", ["size"])
    assert "The smallest quantity is 1." in size["warnings"][0]["detail"]


def test_every_limit_the_asked_risk_breaks_is_a_warning(api, alice):
    account = make_account(alice, policy={"risk_per_trade_percent": "0.5", "max_daily_loss_percent": None})
    size = api.post("/position-size/", asked(account, risk_percent="1")).json()
    assert size["quantity"] == "200"
    assert [each["code"] for each in size["warnings"]] == ["risk_per_trade"]


def test_what_is_held_of_the_symbol_counts(api, alice, account):
    make_plan(account, "AAPL", planned_quantity=200)
    free = api.post("/position-size/", asked(account, risk_percent="2", stop_price="90")).json()
    same = api.post("/position-size/", asked(account, risk_percent="2", stop_price="90", symbol="aapl")).json()
    assert (free["quantity"], same["quantity"], same["bound_by"]) == ("200", "100", "max_position")


def test_a_setup_risks_its_own_percent(api, alice, account):
    setup = make_setup(alice)
    SetupRisk.objects.create(account=account, setup=setup, risk_per_trade_percent="0.25")
    assert api.post("/position-size/", asked(account, setup=str(setup.pk))).json()["quantity"] == "50"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stop_price": "101"}, (400, "stop_wrong_side", "stop_price")),
        ({"stop_price": "100"}, (400, "stop_wrong_side", "stop_price")),
        ({"target_price": "99"}, (400, "target_wrong_side", "target_price")),
        ({"entry_price": "0"}, (400, "not_positive", "entry_price")),
        ({"entry_price": "-1"}, (400, "not_positive", "entry_price")),
        ({"entry_price": "NaN"}, (400, "invalid", "entry_price")),
        ({"entry_price": "1e3"}, (400, "invalid", "entry_price")),
        ({"entry_price": None}, (400, "null", "entry_price")),
        ({"risk_percent": "0"}, (400, "not_positive", "risk_percent")),
        ({"risk_percent": "100.01"}, (400, "risk_above_100", "risk_percent")),
        ({"risk_amount": "-5"}, (400, "not_positive", "risk_amount")),
        ({"risk_percent": "1", "risk_amount": "5"}, (400, "one_risk", "risk_percent")),
        ({"direction": "up"}, (400, "invalid_choice", "direction")),
        ({"symbol": "A A"}, (400, "bad_symbol", "symbol")),
        ({"multiplier": "100"}, (400, "no_multiplier", "multiplier")),
        ({"quantity": "5"}, (400, "unknown_field", "quantity")),
        ({"account": "main"}, (400, "invalid", "account")),
        ({"setup": str(uuid.uuid4())}, (404, "not_found", None)),
    ],
)
def test_what_cannot_be_sized_is_said_at_its_field(api, account, changes, said):
    assert error(api.post("/position-size/", asked(account, **changes))) == said


def test_anothers_account_does_not_exist(stranger, account):
    assert error(stranger.post("/position-size/", asked(account))) == (404, "not_found", None)


def test_a_token_to_read_may_ask(reader, account):
    assert reader.post("/position-size/", asked(account)).status_code == 200
