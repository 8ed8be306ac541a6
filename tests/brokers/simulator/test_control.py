"""The control port: the market, the clock and the accounts do what a test says; strangers do not get in."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.brokers.simulator.conftest import MORNING, Wire
from tests.brokers.simulator_server import ControlRefused, SimulatorControl, simulator

CLOSE = datetime(2026, 3, 4, 21, 0, tzinfo=UTC)


def test_a_working_order_fills_when_the_quote_reaches_it(exchange, wire: Wire) -> None:
    order = wire.ordered(type="limit", limit_price="99.50", qty="5")
    exchange.control.set_quote("SPY", bid="99.40", ask="99.45")
    found = wire.get(f"/v2/orders/{order['id']}")

    assert (found["status"], found["filled_qty"]) == ("filled", "5")
    assert found["filled_avg_price"] in {"99.45", "99.5"}


def test_a_bracket_runs_to_its_stop(exchange, wire: Wire) -> None:
    wire.ordered(
        qty="10",
        time_in_force="gtc",
        order_class="bracket",
        take_profit={"limit_price": "104"},
        stop_loss={"stop_price": "98"},
    )
    exchange.control.set_quote("SPY", bid="97.90", ask="97.95")
    exchange.control.print_trade("SPY", price="97.92")

    assert wire.get("/v2/positions") == []
    orders = {order["type"]: order["status"] for order in exchange.control.orders(exchange.account)}
    assert orders == {"market": "filled", "limit": "canceled", "stop": "filled"}


def test_the_clock_stands_until_it_is_stepped_and_never_goes_back(exchange, wire: Wire) -> None:
    assert exchange.control.now() - MORNING < timedelta(milliseconds=1)
    exchange.control.advance(90)
    assert exchange.control.now() - MORNING - timedelta(seconds=90) < timedelta(milliseconds=1)
    with pytest.raises(ControlRefused, match="only goes forward"):
        exchange.control.set_clock(MORNING)


def test_at_the_close_a_day_order_expires_and_the_next_waits_for_the_open(exchange, wire: Wire) -> None:
    order = wire.ordered(type="limit", limit_price="90")
    exchange.control.set_clock(CLOSE + timedelta(minutes=1))
    clock = wire.get("/v2/clock")
    queued = wire.ordered(type="limit", limit_price="90")

    assert wire.get(f"/v2/orders/{order['id']}")["status"] == "expired"
    assert clock["is_open"] is False
    assert clock["next_open"] == "2026-03-05T09:30:00-05:00"
    assert queued["status"] == "accepted"
    exchange.control.set_clock(datetime.fromisoformat(clock["next_open"]) + timedelta(seconds=1))
    assert wire.get(f"/v2/orders/{queued['id']}")["status"] == "new"


def test_a_running_clock_moves_by_itself_at_its_speed(exchange) -> None:
    exchange.control.run(speed=1_000_000)
    exchange.control.pause()
    paused = exchange.control.now()

    assert paused - MORNING > timedelta(seconds=1)
    assert exchange.control.now() == paused


def test_a_halt_fills_nothing_until_trading_resumes(exchange, wire: Wire) -> None:
    exchange.control.halt("SPY")
    order = wire.ordered()
    halted = wire.get(f"/v2/orders/{order['id']}")["status"]
    exchange.control.resume("SPY")
    exchange.control.set_quote("SPY", bid="100.00", ask="100.02")

    assert halted == "new"
    assert wire.get(f"/v2/orders/{order['id']}")["status"] == "filled"


def test_a_split_changes_the_position_and_a_dividend_pays_it(exchange, wire: Wire) -> None:
    wire.ordered(qty="10")
    exchange.control.split("SPY", "2")
    position = wire.get("/v2/positions/SPY")
    before = wire.get("/v2/account")["cash"]
    exchange.control.dividend("SPY", "0.25")

    assert (position["qty"], position["avg_entry_price"]) == ("20", "50.01")
    # 20 x 0.25
    assert float(wire.get("/v2/account")["cash"]) - float(before) == pytest.approx(5)
    (told,) = wire.get("/v2/account/activities/DIV")
    named = ("activity_type", "activity_sub_type", "symbol", "qty", "per_share_amount", "net_amount", "currency")
    assert [told[name] for name in named] == ["DIV", "CDIV", "SPY", "20", "0.25", "5", "USD"]
    assert told["status"] == "executed"


def test_accounts_are_opened_funded_and_blocked(exchange) -> None:
    opened = exchange.control.open_account("2500", kind="cash")
    wire = Wire(exchange.url, opened.key_id, opened.secret_key)
    exchange.control.transfer(opened.id, "-500", type="CSW")
    account = wire.get("/v2/account")
    exchange.control.block(opened.id)
    blocked = wire.order()
    exchange.control.unblock(opened.id)

    assert (account["id"], account["cash"], account["multiplier"]) == (opened.id, "2000", "1")
    assert blocked.status_code == 403
    assert wire.order().status_code == 200
    with pytest.raises(ControlRefused, match="The account cannot be opened"):
        exchange.control.open_account(key_id=opened.key_id)
    with pytest.raises(ControlRefused, match="There is no account"):
        exchange.control.block("nobody")


def test_an_external_order_is_placed_and_cancelled_behind_the_clients_back(exchange, wire: Wire) -> None:
    placed = exchange.control.place_external(
        exchange.account, symbol="SPY", qty=2, side="buy", type="limit", limit_price="90", time_in_force="gtc"
    )
    listed = wire.get("/v2/orders")
    exchange.control.cancel_external(exchange.account, placed["id"])

    assert [order["id"] for order in listed] == [placed["id"]]
    assert wire.get("/v2/orders") == []


def test_orders_stay_on_their_way_as_long_as_is_said(exchange, wire: Wire) -> None:
    exchange.control.set_delays(route=2, cancel=3)
    order = wire.ordered(type="limit", limit_price="90")
    statuses = [wire.get(f"/v2/orders/{order['id']}")["status"]]
    exchange.control.advance(2)
    statuses.append(wire.get(f"/v2/orders/{order['id']}")["status"])
    wire.call("DELETE", f"/v2/orders/{order['id']}")
    statuses.append(wire.get(f"/v2/orders/{order['id']}")["status"])
    exchange.control.advance(3)
    statuses.append(wire.get(f"/v2/orders/{order['id']}")["status"])

    assert statuses == ["pending_new", "new", "pending_cancel", "canceled"]


def test_the_dump_is_the_truth_about_an_account(exchange, wire: Wire) -> None:
    placed = [wire.ordered(client_order_id=f"td-{number}")["id"] for number in range(3)]
    dump = exchange.control.dump(exchange.account)

    assert [(order["id"], order["client_order_id"]) for order in dump["orders"]] == [
        (order_id, f"td-{number}") for number, order_id in enumerate(placed)
    ]
    assert dump["account"]["id"] == exchange.account
    assert [position["qty"] for position in dump["positions"]] == ["3"]
    assert [line["order_id"] for line in dump["activities"] if line["activity_type"] == "FILL"] == placed


def test_prices_of_a_market_that_moves_by_itself_cannot_be_set() -> None:
    with simulator("synthetic") as running, pytest.raises(ControlRefused, match="only be set in a scripted market"):
        running.control.set_quote("SPY", bid="1", ask="2")


@pytest.mark.parametrize(
    ("verb", "given", "sentence"),
    [
        ("dance", {}, "There is no verb 'dance'"),
        ("show", {"kind": "quote", "symbol": "SPY", "bid": "1"}, "ask"),
        ("show", {"kind": "quote", "symbol": "SPY", "bid": "much", "ask": "2"}, "cannot be shown"),
        ("split", {"symbol": "SPY"}, "Write a number for ratio"),
        ("set_clock", {}, "Write a time for at"),
        ("fault", {"kind": "drop_before", "colour": "red"}, "colour"),
        ("frames", {"frames": "oval"}, "oval"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(exchange, verb, given, sentence) -> None:
    with pytest.raises(ControlRefused, match=sentence):
        exchange.control.call(verb, **given)


def test_without_the_token_nothing_is_done(exchange) -> None:
    stranger = SimulatorControl(exchange.control._address, "guessed")

    with pytest.raises(ControlRefused, match="token is missing or wrong"):
        stranger.halt("SPY")


def test_without_a_control_port_nobody_listens_for_it() -> None:
    from brokers.simulator.options import Options
    from tests.brokers.simulator_server import _serving

    with _serving(Options(market="scripted", always_open=True)) as addresses:
        answer = requests.post(f"{addresses.url}/control/clock", timeout=10)

    assert addresses.control == ""
    assert answer.status_code == 403
