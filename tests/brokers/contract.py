"""The acceptance cards that every adapter passes. A card is skipped only where the capabilities say so.

To hold a new adapter to them, write a `Floor` for it (what the test may do to the broker behind the adapter's back) and a
test module with a fixture `floor` and `class TestMyBroker(Cards)`. On a floor the market stands at 100 for SPY, IBM and
BAC, bid 99.99 and ask 100.01, with enough size for every order, and the account may spend 100,000.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from enum import StrEnum

import pytest

from brokers.base import BrokerAdapter, OrderChanges, OrderRef, OrderReport, OrderRequest
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    DuplicateOrder,
    MarketClosed,
    NoMarketData,
    NotCancelable,
    OutcomeUnknown,
    Refused,
    TryLater,
    UnknownOrder,
    Unsupported,
)
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce

S = OrderState
MANY = 1200
SYMBOL = "SPY"


class Trouble(StrEnum):
    """What befalls the next call of a verb."""

    NO_ANSWER_NOT_DONE = "no answer, and the broker did nothing"
    NO_ANSWER_DONE = "no answer, although the broker did it"
    HANGS_NOT_DONE = "silence, and the broker did nothing"
    HANGS_DONE = "silence, although the broker did it"
    BAD_GATEWAY = "a page of HTML from something in between, and nothing was done"
    GATEWAY_TIMEOUT_DONE = "a page of HTML from something in between, although it was done"
    CUT_OFF_DONE = "half an answer, although it was done"
    UNREADABLE_DONE = "an answer that is no JSON, although it was done"
    RATE_LIMITED = "too many requests"
    BAD_KEY = "the key is refused"
    NO_MONEY = "more than the account can pay"
    UNKNOWN_STATUS = "a status nobody knows"
    NOT_FOUND_YET = "an order that is there is not found yet"


NOTHING_DONE = (Trouble.NO_ANSWER_NOT_DONE, Trouble.HANGS_NOT_DONE, Trouble.BAD_GATEWAY)
DONE = (
    *(Trouble.NO_ANSWER_DONE, Trouble.HANGS_DONE, Trouble.GATEWAY_TIMEOUT_DONE),
    *(Trouble.CUT_OFF_DONE, Trouble.UNREADABLE_DONE),
)
NO_USE = (*NOTHING_DONE, Trouble.CUT_OFF_DONE, Trouble.UNREADABLE_DONE)


class Floor(ABC):
    """The broker behind the adapter, as a test sees it. `adapter` is connected with keys that work."""

    adapter: BrokerAdapter

    @abstractmethod
    def trouble(self, verb: str, trouble: Trouble) -> None:
        """Make the next call of this verb of the interface go wrong."""

    @abstractmethod
    def attempts(self, verb: str) -> int:
        """How many calls of submit, cancel or replace the broker has seen."""

    @abstractmethod
    def known(self) -> dict[str, str]:
        """Client order id to the broker's id, of every order the broker has (legs left out)."""

    @abstractmethod
    def rest(self) -> None:
        """Let the next order submitted work without a fill: its price is out of reach."""

    @abstractmethod
    def fill(self, broker_order_id: str, quantity: D, price: D) -> None:
        """Execute so much of a working order at its own price."""

    @abstractmethod
    def external(self, terms: OrderTerms) -> str:
        """Place an order past the adapter; it works. Returns the broker's id."""

    @abstractmethod
    def external_fills(self, number: int) -> None:
        """Buy one share of BAC past the adapter, so many times, each an execution of its own."""

    @abstractmethod
    def external_orders(self, number: int) -> None:
        """Place so many orders past the adapter, all working, many of them at one and the same time."""

    @abstractmethod
    def show(self, symbol: str, bid: D, ask: D) -> None:
        """Show a quote; 0 is a side without a price."""

    @abstractmethod
    def deposit(self, amount: D) -> None:
        """Book cash in, or out when negative."""

    @abstractmethod
    def wrong_key(self) -> BrokerAdapter:
        """An adapter with keys the broker does not know."""

    @abstractmethod
    def unreachable(self) -> BrokerAdapter:
        """An adapter whose broker does not listen."""

    @abstractmethod
    def close_market(self) -> None:
        """The market is shut from now on."""


# --- what cards are made of -------------------------------------------------------------------------------------------


def new_id() -> str:
    return f"td-{uuid.uuid4().hex}"


