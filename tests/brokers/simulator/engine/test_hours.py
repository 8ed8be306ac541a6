"""The day: waiting for the open, auctions, extended hours, the close, and orders that grow old."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.recorded import RecordedMarket
from brokers.simulator.engine.sessions import AlwaysOpen
from brokers.simulator.engine.types import Bar, Rejection
from tests.brokers.simulator.engine.conftest import CLOSE, OPEN, Floor, draft, quote

NIGHT = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)  # five in the morning in New York: extended hours
EVENING = datetime(2026, 3, 5, 0, 30, tzinfo=UTC)  # half past seven


@pytest.fixture
def early():
    """Five in the morning, a quote of the extended hours."""
    floor = Floor(NIGHT)
    floor.show("100.00", "100.02")
    return floor


@pytest.mark.parametrize("fields", [{}, {"limit_price": "101"}, {"type": "stop", "stop_price": "100", "tif": "gtc"}])
def test_an_order_waits_for_the_open_and_trades_on_the_first_quote_after_it(early, fields):
    answer = early.exchange.submit(early.me, draft("buy", "10", **fields))
    assert answer.status == "accepted"
    assert early.news()[-1][0] == "accepted"
    early.until(OPEN - timedelta(seconds=1))
    assert early.show("100.00", "100.04") == [("new", f"buy {answer.type}")]
    assert early.show("100.05", "100.07")[-1] == ("fill", f"buy {answer.type}", D(10), D("100.07"))


def test_a_waiting_order_can_be_cancelled_but_not_replaced(early):
    order = early.submit("buy", "10", limit_price="99")
    with pytest.raises(Rejection, match="cannot replace order in accepted status"):
        early.exchange.replace(early.me, order.id, _changes(limit_price=D(98)))
    early.exchange.cancel(early.me, order.id)
    assert early.order(order).status == "canceled"


def test_an_order_for_extended_hours_trades_at_once_and_until_eight(early):
    order = early.submit("buy", "10", limit_price="100.10", extended_hours=True)
    assert order.filled_avg_price == D("100.02")
    resting = early.submit("buy", "10", limit_price="99.00", extended_hours=True)
    early.until(CLOSE + timedelta(hours=1))
    assert early.order(resting).status == "new"
    early.until(CLOSE + timedelta(hours=4))
    assert early.order(resting).status == "expired"
    assert early.order(resting).expired_at == CLOSE + timedelta(hours=4)


def test_an_order_for_regular_hours_does_not_trade_after_them(floor):
    order = floor.submit("buy", "10", limit_price="99.00", tif="gtc")
    floor.until(CLOSE)
    assert floor.show("98.00", "98.02") == []
    floor.until(OPEN + timedelta(days=1))
    assert floor.order(order).status == "new"
    assert floor.show("98.00", "98.02")[0][0] == "fill"


def test_a_day_order_expires_at_the_close_after_the_last_quote(floor):
    order = floor.submit("buy", "10", limit_price="99.00")
    assert order.expires_at == CLOSE
    late = floor.submit("buy", "10", limit_price="98.00")
    floor.until(CLOSE - timedelta(seconds=1))
    # a quote at the very close still counts
    assert floor.show("98.98", "99.00")[:1] == [("fill", "buy limit", D(10), D("99.00"))]
    assert floor.order(late).status == "expired"


def test_a_day_order_sent_after_the_close_is_for_the_next_session(floor):
    floor.until(CLOSE + timedelta(hours=1))
    order = floor.submit("buy", "10")
    assert (order.status, order.expires_at) == ("accepted", CLOSE + timedelta(days=1))


@pytest.mark.parametrize(
    "night", [datetime(2026, 3, 4, 6, 0, tzinfo=UTC), datetime(2026, 3, 4, 2, 0, tzinfo=UTC), datetime(2026, 3, 1, 18, 0, tzinfo=UTC)],
    ids=["after midnight", "late in the evening", "on a Sunday"],
)  # fmt: skip
def test_an_order_of_the_night_for_extended_hours_waits_for_four_o_clock(night):
    floor = Floor(night)
    floor.show("100.00", "100.02")
    order = floor.submit("buy", "10", limit_price="100.10", extended_hours=True)
    assert order.status == "accepted"
    four = floor.exchange.calendar(night.date(), date(2026, 3, 5))[0].pre
    if four < night:
        four += timedelta(days=1)
    assert order.expires_at == four + timedelta(hours=16)
    floor.until(four)
    assert floor.order(order).status == "new"
    assert floor.show("100.00", "100.03") == [("fill", "buy limit", D(10), D("100.03"))]


def test_buying_power_at_night_is_counted_at_the_last_trade():
    floor = Floor(datetime(2026, 3, 4, 20, 59, 50, tzinfo=UTC), cash="1000")
    floor.prints("50.00")
    floor.show("90.00", "90.02")
    floor.until(CLOSE + timedelta(hours=6))
    assert floor.submit("buy", "20").status == "accepted"
    assert floor.refused("buy", "1")[2] == "insufficient buying power"


def test_a_halted_symbol_has_no_auction(early):
    _day_bar(early, OPEN, "101.00", "103.00")
    order = early.submit("buy", "500", tif="opg")
    early.exchange.halt("SPY")
    early.until(OPEN)
    assert early.order(order).status == "canceled"


def test_a_half_day_ends_at_one(floor):
    floor = Floor(datetime(2026, 11, 27, 16, 0, tzinfo=UTC))  # the day after Thanksgiving
    floor.show("100.00", "100.02")
    assert floor.submit("buy", "1", limit_price="99").expires_at == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert floor.exchange.clock().next_close == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


def test_an_order_until_cancelled_ends_after_90_days(floor):
    order = floor.submit("buy", "10", limit_price="50.00", tif="gtc")
    # 2 June, 16:15 in New York, in summer time
    assert order.expires_at == datetime(2026, 6, 2, 20, 15, tzinfo=UTC)
    floor.until(datetime(2026, 6, 2, 20, 14, tzinfo=UTC))
    assert floor.order(order).status == "new"
    assert floor.until(datetime(2026, 6, 2, 20, 15, tzinfo=UTC)) == [("canceled", "buy limit")]


def _day_bar(floor, session_open, price_open, price_close):
    """The session's first and last minute."""
    minute = timedelta(minutes=1)
    for at, price in ((session_open, price_open), (CLOSE - minute, price_close)):
        floor.market.add(Bar("SPY", at, 60, *[D(price)] * 4, D(1000), 1, D(price)))


