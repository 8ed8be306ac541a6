"""Brackets, one-triggers-other and one-cancels-other."""

from decimal import Decimal as D

import pytest

from brokers.simulator.engine.types import OrderQuery
from tests.brokers.simulator.engine.conftest import CLOSE

BRACKET = {"order_class": "bracket", "target": "101.00", "stop": "99.00", "tif": "gtc"}


def _statuses(floor, order):
    return [str(each.status) for each in (floor.order(order), *floor.legs(order))]


@pytest.fixture
def bracket(floor):
    """A bracket whose entry has filled."""
    order = floor.submit("buy", "100", **BRACKET)
    floor.news()
    return order


def test_legs_are_held_until_the_entry_has_filled_completely(floor):
    order = floor.submit("buy", "1500", **BRACKET)
    assert _statuses(floor, order) == ["partially_filled", "held", "held"]
    floor.show("100.00", "100.02")
    # The exchange watches the price for the stop: it stays held while the target works.
    assert _statuses(floor, order) == ["filled", "new", "held"]
    assert [(leg.side, leg.type, leg.qty, leg.limit_price, leg.stop_price) for leg in floor.legs(order)] == [
        ("sell", "limit", D(1500), D("101.00"), None),
        ("sell", "stop", D(1500), None, D("99.00")),
    ]


def test_the_target_fills_and_calls_off_the_stop(floor, bracket):
    assert floor.show("101.03", "101.05") == [
        ("fill", "sell limit", D(100), D("101.03")),
        ("canceled", "sell stop"),
    ]
    assert floor.position() == D(0)
    assert _statuses(floor, bracket) == ["filled", "filled", "canceled"]


def test_the_stop_calls_off_the_target_before_it_goes_to_the_market(floor, bracket):
    assert floor.show("98.97", "98.99") == [
        ("canceled", "sell limit"),
        ("new", "sell stop"),
        ("fill", "sell stop", D(100), D("98.97")),
    ]
    assert floor.position() == D(0)


def test_a_target_filled_in_part_shortens_the_stop(floor, bracket):
    assert floor.show("101.00", "101.05", "30", "30") == [
        ("partial_fill", "sell limit", D(30), D("101.00")),
        ("restated", "sell stop"),
    ]
    assert floor.legs(bracket)[1].qty == D(70)
    assert floor.show("98.00", "98.02")[-1] == ("fill", "sell stop", D(70), D("98.00"))
    assert floor.position() == D(0)


def test_a_stop_limit_leg_rests_at_its_limit(floor):
    order = floor.submit("buy", "100", **BRACKET, stop_limit="98.90")
    floor.show("98.50", "98.60")
    assert _statuses(floor, order) == ["filled", "canceled", "new"]
    assert floor.show("98.90", "98.95")[-1] == ("fill", "sell stop_limit", D(100), D("98.90"))


def test_a_short_bracket_buys_back(floor):
    order = floor.submit("sell", "100", order_class="bracket", target="99.00", stop="101.00", tif="gtc")
    assert floor.position() == D(-100)
    assert [(str(leg.side), leg.position_intent) for leg in floor.legs(order)] == [("buy", "buy_to_close")] * 2
    floor.show("98.97", "98.99")
    assert floor.position() == D(0)
    assert _statuses(floor, order) == ["filled", "filled", "canceled"]


def test_a_day_bracket_loses_its_exits_at_the_close(floor):
    order = floor.submit("buy", "100", **{**BRACKET, "tif": "day"})
    floor.until(CLOSE)
    assert _statuses(floor, order) == ["filled", "expired", "expired"]
    assert floor.position() == D(100)


def test_a_gtc_bracket_keeps_its_exits_over_the_night(floor, bracket):
    floor.until(CLOSE.replace(day=5))
    assert _statuses(floor, bracket) == ["filled", "new", "held"]


def test_an_unfilled_day_bracket_expires_whole(floor):
    order = floor.submit("buy", "100", **{**BRACKET, "tif": "day", "stop": "98.00"}, limit_price="99.00")
    floor.until(CLOSE)
    assert _statuses(floor, order) == ["expired", "expired", "expired"]


@pytest.mark.parametrize("which", [0, 1])
def test_cancelling_one_exit_cancels_the_other(floor, bracket, which):
    floor.exchange.cancel(floor.me, floor.legs(bracket)[which].id)
    assert _statuses(floor, bracket) == ["filled", "canceled", "canceled"]
    assert floor.position() == D(100)


def test_cancelling_a_held_leg_cancels_the_entry_too(floor):
    order = floor.submit("buy", "100", **{**BRACKET, "stop": "98.00"}, limit_price="99.00")
    floor.exchange.cancel(floor.me, floor.legs(order)[0].id)
    assert _statuses(floor, order) == ["canceled", "canceled", "canceled"]


def test_an_entry_cancelled_after_a_part_leaves_it_without_exits(floor):
    order = floor.submit("buy", "1500", **BRACKET)
    floor.exchange.cancel(floor.me, order.id)
    assert _statuses(floor, order) == ["canceled", "canceled", "canceled"]
    assert floor.position() == D(1000)


def test_one_triggers_other_with_a_stop_alone(floor):
    order = floor.submit("buy", "100", order_class="oto", stop="99.00", tif="gtc")
    assert _statuses(floor, order) == ["filled", "new"]
    floor.show("98.95", "98.97")
    assert _statuses(floor, order) == ["filled", "filled"]
    assert floor.position() == D(0)


def test_one_triggers_other_with_a_target_alone(floor):
    order = floor.submit("buy", "100", order_class="oto", target="101.00")
    floor.show("101.00", "101.02")
    assert _statuses(floor, order) == ["filled", "filled"]


@pytest.mark.parametrize(("bid", "ask", "price"), [("101.00", "101.02", "101.00"), ("98.00", "98.02", "98.00")])
def test_one_cancels_other_on_a_position(floor, bid, ask, price):
    floor.submit("buy", "100")
    order = floor.submit("sell", "100", type="limit", order_class="oco", target="101.00", stop="99.00", tif="gtc")
    assert (order.limit_price, _statuses(floor, order)) == (D("101.00"), ["new", "held"])
    floor.show(bid, ask)
    assert sorted(_statuses(floor, order)) == ["canceled", "filled"]
    assert floor.lines("FILL")[-1].price == D(price)
    assert floor.position() == D(0)


def test_a_bracket_sent_at_night_waits_as_a_whole(floor):
    floor.until(CLOSE.replace(hour=23))
    order = floor.submit("buy", "100", **BRACKET)
    assert _statuses(floor, order) == ["accepted", "held", "held"]


def test_held_legs_are_not_among_the_open_orders(floor, bracket):
    listed = floor.exchange.orders(floor.me, OrderQuery())
    assert [(str(each.type), str(each.status)) for each in listed] == [("limit", "new")]
    nested = floor.exchange.orders(floor.me, OrderQuery(status="all", nested=True))
    assert [each.id for each in nested] == [bracket.id]
