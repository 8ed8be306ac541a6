"""Stops, stop-limits and trailing stops."""

from decimal import Decimal as D

import pytest


@pytest.fixture
def long(floor):
    floor.submit("buy", "100")
    floor.news()
    return floor


def test_a_sale_s_stop_waits_for_the_bid_and_then_sells_at_it(long):
    long.submit("sell", "100", type="stop", stop_price="99.50")
    assert long.show("99.51", "99.49") == []  # crossed: not a price
    assert long.show("99.51", "99.53") == []
    assert long.show("99.47", "99.50") == [("fill", "sell stop", D(100), D("99.47"))]


def test_a_stop_in_reach_of_the_ask_alone_is_not_reached(long):
    order = long.submit("sell", "100", type="stop", stop_price="99.50")
    long.show("99.51", "99.52")
    assert long.order(order).status == "new"


@pytest.mark.parametrize(
    ("stop", "collar", "within", "beyond"),
    [
        pytest.param("100.10", "102.60", "102.60", "102.61", id="50 dollars and more: 2.5 %"),
    ],
)
def test_a_buy_s_stop_is_worked_as_a_limit_above_it(floor, stop, collar, within, beyond):
    order = floor.submit("buy", "10", type="stop", stop_price=stop)
    assert order.working_limit == D(collar)
    floor.news()
    assert floor.show("102.50", beyond) == []
    assert floor.order(order).is_triggered
    assert floor.show("102.50", within) == [("fill", "buy stop", D(10), D(within))]


def test_below_50_dollars_a_buy_s_stop_is_worked_4_percent_above(floor):
    floor.show("40.00", "40.01", symbol="F")
    order = floor.submit("buy", "10", "F", type="stop", stop_price="41.00")
    assert order.working_limit == D("42.64")


def test_a_stop_limit_works_at_its_limit_once_it_is_reached(long):
    order = long.submit("sell", "100", type="stop_limit", stop_price="99.50", limit_price="99.45")
    long.news()
    assert long.show("99.40", "99.42") == []
    assert long.order(order).is_triggered
    assert long.show("99.45", "99.47") == [("fill", "sell stop_limit", D(100), D("99.45"))]


def test_a_trailing_stop_follows_the_best_bid_by_dollars(long):
    order = long.submit("sell", "100", type="trailing_stop", trail_price="0.50")
    assert (order.hwm, order.stop_price) == (D("100.00"), D("99.50"))
    long.show("101.00", "101.02")
    long.show("100.60", "100.62")
    assert (long.order(order).hwm, long.order(order).stop_price) == (D("101.00"), D("100.50"))
    assert long.show("100.50", "100.52")[-1] == ("fill", "sell trailing_stop", D(100), D("100.50"))


def test_a_trailing_stop_follows_by_percent_on_the_tick(long):
    order = long.submit("sell", "100", type="trailing_stop", trail_percent="1.5")
    long.show("101.37", "101.39")
    # 101.37 × 0.985 = 99.84945
    assert long.order(order).stop_price == D("99.85")


def test_a_trailing_buy_follows_the_lowest_ask(floor):
    order = floor.submit("buy", "10", type="trailing_stop", trail_price="1")
    floor.show("98.98", "99.00")
    floor.show("99.48", "99.50")
    assert (floor.order(order).hwm, floor.order(order).stop_price) == (D("99.00"), D("100.00"))
    assert floor.show("99.98", "100.00")[-1] == ("fill", "buy trailing_stop", D(10), D("100.00"))


def test_a_stop_that_is_already_reached_trades_at_once(long):
    assert long.submit("sell", "100", type="stop", stop_price="100.00").filled_avg_price == D("100.00")