def test_the_opening_auction_fills_its_orders_whole_at_its_price(early):
    _day_bar(early, OPEN, "101.00", "103.00")
    market = early.submit("buy", "500", tif="opg")
    fair = early.submit("buy", "500", limit_price="101.00", tif="opg")
    low = early.submit("buy", "500", limit_price="100.99", tif="opg")
    early.until(OPEN)
    assert [str(early.order(each).status) for each in (market, fair, low)] == ["filled", "filled", "canceled"]
    assert early.order(fair).filled_avg_price == D("101.00")
    assert early.order(fair).filled_at == OPEN


def test_the_closing_auction_fills_its_orders_whole_at_its_price(floor):
    _day_bar(floor, OPEN + timedelta(hours=2), "101.00", "103.00")
    market = floor.submit("buy", "500", tif="cls")
    low = floor.submit("buy", "500", limit_price="102.00", tif="cls")
    assert floor.order(market).status == "new"
    floor.until(CLOSE)
    assert [str(floor.order(each).status) for each in (market, low)] == ["filled", "canceled"]
    assert (floor.order(market).filled_avg_price, floor.order(market).filled_at) == (D("103.00"), CLOSE)


@pytest.mark.parametrize(
    ("tif", "at", "is_taken"),
    [
        ("opg", OPEN - timedelta(minutes=2, seconds=1), True),
        ("opg", OPEN - timedelta(minutes=2), False),
        ("opg", EVENING - timedelta(minutes=31), False),
        ("opg", EVENING, True),
        ("cls", CLOSE - timedelta(minutes=10, seconds=1), True),
        ("cls", CLOSE - timedelta(minutes=10), False),
        ("cls", EVENING, True),
    ],
)
def test_the_auctions_have_their_hours(early, tif, at, is_taken):
    early.until(at)
    if is_taken:
        assert early.submit("buy", "1", tif=tif).status in {"accepted", "new"}
    else:
        assert early.refused("buy", "1", tif=tif)[:2] == (422, 42210000)


def test_an_auction_order_of_the_evening_waits_for_the_next_day(floor):
    floor.until(EVENING)
    order = floor.submit("buy", "10", tif="cls")
    floor.until(OPEN + timedelta(days=1))
    assert floor.order(order).status == "new"
    floor.until(CLOSE + timedelta(days=1))
    assert floor.order(order).status == "canceled"  # there was no price


def test_the_clock_and_the_calendar_are_the_exchange_s():
    floor = Floor(datetime(2026, 11, 25, 22, 0, tzinfo=UTC))
    clock = floor.exchange.clock()
    assert not clock.is_open
    assert clock.next_open == datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    assert clock.next_close == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    days = floor.exchange.calendar(date(2026, 11, 25), date(2026, 11, 30))
    assert [session.day.day for session in days] == [25, 27, 30]
    floor.until(datetime(2026, 11, 27, 14, 30, tzinfo=UTC))
    assert floor.exchange.clock().is_open


def test_a_market_that_never_shuts_trades_at_night_and_expires_at_midnight():
    market = RecordedMarket(sessions=AlwaysOpen())
    sunday = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    exchange = Exchange(market, now=sunday, sessions=AlwaysOpen())
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(1000)).id
    market.add(quote("SPY", sunday + timedelta(seconds=1), "10.00", "10.01"))
    exchange.advance(sunday + timedelta(seconds=1))
    assert exchange.clock().is_open
    filled = exchange.submit(me, draft("buy", "1"))
    assert exchange.order(me, filled.id).status == "filled"
    resting = exchange.submit(me, draft("buy", "1", limit_price="9"))
    lasting = exchange.submit(me, draft("buy", "1", limit_price="9", tif="gtc"))
    midnight = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    exchange.advance(midnight)
    assert exchange.order(me, resting.id).status == "expired"
    assert exchange.clock().is_open
    market.add(quote("SPY", midnight + timedelta(seconds=1), "8.99", "9.00"))
    exchange.advance(midnight + timedelta(seconds=1))
    assert exchange.order(me, lasting.id).status == "filled"


def _changes(**fields):
    from brokers.simulator.engine.types import OrderChanges

    return OrderChanges(**fields)
