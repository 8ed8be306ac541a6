"""The synthetic market: the same everywhere, without a beginning, and shaped like a market."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest

from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.sessions import AlwaysOpen, NewYork
from brokers.simulator.engine.synthetic import SyntheticMarket
from brokers.simulator.engine.types import ActivityQuery, Bar, OrderQuery, Print, Quote
from tests.brokers.simulator.engine.conftest import draft

FRIDAY = NewYork().on(date(2026, 11, 20))
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def market():
    return SyntheticMarket("seed")


def _items(market, start, end, kind, symbol="SPY"):
    return [tick.item for tick in market.ticks(symbol, start, end) if isinstance(tick.item, kind)]


def test_the_same_seed_gives_the_same_prices_and_another_seed_others(market):
    window = (FRIDAY.open, FRIDAY.open + 2 * MINUTE)
    assert list(SyntheticMarket("seed").ticks("SPY", *window)) == list(market.ticks("SPY", *window))
    assert list(SyntheticMarket("other").ticks("SPY", *window)) != list(market.ticks("SPY", *window))


def test_prices_are_known_for_ever():
    """A change of these is a change of every demo and of every recorded state."""
    quote = SyntheticMarket("seed").quote_at("SPY", FRIDAY.open + timedelta(hours=1))
    assert quote == Quote("SPY", quote.at, *KNOWN)


KNOWN = (D("624.31"), D(2300), D("624.33"), D(1400))


def test_any_day_is_answered_without_the_days_before():
    far = SyntheticMarket("seed")
    assert far.days("KO", date(2009, 6, 1), date(2009, 6, 5))[0].symbol == "KO"
    near = SyntheticMarket("seed")
    near.days("KO", date(2009, 1, 1), date(2009, 6, 5))
    assert near.days("KO", date(2009, 6, 1), date(2009, 6, 5)) == far.days("KO", date(2009, 6, 1), date(2009, 6, 5))


@pytest.mark.parametrize("pace", [1, 5, 15])
def test_bars_are_made_of_exactly_the_trades_that_were_shown(pace):
    market = SyntheticMarket("seed", ["SPY"], pace=pace)
    start, end = FRIDAY.open - 5 * MINUTE, FRIDAY.open + 10 * MINUTE
    shown = _items(market, start, end, Print)
    bars = market.minutes("SPY", start, end)
    assert len(bars) == 15
    for bar in bars:
        trades = [trade for trade in shown if bar.at <= trade.at < bar.at + MINUTE]
        prices = [trade.price for trade in trades]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
        assert (sum(trade.size for trade in trades), len(trades)) == (bar.volume, bar.trade_count)
    assert _items(market, start, end, Bar) == bars


def test_the_day_is_the_sum_of_its_minutes(market):
    (day,) = market.days("SPY", FRIDAY.day, FRIDAY.day)
    minutes = market.minutes("SPY", FRIDAY.open, FRIDAY.close)
    assert len(minutes) == 390
    assert (day.open, day.close) == (minutes[0].open, minutes[-1].close)
    assert (day.high, day.low) == (max(bar.high for bar in minutes), min(bar.low for bar in minutes))
    assert day.volume == sum(bar.volume for bar in minutes)
    assert market.opening("SPY", FRIDAY) == day.open
    assert market.closing("SPY", FRIDAY) == day.close


@pytest.mark.parametrize("symbol", ["SPY", "F", "UVXY", "BRK.A"])
def test_every_quote_has_two_sides_in_order_around_the_trade(market, symbol):
    for start in (FRIDAY.pre, FRIDAY.open, FRIDAY.close):
        ticks = [tick.item for tick in market.ticks(symbol, start, start + 3 * MINUTE)]
        trades = [item for item in ticks if isinstance(item, Print)]
        quotes = [item for item in ticks if isinstance(item, Quote)]
        assert len(trades) == len(quotes) > 0
        for trade, quote in zip(trades, quotes, strict=True):
            assert D(0) < quote.bid < quote.ask
            assert trade.price in {quote.bid, quote.ask}
            assert quote.bid_size >= 100 <= quote.ask_size
            assert (quote.bid, quote.ask) == (quote.bid.quantize(D("0.01")), quote.ask.quantize(D("0.01")))


def test_a_session_opens_with_a_gap_moves_most_at_the_edges_and_spreads_most_outside(market):
    days = market.days("SPY", date(2026, 1, 2), date(2026, 11, 20))
    gaps = sum(today.open != before.close for before, today in pairwise(days))
    assert gaps > 0.9 * (len(days) - 1)
    reach = {"open": D(0), "noon": D(0), "close": D(0)}
    session = NewYork().on(date(2026, 9, 1))
    for _ in range(20):
        for name, offset in (("open", 0), ("noon", 180), ("close", 360)):
            start = session.open + offset * MINUTE
            reach[name] += sum(bar.high - bar.low for bar in market.minutes("SPY", start, start + 30 * MINUTE))
        session = NewYork().after(session.day)
    assert reach["open"] > reach["close"] > reach["noon"]

    def spread(start):
        quotes = _items(market, start, start + 10 * MINUTE, Quote)
        return sum(quote.ask - quote.bid for quote in quotes) / len(quotes)

    assert spread(FRIDAY.pre) > spread(FRIDAY.open + timedelta(hours=2))


def test_days_move_as_much_as_the_symbol_s_character_says(market):
    days = market.days("SPY", date(2025, 1, 2), date(2026, 11, 20))
    moves = [(today.close / before.close - 1) for before, today in pairwise(days)]
    deviation = (sum(move * move for move in moves) / len(moves)).sqrt()
    assert D("0.0070") < deviation < D("0.0100")


def test_at_night_the_last_quote_stands(market):
    sunday = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    quote = market.quote_at("SPY", sunday)
    assert FRIDAY.post - MINUTE < quote.at < FRIDAY.post
    assert market.trade_at("SPY", sunday).at == quote.at
    assert list(market.ticks("SPY", FRIDAY.post, sunday)) == []


def test_a_market_that_never_shuts_moves_on_a_sunday_night():
    market = SyntheticMarket("seed", ["SPY"], sessions=AlwaysOpen())
    sunday = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert sunday - timedelta(seconds=1) <= market.quote_at("SPY", sunday).at <= sunday
    # and goes through midnight in New York without a gap
    midnight = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    before, after = market.trade_at("SPY", midnight), next(iter(_items(market, midnight, midnight + MINUTE, Print)))
    assert before.price == after.price


def test_live_continues_history_seamlessly(market):
    exchange = Exchange(market, now=FRIDAY.open + timedelta(hours=1))
    exchange.watch(["SPY"])
    live = [event for event in exchange.advance(exchange.now + 3 * MINUTE) if isinstance(event, Bar)]
    history = exchange.bars("SPY", "1Min", FRIDAY.open, exchange.now)
    assert history[-3:] == live
    assert len(history) == 63
    assert exchange.latest_bar("SPY") == history[-1]


@pytest.mark.parametrize("symbol", ["SPY", "UVXY"])
def test_leaving_out_quiet_minutes_changes_nothing(symbol):
    """A symbol that is watched shows every tick, one that only has orders just those that may matter."""

    def play(watched, stops):
        market = SyntheticMarket("seed", [symbol], pace=15)
        exchange = Exchange(market, now=FRIDAY.open + timedelta(hours=1))
        me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
        exchange.watch(watched)
        price = exchange.latest_quote(symbol).mid
        near = {side: str((price * D(factor)).quantize(D("0.01"))) for side, factor in EXITS.items()}
        for _ in range(2):
            exchange.submit(me, draft("buy", "10", symbol, order_class="bracket", tif="gtc", **near))
        exchange.submit(me, draft("buy", "10", symbol, limit_price=near["stop"], extended_hours=True))
        exchange.submit(me, draft("buy", "10", symbol, limit_price=near["stop"], tif="gtc"))
        exchange.submit(me, draft("buy", "10", symbol))
        exchange.submit(me, draft("sell", "10", symbol, type="trailing_stop", trail_percent="0.7", tif="gtc"))
        exchange.submit(me, draft("buy", "10", symbol, type="stop", stop_price=near["target"], tif="gtc"))
        for stop in stops:
            exchange.advance(stop)
        return exchange.activities(me, ActivityQuery()), exchange.orders(me, OrderQuery(status="all"))

    end = FRIDAY.close + timedelta(days=4)
    lines, orders = play([symbol], [end])
    assert play([], [end]) == (lines, orders)
    assert play([], [FRIDAY.open + timedelta(minutes=61, seconds=13), FRIDAY.close, end]) == (lines, orders)
    assert len(lines) > 3


EXITS = {"target": "1.006", "stop": "0.994"}


def test_a_split_divides_the_price_from_its_moment_on(market):
    market = SyntheticMarket("seed", ["SPY"])
    exchange = Exchange(market, now=FRIDAY.open + timedelta(minutes=10, seconds=30))
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    exchange.submit(me, draft("buy", "10"))
    exchange.advance(exchange.now + timedelta(seconds=5))
    before = exchange.latest_quote("SPY").mid
    exchange.split("SPY", D(4))
    exchange.advance(exchange.now + timedelta(seconds=2))
    assert exchange.position(me, "SPY").qty == D(40)
    assert abs(exchange.latest_quote("SPY").mid * 4 / before - 1) < D("0.01")
    (bar,) = market.minutes("SPY", FRIDAY.open + 10 * MINUTE, FRIDAY.open + 11 * MINUTE)
    trades = _items(market, bar.at, bar.at + MINUTE, Print)
    assert (bar.high, bar.low) == (max(t.price for t in trades), min(t.price for t in trades))
    assert market.closing("SPY", NewYork().on(date(2026, 11, 19))) > 3 * market.closing("SPY", FRIDAY)


def test_a_symbol_the_market_does_not_have_shows_nothing():
    market = SyntheticMarket("seed", ["SPY"])
    end = FRIDAY.open + MINUTE
    assert list(market.ticks("KO", FRIDAY.open, end)) == market.minutes("KO", FRIDAY.open, end) == []
    assert market.days("KO", FRIDAY.day, FRIDAY.day) == []
    assert market.quote_at("KO", end) is market.trade_at("KO", end) is None
    assert market.opening("KO", FRIDAY) is market.closing("KO", FRIDAY) is None


@pytest.mark.parametrize("factor", [D(0), D("-0.5")])
def test_a_price_does_not_move_to_nothing(market, factor):
    with pytest.raises(ValueError, match="above zero"):
        Exchange(market, now=FRIDAY.open).move("SPY", factor)


def test_an_exchange_that_was_put_away_knows_its_splits_on_a_fresh_market():
    begin = FRIDAY.open + timedelta(hours=1)
    exchange = Exchange(SyntheticMarket("seed", ["SPY"]), now=begin)
    exchange.split("SPY", D(4))
    exchange.move("SPY", D("1.1"))
    state = exchange.dump()
    again = Exchange.load(state, SyntheticMarket("seed", ["SPY"]))
    for each in (exchange, again):
        each.advance(begin + MINUTE)
    assert again.latest_quote("SPY") == exchange.latest_quote("SPY")
    assert again.dump() == exchange.dump()


def test_news_can_move_a_price():
    market = SyntheticMarket("seed", ["SPY"])
    exchange = Exchange(market, now=FRIDAY.open + timedelta(hours=1))
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    exchange.submit(me, draft("buy", "10"))
    exchange.advance(exchange.now + timedelta(seconds=5))
    before = exchange.latest_quote("SPY").mid
    exchange.move("SPY", D("0.9"))
    exchange.advance(exchange.now + timedelta(seconds=2))
    assert exchange.position(me, "SPY").qty == D(10)
    assert abs(exchange.latest_quote("SPY").mid / before - D("0.9")) < D("0.005")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"symbols": ["NOPE"]}, "no character is known for NOPE"), ({"pace": 7}, "pace must be 1 to 15 seconds")],
)
def test_a_market_that_cannot_be_is_refused_in_a_sentence(fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        SyntheticMarket("seed", **fields)
