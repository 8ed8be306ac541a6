"""Bars are fetched once: gaps only, the running bar never, and splits put prices on one footing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest
import time_machine

from brokers.base import BarReport, SplitReport
from brokers.models import Bar, BarSpan
from brokers.services import bars as service
from brokers.services.bars import Series, bars_for, bars_keep, gaps, split_factor, splits_keep, splits_of
from tests.factories import make_account, make_connection

SERIES = Series("simulator", "SPY", "1Min")
AT = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def bar(n: int, *, low: str = "99") -> BarReport:
    return BarReport("SPY", AT + n * MINUTE, D(100), D(101), D(low), D(100), D(500))


class Market:
    """Answers like an adapter and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self.knows_until = AT + timedelta(days=1)

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> list[BarReport]:
        self.asked.append((start, end))
        return [bar(n) for n in range(-60, 60) if start <= AT + n * MINUTE < min(end, self.knows_until)]

    def splits(self, symbol: str, start: date, end: date) -> list[SplitReport]:
        return []


@pytest.fixture
def market(monkeypatch) -> Market:
    found = Market()
    monkeypatch.setattr(service, "adapter_for", lambda connection: found)
    return found


@pytest.fixture
def connection(alice):
    return make_connection(make_account(alice))


@time_machine.travel(AT + timedelta(hours=2), tick=False)
def test_bars_are_fetched_once_and_then_only_the_gaps(connection, market) -> None:
    first = bars_for(connection, "SPY", "1Min", AT, AT + 5 * MINUTE)
    assert [one.start for one in first] == [AT + n * MINUTE for n in range(5)]
    bars_for(connection, "SPY", "1Min", AT, AT + 5 * MINUTE)
    wider = bars_for(connection, "SPY", "1Min", AT - 2 * MINUTE, AT + 8 * MINUTE)
    assert len(wider) == 10
    assert market.asked == [
        (AT, AT + 5 * MINUTE),
        (AT - 2 * MINUTE, AT),
        (AT + 5 * MINUTE, AT + 8 * MINUTE),
    ]
    assert list(BarSpan.objects.values_list("start", "end")) == [(AT - 2 * MINUTE, AT + 8 * MINUTE)]


@time_machine.travel(AT + timedelta(minutes=3, seconds=30), tick=False)
def test_the_running_bar_is_not_kept(connection, market) -> None:
    found = bars_for(connection, "SPY", "1Min", AT, AT + 60 * MINUTE)
    assert [one.start for one in found] == [AT, AT + MINUTE, AT + 2 * MINUTE]
    assert market.asked == [(AT, AT + 3 * MINUTE)]


def test_bars_a_delayed_feed_tells_later_leave_no_hole(connection, market) -> None:
    delay = timedelta(minutes=16)
    with time_machine.travel(AT + timedelta(minutes=30), tick=False) as clock:
        market.knows_until = AT + timedelta(minutes=30) - delay
        first = bars_for(connection, "SPY", "1Min", AT, AT + 30 * MINUTE)
        clock.move_to(AT + timedelta(hours=1))
        market.knows_until = AT + timedelta(hours=1) - delay
        second = bars_for(connection, "SPY", "1Min", AT, AT + 30 * MINUTE)

    assert [one.start for one in first] == [AT + n * MINUTE for n in range(14)]
    assert [one.start for one in second] == [AT + n * MINUTE for n in range(30)]
    assert market.asked == [(AT, AT + 30 * MINUTE), (AT + 10 * MINUTE, AT + 30 * MINUTE)]
    assert gaps(SERIES, AT, AT + 30 * MINUTE) == []


def test_a_minute_without_a_trade_is_covered_too(db) -> None:
    assert bars_keep(SERIES, [], start=AT, end=AT + MINUTE) == 0
    assert gaps(SERIES, AT, AT + 2 * MINUTE) == [(AT + MINUTE, AT + 2 * MINUTE)]


def test_the_same_bars_twice_are_stored_once_and_impossible_ones_never(db) -> None:
    for _ in range(2):
        assert bars_keep(SERIES, [bar(0), bar(1, low="102")], start=AT, end=AT + 2 * MINUTE) == 1
    assert list(Bar.objects.values_list("start", flat=True)) == [AT]


def test_spans_that_touch_become_one_and_others_stay_apart(db) -> None:
    for first, last in ((0, 2), (10, 12), (2, 4)):
        bars_keep(SERIES, [], start=AT + first * MINUTE, end=AT + last * MINUTE)
    assert gaps(SERIES, AT, AT + 20 * MINUTE) == [
        (AT + 4 * MINUTE, AT + 10 * MINUTE),
        (AT + 12 * MINUTE, AT + 20 * MINUTE),
    ]
    assert BarSpan.objects.count() == 2
    assert gaps(Series("simulator", "IBM", "1Min"), AT, AT + MINUTE) == [(AT, AT + MINUTE)]


def test_a_split_multiplies_old_shares_until_the_day_that_is_asked_for(db) -> None:
    day = date(2014, 6, 9)
    for _ in range(2):
        splits_keep("simulator", [SplitReport("AAPL", day, D(7))])
    splits = splits_of("simulator", "AAPL")
    assert len(splits) == 1
    assert split_factor(splits, date(2014, 6, 6), date(2014, 6, 9)) == 7
    assert split_factor(splits, date(2014, 6, 6), date(2014, 6, 6)) == 1
    assert split_factor(splits, day, date(2020, 1, 1)) == 1
