"""What a client sees of orders and positions on the wire, field by field."""

import itertools
import re

import pytest

from tests.brokers.simulator.conftest import Wire
from tests.brokers.simulator_server import RunningSimulator, simulator

NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def test_a_market_order_is_answered_as_pending_and_found_filled_at_the_ask(exchange, wire: Wire) -> None:
    placed = wire.ordered(qty="10", client_order_id="mine-1")
    found = wire.get(f"/v2/orders/{placed['id']}")

    assert (placed["status"], placed["filled_qty"], placed["filled_avg_price"]) == ("pending_new", "0", None)
    assert (found["status"], found["filled_qty"], found["filled_avg_price"]) == ("filled", "10", "100.02")
    assert found["client_order_id"] == "mine-1"
    assert (found["order_class"], found["type"], found["order_type"]) == ("simple", "market", "market")
    assert (found["qty"], found["notional"], found["limit_price"], found["legs"]) == ("10", None, None, None)
    assert found["extended_hours"] is False
    assert NANOSECONDS.fullmatch(found["filled_at"])


def test_numbers_are_taken_as_text_or_as_json_numbers_with_an_exponent(wire: Wire) -> None:
    as_text = wire.ordered(type="limit", limit_price="90.5", qty="2")
    as_number = wire.ordered(type="limit", limit_price=90.5, qty=2.0)
    tiny = wire.ordered(qty=1.5e-05)

    assert (as_text["limit_price"], as_text["qty"]) == (as_number["limit_price"], as_number["qty"]) == ("90.5", "2")
    assert tiny["qty"] == "0.000015"


def test_a_bracket_shows_its_legs_when_nested_and_only_itself_when_not(exchange, wire: Wire) -> None:
    placed = wire.ordered(
        order_class="bracket",
        qty="5",
        time_in_force="gtc",
        take_profit={"limit_price": "110"},
        stop_loss={"stop_price": "95"},
    )
    nested = wire.get("/v2/orders", status="all", nested="True")
    flat = wire.get("/v2/orders", status="all", nested="false")

    assert [leg["type"] for leg in placed["legs"]] == ["limit", "stop"]
    assert [order["id"] for order in nested] == [placed["id"]]
    assert {leg["side"] for leg in nested[0]["legs"]} == {"sell"}
    assert len(flat) == 3
    assert {order["legs"] is None for order in flat} == {True}
    assert {order["parent_id"] for order in exchange.control.orders(exchange.account)} == {None, placed["id"]}


def test_an_order_is_found_by_the_clients_id(wire: Wire) -> None:
    placed = wire.ordered(client_order_id="td-1")

    assert wire.get("/v2/orders:by_client_order_id", client_order_id="td-1")["id"] == placed["id"]
    unknown = wire.call("GET", "/v2/orders:by_client_order_id", params={"client_order_id": "td-2"})
    assert wire.refused(unknown)[:2] == (404, 40410000)


def test_a_client_order_id_is_refused_a_second_time_for_ever(wire: Wire) -> None:
    first = wire.ordered(client_order_id="td-1", type="limit", limit_price="90")
    wire.call("DELETE", f"/v2/orders/{first['id']}")

    assert wire.refused(wire.order(client_order_id="td-1")) == (422, 40010001, "client_order_id must be unique")


def test_cancelling_answers_204_then_422_and_404_for_an_unknown_order(wire: Wire) -> None:
    placed = wire.ordered(type="limit", limit_price="90")
    cancelled = wire.call("DELETE", f"/v2/orders/{placed['id']}")
    again = wire.call("DELETE", f"/v2/orders/{placed['id']}")
    unknown = wire.call("DELETE", "/v2/orders/00000000-0000-0000-0000-000000000000")

    assert (cancelled.status_code, cancelled.content) == (204, b"")
    assert wire.get(f"/v2/orders/{placed['id']}")["status"] == "canceled"
    assert (again.status_code, unknown.status_code) == (422, 404)


