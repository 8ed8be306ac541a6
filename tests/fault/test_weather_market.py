"""The market and others do what they do: the desk says what the exchange says, and the trader is told."""

import contextlib
from collections.abc import Iterator
from decimal import Decimal as D
from http import HTTPStatus
from typing import Any

import pytest

from tests.fault.driver import Intent
from tests.fault.market import SYMBOLS
from tests.fault.sky import Sky, sky

pytestmark = pytest.mark.slow

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _prices(sky: Sky) -> None:
    sky.lab.control.set_delays()
    sky.calm_prices()


def resting(sky: Sky, symbol: str = "SPY", quantity: str = "10", price: str = "90.00", **body: object) -> str:
    order = sky.order(symbol=symbol, side="buy", quantity=quantity, limit_price=price, **body)
    sky.until(order, "accepted")
    return order


def fill(sky: Sky, symbol: str, price: str, size: int = 100_000) -> None:
    """A quote at which whoever bids that much is met."""
    sky.quote(symbol, str(D(price) - D("0.02")), price, size)


def test_an_order_fills_in_part_and_is_cancelled(sky: Sky) -> None:
    order = resting(sky)
    fill(sky, "SPY", "90.00", size=4)
    sky.until(order, "partially_filled")
    sky.hand.cancel(order, "api")
    row = sky.until(order, "cancelled")
    sky.settles()
    assert (row["filled_quantity"], sky.theirs(order)["status"], sky.theirs(order)["filled_qty"]) == (
        4,
        "canceled",
        "4",
    )
    assert [fact for fact, _ in sky.trail(order)][-3:] == ["partial", "ask_cancel", "cancel"]
    assert sky.told(order) == []


def test_an_order_fills_while_it_is_being_changed(sky: Sky) -> None:
    """The change comes too late: the order is filled at its old price, and the trader reads that it stayed as it was."""
    order = resting(sky)
    sky.lab.control.set_delays(replace=3)
    sky.hand.change(order, "api", limit_price="89.00")
    sky.lab.wait_for(lambda: sky.theirs(order)["status"] == "pending_replace", "the change on its way")
    fill(sky, "SPY", "90.00")
    row = sky.until(order, "filled")
    sky.settles()
    row = sky.row(order)
    assert (row["filled_quantity"], row["limit_price"], row["pending_change"]) == (10, 90, None)
    (replacement,) = sky.lab.rows("SELECT id FROM orders WHERE replaces_id = %s", order)
    assert sky.until(str(replacement["id"]), "rejected")["filled_quantity"] == 0
    sky.settles()
    assert (sky.told(order), sky.told(str(replacement["id"]))) == (["SPY is filled"], ["SPY: order rejected"])


def test_an_order_fills_after_its_cancellation_was_asked(sky: Sky) -> None:
    order = resting(sky)
    sky.lab.control.set_delays(cancel=3)
    sky.hand.cancel(order, "api")
    sky.lab.wait_for(lambda: sky.theirs(order)["status"] == "pending_cancel", "the cancellation on its way")
    fill(sky, "SPY", "90.00")
    row = sky.until(order, "filled")
    sky.settles()
    assert row["filled_quantity"] == 10
    assert sky.trail(order)[-1] == ("fill", "filled")
    assert sky.told(order) == ["SPY is filled"]


def test_an_order_that_was_cancelled_had_filled_before(sky: Sky) -> None:
    order = resting(sky)
    sky.hand.cancel(order, "api")
    sky.until(order, "cancelled")
    sky.lab.control.fill_late(sky.lab.traders[0].exchange, sky.row(order)["broker_order_id"])
    row = sky.until(order, "filled")
    sky.settles()
    assert (row["filled_quantity"], row["filled_average_price"]) == (10, 90)
    assert [state for _, state in sky.trail(order)][-2:] == ["cancelled", "filled"]
    assert sky.told(order) == ["SPY is filled"]


def test_stop_and_target_both_fill(sky: Sky) -> None:
    """The position turns round: the desk books both, and the trader is told of each."""
    exits = {"stop_loss": {"stop_price": "75.00"}, "take_profit": {"limit_price": "95.00"}}
    order = sky.order(symbol="TSLA", side="buy", quantity="10", limit_price="80.00", time_in_force="gtc", **exits)
    sky.until(order, "accepted")
    fill(sky, "TSLA", "80.00")
    sky.until(order, "filled")
    sky.quote("TSLA", "95.00", "95.02")
    sky.lab.wait_for(lambda: sky.legs(order)["take_profit"]["status"] == "filled", "the target")
    sky.lab.wait_for(lambda: sky.legs(order)["stop_loss"]["status"] == "cancelled", "the stop's end")
    stop = sky.legs(order)["stop_loss"]
    sky.lab.control.fill_late(sky.lab.traders[0].exchange, stop["broker_order_id"])
    row = sky.until(str(stop["id"]), "filled")
    sky.settles()
    assert (row["filled_quantity"], row["filled_average_price"]) == (10, 75)
    trades = sky.lab.rows(
        "SELECT direction, status, open_quantity FROM trades WHERE symbol = 'TSLA' AND account_id = %s ORDER BY entry_date",
        sky.lab.traders[0].account,
    )
    assert [(one["direction"], one["status"], one["open_quantity"]) for one in trades] == [
        ("long", "closed", 0),
        ("short", "active", 10),
    ]
    assert [sky.told(str(leg["id"])) for leg in sky.legs(order).values()] == [["TSLA is filled"], ["TSLA is filled"]]