def buy(quantity: str = "10", limit: str | None = "50", **more: object) -> OrderTerms:
    """A limit order far below the market, unless told otherwise."""
    kind = OrderType.LIMIT if limit else OrderType.MARKET
    given = {"type": kind, "limit_price": D(limit) if limit else None, **more}
    return OrderTerms(symbol=SYMBOL, side=Side.BUY, quantity=D(quantity), **given)  # type: ignore[arg-type]


TYPES: dict[OrderType, OrderTerms] = {
    OrderType.MARKET: buy(limit=None),
    OrderType.LIMIT: buy(limit="99.5"),
    OrderType.STOP: buy(limit=None, type=OrderType.STOP, stop_price=D("120.25")),
    OrderType.STOP_LIMIT: buy(limit="121", type=OrderType.STOP_LIMIT, stop_price=D("120.5")),
    OrderType.TRAILING_STOP: buy(limit=None, type=OrderType.TRAILING_STOP, trail_percent=D("2.5")),
}
STOP, TARGET = StopLoss(D("40.5")), TakeProfit(D("60.25"))
CLASSES: dict[str, OrderTerms] = {
    "bracket": buy(order_class=OrderClass.BRACKET, stop_loss=STOP, take_profit=TARGET, time_in_force=TimeInForce.GTC),
    "oto with a stop": buy(order_class=OrderClass.OTO, stop_loss=STOP, time_in_force=TimeInForce.GTC),
    "oto with a target": buy(order_class=OrderClass.OTO, take_profit=TARGET, time_in_force=TimeInForce.GTC),
    "bracket with a stop-limit": buy(
        order_class=OrderClass.BRACKET, stop_loss=StopLoss(D("40.5"), D("40.25")), take_profit=TARGET
    ),
}


