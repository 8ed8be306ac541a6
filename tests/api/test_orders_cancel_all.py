"""All working orders cancelled at once, over the API."""

from uuid import uuid4

import pytest

from tests.api.kit import error
from tests.trades.orders.kit import connected_account, make_order
from trades.models import Order

pytestmark = pytest.mark.django_db

PATH = "/orders/cancel-all/"


@pytest.fixture
def account(alice):
    return connected_account(alice)


def statuses():
    return dict(Order.objects.values_list("symbol", "status"))


def test_everything_that_works_is_cancelled_in_all_accounts(api, alice, account):
    sent = make_order(account)
    unsent = make_order(connected_account(alice, "Other"), "MSFT", status="new", broker_order_id="")
    make_order(account, "KO", status="filled")
    answer = api.post(PATH)
    assert answer.status_code == 200
    assert answer.json() == {"asked": [str(sent.pk), str(unsent.pk)], "uncancelled": []}
    assert statuses() == {"AAPL": "cancelling", "MSFT": "cancelled", "KO": "filled"}
    assert api.post(PATH).json() == {"asked": [], "uncancelled": []}


def test_an_account_and_a_symbol_narrow_it(api, alice, account):
    make_order(account)
    meant = make_order(account, "MSFT")
    make_order(connected_account(alice, "Other"), "KO")
    answer = api.post(PATH, {"account": str(account.pk), "symbol": "msft"}).json()
    assert answer == {"asked": [str(meant.pk)], "uncancelled": []}
    assert statuses() == {"AAPL": "accepted", "MSFT": "cancelling", "KO": "accepted"}
    assert api.post(PATH, {"symbol": "KO"}).json()["uncancelled"] == []
    assert statuses() == {"AAPL": "accepted", "MSFT": "cancelling", "KO": "cancelling"}


def test_what_cannot_be_cancelled_is_told_and_keeps_no_other(api, account):
    entry = make_order(account, status="submitting", broker_order_id="")
    leg = make_order(account, parent=entry, status="new", broker_order_id="", role="stop_loss")
    other = make_order(account, "MSFT")
    answer = api.post(PATH).json()
    assert answer["asked"] == [str(entry.pk), str(other.pk)]
    assert answer["uncancelled"] == [
        {
            "order": str(leg.pk),
            "code": "leg_unsent",
            "detail": "The broker does not show this leg yet: cancel the order it belongs to.",
        }
    ]
    other.refresh_from_db()
    assert other.status == "cancelling"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"symbol": ""}, (400, "blank", "symbol")),
        ({"symbol": "A" * 33}, (400, "max_length", "symbol")),
        ({"account": "all"}, (400, "invalid", "account")),
        ({"side": "buy"}, (400, "unknown_field", "side")),
        ({"account": str(uuid4())}, (404, "not_found", None)),
    ],
)
def test_a_wrong_body_is_said_and_cancels_nothing(api, account, body, said):
    make_order(account)
    assert error(api.post(PATH, body)) == said
    assert statuses() == {"AAPL": "accepted"}


def test_anothers_orders_go_on_working(stranger, account):
    make_order(account)
    assert error(stranger.post(PATH, {"account": str(account.pk)})) == (404, "not_found", None)
    assert stranger.post(PATH).json() == {"asked": [], "uncancelled": []}
    assert statuses() == {"AAPL": "accepted"}


def test_each_order_costs_the_same_number_of_queries(api, account, django_assert_max_num_queries):
    counts = []
    for symbols in (["AAPL"], ["MSFT"], ["KO", "SPY"], ["QQQ", "IWM", "DIA"]):
        for symbol in symbols:
            make_order(account, symbol)
        with django_assert_max_num_queries(60) as found:
            assert len(api.post(PATH).json()["asked"]) == len(symbols)
        counts.append(len(found))
    _first, one, two, three = counts
    assert three - two == two - one <= 10
