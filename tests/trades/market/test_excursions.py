"""MAE and MFE come from bars between the fills, once, and follow when fills or bars change."""

import csv
from decimal import Decimal as D

import pytest
from django.db import connection

from brokers.models import BarSeries
from tests.factories import make_closed_trade
from tests.trades.desk_kit import NOW, at, d, make_account
from tests.trades.market.kit import LATER, a_file, bring, closed, make_series, needs_recorded, recorded, utc
from trades.models import Trade
from trades.services import excursions as service
from trades.services.excursions import excursions_measure, excursions_sweep, trades_to_measure
from trades.services.fills import FillInput, fill_delete, fill_edit
from trades.services.own_bars import series_delete
from trades.services.stops import stop_move

pytestmark = pytest.mark.django_db


def measured(trade: Trade) -> tuple:
    trade.refresh_from_db()
    return trade.mae, trade.mfe, trade.mae_price, trade.mfe_price, trade.excursion_bar


NOTHING = (None, None, None, None, "")
BARS = [("99", "101"), ("97.5", "100"), ("98", "104.25"), ("101", "103"), ("50", "150")]


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def trade(account) -> Trade:
    """Bought 200 at 100 at the beginning of the first bar, sold at 102 at the end of the fourth."""
    return closed(account, ("buy", 200, "100", at(3)), ("sell", 200, "102", at(3, 15, 4)))


