"""Positions over the API."""

import pytest
from django.utils import timezone

from tests.api.kit import error
from tests.api.orders_kit import codes
from tests.factories import make_account
from tests.trades.orders.kit import connected_account, d, held, make_position, make_quote, protected
from trades.models import Order, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return connected_account(alice)


def asked(account, **changes):
    return {"account": str(account.pk), "symbol": "AAPL", **changes}


def states(api, query=""):
    return [(line["symbol"], line["state"]) for line in api.get(f"/positions/{query}").json()["results"]]


def test_a_position_says_what_both_sides_hold_and_what_it_is_worth(api, account):
    trade = held(account)
    protected(trade)
    row = make_position(account, average_price=d("100.05"))
    quote = make_quote(bid="104.90", ask="105.10")
    [said] = api.get("/positions/").json()["results"]
    assert said.pop("age_seconds") < 60
    stamp = lambda at: at.isoformat().replace("+00:00", "Z")  # noqa: E731
    assert said == {
        "account": str(account.pk),
        "symbol": "AAPL",
        "asset_class": "stock",
        "trade": str(trade.pk),
        "quantity": "100",
        "broker_quantity": "100",
        "broker_average_price": "100.05",
        "journal_quantity": "100",
        "journal_average_price": "100.00",
        "difference": "0",
        "market_price": "105.00",
        "market_price_at": stamp(quote.at),
        "is_stale": False,
        "unrealized_pnl": "500.00",
        "unrealized_r": "1.00",
        "working_stop": "95.00",
        "stop_quantity": "100",
        "as_of": stamp(row.as_of),
        "is_settled": True,
        "state": "matched",
    }


def test_each_way_to_differ_has_its_state(api, alice, account):
    held(account, "UNPR")
    make_position(account, "UNPR")
    held(account, "DRIF")
    make_position(account, "DRIF", "60")
    make_position(account, "EXTE", "-5")
    held(make_account(alice, "By hand"), "HAND")
    assert states(api) == [("DRIF", "drift"), ("EXTE", "external"), ("HAND", "matched"), ("UNPR", "unprotected")]
    assert states(api, f"?account={account.pk}&state=drift") == [("DRIF", "drift")]
    assert states(api, "?symbol=exte") == [("EXTE", "external")]
    [drift] = api.get("/positions/?symbol=DRIF").json()["results"]
    assert (drift["broker_quantity"], drift["journal_quantity"], drift["difference"]) == ("60", "100", "-40")


def test_positions_are_paged_by_symbol(api, account):
    for symbol in "EBADC":
        make_position(account, symbol)
    first = api.get("/positions/?page_size=2").json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    pages = [[line["symbol"] for line in page["results"]] for page in (first, second, third)]
    assert (pages, first["previous"], third["next"]) == ([["A", "B"], ["C", "D"], ["E"]], None, None)
    assert [line["symbol"] for line in api.get(third["previous"]).json()["results"]] == ["C", "D"]


def test_positions_take_as_many_queries_however_many_there_are(api, account, django_assert_num_queries):
    api.get("/positions/")
    for number in range(12):
        held(account, f"S{number}")
        make_position(account, f"S{number}")
    with django_assert_num_queries(7):
        assert len(api.get("/positions/").json()["results"]) == 12


def test_a_position_is_closed_at_the_market(api, account):
    trade = held(account)
    make_position(account)
    answer = api.post("/positions/close/", asked(account, symbol="aapl"))
    said = answer.json()
    assert (answer.status_code, said["status"]) == (201, "new")
    assert (said["side"], said["type"], said["quantity"], said["trade"]) == ("sell", "market", "100", str(trade.pk))
    assert answer["Location"].endswith(f"/orders/{said['id']}/")
    assert error(api.post("/positions/close/", asked(account))) == (409, "closing", None)


def test_a_part_is_closed_and_the_rest_protected_again(api, account):
    protected(held(account))
    make_position(account)
    said = api.post("/positions/close/", asked(account, quantity="40")).json()
    assert (said["quantity"], said["status"], said["status_reason"]["code"]) == ("40", "queued", "waits_for_exits")
    rest = Order.objects.get(status="queued", type="stop")
    assert (rest.quantity, rest.stop_price) == (60, 95)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantity": "101"}, (400, "exceeds_position", "quantity")),
        ({"quantity": "0"}, (400, "not_positive", "quantity")),
        ({"symbol": "MSFT"}, (409, "nothing_held", None)),
        ({"price": "1"}, (400, "unknown_field", "price")),
        ({"account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5"}, (404, "not_found", None)),
    ],
)
def test_what_cannot_be_closed_is_refused(api, account, changes, said):
    held(account)
    make_position(account)
    assert error(api.post("/positions/close/", asked(account) | changes)) == said
    assert not Order.objects.exists()