class Cards:
    """The cards, numbered. Subclass it where a fixture `floor` gives a Floor."""

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

    # -- C4: what others do, and what a broker says no to --------------------------------------------------------------

    def test_c40_an_order_made_elsewhere_is_listed_with_an_id_that_is_not_ours(self, floor: Floor) -> None:
        placed = floor.external(buy("3", "42"))
        (report,) = floor.adapter.orders()

        assert report.broker_order_id == placed
        assert not report.client_order_id.startswith("td-")
        assert (report.quantity, report.limit_price, report.state) == (D(3), D(42), S.ACCEPTED)

    def test_c41_an_id_that_was_used_is_refused_for_ever_and_the_first_order_stands(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.refuses_duplicate_ids)
        floor.rest()
        request = OrderRequest(new_id(), buy())
        first = floor.adapter.submit(request)
        for prepare in (lambda: None, lambda: floor.adapter.cancel(ref_of(first))):
            prepare()
            with pytest.raises(DuplicateOrder):
                floor.adapter.submit(request)

        assert floor.known() == {request.client_order_id: first.broker_order_id}

    def test_c42_a_status_nobody_knows_is_kept_raw_and_decides_nothing(self, floor: Floor) -> None:
        floor.rest()
        floor.trouble("submit", Trouble.UNKNOWN_STATUS)
        report = floor.adapter.submit(OrderRequest(new_id(), buy()))

        assert report.state is None
        assert report.raw_status == "under_consideration"
        assert report.broker_order_id in floor.known().values()

    def test_c43_while_the_market_is_shut_an_order_waits_there_or_is_provably_not_taken(self, floor: Floor) -> None:
        floor.close_market()
        request = OrderRequest(new_id(), buy(limit="99.5"))

        assert floor.adapter.clock().is_open is False
        if floor.adapter.capabilities.keeps_orders_while_closed:
            report = floor.adapter.submit(request)
            assert (report.state, seen(floor, report).filled_quantity) == (S.ACCEPTED, 0)
            return
        with pytest.raises(MarketClosed) as closed:
            floor.adapter.submit(request)
        assert closed.value.next_open is not None
        assert floor.known() == {}

    @pytest.mark.parametrize(
        "verb", ["submit", "cancel", "replace", "order", "orders", "fills", "positions", "account"]
    )
    def test_c44_too_many_requests_say_when_to_come_back_and_nothing_was_done(self, floor: Floor, verb: str) -> None:
        call, report = prepared(floor, verb)
        floor.trouble(verb, Trouble.RATE_LIMITED)

        with pytest.raises(TryLater) as wait:
            call()
        assert 0 < wait.value.after <= 300
        assert len(floor.known()) == 1
        assert seen(floor, report).state is S.ACCEPTED

    @pytest.mark.parametrize(
        "verb", ["submit", "cancel", "replace", "order", "orders", "fills", "positions", "account"]
    )
    def test_c45_keys_that_stop_working_are_said_to_and_nothing_was_done(self, floor: Floor, verb: str) -> None:
        call, report = prepared(floor, verb)
        floor.trouble(verb, Trouble.BAD_KEY)

        with pytest.raises(CredentialsInvalid):
            call()
        assert len(floor.known()) == 1
        assert seen(floor, report).state is S.ACCEPTED

    # -- C5: no certain answer -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("trouble", NOTHING_DONE)
    def test_c50_a_submit_without_an_answer_is_in_doubt_although_nothing_was_done(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        request = OrderRequest(new_id(), buy())
        floor.trouble("submit", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.submit(request)
        assert floor.attempts("submit") == 1
        assert floor.adapter.order(OrderRef(client_order_id=request.client_order_id)) is None

    @pytest.mark.parametrize("trouble", DONE)
    def test_c51_a_submit_without_an_answer_that_was_done_is_one_order_and_can_be_found(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        request = OrderRequest(new_id(), buy())
        floor.rest()
        floor.trouble("submit", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.submit(request)
        assert floor.attempts("submit") == 1
        found = floor.adapter.order(OrderRef(client_order_id=request.client_order_id))
        assert found is not None
        assert floor.known() == {request.client_order_id: found.broker_order_id}

    @pytest.mark.parametrize("trouble", NOTHING_DONE)
    def test_c52_a_cancellation_without_an_answer_that_was_not_done(self, floor: Floor, trouble: Trouble) -> None:
        call, report = prepared(floor, "cancel")
        floor.trouble("cancel", trouble)

        with pytest.raises(OutcomeUnknown):
            call()
        assert floor.attempts("cancel") == 1
        assert seen(floor, report).state is S.ACCEPTED

    @pytest.mark.parametrize("trouble", [Trouble.NO_ANSWER_DONE, Trouble.HANGS_DONE, Trouble.GATEWAY_TIMEOUT_DONE])
    def test_c53_a_cancellation_without_an_answer_that_was_done(self, floor: Floor, trouble: Trouble) -> None:
        call, report = prepared(floor, "cancel")
        floor.trouble("cancel", trouble)

        with pytest.raises(OutcomeUnknown):
            call()
        assert floor.attempts("cancel") == 1
        assert seen(floor, report).state is S.CANCELLED

    @pytest.mark.parametrize("trouble", [*NOTHING_DONE, *DONE])
    def test_c54_a_replacement_without_an_answer_is_one_attempt_and_its_outcome_can_be_found(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        needs(floor, floor.adapter.capabilities.replaces)
        floor.rest()
        old, changes = submitted(floor, buy()), OrderChanges(new_id(), quantity=D(12))
        floor.trouble("replace", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.replace(ref_of(old), changes)
        assert floor.attempts("replace") == 1
        new = floor.adapter.order(OrderRef(client_order_id=changes.client_order_id))
        assert (new is None) == (trouble in NOTHING_DONE)
        assert seen(floor, old).state is (S.ACCEPTED if new is None else S.REPLACED)

    @pytest.mark.parametrize("verb", ["order", "orders", "fills", "positions", "account"])
    @pytest.mark.parametrize("trouble", NO_USE)
    def test_c55_a_question_without_a_usable_answer_can_be_asked_again(
        self, floor: Floor, verb: str, trouble: Trouble
    ) -> None:
        call, _ = prepared(floor, verb)
        floor.trouble(verb, trouble)

        with pytest.raises(TryLater):
            call()
        call()

    def test_c56_a_broker_that_does_not_listen_has_provably_taken_nothing(self, floor: Floor) -> None:
        away = floor.unreachable()

        for call in (
            lambda: away.submit(OrderRequest(new_id(), buy())),
            lambda: away.cancel(OrderRef(broker_order_id=str(uuid.uuid4()))),
            lambda: away.order(OrderRef(client_order_id=new_id())),
        ):
            with pytest.raises(TryLater):
                call()
        assert floor.known() == {}

    def test_c57_an_order_not_found_yet_is_found_when_it_is_asked_for_again(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy())
        ours = OrderRef(client_order_id=report.client_order_id)
        floor.trouble("order", Trouble.NOT_FOUND_YET)

        assert floor.adapter.order(ours) is None
        assert floor.adapter.order(ours) is not None

    # -- C6: long listings ---------------------------------------------------------------------------------------------

    def test_c60_twelve_hundred_orders_come_once_each(self, floor: Floor) -> None:
        floor.external_orders(MANY)
        reports = floor.adapter.orders()

        assert len(reports) == MANY
        assert {report.broker_order_id for report in reports} == set(floor.known().values())

    def test_c61_twelve_hundred_fills_come_once_each_and_in_order(self, floor: Floor) -> None:
        floor.external_fills(MANY)
        fills = floor.adapter.fills()

        assert len(fills) == len({fill.execution_id for fill in fills}) == MANY
        assert [fill.executed_at for fill in fills] == sorted(fill.executed_at for fill in fills)
        assert sum(fill.quantity for fill in fills) == MANY

    def test_c62_reading_on_from_any_cursor_misses_no_fill(self, floor: Floor) -> None:
        floor.external_fills(250)
        first = floor.adapter.fills()
        floor.external_fills(5)
        for stop in (0, 99, 100, 249):
            rest = floor.adapter.fills(cursor=first[stop].cursor)
            known = {fill.execution_id for fill in first[: stop + 1]} | {fill.execution_id for fill in rest}
            assert len(known) == 255

    def test_c63_fills_and_orders_since_a_time_leave_out_what_is_older(self, floor: Floor) -> None:
        done = submitted(floor, buy(limit=None))
        later = datetime.now(UTC) + timedelta(hours=1)
        earlier = datetime.now(UTC) - timedelta(hours=1)

        assert floor.adapter.orders() == []
        assert floor.adapter.fills(since=later) == []
        assert [fill.broker_order_id for fill in floor.adapter.fills(since=earlier)] == [done.broker_order_id]
        assert [report.broker_order_id for report in floor.adapter.orders(since=earlier)] == [done.broker_order_id]
        assert floor.adapter.orders(since=later) == []

    def test_c64_an_open_order_is_listed_however_old_it_is_and_once(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy())
        for since in (None, datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)):
            assert [found.broker_order_id for found in floor.adapter.orders(since)] == [report.broker_order_id]

    # -- C7: the account -----------------------------------------------------------------------------------------------

    def test_c70_positions_are_signed_and_gone_when_flat(self, floor: Floor) -> None:
        submitted(floor, buy("10", limit=None))
        (held,) = floor.adapter.positions()
        submitted(floor, OrderTerms(SYMBOL, Side.SELL, OrderType.MARKET, D(10)))

        assert (held.symbol, held.asset_class, held.quantity) == (SYMBOL, AssetClass.STOCK, D(10))
        assert held.market_price is not None
        assert floor.adapter.positions() == []

    def test_c71_money_that_comes_and_goes_is_signed_and_named(self, floor: Floor) -> None:
        before = {report.activity_id for report in floor.adapter.cash_movements(datetime.now(UTC).date())}
        floor.deposit(D("250.75"))
        floor.deposit(D(-100))
        reports = floor.adapter.cash_movements(datetime.now(UTC).date() - timedelta(days=1))
        new = {report.kind: report.amount for report in reports if report.activity_id not in before}

        assert new == {"deposit": D("250.75"), "withdrawal": D(-100)}

    # -- C8: the market ------------------------------------------------------------------------------------------------

    def test_c80_a_quote_has_two_sides_and_its_own_time(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.quotes)
        report = floor.adapter.quote(SYMBOL)

        assert (report.symbol, report.bid, report.ask, report.mid) == (SYMBOL, D("99.99"), D("100.01"), D(100))
        assert abs(datetime.now(UTC) - report.at) < timedelta(minutes=5)

    def test_c81_many_quotes_come_in_one_answer_without_those_that_are_not_there(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.quotes)
        floor.show("BAC", D("50.25"), D("50.26"))
        reports = floor.adapter.quotes([SYMBOL, "BAC"])

        assert {symbol: report.bid for symbol, report in reports.items()} == {SYMBOL: D("99.99"), "BAC": D("50.25")}
        assert floor.adapter.quotes([]) == {}

    @pytest.mark.parametrize(("bid", "ask"), [("0", "100.01"), ("99.99", "0"), ("100.02", "100.01")])
    def test_c82_a_quote_without_a_side_or_crossed_is_none(self, floor: Floor, bid: str, ask: str) -> None:
        needs(floor, floor.adapter.capabilities.quotes)
        floor.show("IBM", D(bid), D(ask))

        assert "IBM" not in floor.adapter.quotes(["IBM", SYMBOL])
        with pytest.raises(NoMarketData):
            floor.adapter.quote("IBM")

    def test_c83_what_the_market_does_not_offer_is_refused_in_words(self, floor: Floor) -> None:
        now = datetime.now(UTC)
        for call in (
            lambda: floor.adapter.bars(SYMBOL, "7Min", now - timedelta(days=1), now),
            *([] if floor.adapter.capabilities.quotes else [lambda: floor.adapter.quote(SYMBOL)]),
        ):
            with pytest.raises(BrokerError) as refusal:
                call()
            assert refusal.value.sentence.endswith(".")

    def test_c84_the_clock_is_in_utc_and_knows_its_next_turns(self, floor: Floor) -> None:
        clock = floor.adapter.clock()

        assert clock.is_open is True
        assert clock.now.utcoffset() == timedelta(0)
        assert clock.next_open > clock.now
        assert clock.next_close > clock.now


# --- how ------------------------------------------------------------------------------------------------------------


def needs(floor: Floor, capability: bool) -> None:  # noqa: FBT001 - read as a sentence
    if not capability:
        pytest.skip(f"{type(floor.adapter).__name__} says it cannot")


def submitted(floor: Floor, terms: OrderTerms) -> OrderReport:
    """Submit; the answer is about our order and the broker has it."""
    request = OrderRequest(new_id(), terms)
    report = floor.adapter.submit(request)
    assert report.client_order_id == request.client_order_id
    assert report.broker_order_id != ""
    return report


def seen(floor: Floor, report: OrderReport) -> OrderReport:
    """The order as the broker reports it now, found by either id."""
    by_theirs = floor.adapter.order(OrderRef(broker_order_id=report.broker_order_id))
    by_ours = floor.adapter.order(OrderRef(client_order_id=report.client_order_id))
    assert by_theirs is not None
    assert by_theirs == by_ours
    return by_theirs


def ref_of(report: OrderReport) -> OrderRef:
    return OrderRef(report.broker_order_id, report.client_order_id)


def oco() -> OrderTerms:
    return OrderTerms(
        symbol=SYMBOL,
        side=Side.SELL,
        type=OrderType.LIMIT,
        quantity=D(10),
        time_in_force=TimeInForce.GTC,
        stop_loss=StopLoss(D(80)),
        take_profit=TakeProfit(D(130)),
        order_class=OrderClass.OCO,
    )


def prices_of(report: OrderReport) -> set[tuple[OrderType | None, D | None, D | None]]:
    return {(leg.type, leg.limit_price, leg.stop_price) for leg in report.legs}


def expected_prices(terms: OrderTerms) -> set[tuple[OrderType | None, D | None, D | None]]:
    found: set[tuple[OrderType | None, D | None, D | None]] = set()
    if terms.take_profit:
        found.add((OrderType.LIMIT, terms.take_profit.limit_price, None))
    if terms.stop_loss:
        kind = OrderType.STOP_LIMIT if terms.stop_loss.limit_price else OrderType.STOP
        found.add((kind, terms.stop_loss.limit_price, terms.stop_loss.stop_price))
    return found


def prepared(floor: Floor, verb: str) -> tuple[Callable[[], object], OrderReport]:
    """One working order, and a call of this verb that would succeed."""
    floor.rest()
    report = submitted(floor, buy())
    adapter = floor.adapter
    calls: dict[str, Callable[[], object]] = {
        "submit": lambda: adapter.submit(OrderRequest(new_id(), buy())),
        "cancel": lambda: adapter.cancel(ref_of(report)),
        "replace": lambda: adapter.replace(ref_of(report), OrderChanges(new_id(), quantity=D(12))),
        "order": lambda: adapter.order(OrderRef(client_order_id=report.client_order_id)),
        "orders": adapter.orders,
        "fills": adapter.fills,
        "positions": adapter.positions,
        "account": adapter.account,
    }
    return calls[verb], report