def test_cancelling_all_says_what_became_of_each(wire: Wire) -> None:
    placed = {wire.ordered(type="limit", limit_price=price)["id"] for price in ("90", "91")}

    answer = wire.call("DELETE", "/v2/orders")

    assert answer.status_code == 207
    assert {(line["id"], line["status"]) for line in answer.json()} == {(order_id, 200) for order_id in placed}
    assert wire.get("/v2/orders") == []


def test_a_replacement_is_a_new_order_and_both_name_each_other(wire: Wire) -> None:
    placed = wire.ordered(type="limit", limit_price="90", qty="4")
    answer = wire.call("PATCH", f"/v2/orders/{placed['id']}", json={"limit_price": "91", "client_order_id": "new"})
    new, old = answer.json(), wire.get(f"/v2/orders/{placed['id']}")

    assert answer.status_code == 200
    assert (new["replaces"], new["limit_price"], new["qty"]) == (placed["id"], "91", "4")
    assert (new["client_order_id"], old["status"], old["replaced_by"]) == ("new", "replaced", new["id"])


def test_orders_are_listed_in_pages_by_time_of_submission(exchange, wire: Wire) -> None:
    placed = []
    for _ in range(5):
        placed.append(wire.ordered(type="limit", limit_price="90")["id"])
        exchange.control.advance(1)
    newest = wire.get("/v2/orders", limit=2)
    older = wire.get("/v2/orders", limit=2, until=newest[-1]["submitted_at"])
    rising = wire.get("/v2/orders", limit=2, direction="asc", after=older[-1]["submitted_at"])

    assert [order["id"] for order in newest] == [placed[4], placed[3]]
    assert [order["id"] for order in older] == [placed[2], placed[1]]
    assert [order["id"] for order in rising] == [placed[2], placed[3]]


def test_a_position_is_priced_at_the_market_and_says_what_is_available(exchange, wire: Wire) -> None:
    wire.ordered(qty="10")
    wire.ordered(side="sell", qty="4", type="limit", limit_price="120")
    exchange.control.set_quote("SPY", bid="104.00", ask="104.04")
    exchange.control.print_trade("SPY", price="104.02")
    found = wire.get("/v2/positions/SPY")

    assert (found["qty"], found["qty_available"], found["side"]) == ("10", "6", "long")
    assert (found["avg_entry_price"], found["cost_basis"]) == ("100.02", "1000.2")
    assert (found["current_price"], found["market_value"], found["unrealized_pl"]) == ("104.02", "1040.2", "40")
    assert wire.get("/v2/positions") == [found]


def test_part_of_a_position_is_closed_by_quantity_or_by_percentage(wire: Wire) -> None:
    wire.ordered(qty="10")
    by_quantity = wire.call("DELETE", "/v2/positions/SPY", params={"qty": "4"})
    by_percentage = wire.call("DELETE", "/v2/positions/SPY", params={"percentage": "50"})
    both = wire.call("DELETE", "/v2/positions/SPY", params={"qty": "1", "percentage": "50"})

    assert (by_quantity.json()["qty"], by_percentage.json()["qty"]) == ("4", "3")
    assert wire.get("/v2/positions/SPY")["qty"] == "3"
    assert both.status_code == 422


def test_closing_all_positions_answers_an_order_for_each(exchange, wire: Wire) -> None:
    exchange.control.set_quote("IBM", bid="50.00", ask="50.01")
    wire.ordered(qty="3")
    wire.ordered(symbol="IBM", qty="2", side="sell")

    answer = wire.call("DELETE", "/v2/positions", params={"cancel_orders": "true"})

    assert answer.status_code == 207
    assert {(line["symbol"], line["status"], line["body"]["side"]) for line in answer.json()} == {
        ("SPY", 200, "sell"),
        ("IBM", 200, "buy"),
    }
    assert wire.get("/v2/positions") == []


