"""A recorded week, replayed: fills are what anybody can work out from the CSV."""

import csv
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest

from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.recorded import ReplayMarket
from brokers.simulator.engine.sessions import NewYork
from brokers.simulator.engine.types import ActivityQuery, Quote, TradeUpdate
from tests.brokers.simulator.engine.conftest import draft

SHARED = Path(__file__).resolve().parents[5] / "shared" / "market-data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recorded market data")

START = datetime(2013, 10, 4, 12, 0, tzinfo=UTC)
END = datetime(2013, 10, 12, 0, 0, tzinfo=UTC)
# symbol, shares, target, stop
PLANS = [
    ("SPY", 60, "169.00", "166.50"),
    ("IBM", 10, "186.00", "183.00"),
    ("BAC", 700, "14.15", "13.80"),
    ("AIG", 50, "50.00", "48.60"),
]


@pytest.fixture(scope="module")
def market():
    NewYork().on(date(2013, 10, 4))
    return ReplayMarket(SHARED)


def _session_rows(symbol):
    """The rows of the regular sessions, as texts."""
    with (SHARED / "minute" / f"{symbol}.csv").open() as lines:
        for row in csv.DictReader(lines):
            clock = row["timestamp"][11:16]
            if "13:30" <= clock < "20:00" and row["bid"] and row["ask"] and D(row["bid"]) <= D(row["ask"]):
                yield row


def _by_hand(symbol, qty, target, stop):
    """What a bracket bought at the first open does, from the rows alone: (time, side, shares, price)."""
    fills, held, wanted = [], 0, qty
    for row in _session_rows(symbol):
        at = datetime.fromisoformat(row["timestamp"]) + timedelta(minutes=1)
        if wanted:
            part = min(wanted, int(row["ask_size"]))
            fills.append((at, "buy", D(part), D(row["ask"])))
            wanted, held = wanted - part, held + part
        if held and not wanted and (D(row["bid"]) >= D(target) or D(row["bid"]) <= D(stop)):
            assert int(row["bid_size"]) >= held
            fills.append((at, "sell", D(held), D(row["bid"])))
            return fills
    return fills


def test_a_week_of_brackets_fills_at_the_recorded_quotes_to_the_cent(market):
    exchange = Exchange(market, now=START)
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    for symbol, qty, target, stop in PLANS:
        exchange.submit(me, draft("buy", str(qty), symbol, order_class="bracket", target=target, stop=stop, tif="gtc"))
    exchange.advance(END)
    lines = exchange.activities(me, ActivityQuery(types=frozenset({"FILL"}), direction="asc"))
    expected_cash = D(100000)
    for symbol, qty, target, stop in PLANS:
        by_hand = _by_hand(symbol, qty, target, stop)
        assert [(x.at, str(x.side), x.qty, x.price) for x in lines if x.symbol == symbol] == by_hand
        expected_cash += sum(part * price * (1 if side == "sell" else -1) for _, side, part, price in by_hand)
    assert len({line.symbol for line in lines}) == 4
    fees = exchange.activities(me, ActivityQuery(types=frozenset({"FEE"})))
    assert exchange.account_report(me).cash == expected_cash + sum(fee.net_amount for fee in fees)


def test_a_recorded_minute_counts_at_its_end(market):
    exchange = Exchange(market, now=datetime(2013, 10, 4, 13, 30, 59, tzinfo=UTC))
    # 13:29: 167.75/167.77, 13:30: 167.76 × 5200 / 167.77 × 2500
    assert exchange.latest_quote("SPY") == Quote(
        "SPY", datetime(2013, 10, 4, 13, 30, tzinfo=UTC), D("167.75"), D(700), D("167.77"), D(6600)
    )
    exchange.advance(datetime(2013, 10, 4, 13, 31, tzinfo=UTC))
    assert exchange.latest_quote("SPY").bid == D("167.76")
    assert exchange.latest_trade("SPY").price == D("167.77")
    assert exchange.latest_bar("SPY").volume == D(633958)


def test_between_the_open_and_the_first_quote_nothing_trades(market):
    exchange = Exchange(market, now=datetime(2013, 10, 4, 13, 30, 20, tzinfo=UTC))
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    order = exchange.submit(me, draft("buy", "10"))
    assert exchange.order(me, order.id).status == "new"
    exchange.advance(datetime(2013, 10, 4, 13, 31, tzinfo=UTC))
    assert exchange.order(me, order.id).filled_avg_price == D("167.77")


