"""Cards of long listings, of holdings and money, and of the market."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from brokers.errors import (
    BrokerError,
    NoMarketData,
)
from tests.brokers.contract.floor import MANY, SYMBOL, Floor
from tests.brokers.contract.made_of import (
    buy,
    needs,
    submitted,
)
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderTerms, OrderType


class ListingCards:
    """C6 to C8."""

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