def test_orders_and_positions_made_elsewhere_are_adopted(sky: Sky) -> None:
    trader = sky.lab.traders[0]
    placed = sky.lab.control.place_external(
        trader.exchange, symbol="QQQ", qty="7", side="buy", type="market", time_in_force="day"
    )
    rests = sky.lab.control.place_external(
        trader.exchange, symbol="QQQ", qty="3", side="sell", type="limit", limit_price="140", time_in_force="gtc"
    )
    named = "SELECT * FROM orders WHERE broker_order_id = %s"
    sky.lab.wait_for(lambda: len(sky.lab.rows(named, placed["id"]) + sky.lab.rows(named, rests["id"])) == 2, "rows", 40)
    sky.settles()
    (bought,), (waits,) = sky.lab.rows(named, placed["id"]), sky.lab.rows(named, rests["id"])
    assert (bought["origin"], bought["status"], bought["role"], bought["filled_quantity"]) == (
        "external",
        "filled",
        "entry",
        7,
    )
    assert (waits["origin"], waits["status"], waits["role"], waits["is_reducing"]) == (
        "external",
        "accepted",
        "exit",
        True,
    )
    (trade,) = sky.lab.rows("SELECT * FROM trades WHERE id = %s", bought["trade_id"])
    assert (trade["status"], trade["open_quantity"], trade["broker_sync_status"]) == ("active", 7, "imported")
    assert waits["trade_id"] == trade["id"]


def test_a_halted_symbol_waits_and_goes_on(sky: Sky) -> None:
    sky.lab.control.halt("NVDA")
    order = sky.order(symbol="NVDA", side="buy", quantity="5", limit_price="110.00")
    sky.until(order, "accepted")
    sky.quote("NVDA", "99.98", "100.00")
    assert sky.row(order)["filled_quantity"] == 0
    sky.lab.control.resume("NVDA")
    sky.quote("NVDA", "99.98", "100.00")
    assert sky.until(order, "filled")["filled_quantity"] == 5
    sky.settles()


@contextlib.contextmanager
def oldest_price(sky: Sky, seconds: int) -> Iterator[None]:
    """The trader judges no entry by a price that is older."""
    account = f"accounts/{sky.lab.traders[0].account}/"

    def wish(wanted: int) -> None:
        answer = sky.hand.client.call("PATCH", account, body={"risk": {"max_quote_age_seconds": wanted}})
        assert answer.status_code == HTTPStatus.OK, answer.text

    before = sky.hand.client.call("GET", account).json()["risk"]["max_quote_age_seconds"]
    wish(seconds)
    try:
        yield
    finally:
        wish(before)


def price(sky: Sky, symbol: str) -> dict[str, Any]:
    """What the desk shows of it."""
    named = f"account={sky.lab.traders[0].account}&symbol={symbol}"
    return dict(sky.hand.client.call("GET", f"market/quote/?{named}").json())


def prices(sky: Sky, symbol: str) -> dict[str, D]:
    shown = price(sky, symbol)
    return {side: D(shown[side]) for side in ("bid", "ask")}


def enter(sky: Sky, symbol: str) -> Intent:
    """Five more of it at any price of these days; short where it is held short, for else that would be an exit."""
    held = sky.lab.rows(
        "SELECT direction FROM trades WHERE symbol = %s AND account_id = %s AND status = 'active'",
        *(symbol, sky.lab.traders[0].account),
    )
    is_short = [one["direction"] for one in held] == ["short"]
    side = {"side": "sell", "limit_price": "80.00"} if is_short else {"side": "buy", "limit_price": "120.00"}
    plain = {"type": "limit", "stop_loss": None, "take_profit": None, "time_in_force": "day"}
    return sky.hand.place("api", symbol=symbol, quantity="5", **side, **plain)


def enters(sky: Sky, symbol: str) -> None:
    """By a price of now that is possible."""
    sky.market.show(symbol)
    intent = enter(sky, symbol)
    assert intent.status == HTTPStatus.CREATED, intent.body
    assert sky.until(intent.order, "filled")["filled_quantity"] == 5


def test_no_entry_is_judged_by_a_price_that_stands_still(sky: Sky) -> None:
    with oldest_price(sky, 20):
        symbol = sky.inject("market.stale")
        sky.lab.wait_for(lambda: price(sky, symbol)["is_stale"], "an old price", 60)
        refused = enter(sky, symbol)
        row = sky.row(refused.order)
        assert (refused.status, row["status"], row["reason_code"]) == (422, "denied", "stale_quote")
        assert (row["broker_order_id"], row["filled_quantity"]) == ("", 0)
        sky.lab.calm()
        enters(sky, symbol)
    sky.settles()


def test_nothing_is_bought_where_one_side_of_the_market_is_missing(sky: Sky) -> None:
    """The desk shows the last price that had two sides and makes none up; the exchange refuses, and its reason is told."""
    best = {"bid": D("100.00"), "ask": D("100.02")}
    for symbol in SYMBOLS:
        sky.lab.wait_for(lambda symbol=symbol: prices(sky, symbol) == best, f"the newest price of {symbol}")
    symbol, _ = sky.inject("market.one_sided").split()
    refused = enter(sky, symbol).order
    row = sky.until(refused, "rejected")
    assert (row["reason_detail"], row["filled_quantity"]) == (
        f'Alpaca refused the order: asset "{symbol}" is not tradable.',
        0,
    )
    assert (prices(sky, symbol), sky.told(refused)) == (best, [f"{symbol}: order rejected"])
    sky.lab.calm()
    enters(sky, symbol)
    sky.settles()


@pytest.mark.parametrize("name", ["market.stale", "market.one_sided"])
def test_traders_go_on_when_a_symbol_is_not_quoted_as_it_should_be(sky: Sky, name: str) -> None:
    with sky.busy() as driver:
        for _ in range(3):
            sky.inject(name)
        sky.after(driver, 6)
    assert (sky.market.silent, sky.market.missing) == (set(), {})
    sky.settles()