def test_the_auctions_are_the_session_s_first_and_last_trade(market):
    exchange = Exchange(market, now=START)
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    opening = exchange.submit(me, draft("buy", "10", tif="opg"))
    closing = exchange.submit(me, draft("buy", "10", "IBM", tif="cls"))
    exchange.advance(datetime(2013, 10, 4, 20, 0, tzinfo=UTC))
    assert exchange.order(me, opening.id).filled_avg_price == D("167.74")
    assert exchange.order(me, closing.id).filled_avg_price == D("184.1")


def test_a_position_goes_through_a_real_split(market):
    exchange = Exchange(market, now=datetime(2014, 6, 6, 15, 0, tzinfo=UTC))
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(100000)).id
    exchange.split("AAPL", D(7), at=datetime(2014, 6, 9, 8, 0, tzinfo=UTC))
    exchange.submit(me, draft("buy", "100", "AAPL"))
    exchange.advance(datetime(2014, 6, 6, 20, 0, tzinfo=UTC))
    friday = exchange.position(me, "AAPL")
    exchange.advance(datetime(2014, 6, 9, 14, 0, tzinfo=UTC))
    monday = exchange.position(me, "AAPL")
    assert (friday.qty, monday.qty) == (D(100), D(700))
    assert monday.cost_basis == friday.cost_basis
    assert D(640) < friday.current_price < D(650)
    assert D(91) < monday.current_price < D(94)
    assert abs(monday.change_today) < D("0.02")


def test_bars_are_the_recorded_ones_and_days_reach_back_for_years(market):
    exchange = Exchange(market, now=datetime(2013, 10, 7, 15, 0, tzinfo=UTC))
    days = exchange.bars("SPY", "1Day", datetime(2013, 9, 30, tzinfo=UTC), exchange.now)
    assert [bar.at.date().isoformat() for bar in days] == [
        "2013-09-30", "2013-10-01", "2013-10-02", "2013-10-03", "2013-10-04", "2013-10-07",
    ]  # fmt: skip
    # 4 October from its minutes, 7 October as far as it has come
    assert (days[-2].open, days[-2].high, days[-2].low, days[-2].close) == (
        D("167.74"),
        D("169.06"),
        D("167.53"),
        D("168.89"),
    )
    assert days[-1].open == D("167.43")
    hours = exchange.bars(
        "SPY", "1Hour", datetime(2013, 10, 4, 14, 0, tzinfo=UTC), datetime(2013, 10, 4, 15, 0, tzinfo=UTC)
    )
    assert [bar.at.hour for bar in hours] == [14, 15]
    minutes = exchange.bars("SPY", "1Min", hours[0].at, hours[0].at + timedelta(minutes=59))
    assert (hours[0].high, hours[0].volume) == (max(b.high for b in minutes), sum(b.volume for b in minutes))


def test_split_adjusted_bars_have_today_s_shares(market):
    exchange = Exchange(market, now=datetime(2014, 6, 6, 15, 0, tzinfo=UTC))
    exchange.split("AAPL", D(7), at=datetime(2014, 6, 9, 8, 0, tzinfo=UTC))
    exchange.advance(datetime(2014, 6, 9, 21, 0, tzinfo=UTC))
    start = datetime(2014, 6, 6, tzinfo=UTC)
    raw = exchange.bars("AAPL", "1Day", start, exchange.now)
    adjusted = exchange.bars("AAPL", "1Day", start, exchange.now, adjustment="split")
    assert adjusted[0].close == (raw[0].close / 7).quantize(D("0.01"))
    assert adjusted[0].volume == raw[0].volume * 7
    assert adjusted[1] == raw[1]


def test_a_week_of_four_symbols_is_replayed_in_less_than_3_seconds(market):
    exchange = Exchange(market, now=START)
    me = exchange.open_account(key_id="k", secret_key="s", cash=D(1000000)).id
    exchange.watch([symbol for symbol, *_ in PLANS])
    for symbol, qty, target, stop in PLANS:
        exchange.submit(me, draft("buy", str(qty), symbol, order_class="bracket", target=target, stop=stop, tif="gtc"))
    began = time.process_time()
    events = exchange.advance(END)
    assert time.process_time() - began < 3
    assert sum(isinstance(event, Quote) for event in events) > 15000
    assert sum(isinstance(event, TradeUpdate) for event in events) >= 20


def test_a_folder_says_from_when_to_when_it_reaches(market):
    assert market.span == (datetime(2013, 10, 4, 8, 1, tzinfo=UTC), datetime(2014, 6, 10, 0, 1, tzinfo=UTC))


def test_a_folder_that_cannot_be_replayed_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no minute"):
        ReplayMarket(tmp_path)
    (tmp_path / "minute").mkdir()
    (tmp_path / "minute" / "XYZ.csv").write_text("timestamp,open\nyesterday,1\n")
    with pytest.raises(ValueError, match=r"XYZ\.csv cannot be replayed"):
        ReplayMarket(tmp_path)
