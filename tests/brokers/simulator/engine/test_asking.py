"""Pages of orders and activities, market data, and the sockets' events."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from brokers.simulator.engine.clock import ClockRate
from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.synthetic import SyntheticMarket
from brokers.simulator.engine.types import ActivityQuery, Bar, OrderQuery, Print, Quote, Side
from tests.brokers.simulator.engine.conftest import MORNING, SECOND, quote


@pytest.fixture
def busy(floor):
    """Five resting orders, a second apart, one of them cancelled; the third is for IBM."""
    floor.show("180.00", "180.02", symbol="IBM")
    for number in range(5):
        floor.until(floor.exchange.now + SECOND)
        floor.submit(
            "buy", "1", "IBM" if number == 2 else "SPY", limit_price=f"9{number}.00", client_order_id=str(number)
        )
    floor.exchange.cancel(floor.me, floor.exchange.order_by_client_id(floor.me, "4").id)
    return floor


def _ids(floor, **query):
    return [order.client_order_id for order in floor.exchange.orders(floor.me, OrderQuery(**query))]


def test_orders_are_listed_open_ones_first_latest_first(busy):
    assert _ids(busy) == ["3", "2", "1", "0"]
    assert _ids(busy, status="closed") == ["4"]
    assert _ids(busy, status="all", direction="asc", limit=2) == ["0", "1"]
    assert _ids(busy, symbols=frozenset({"IBM"})) == ["2"]
    assert _ids(busy, side=Side.SELL) == []


def test_orders_are_paged_by_time_and_by_order(busy):
    second = busy.exchange.order_by_client_id(busy.me, "2")
    assert _ids(busy, after=second.submitted_at) == ["3"]
    assert _ids(busy, until=second.submitted_at) == ["1", "0"]
    assert _ids(busy, status="all", after_order_id=second.id, direction="asc") == ["3", "4"]
    assert _ids(busy, before_order_id=second.id) == ["1", "0"]


def test_the_statement_is_paged_without_missing_or_doubling_a_line(floor):
    for _ in range(12):
        floor.submit("buy", "1")
        floor.until(floor.exchange.now + SECOND)
    seen, token = [], None
    while page := floor.exchange.activities(
        floor.me, ActivityQuery(types=frozenset({"FILL"}), page_size=5, page_token=token, direction="asc")
    ):
        seen += page
        token = page[-1].id
        floor.submit("buy", "1") if len(seen) == 5 else None
    assert len(seen) == 13
    assert len({line.id for line in seen}) == 13
    assert [line.at for line in seen] == sorted(line.at for line in seen)


def test_the_statement_is_asked_by_time_and_by_day(floor):
    floor.submit("buy", "1")
    at = floor.exchange.now
    query = {"types": frozenset({"FILL"})}
    assert len(floor.exchange.activities(floor.me, ActivityQuery(**query, after=at))) == 0
    assert len(floor.exchange.activities(floor.me, ActivityQuery(**query, after=at - SECOND, until=at + SECOND))) == 1
    assert len(floor.exchange.activities(floor.me, ActivityQuery(**query, day=date(2026, 3, 4)))) == 1
    assert len(floor.exchange.activities(floor.me, ActivityQuery(**query, day=date(2026, 3, 3)))) == 0
    # An id begins with its time to the millisecond.
    assert floor.lines("FILL")[0].id.startswith("20260304160001000::")


def test_only_what_is_watched_is_shown_live(floor):
    floor.exchange.watch(["SPY"])
    at = floor.exchange.now + SECOND
    bar = Bar("SPY", at - timedelta(seconds=60), 60, D(1), D(1), D(1), D(1), D(5), 1, D(1))
    shown = [Print("SPY", at, D("100.01"), D(100), 7), bar, quote("SPY", at, "100.00", "100.02")]
    for item in (quote("IBM", at, "180.00", "180.02"), *shown):
        floor.market.add(item)
    assert floor.exchange.advance(at) == shown
    assert floor.exchange.latest_quote("IBM").bid == D("180.00")
    floor.exchange.watch([])
    floor.market.add(quote("SPY", at + SECOND, "100.00", "100.02"))
    assert floor.exchange.advance(at + SECOND) == []


def test_history_never_shows_the_future(floor):
    for second in range(1, 6):
        floor.market.add(quote("SPY", floor.exchange.now + second * SECOND, "100.00", "100.02"))
    begin = floor.exchange.now
    floor.until(begin + 2 * SECOND)
    shown = list(floor.exchange.quotes("SPY", begin, begin + 10 * SECOND))
    assert [item.at for item in shown] == [begin, begin + SECOND, begin + 2 * SECOND]
    assert all(isinstance(item, Quote) for item in shown)
    assert list(floor.exchange.trades("SPY", begin, begin + 10 * SECOND)) == []


def test_a_symbol_without_prices_has_none(floor):
    assert floor.exchange.latest_quote("MSFT") is None
    assert floor.exchange.latest_trade("MSFT") is None
    assert floor.exchange.latest_bar("MSFT") is None
    assert floor.exchange.bars("MSFT", "1Day", MORNING, MORNING) == []


@pytest.mark.parametrize("timeframe", ["0Min", "60Min", "1Fortnight", "Day", "-1Min", "24Hour", "2Day"])
def test_a_timeframe_that_does_not_exist_is_refused(floor, timeframe):
    with pytest.raises(ValueError, match="invalid timeframe"):
        floor.exchange.bars("SPY", timeframe, MORNING, MORNING)


def test_longer_bars_are_gathered_on_new_york_s_clock(floor):
    start = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
    for minute in range(90):
        price = D(100 + minute)
        at = start + timedelta(minutes=minute)
        floor.market.add(Bar("IBM", at, 60, price, price + 1, price - 1, price, D(10), 1, price))
    quarter = floor.exchange.bars("IBM", "15Min", start, start + timedelta(minutes=15))
    assert [(bar.at, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap) for bar in quarter] == [
        (start, D(100), D(115), D(99), D(114), D(150), D(107)),
        (start + timedelta(minutes=15), D(115), D(130), D(114), D(129), D(150), D(122)),
    ]
    hour = floor.exchange.bars("IBM", "1Hour", start - timedelta(minutes=30), MORNING)
    assert [(bar.at.hour, bar.volume) for bar in hour] == [(14, D(300)), (15, D(600))]
    (day,) = floor.exchange.bars("IBM", "1Day", datetime(2026, 3, 4, tzinfo=UTC), MORNING)
    # The day begins at midnight in New York.
    assert (day.at, day.open, day.close) == (datetime(2026, 3, 4, 5, 0, tzinfo=UTC), D(100), D(189))


def test_days_are_gathered_into_weeks_and_months():
    market = SyntheticMarket("seed", ["SPY"])
    exchange = Exchange(market, now=datetime(2026, 3, 4, 16, 0, tzinfo=UTC))
    days = exchange.bars("SPY", "1Day", datetime(2026, 1, 1, tzinfo=UTC), exchange.now)
    weeks = exchange.bars("SPY", "1Week", datetime(2026, 2, 20, tzinfo=UTC), exchange.now)
    # weeks begin on Mondays: 23 February and 2 March, the last as far as it has come
    assert [bar.at for bar in weeks] == [datetime(2026, 2, 23, 5, tzinfo=UTC), datetime(2026, 3, 2, 5, tzinfo=UTC)]
    assert weeks[0].high == max(bar.high for bar in days if weeks[0].at <= bar.at < weeks[1].at)
    assert weeks[1].close == days[-1].close
    months = exchange.bars("SPY", "1Month", datetime(2026, 1, 1, 5, tzinfo=UTC), exchange.now)
    assert [bar.at.month for bar in months] == [1, 2, 3]
    assert months[0].volume == sum(bar.volume for bar in days if bar.at < datetime(2026, 2, 1, 5, tzinfo=UTC))
    (quarter,) = exchange.bars("SPY", "3Month", datetime(2026, 1, 1, 5, tzinfo=UTC), exchange.now)
    assert quarter.open == days[0].open


def test_a_tape_is_written_forwards(floor):
    with pytest.raises(ValueError, match="on the tape"):
        floor.market.add(quote("SPY", floor.exchange.now - SECOND, "1", "2"))


def test_assets_are_what_has_prices_and_what_is_delisted(floor):
    assert [asset.symbol for asset in floor.exchange.assets()] == ["SPY", "TWTR"]
    spy = floor.exchange.asset("SPY")
    assert floor.exchange.asset(spy.id) == spy
    floor.submit("buy", "1")
    assert floor.exchange.position(floor.me, spy.id).qty == D(1)
    floor.show("5.00", "5.01", symbol="NEWCO")
    assert floor.exchange.asset("NEWCO").fractionable


def test_a_clock_can_be_shifted_slowed_stepped_and_stopped():
    wall = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    clock = ClockRate(wall, MORNING)
    assert clock.at(wall + timedelta(seconds=90)) == MORNING + timedelta(seconds=90)
    fast = clock.with_speed(D("2.5"), wall + timedelta(seconds=10))
    assert fast.at(wall + timedelta(seconds=10)) == MORNING + timedelta(seconds=10)
    assert fast.at(wall + timedelta(seconds=30)) == MORNING + timedelta(seconds=60)
    still = fast.with_speed(D(0), wall + timedelta(seconds=30))
    assert still.at(wall + timedelta(days=3)) == MORNING + timedelta(seconds=60)
    assert still.stepped_to(MORNING, wall).at(wall + timedelta(days=3)) == MORNING