def test_closing_twice_with_one_key_closes_once(api, account):
    held(account)
    make_position(account)
    first, again = (api.post("/positions/close/", asked(account), headers={"Idempotency-Key": "c"}) for _ in range(2))
    assert (first.content, again["Idempotency-Replayed"]) == (again.content, "true")
    assert Order.objects.count() == 1


def test_everything_is_closed(api, account):
    for symbol in ("AAPL", "MSFT"):
        held(account, symbol)
        make_position(account, symbol)
    answer = api.post("/positions/close-all/", {"account": str(account.pk)})
    assert answer.status_code == 201
    assert [(order["symbol"], order["side"]) for order in answer.json()["orders"]] == [
        ("AAPL", "sell"),
        ("MSFT", "sell"),
    ]
    assert api.post("/positions/close-all/", {"account": str(account.pk)}).json() == {"orders": []}


def test_a_stop_is_placed_where_none_works(api, account):
    held(account)
    make_position(account)
    make_quote(bid="99.99", ask="100.01")
    said = api.post("/positions/stop/", asked(account, stop_price="96.50"))
    assert said.status_code == 201, said.content
    order = said.json()
    assert (order["type"], order["stop_price"], order["quantity"], order["role"]) == (
        "stop",
        "96.50",
        "100",
        "stop_loss",
    )


def test_the_working_stop_is_moved(api, account):
    stop = protected(held(account))
    make_position(account)
    make_quote(bid="99.99", ask="100.01")
    said = api.post("/positions/stop/", asked(account, stop_price="97")).json()
    assert (said["id"], said["pending_change"]["stop_price"]) == (str(stop.pk), "97.00")


def test_a_stop_the_market_has_passed_is_refused_at_its_field(api, account):
    held(account)
    make_position(account)
    make_quote(bid="99.99", ask="100.01")
    answer = api.post("/positions/stop/", asked(account, stop_price="101"))
    assert error(answer) == (400, "stop_wrong_side", "stop_price")


def test_a_stop_trails(api, account):
    held(account)
    make_position(account)
    said = api.post("/positions/trail/", asked(account, trail_percent="2.5")).json()
    assert (said["type"], said["trail_percent"], said["time_in_force"]) == ("trailing_stop", "2.5", "gtc")


def test_a_position_the_journal_does_not_know_is_adopted_before_its_stop_is_worked(api, account):
    make_position(account)
    make_quote(bid="99.99", ask="100.01")
    assert error(api.post("/positions/stop/", asked(account, stop_price="95"))) == (409, "not_open", None)
    answer = api.post("/positions/adopt/", asked(account, stop_price="95"))
    assert answer.status_code == 201, answer.content
    trade = Trade.objects.get()
    assert answer.json()["trade"] == str(trade.pk)
    position = answer.json()["position"]
    assert (position["journal_quantity"], position["difference"], position["state"]) == ("100", "0", "unprotected")
    assert trade.stop_loss == 95
    assert error(api.post("/positions/adopt/", asked(account))) == (409, "nothing_to_adopt", None)


def test_what_the_broker_no_longer_holds_is_taken_out_of_the_journal(api, account):
    held(account)
    account.connection.last_sync = timezone.now()
    account.connection.save()
    answer = api.post("/positions/adopt/", asked(account))
    assert (answer.status_code, answer.json()["position"]) == (201, None)


def test_an_account_kept_by_hand_has_no_orders_to_close_with(api, alice):
    account = make_account(alice, "By hand")
    held(account)
    for path, more in (("close", {}), ("stop", {"stop_price": "95"}), ("trail", {"trail_percent": "1"})):
        assert error(api.post(f"/positions/{path}/", asked(account, **more))) == (409, "places_no_orders", None)
    assert codes(api.post("/positions/close-all/", {"account": str(account.pk)})) == ["places_no_orders"]


def test_anothers_positions_do_not_exist(stranger, account):
    held(account)
    make_position(account)
    assert stranger.get("/positions/").json()["results"] == []
    assert error(stranger.get(f"/positions/?account={account.pk}")) == (404, "not_found", None)
    for path, more in (
        ("close", {}),
        ("stop", {"stop_price": "95"}),
        ("trail", {"trail_percent": "1"}),
        ("adopt", {}),
    ):
        assert error(stranger.post(f"/positions/{path}/", asked(account, **more))) == (404, "not_found", None)
    assert error(stranger.post("/positions/close-all/", {"account": str(account.pk)})) == (404, "not_found", None)
    assert not Order.objects.exists()


def test_a_token_to_read_acts_on_nothing(reader, account):
    held(account)
    make_position(account)
    assert reader.get("/positions/").status_code == 200
    for path in ("close", "close-all", "stop", "trail", "adopt"):
        assert error(reader.post(f"/positions/{path}/", asked(account))) == (403, "missing_scope", None)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("query", "attr"),
    [("state=gone", "state"), ("account=main", "account"), ("ordering=symbol", "ordering"), ("cursor=x", "cursor")],
)
def test_a_wrong_query_is_said_at_its_parameter(api, account, query, attr):
    answer = api.get(f"/positions/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)
