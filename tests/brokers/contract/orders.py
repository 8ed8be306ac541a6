"""Cards of accounts and orders: what is taken, how it ends, and how it is replaced."""

import uuid
from datetime import timedelta
from decimal import Decimal as D

import pytest

from brokers.base import OrderChanges, OrderRef, OrderRequest
from brokers.errors import (
    CredentialsInvalid,
    NotCancelable,
    Refused,
    TryLater,
    UnknownOrder,
    Unsupported,
)
from tests.brokers.contract.floor import SYMBOL, Floor, S, Trouble
from tests.brokers.contract.made_of import (
    CLASSES,
    TYPES,
    buy,
    expected_prices,
    needs,
    new_id,
    oco,
    prices_of,
    ref_of,
    seen,
    submitted,
)
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, TimeInForce


class OrderCards:
    """C0 to C3."""

    # -- C0: who we are ------------------------------------------------------------------------------------------------

    def test_c01_verifying_names_the_account_and_its_money(self, floor: Floor) -> None:
        report = floor.adapter.verify()

        assert report.broker_account_id != ""
        assert (report.currency, report.block) == ("USD", "")
        assert report.equity == D(100_000)
        assert report.buying_power > 0
        assert report == floor.adapter.account()

    def test_c02_wrong_keys_are_told_apart_from_a_broker_that_is_away(self, floor: Floor) -> None:
        with pytest.raises(CredentialsInvalid):
            floor.wrong_key().verify()
        with pytest.raises(TryLater) as away:
            floor.unreachable().verify()
        assert away.value.after > 0

    def test_c03_what_the_table_excludes_is_refused_before_anything_is_sent(self, floor: Floor) -> None:
        future = OrderRequest(new_id(), buy(), AssetClass.FUTURE)
        if AssetClass.FUTURE in floor.adapter.capabilities.asset_classes:
            pytest.skip("this broker trades futures")

        with pytest.raises(Unsupported):
            floor.adapter.submit(future)
        assert floor.attempts("submit") == 0

    # -- C1: every type, class and time in force -----------------------------------------------------------------------

    @pytest.mark.parametrize("kind", list(OrderType))
    def test_c10_every_type_is_taken_and_reported_as_it_was_asked(self, floor: Floor, kind: OrderType) -> None:
        needs(floor, kind in floor.adapter.capabilities.order_types)
        report, asked = submitted(floor, TYPES[kind]), TYPES[kind]

        assert report.state in {S.ACCEPTED, S.FILLED}
        assert (report.symbol, report.side, report.type, report.quantity) == (SYMBOL, Side.BUY, kind, D(10))
        assert (report.limit_price, report.stop_price) == (asked.limit_price, asked.stop_price)
        assert report.trail_percent == asked.trail_percent
        assert (report.time_in_force, report.order_class) == (TimeInForce.DAY, OrderClass.SIMPLE)

    def test_c11_a_trail_in_dollars_is_taken_where_the_table_says_so(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.trails_by_price)
        report = submitted(floor, buy(limit=None, type=OrderType.TRAILING_STOP, trail_price=D("1.75")))

        assert (report.trail_price, report.trail_percent) == (D("1.75"), None)

    @pytest.mark.parametrize("time_in_force", [TimeInForce.DAY, TimeInForce.GTC])
    def test_c12_day_and_gtc_are_kept_as_asked(self, floor: Floor, time_in_force: TimeInForce) -> None:
        needs(floor, time_in_force in floor.adapter.capabilities.times_in_force)
        floor.rest()

        assert submitted(floor, buy(time_in_force=time_in_force)).time_in_force is time_in_force

    @pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
    def test_c13_what_must_trade_now_or_never_trades_now(self, floor: Floor, time_in_force: TimeInForce) -> None:
        needs(floor, time_in_force in floor.adapter.capabilities.times_in_force)
        filled = submitted(floor, buy(limit="100.01", time_in_force=time_in_force))

        assert seen(floor, filled).state is S.FILLED
        assert seen(floor, filled).time_in_force is time_in_force

    @pytest.mark.parametrize("name", CLASSES)
    def test_c14_every_class_is_taken_with_its_exits_as_legs(self, floor: Floor, name: str) -> None:
        terms = CLASSES[name]
        needs(floor, terms.order_class in floor.adapter.capabilities.order_classes)
        floor.rest()
        report = seen(floor, submitted(floor, terms))

        assert (report.state, report.order_class) == (S.ACCEPTED, terms.order_class)
        assert prices_of(report) == expected_prices(terms)
        assert {leg.side for leg in report.legs} == {Side.SELL}
        assert {leg.quantity for leg in report.legs} == {D(10)}
        assert {leg.state for leg in report.legs} == {S.ACCEPTED}

    def test_c15_exits_of_what_is_held_are_a_pair(self, floor: Floor) -> None:
        needs(floor, OrderClass.OCO in floor.adapter.capabilities.order_classes)
        submitted(floor, buy(limit=None))
        report = seen(floor, submitted(floor, oco()))

        assert (report.type, report.limit_price, report.side) == (OrderType.LIMIT, D(130), Side.SELL)
        assert [(leg.type, leg.stop_price, leg.side) for leg in report.legs] == [(OrderType.STOP, D(80), Side.SELL)]

    def test_c16_parts_of_a_share_are_exact(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.fractions)
        report = seen(floor, submitted(floor, buy("1.123456789", limit=None)))

        assert (report.quantity, report.filled_quantity) == (D("1.123456789"), D("1.123456789"))
        assert [fill.quantity for fill in floor.adapter.fills()] == [D("1.123456789")]

    def test_c17_a_sale_of_what_is_not_held_is_a_short(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.shorts)
        submitted(floor, OrderTerms(SYMBOL, Side.SELL, OrderType.MARKET, D(7)))

        assert [(position.symbol, position.quantity) for position in floor.adapter.positions()] == [(SYMBOL, D(-7))]

    def test_c18_extended_hours_are_kept_as_asked(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.extended_hours)
        floor.rest()

        assert submitted(floor, buy(extended_hours=True)).extended_hours is True

    # -- C2: fills, refusals and the end -------------------------------------------------------------------------------

    def test_c20_a_market_order_fills_and_is_a_fill_and_a_position(self, floor: Floor) -> None:
        report = seen(floor, submitted(floor, buy(limit=None)))
        (fill,) = floor.adapter.fills()
        (position,) = floor.adapter.positions()

        assert (report.state, report.filled_quantity) == (S.FILLED, D(10))
        assert report.filled_at is not None
        assert fill.broker_order_id == report.broker_order_id
        assert (fill.symbol, fill.side, fill.quantity, fill.price) == (
            SYMBOL,
            Side.BUY,
            D(10),
            report.filled_average_price,
        )
        assert fill.execution_id != ""
        assert fill.executed_at.utcoffset() == timedelta(0)
        assert (position.quantity, position.average_price) == (D(10), report.filled_average_price)

    def test_c21_what_the_account_cannot_pay_is_refused_with_figures_and_leaves_nothing(self, floor: Floor) -> None:
        request = OrderRequest(new_id(), buy("1000000", "99"))
        floor.trouble("submit", Trouble.NO_MONEY)

        with pytest.raises(Refused) as refusal:
            floor.adapter.submit(request)

        assert refusal.value.code == "insufficient_buying_power"
        assert D(refusal.value.figures["buying_power"]) > 0
        assert "buying power" in refusal.value.sentence
        assert floor.adapter.order(OrderRef(client_order_id=request.client_order_id)) is None
        assert floor.known() == {}

    def test_c22_a_partial_fill_grows_and_is_never_counted_twice(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy("10", "50"))
        floor.fill(report.broker_order_id, D(4), D(50))
        partly = seen(floor, report)
        floor.fill(report.broker_order_id, D(6), D(50))
        wholly = seen(floor, report)

        assert (partly.state, partly.filled_quantity) == (S.PARTIALLY_FILLED, D(4))
        assert (wholly.state, wholly.filled_quantity, wholly.filled_average_price) == (S.FILLED, D(10), D(50))
        assert [fill.quantity for fill in floor.adapter.fills()] == [D(4), D(6)]
        assert len({fill.execution_id for fill in floor.adapter.fills()}) == 2

    def test_c23_what_was_filled_before_a_cancellation_stays(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy("10", "50"))
        floor.fill(report.broker_order_id, D(4), D(50))
        floor.adapter.cancel(ref_of(report))
        ended = seen(floor, report)

        assert (ended.state, ended.filled_quantity, ended.filled_average_price) == (S.CANCELLED, D(4), D(50))

    def test_c24_a_working_order_is_cancelled(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy())
        floor.adapter.cancel(ref_of(report))

        assert seen(floor, report).state is S.CANCELLED
        assert floor.adapter.orders() == []

    def test_c25_a_cancellation_by_our_own_id_reaches_the_same_order(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy())
        floor.adapter.cancel(OrderRef(client_order_id=report.client_order_id))

        assert seen(floor, report).state is S.CANCELLED

    def test_c26_what_is_done_cannot_be_cancelled(self, floor: Floor) -> None:
        report = submitted(floor, buy(limit=None))

        with pytest.raises(NotCancelable):
            floor.adapter.cancel(ref_of(report))
        assert seen(floor, report).state is S.FILLED

    def test_c27_what_the_broker_never_had_is_unknown(self, floor: Floor) -> None:
        stranger = OrderRef(broker_order_id=str(uuid.uuid4()))

        assert floor.adapter.order(stranger) is None
        assert floor.adapter.order(OrderRef(client_order_id=new_id())) is None
        for change in (
            lambda: floor.adapter.cancel(stranger),
            lambda: floor.adapter.cancel(OrderRef(client_order_id=new_id())),
            lambda: floor.adapter.replace(stranger, OrderChanges(new_id(), quantity=D(5))),
        ):
            with pytest.raises(UnknownOrder):
                change()

    def test_c28_cancelling_an_entry_cancels_its_exits(self, floor: Floor) -> None:
        needs(floor, OrderClass.BRACKET in floor.adapter.capabilities.order_classes)
        floor.rest()
        report = submitted(floor, CLASSES["bracket"])
        floor.adapter.cancel(ref_of(report))
        ended = seen(floor, report)

        assert {ended.state, *(leg.state for leg in ended.legs)} == {S.CANCELLED}

    def test_c29_one_exit_that_fills_cancels_the_other(self, floor: Floor) -> None:
        needs(floor, OrderClass.BRACKET in floor.adapter.capabilities.order_classes)
        floor.rest()
        report = submitted(floor, CLASSES["bracket"])
        floor.fill(report.broker_order_id, D(10), D(50))
        entered = seen(floor, report)
        target = next(leg for leg in entered.legs if leg.type is OrderType.LIMIT)
        floor.fill(target.broker_order_id, D(10), D("60.25"))
        ended = {leg.type: leg.state for leg in seen(floor, report).legs}

        assert (entered.state, {leg.state for leg in entered.legs}) == (S.FILLED, {S.ACCEPTED})
        assert ended == {OrderType.LIMIT: S.FILLED, OrderType.STOP: S.CANCELLED}
        assert floor.adapter.positions() == []

    # -- C3: replacing -------------------------------------------------------------------------------------------------

    def test_c30_a_replacement_is_a_new_order_and_the_two_name_each_other(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.replaces)
        floor.rest()
        old = submitted(floor, buy())
        changes = OrderChanges(new_id(), quantity=D(12), limit_price=D("49.5"))
        new = floor.adapter.replace(ref_of(old), changes)

        assert new.broker_order_id != old.broker_order_id
        assert (new.client_order_id, new.replaces) == (changes.client_order_id, old.broker_order_id)
        assert (new.quantity, new.limit_price) == (D(12), D("49.5"))
        assert (seen(floor, old).state, seen(floor, old).replaced_by) == (S.REPLACED, new.broker_order_id)
        assert [report.broker_order_id for report in floor.adapter.orders()] == [new.broker_order_id]

    def test_c31_what_is_done_cannot_be_replaced(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.replaces)
        report = submitted(floor, buy(limit=None))

        with pytest.raises(NotCancelable):
            floor.adapter.replace(ref_of(report), OrderChanges(new_id(), quantity=D(12)))
        assert seen(floor, report).quantity == D(10)

    def test_c32_a_stop_is_moved_and_a_trail_is_changed(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.replaces)
        stop = submitted(floor, TYPES[OrderType.STOP])
        trail = submitted(floor, TYPES[OrderType.TRAILING_STOP])

        moved = floor.adapter.replace(ref_of(stop), OrderChanges(new_id(), stop_price=D("119.75")))
        closer = floor.adapter.replace(ref_of(trail), OrderChanges(new_id(), trail_percent=D("1.5")))

        assert (moved.type, moved.stop_price, moved.quantity) == (OrderType.STOP, D("119.75"), D(10))
        assert (closer.type, closer.trail_percent) == (OrderType.TRAILING_STOP, D("1.5"))