def test_buying_power_that_is_missing_is_told_in_numbers(wire: Wire) -> None:
    answer = wire.order(qty="1000000")

    assert wire.refused(answer) == (403, 40310000, "insufficient buying power")
    assert {"buying_power", "cost_basis"} <= set(answer.json())


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"qty": "many"}, 422),
        ({"qty": None}, 422),
        ({"side": "hold"}, 422),
        ({"type": "limit", "limit_price": "NaN"}, 422),
        ({"time_in_force": None}, 422),
        ({"symbol": ""}, 422),
        ({"order_class": "mleg"}, 422),
        ({"take_profit": "dear", "order_class": "oto"}, 422),
        ({"client_order_id": "x" * 129}, 422),
    ],
)
def test_what_is_no_order_is_refused_and_nothing_is_kept(exchange, wire: Wire, fields, status) -> None:
    assert wire.order(**fields).status_code == status
    assert exchange.control.orders(exchange.account) == []


def test_a_body_that_is_no_json_object_is_refused(wire: Wire) -> None:
    for body in (b"{", b"[]", b"\xff"):
        answer = wire.call("POST", "/v2/orders", data=body)
        assert (answer.status_code, answer.json()["code"]) == (400, 40010000)


def test_statement_pages_hold_each_fill_once(wire: Wire) -> None:
    placed = [wire.ordered(qty=str(number))["id"] for number in range(1, 6)]
    seen, token = [], None
    while page := wire.get("/v2/account/activities/FILL", page_size=2, direction="asc", page_token=token):
        seen += page
        token = page[-1]["id"]

    assert [line["order_id"] for line in seen] == placed
    assert {(line["activity_type"], line["type"], line["side"], line["price"]) for line in seen} == {
        ("FILL", "fill", "buy", "100.02")
    }
    assert re.fullmatch(r"\d{17}::[0-9a-f-]{36}", seen[0]["id"])


def test_the_account_counts_in_dollars_as_text(exchange, wire: Wire) -> None:
    wire.ordered(qty="10")
    exchange.control.transfer(exchange.account, "500.25")
    account = wire.get("/v2/account")

    assert (account["status"], account["currency"], account["multiplier"]) == ("ACTIVE", "USD", "2")
    # 100,000 - 10 x 100.02 + 500.25
    assert account["cash"] == "99500.05"
    assert account["portfolio_value"] == account["equity"]
    assert "pattern_day_trader" not in account


def test_trading_suspended_by_its_owner_refuses_orders_until_it_is_taken_back(wire: Wire) -> None:
    asked = wire.call("PATCH", "/v2/account/configurations", json={"suspend_trade": True})

    assert asked.json()["suspend_trade"] is True
    assert wire.order().status_code == 403
    assert wire.get("/v2/account")["trade_suspended_by_user"] is True
    wire.call("PATCH", "/v2/account/configurations", json={"suspend_trade": False})
    assert wire.order().status_code == 200
    assert wire.call("PATCH", "/v2/account/configurations", json={"no_shorting": True}).status_code == 422


def test_clock_and_calendar_speak_new_yorks_time(exchange, wire: Wire) -> None:
    clock = wire.get("/v2/clock")
    week = wire.get("/v2/calendar", start="2026-11-26", end="2026-11-27")

    assert clock["is_open"] is True
    assert clock["next_close"] == "2026-03-04T16:00:00-05:00"
    assert clock["next_open"] == "2026-03-05T09:30:00-05:00"
    # Thanksgiving, and the half day after it.
    assert week == [
        {
            "date": "2026-11-27",
            "open": "09:30",
            "close": "13:00",
            "session_open": "0400",
            "session_close": "1700",
            "settlement_date": "2026-11-30",
        }
    ]


def test_an_asset_is_found_by_symbol_and_by_id_and_orders_take_both(wire: Wire) -> None:
    asset = wire.get("/v2/assets/SPY")

    assert wire.get(f"/v2/assets/{asset['id']}") == asset
    assert asset in wire.get("/v2/assets", status="active")
    assert wire.get("/v2/assets", asset_class="crypto") == []
    assert wire.ordered(symbol=asset["id"])["symbol"] == "SPY"
    assert wire.call("GET", "/v2/assets/NOSUCH").status_code == 404