def test_a_trade_is_measured_at_the_lows_and_highs_it_was_open_in(account, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    assert excursions_sweep(now=LATER) == 1
    assert measured(trade) == (D("-500.00"), D("850.00"), D("-2.5"), D("4.25"), "1Min")


def test_what_was_measured_is_not_measured_again_until_it_changes(
    account, trade, django_assert_max_num_queries
) -> None:
    make_series(account, "AAPL", at(3), BARS)
    excursions_sweep(now=LATER)
    with django_assert_max_num_queries(2):
        assert excursions_sweep(now=LATER) == 0
    fill = trade.fills.get(side="sell")
    version = Trade.objects.get(pk=trade.pk).version
    given = FillInput(side="sell", quantity=d(200), price=d(102), executed_at=at(3, 15, 2))
    fill_edit(owner=account.owner, fill_id=fill.pk, given=given, version=version, now=NOW)
    assert measured(trade) == NOTHING
    assert excursions_sweep(now=LATER) == 1
    assert measured(trade) == (D("-500.00"), D("400.00"), D("-2.5"), D(2), "1Min")


def test_a_trade_that_is_open_again_has_no_figures(account, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    excursions_sweep(now=LATER)
    fill = trade.fills.get(side="sell")
    fill_delete(owner=account.owner, fill_id=fill.pk, version=Trade.objects.get(pk=trade.pk).version)
    assert measured(trade) == NOTHING
    assert excursions_sweep(now=LATER) == 0


def test_a_moved_stop_leaves_the_figures_standing(account, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    excursions_sweep(now=LATER)
    was = measured(trade)
    stop_move(
        owner=account.owner,
        trade_id=trade.pk,
        price=d(98),
        moved_at=at(3, 15, 1),
        note="",
        version=trade.version,
        now=NOW,
    )
    assert measured(trade) == was
    assert was[0] == D("-500.00")


def test_without_bars_nothing_is_measured_and_it_is_not_asked_for_ever(account, trade) -> None:
    make_series(account, "AAPL", at(1), BARS)
    assert excursions_sweep(now=LATER) == 1
    assert measured(trade) == NOTHING
    assert excursions_sweep(now=LATER) == 0


def test_a_file_that_does_not_reach_the_exit_measures_nothing(account) -> None:
    trade = closed(account, ("buy", 200, "100", at(2)), ("sell", 200, "102", at(4)))
    make_series(account, "AAPL", at(2), BARS)
    excursions_sweep(now=LATER)
    assert measured(trade) == NOTHING


def test_prices_far_from_the_fills_measure_nothing(account, trade) -> None:
    make_series(account, "AAPL", at(3), [("14", "15")] * 5)
    excursions_sweep(now=LATER)
    assert measured(trade) == NOTHING


def test_new_bars_measure_the_symbols_trades_anew_and_deleting_them_takes_the_figures(
    alice_client, account, trade
) -> None:
    lines = [f"2026-03-03T15:0{n}:00Z,{low},{high},{low},{high},1" for n, (low, high) in enumerate(BARS)]
    bring(alice_client, a_file(*lines), "AAPL")
    excursions_sweep(now=LATER)
    assert measured(trade)[:2] == (D("-500.00"), D("850.00"))
    bring(alice_client, a_file("2026-03-03T15:01:00Z,97,100,96,100,1"), "AAPL", timeframe="1Min")
    assert measured(trade) == NOTHING
    excursions_sweep(now=LATER)
    assert measured(trade)[:2] == (D("-800.00"), D("850.00"))
    series_delete(owner=account.owner, pk=BarSeries.objects.get().pk, now=LATER)
    assert measured(trade) == NOTHING


def test_another_traders_bars_measure_nothing(account, charlie, trade) -> None:
    make_series(make_account(charlie), "AAPL", at(3), BARS)
    assert excursions_sweep(now=LATER) == 0
    assert measured(trade) == NOTHING


def test_a_trade_that_just_closed_waits_for_the_market_to_tell(account) -> None:
    trade = closed(account, ("buy", 200, "100", at(3)), ("sell", 200, "102", at(3, 15, 4)))
    make_series(account, "AAPL", at(3), BARS)
    assert excursions_sweep(now=at(3, 15, 23)) == 0
    assert excursions_sweep(now=at(3, 15, 24)) == 1
    assert measured(trade)[0] == D("-500.00")


def test_trades_without_their_opening_are_left_out(account) -> None:
    trade = make_closed_trade(account, is_incomplete=True)
    make_series(account, "AAPL", trade.entry_date, BARS)
    assert excursions_sweep(now=LATER) == 0


def test_a_result_for_a_trade_that_was_written_meanwhile_is_dropped(account, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    read = Trade.objects.select_related("account__connection").get(pk=trade.pk)
    Trade.objects.filter(pk=trade.pk).update(version=read.version + 1)
    assert excursions_measure(read, now=LATER) is False
    assert measured(trade) == NOTHING
    assert excursions_sweep(now=LATER) == 1


def test_bars_that_come_while_a_trade_is_measured_are_not_overlooked(account, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    read = Trade.objects.select_related("account__connection").get(pk=trade.pk)
    service.excursions_forget(owner_id=account.owner_id, symbol="AAPL", now=LATER)
    assert excursions_measure(read, now=LATER) is False
    assert excursions_sweep(now=LATER) == 1


def _lowest_and_highest(symbol: str, since: str, until: str) -> tuple[D, D]:
    rows = csv.DictReader(recorded("minute", symbol).read().decode().splitlines())
    inside = [row for row in rows if since <= row["timestamp"] < until and row["high"]]
    return min(D(row["low"]) for row in inside), max(D(row["high"]) for row in inside)


@needs_recorded
def test_a_day_in_recorded_minutes(alice_client, account) -> None:
    trade = _held(account, 100, "182.80", "182.50", utc(2013, 10, 7, 14, 0), utc(2013, 10, 7, 19, 30), symbol="IBM")
    bring(alice_client, recorded("minute", "IBM"), "IBM")
    excursions_sweep(now=LATER)
    assert _lowest_and_highest("IBM", "2013-10-07T14:00:00Z", "2013-10-07T19:30:00Z") == (D("182.17"), D("183.30"))
    assert measured(trade) == (D("-63.00"), D("50.00"), D("-0.63"), D("0.50"), "1Min")


@needs_recorded
@pytest.mark.parametrize(
    ("_case", "quantity", "entry", "exit_", "shares"),
    [("in old shares", 10, "646.00", "651.00", 1), ("in new shares", 70, "92.2857", "93.00", 7)],
)
def test_a_trade_held_over_a_split_is_measured_in_its_own_shares(
    alice_client, account, _case, quantity, entry, exit_, shares
) -> None:
    """AAPL split seven for one on 2014-06-09: minutes before cost seven times those after."""
    bought, sold = utc(2014, 6, 6, 14, 0), utc(2014, 6, 9, 15, 0)
    trade = _held(account, quantity, entry, exit_, bought, sold)
    bring(alice_client, recorded("minute", "AAPL"), "AAPL", splits="2014-06-09 7:1")
    excursions_sweep(now=LATER)
    before = _lowest_and_highest("AAPL", "2014-06-06T14:00:00Z", "2014-06-08T00:00:00Z")
    # The first minute of the new shares holds a print of 645.57 in old ones.
    after = _lowest_and_highest("AAPL", "2014-06-09T08:01:00Z", "2014-06-09T15:00:00Z")
    lows, highs = zip(before, (after[0] * 7, after[1] * 7), strict=True)
    paid, gained = D(entry) * shares, D(exit_) * shares
    mae = (min(*lows, gained) - paid) / shares * quantity
    mfe = (max(*highs, gained) - paid) / shares * quantity
    assert measured(trade)[:2] == (round(mae, 2), round(mfe, 2))
    assert measured(trade)[4] == "1Min"


def _held(account, quantity, entry, exit_, bought, sold, **plan) -> Trade:
    return closed(
        account,
        ("buy", quantity, entry, bought),
        ("sell", quantity, exit_, sold),
        entry=d(entry),
        stop=d(entry) * d("0.95"),
        targets=(),
        quantity=d(1),
        **plan,
    )


def test_the_sweep_reads_each_trade_in_a_constant_number_of_queries(account, django_assert_max_num_queries) -> None:
    make_series(account, "AAPL", at(3), BARS)
    for hour in (15, 16, 17):
        closed(account, ("buy", 10, "100", at(3, hour)), ("sell", 10, "102", at(3, hour, 4)), quantity=d(10))
    # Two to find them; each its fills, series, bars, splits and one write.
    with django_assert_max_num_queries(2 + 3 * 5):
        assert excursions_sweep(now=LATER) == 3


def test_the_sweep_walks_only_over_the_trades_that_wait(account, trade) -> None:
    """However many trades were measured long ago, an index leads past them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = trades_to_measure(LATER).filter(account=account).explain()
    assert "trades_to_measure" in plan
