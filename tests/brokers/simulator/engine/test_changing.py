"""Cancelling, replacing and closing."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from brokers.simulator.engine.types import OrderChanges, Rejection, TimeInForce
from tests.brokers.simulator.engine.conftest import CLOSE, draft

BRACKET = {"order_class": "bracket", "target": "101.00", "stop": "99.00", "tif": "gtc"}


def _replace(floor, order, **changes):
    answer = floor.exchange.replace(floor.me, order.id, OrderChanges(**changes))
    return floor.exchange.order(floor.me, answer.id)


def _refusal(floor, order, **changes):
    before = floor.exchange.dump()
    with pytest.raises(Rejection) as caught:
        floor.exchange.replace(floor.me, order.id, OrderChanges(**changes))
    assert floor.exchange.dump() == before
    return caught.value.http_status, caught.value.code, caught.value.message


def test_a_cancelled_order_never_fills(floor):
    order = floor.submit("buy", "10", limit_price="99.00")
    floor.exchange.cancel(floor.me, order.id)
    assert floor.news()[-1] == ("canceled", "buy limit")
    assert floor.show("98.00", "98.02") == []
    assert floor.order(order).canceled_at is not None


def test_a_cancelled_order_may_have_filled_before_the_cancellation_arrived(floor):
    order = floor.submit("buy", "10", limit_price="99.00")
    floor.exchange.cancel(floor.me, order.id)
    floor.exchange.fill_late(floor.me, order.id)
    found = floor.order(order)
    assert (found.status, found.filled_qty, found.filled_avg_price, found.canceled_at) == (
        "filled",
        10,
        D("99.00"),
        None,
    )
    (position,) = floor.exchange.positions(floor.me)
    assert position.qty == 10
    with pytest.raises(Rejection, match="only a cancelled order"):
        floor.exchange.fill_late(floor.me, order.id)


@pytest.mark.parametrize("how", ["filled", "canceled"])
def test_an_order_that_is_done_cannot_be_cancelled(floor, how):
    order = floor.submit("buy", "10", limit_price="100.02" if how == "filled" else "90")
    if how == "canceled":
        floor.exchange.cancel(floor.me, order.id)
    with pytest.raises(Rejection) as caught:
        floor.exchange.cancel(floor.me, order.id)
    assert (caught.value.http_status, caught.value.code) == (422, 42210000)
    assert caught.value.message == "order is not cancelable"


def test_another_account_s_order_is_not_found(floor):
    other = floor.open("other")
    order = floor.submit("buy", "10", limit_price="99.00", account=other)
    for ask in (floor.exchange.order, floor.exchange.cancel):
        with pytest.raises(Rejection) as caught:
            ask(floor.me, order.id)
        assert (caught.value.http_status, caught.value.code) == (404, 40410000)
        assert caught.value.message == f"order not found for {order.id}"
    assert floor.order(order).status == "new"


def test_all_open_orders_are_cancelled_each_group_once(floor):
    floor.submit("buy", "10", **BRACKET)
    floor.submit("buy", "10", limit_price="99.00")
    outcomes = floor.exchange.cancel_all(floor.me)
    assert [each.http_status for each in outcomes] == [200, 200]
    assert floor.exchange.cancel_all(floor.me) == []


def test_an_order_can_fill_while_its_cancellation_is_on_the_way(floor):
    floor.exchange.set_delays(cancel=timedelta(seconds=5))
    part = floor.submit("buy", "10", limit_price="99.00")
    whole = floor.submit("buy", "10", limit_price="99.50")
    for order in (part, whole):
        floor.exchange.cancel(floor.me, order.id)
        assert floor.order(order).status == "pending_cancel"
    with pytest.raises(Rejection, match="not cancelable"):
        floor.exchange.cancel(floor.me, part.id)
    floor.show("99.48", "99.50")
    floor.show("98.98", "99.00", "4", "4")
    assert (floor.order(part).status, floor.order(part).filled_qty) == ("pending_cancel", D(4))
    assert floor.until(floor.exchange.now + timedelta(seconds=5)) == [
        ("canceled", "buy limit"),
        ("order_cancel_rejected", "buy limit"),
    ]
    assert (floor.order(part).status, floor.order(whole).status) == ("canceled", "filled")


def test_an_order_on_its_way_to_the_market_does_not_trade_yet(floor):
    floor.exchange.set_delays(route=timedelta(seconds=2))
    order = floor.submit("buy", "10")
    assert order.status == "pending_new"
    assert floor.news() == [("pending_new", "buy market")]
    assert _refusal(floor, order, qty=D(5))[2] == "cannot replace order in pending_new status"
    cancelled = floor.submit("buy", "10")
    floor.exchange.cancel(floor.me, cancelled.id)
    floor.show("100.00", "100.05")
    assert floor.show("100.00", "100.06") == [("new", "buy market"), ("fill", "buy market", D(10), D("100.06"))]
    assert floor.order(cancelled).status == "canceled"


def test_a_stop_that_was_reached_on_the_pairs_way_to_the_market_is_triggered_when_it_arrives(floor):
    floor.submit("buy", "10")
    floor.exchange.set_delays(route=timedelta(seconds=2))
    order = floor.submit("sell", "10", type="limit", order_class="oco", target="101.00", stop="99.00")
    floor.show("98.50", "98.60")
    assert floor.show("98.50", "98.60")[-2:] == [("new", "sell stop"), ("fill", "sell stop", D(10), D("98.50"))]
    assert floor.order(order).status == "canceled"


def test_a_replacement_is_a_new_order_that_names_the_old(floor):
    old = floor.submit("buy", "10", limit_price="99.00", client_order_id="a")
    floor.news()
    new = _replace(floor, old, limit_price=D("99.10"), qty=D(12), client_order_id="b")
    assert floor.news() == [("replaced", "buy limit"), ("new", "buy limit")]
    gone = floor.order(old)
    assert (str(gone.status), gone.replaced_by, new.replaces) == ("replaced", new.id, old.id)
    assert (str(new.status), new.qty, new.limit_price, new.client_order_id) == ("new", D(12), D("99.10"), "b")
    assert floor.show("99.08", "99.10") == [("fill", "buy limit", D(12), D("99.10"))]
    assert floor.order(old).filled_qty == D(0)


def test_a_replacement_takes_over_what_was_filled_and_can_trade_at_once(floor):
    old = floor.submit("buy", "1500", limit_price="100.02")
    new = _replace(floor, old, qty=D(1200), limit_price=D("100.10"))
    assert (str(new.status), new.filled_qty) == ("partially_filled", D(1000))
    assert floor.show("100.00", "100.10") == [("fill", "buy limit", D(200), D("100.10"))]
    assert floor.position() == D(1200)


def test_a_replaced_order_loses_its_place_in_the_queue(floor):
    other = floor.open("other")
    first = floor.submit("buy", "10", limit_price="99.00")
    second = floor.submit("buy", "10", limit_price="99.00", account=other)
    new = _replace(floor, first, qty=D(11))
    floor.show("98.98", "99.00", "10", "10")
    assert (floor.order(second).filled_qty, floor.order(new).filled_qty) == (D(10), D(0))


REFUSALS = [
    ({"qty": D(4)}, (422, 42210000, "qty must be > filled_qty")),
    ({"qty": D("5.5")}, (422, 42210000, "qty of fractional orders cannot be replaced")),
    ({"qty": D(10), "limit_price": D("100.02")}, (422, 42210000, "order parameters are not changed")),
    ({"stop_price": D(99)}, (422, 40010001, "limit orders require no stop_price")),
    ({"limit_price": D("99.001")}, (422, 42210000, "invalid limit_price 99.001. sub-penny increment does not fulfill minimum pricing criteria")),
    ({"qty": D(10_000)}, (403, 40310000, "insufficient buying power")),
    ({"time_in_force": TimeInForce.FOK}, (422, 42210000, "time_in_force can only be replaced by day or gtc")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "refusal"), REFUSALS)
def test_a_replacement_that_cannot_be_is_refused(floor, changes, refusal):
    floor.show("100.00", "100.02", "4", "4")
    order = floor.submit("buy", "10", limit_price="100.02")
    assert order.filled_qty == D(4)
    assert _refusal(floor, order, **changes) == refusal


def test_only_a_working_order_can_be_replaced(floor):
    order = floor.submit("buy", "10")
    assert _refusal(floor, order, qty=D(5)) == (422, 42210000, "cannot replace order in filled status")
    dollars = floor.submit("buy", None, notional="100", limit_price="99")
    assert _refusal(floor, dollars, limit_price=D(98))[2] == "notional orders cannot be replaced"


def test_the_old_order_can_fill_before_its_replacement_arrives(floor):
    floor.exchange.set_delays(replace=timedelta(seconds=3))
    old = floor.submit("buy", "10", limit_price="99.00")
    new = _replace(floor, old, limit_price=D("98.00"))
    assert (floor.order(old).status, new.status) == ("pending_replace", "pending_new")
    floor.show("98.98", "99.00")
    assert floor.until(floor.exchange.now + timedelta(seconds=3)) == [
        ("order_replace_rejected", "buy limit"),
        ("rejected", "buy limit"),
    ]
    assert (floor.order(old).status, floor.order(new).status) == ("filled", "rejected")
    assert floor.position() == D(10)


def test_the_stop_of_a_working_bracket_can_be_moved(floor):
    order = floor.submit("buy", "100", **BRACKET)
    target, stop = floor.legs(order)
    new = _replace(floor, stop, stop_price=D("99.80"))
    assert (str(new.status), new.parent_id) == ("held", order.id)
    assert [leg.id for leg in floor.legs(order)] == [target.id, new.id]
    assert floor.show("99.79", "99.81")[-1] == ("fill", "sell stop", D(100), D("99.79"))
    assert floor.order(target).status == "canceled"
    assert floor.position() == D(0)


def test_the_target_of_a_working_bracket_can_be_moved(floor):
    order = floor.submit("buy", "100", **BRACKET)
    target, stop = floor.legs(order)
    new = _replace(floor, target, limit_price=D("100.50"))
    assert new.status == "new"
    assert _refusal(floor, stop, stop_price=D("100.50"))[2] == "stop price must be less than base_price - 0.01"
    floor.show("100.50", "100.52")
    assert (floor.order(new).status, floor.order(stop).status) == ("filled", "canceled")


def test_the_exits_follow_a_replaced_entry(floor):
    order = floor.submit("buy", "100", **{**BRACKET, "stop": "98.00"}, limit_price="99.00")
    new = _replace(floor, order, qty=D(80))
    floor.show("98.98", "99.00")
    assert [(leg.qty, str(leg.status), leg.parent_id) for leg in floor.legs(new)] == [
        (D(80), "new", new.id),
        (D(80), "held", new.id),
    ]
    assert floor.legs(order) == []


def test_the_trail_of_a_trailing_stop_can_be_changed(floor):
    floor.submit("buy", "100")
    order = floor.submit("sell", "100", type="trailing_stop", trail_percent="2")
    new = _replace(floor, order, trail=D(1))
    assert (new.trail_percent, new.hwm, new.stop_price) == (D(1), D("100.00"), D("99.00"))


def test_a_day_order_can_be_made_to_last(floor):
    order = floor.submit("buy", "10", limit_price="99.00")
    new = _replace(floor, order, time_in_force=TimeInForce.GTC)
    floor.until(CLOSE)
    assert floor.order(new).status == "new"


@pytest.mark.parametrize(
    ("part", "left"), [({}, D(0)), ({"qty": D(30)}, D(71)), ({"percentage": D(50)}, D(51))], ids=["all", "some", "half"]
)
def test_a_position_is_closed_whole_or_in_part(floor, part, left):
    floor.submit("buy", "101")
    order = floor.exchange.close_position(floor.me, "SPY", **part)
    assert (str(order.side), str(order.type), str(order.time_in_force)) == ("sell", "market", "day")
    assert floor.position() == left


def test_a_position_that_is_not_there_cannot_be_closed(floor):
    with pytest.raises(Rejection) as caught:
        floor.exchange.close_position(floor.me, "SPY")
    assert (caught.value.http_status, caught.value.code, caught.value.message) == (
        404,
        40410000,
        "position does not exist",
    )


def test_closing_everything_can_cancel_the_orders_first(floor):
    floor.show("50.00", "50.02", symbol="IBM")
    floor.submit("buy", "100", **BRACKET)
    floor.submit("sell", "10", "IBM")
    held = floor.exchange.close_all(floor.me)
    assert [(each.symbol, each.http_status) for each in held] == [("SPY", 403), ("IBM", 200)]
    done = floor.exchange.close_all(floor.me, cancel_orders=True)
    assert [(each.symbol, each.http_status) for each in done] == [("SPY", 200)]
    assert floor.exchange.positions(floor.me) == []


def test_an_order_placed_elsewhere_has_an_id_of_the_broker_s_making(floor):
    order = floor.exchange.place_external(floor.me, draft("buy", "5"))
    assert order.client_order_id != ""
    assert floor.exchange.order_by_client_id(floor.me, order.client_order_id).id == order.id


def test_a_replacement_can_be_cancelled_before_it_arrives(floor):
    floor.exchange.set_delays(replace=timedelta(seconds=3))
    old = floor.submit("buy", "10", limit_price="99.00")
    new = _replace(floor, old, limit_price=D("98.00"))
    floor.exchange.cancel(floor.me, new.id)
    floor.until(floor.exchange.now + timedelta(seconds=3))
    assert (floor.order(old).status, floor.order(new).status) == ("new", "canceled")


def test_cancelling_all_says_which_order_could_not_be(floor):
    floor.exchange.set_delays(cancel=timedelta(seconds=5))
    order = floor.submit("buy", "10", limit_price="99.00")
    assert [each.http_status for each in floor.exchange.cancel_all(floor.me)] == [200]
    (outcome,) = floor.exchange.cancel_all(floor.me)
    assert (outcome.id, outcome.http_status, outcome.rejection.message) == (order.id, 422, "order is not cancelable")
    floor.until(floor.exchange.now + timedelta(seconds=5))
    assert floor.order(order).status == "canceled"


def test_a_cancellation_that_arrives_after_another_says_nothing(floor):
    floor.exchange.set_delays(cancel=timedelta(seconds=5))
    order = floor.submit("buy", "10", **BRACKET)
    target, stop = floor.legs(order)
    floor.exchange.cancel(floor.me, target.id)
    floor.exchange.cancel(floor.me, stop.id)
    floor.news()
    assert floor.until(floor.exchange.now + timedelta(seconds=5)) == []
    assert [leg.status for leg in floor.legs(order)] == ["canceled", "canceled"]


@pytest.mark.parametrize(
    ("which", "changes", "sentence"),
    [
        (0, {"qty": D(50)}, "qty of take_profit and stop_loss orders cannot be replaced"),
        (1, {"time_in_force": TimeInForce.DAY}, "time_in_force of complex orders cannot be replaced"),
    ],
)
def test_the_exits_of_a_bracket_keep_their_quantity_and_time(floor, which, changes, sentence):
    order = floor.submit("buy", "100", **BRACKET)
    assert _refusal(floor, floor.legs(order)[which], **changes) == (422, 42210000, sentence)


def test_an_order_for_extended_hours_stays_a_day_order(floor):
    order = floor.submit("buy", "10", limit_price="99.00", extended_hours=True)
    assert _refusal(floor, order, time_in_force=TimeInForce.GTC)[2] == "time_in_force of this order must be day"


def test_a_moved_buy_s_stop_has_a_new_collar(floor):
    order = floor.submit("buy", "10", type="stop", stop_price="101.00")
    assert _replace(floor, order, stop_price=D("102.00")).working_limit == D("104.55")


def test_the_target_of_a_working_pair_can_be_moved_and_takes_its_stop_along(floor):
    floor.submit("buy", "100")
    old = floor.submit("sell", "100", type="limit", order_class="oco", target="101.00", stop="99.00", tif="gtc")
    new = _replace(floor, old, limit_price=D("102.00"))
    (stop,) = floor.legs(new)
    assert stop.parent_id == new.id
    floor.show("98.98", "99.00")
    assert (floor.order(new).status, floor.order(stop).status) == ("canceled", "filled")
    assert floor.position() == D(0)


def test_replacing_the_stop_cannot_sell_what_is_not_there(floor):
    floor.submit("buy", "100")
    floor.submit("sell", "60", limit_price="101.00")
    order = floor.submit("sell", "40", limit_price="102.00")
    assert _refusal(floor, order, qty=D(41))[2] == (
        "insufficient qty available for order (requested: 41, available: 40)"
    )
    assert _replace(floor, order, qty=D(39)).status == "new"


def test_a_replacement_takes_over_when_it_arrives(floor):
    floor.exchange.set_delays(replace=timedelta(seconds=3))
    old = floor.submit("buy", "10", limit_price="99.00")
    new = _replace(floor, old, limit_price=D("98.00"))
    floor.news()
    # Until then the old order works, and the new one is not at the market.
    assert floor.show("98.98", "99.00", "4", "4") == [("partial_fill", "buy limit", D(4), D("99.00"))]
    assert floor.show("97.98", "98.00", "0", "0") == []
    assert floor.until(floor.exchange.now + timedelta(seconds=1)) == [("replaced", "buy limit"), ("new", "buy limit")]
    assert (str(floor.order(new).status), floor.order(new).filled_qty) == ("partially_filled", D(4))
    assert floor.show("97.98", "98.00") == [("fill", "buy limit", D(6), D("98.00"))]


def test_an_order_that_is_being_replaced_holds_buying_power_once(floor):
    floor.exchange.set_delays(replace=timedelta(seconds=3))
    old = floor.submit("buy", "100", limit_price="99.00")
    _replace(floor, old, limit_price=D("98.00"))
    assert floor.exchange.account_report(floor.me).buying_power == D("190200.00")


def test_the_stop_of_a_bracket_can_be_moved_before_the_entry_fills(floor):
    order = floor.submit("buy", "100", **{**BRACKET, "stop": "98.00"}, limit_price="99.00")
    _, stop = floor.legs(order)
    new = _replace(floor, stop, stop_price=D("98.50"))
    floor.show("98.98", "99.00")
    assert floor.show("98.40", "98.42")[-1] == ("fill", "sell stop", D(100), D("98.40"))
    assert floor.order(new).status == "filled"