def test_history_holds_the_accounts_value_minute_by_minute(exchange, wire: Wire) -> None:
    wire.ordered(qty="100")
    exchange.control.advance(60)
    wire.get("/v2/clock")
    exchange.control.set_quote("SPY", bid="101.00", ask="101.02")
    exchange.control.print_trade("SPY", price="101.02")
    exchange.control.advance(60)
    history = wire.get("/v2/account/portfolio/history", period="1D", timeframe="1Min")

    assert history["timeframe"] == "1Min"
    assert len(history["timestamp"]) == len(history["equity"]) == 3
    assert history["equity"][-1] == 100_100
    assert history["profit_loss"][-1] == 100


def test_an_address_that_does_not_exist_is_a_404_in_json(wire: Wire) -> None:
    assert wire.refused(wire.call("GET", "/v2/nothing")) == (404, 40410000, "endpoint not found.")


def test_orders_of_one_account_are_unknown_to_another(exchange: RunningSimulator, wire: Wire) -> None:
    placed = wire.ordered(client_order_id="td-1")
    other = exchange.control.open_account()
    stranger = Wire(exchange.url, other.key_id, other.secret_key)

    assert stranger.call("GET", f"/v2/orders/{placed['id']}").status_code == 404
    assert stranger.call("DELETE", f"/v2/orders/{placed['id']}").status_code == 404
    assert stranger.get("/v2/positions") == []
    assert stranger.ordered(client_order_id="td-1")["id"] != placed["id"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/orders?status=some",
        "/v2/orders?direction=sideways",
        "/v2/orders?limit=-1",
        "/v2/orders?nested=maybe",
        "/v2/orders?after=yesterday",
        "/v2/orders:by_client_order_id",
        "/v2/account/activities?direction=sideways",
        "/v2/account/activities?category=all",
        "/v2/account/activities?page_size=101",
        "/v2/account/activities?date=today",
        "/v2/account/portfolio/history?timeframe=2Min",
        "/v2/account/portfolio/history?period=ever",
        "/v2/calendar?date_type=BIRTHDAY",
        "/v2/calendar?start=soon",
    ],
)
def test_senseless_questions_are_refused_with_422(wire: Wire, path: str) -> None:
    assert wire.refused(wire.call("GET", path))[:2] == (422, 40010001)


def test_the_statement_is_asked_for_by_category(exchange, wire: Wire) -> None:
    wire.ordered()
    exchange.control.transfer(exchange.account, "10")
    trades = wire.get("/v2/account/activities", category="trade_activity")
    others = wire.get("/v2/account/activities", category="non_trade_activity")

    assert {line["activity_type"] for line in trades} == {"FILL"}
    assert {line["activity_type"] for line in others} == {"CSD"}
    assert len(wire.get("/v2/account/activities", activity_types="FILL,CSD")) == len(trades) + len(others)


def test_history_chooses_its_timeframe_by_its_length(wire: Wire) -> None:
    chosen = {
        period: wire.get("/v2/account/portfolio/history", period=period)["timeframe"] for period in ("1D", "2W", "1A")
    }

    assert chosen == {"1D": "1Min", "2W": "15Min", "1A": "1D"}


def test_1200_orders_are_listed_in_pages_of_500_without_a_gap_or_a_double(exchange, wire: Wire) -> None:
    exchange.control.transfer(exchange.account, "1000000")
    placed = [wire.ordered()["id"] for _ in range(1200)]
    pages: list[list[str]] = []
    while True:
        last = pages[-1][-1] if pages else None
        page = wire.get("/v2/orders", status="all", limit=500, direction="asc", after_order_id=last)
        if not page:
            break
        pages.append([order["id"] for order in page])

    assert [len(page) for page in pages] == [500, 500, 200]
    assert list(itertools.chain(*pages)) == placed


def test_days_of_a_market_that_never_shuts_end_a_minute_before_midnight() -> None:
    with simulator() as running:
        listed = Wire(running.url, running.key_id, running.secret_key).get(
            "/v2/calendar", start="2026-03-07", end="2026-03-08"
        )

    assert [(line["date"], line["open"], line["close"]) for line in listed] == [
        ("2026-03-07", "00:00", "23:59"),
        ("2026-03-08", "00:00", "23:59"),
    ]
