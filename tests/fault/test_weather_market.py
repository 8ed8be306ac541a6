"""The market and others do what they do: the desk says what the exchange says, and the trader is told."""

from decimal import Decimal as D

import pytest

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


def test_a_split_overnight_is_a_difference_that_the_trader_is_told(sky: Sky) -> None:
    """The last of this file: the exchange holds twice as many from here on, and no execution says why."""
    order = sky.order(symbol="MSFT", side="buy", quantity="10", limit_price="110.00")
    sky.until(order, "filled")
    sky.settles()
    trader = sky.lab.traders[0]
    sky.lab.control.split("MSFT", 2)
    told = "SELECT text FROM notifications WHERE user_id = %s AND key LIKE 'positions:%%:differ:%%'"
    sky.lab.wait_for(lambda: sky.lab.rows(told, trader.user), "a word about the difference", 45)
    assert [row["text"] for row in sky.lab.rows(told, trader.user)] == ["MSFT: broker 20, journal 10"]
    (kept,) = sky.lab.rows("SELECT status, filled_quantity FROM orders WHERE id = %s", order)
    assert (kept["status"], kept["filled_quantity"]) == ("filled", 10)
