"""Bars come from a file whole or not at all, with a sentence for every line that is wrong, and belong to one trader."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.services.data_export import export_models
from accounts.services.removal import rows_delete
from brokers.models import BarSeries, SeriesBar, SeriesSplit
from tests.trades.desk_kit import make_account
from tests.trades.market.kit import a_file, bring, make_series, needs_recorded, recorded, utc

pytestmark = pytest.mark.django_db

MINUTES = ("2026-03-03T15:00:00Z,100,101,99.5,100.5,1200", "2026-03-03T15:01:00Z,100.5,102,100,101.25,900")


def only_series() -> BarSeries:
    return BarSeries.objects.get()


def told(series: BarSeries) -> list[tuple]:
    return list(series.bars.values_list("start", "open", "high", "low", "close", "volume"))


def text(answer) -> str:
    return answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def test_a_file_becomes_a_series_of_its_trader(alice, alice_client) -> None:
    answer = bring(alice_client, a_file(*MINUTES), "spy")
    series = only_series()
    assert answer["Location"] == f"/bars/{series.pk}/"
    assert (series.user, series.symbol, series.timeframe, series.count) == (alice, "SPY", "1Min", 2)
    assert (series.first_at, series.last_at) == (utc(2026, 3, 3, 15), utc(2026, 3, 3, 15, 1))
    assert told(series)[1] == (utc(2026, 3, 3, 15, 1), D("100.5"), D(102), D(100), D("101.25"), D(900))
    page = text(alice_client.get(answer["Location"]))
    assert "2 bars of SPY are here." in page
    assert "1 minute" in page
    assert "SPY" in text(alice_client.get("/bars/"))


@needs_recorded
def test_recorded_minutes_are_read_without_those_in_which_nothing_was_traded(alice_client) -> None:
    page = text(alice_client.get(bring(alice_client, recorded("minute", "IBM"), "IBM")["Location"]))
    series = only_series()
    assert series.timeframe == "1Min"
    lines = recorded("minute", "IBM").read().decode().splitlines()[1:]
    traded = [line.split(",") for line in lines if line.split(",")[1]]
    assert series.count == len(traded)
    assert f"{len(lines) - len(traded):,} lines without a trade were left out." in page
    assert [str(row[1].normalize()) for row in told(series)[:3]] == [str(D(row[1]).normalize()) for row in traded[:3]]


@needs_recorded
def test_recorded_days_begin_at_midnight_in_the_zone_of_the_file(alice_client) -> None:
    bring(alice_client, recorded("daily", "AAPL"), "AAPL", splits="2014-06-09 7:1\n2020-08-31, 4 for 1\n")
    series = only_series()
    assert (series.timeframe, series.count) == ("1Day", 2830)
    assert (series.first_at, series.last_at) == (utc(2010, 1, 4, 5), utc(2021, 3, 31, 4))
    splits = list(series.splits.values_list("effective_on", "ratio"))
    assert splits == [(date(2014, 6, 9), D(7)), (date(2020, 8, 31), D(4))]


@pytest.mark.parametrize(
    ("_case", "head", "lines", "timeframe"),
    [
        ("semicolons and decimal commas", "Date;Time;Open;High;Low;Last;Vol\n",
         ("03/03/2026;09:30;1,5;2,25;1;2;10", "03/03/2026;09:35;2;2,5;1,5;2;10"), "5Min"),
        ("seconds since 1970", "time,open,high,low,close\n",
         ("1772550000,1.5,2.25,1,2", "1772550900,2,2.5,1.5,2"), "15Min"),
        ("days across a change of clocks", "Date,Open,High,Low,Close,Adj Close,Volume\n",
         ("2026-03-07,1.5,2.25,1,2,9,10", "2026-03-08,2,2.5,1.5,2,9,10", "2026-03-09,2,2.5,1.5,2,9,10"), "1Day"),
        ("more digits than are kept", "timestamp,open,high,low,close\n",
         ("2026-03-03 10:00,1.5000000000001,2.2500000000001,1.0000000000001,2", "2026-03-03 11:00,2,3,2,2"), "1Hour"),
    ],
)  # fmt: skip
def test_files_of_other_programs_are_read(alice_client, _case, head, lines, timeframe) -> None:
    bring(alice_client, a_file(*lines, head=head), "SPY")
    series = only_series()
    assert series.timeframe == timeframe
    assert told(series)[0][1:5] == (D("1.5"), D("2.25"), D(1), D(2))


def test_one_bad_line_keeps_the_whole_file_out_and_every_one_is_named(alice_client) -> None:
    lines = (
        *MINUTES,
        "2026-03-03T15:02:00Z,100,99,98,100,1",
        "2026-03-03T15:03:00Z,100,101,100.5,100,1",
        "2026-03-03T15:04:00Z,0,101,99,100,1",
        "2026-03-03T15:05:00Z,=1+1,101,99,100,1",
        "yesterday,100,101,99,100,1",
        "2026-03-03T15:01:00Z,100,101,99,100,1",
        "2926-03-03T15:01:00Z,100,101,99,100,1",
        "2026-03-03T15:06:00Z,100,,99,100,1",
        "2026-03-03T15:07:00Z,100,101,99,100,-1",
    )
    answer = bring(alice_client, a_file(*lines), "SPY")
    assert answer.status_code == 422
    page = text(answer)
    assert "9 lines of the file cannot be read, so nothing was taken." in page
    assert "The high of 99 is below the open or the close." in page
    assert "The low of 100.5 is above the open or the close." in page
    assert "The open must be greater than zero; it is 0." in page
    assert "The open is a formula (=1+1): export the values instead." in page
    assert "There is a bar of this time already, on line 3." in page
    assert "This bar lies in the future: check the order of day and month." in page
    assert "The high is missing." in page
    assert "The volume cannot be negative; it is -1." in page
    assert (BarSeries.objects.count(), SeriesBar.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("file", "changes", "sentence"),
    [
        (a_file(*MINUTES, head="x,y,z\n"), {}, "No column was found for: time, open, high, low, close."),
        (a_file(), {}, "The file has a header but no bars below it."),
        (SimpleUploadedFile("x.csv", b""), {}, "The file is empty. Choose a file with price bars."),
        (SimpleUploadedFile("x.csv", b"%PDF-1.7 ..."), {}, "This is a PDF. Export the bars as a CSV file"),
        (a_file(*MINUTES), {"timeframe": "1Day"}, "The bars lie closer together than the size you chose"),
        (a_file(MINUTES[0]), {}, "The file has a single bar, which does not tell its size: choose the bar size."),
        (a_file("2026-03-03T15:00:00Z,1,1,1,1,1", "2026-03-03T15:00:30Z,1,1,1,1,1"), {}, "finer than a minute"),
        (a_file(*MINUTES), {"splits": "2014-06-09 7:1\nseven for one"}, "Line 2: write the day and the new shares for old ones"),
        (a_file(*MINUTES), {"splits": "2014-06-09 7:0"}, "Line 1: write the day"),
        (a_file(*MINUTES), {"symbol": "SPY; DROP"}, "symbol"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_says_what_to_do(alice_client, file, changes, sentence) -> None:
    file.seek(0)
    answer = bring(alice_client, file, **{"symbol": "SPY", **changes})
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert BarSeries.objects.count() == 0


def test_a_second_file_replaces_what_it_tells_and_adds_the_rest(alice_client) -> None:
    bring(alice_client, a_file(*MINUTES), "SPY", splits="2026-03-03 2:1")
    later = ("2026-03-03T15:01:00Z,100.5,103,100,101.25,950", "2026-03-03T15:02:00Z,101,102,100,101,10")
    bring(alice_client, a_file(*later, name="more.csv"), "SPY", splits="2026-03-03 3:1")
    series = only_series()
    assert (series.count, series.file_name) == (3, "more.csv")
    assert [row[2] for row in told(series)] == [101, 103, 102]
    assert list(SeriesSplit.objects.values_list("ratio", flat=True)) == [3]


def test_one_trader_keeps_so_many_bars_and_no_more(alice, alice_client) -> None:
    series = make_series(make_account(alice), "IBM", utc(2026, 3, 3, 15), [("99", "101")])
    BarSeries.objects.filter(pk=series.pk).update(count=1_999_999)
    answer = bring(alice_client, a_file(*MINUTES), "SPY")
    assert "You may keep 2,000,000 bars and have 1,999,999" in text(answer)
    assert BarSeries.objects.count() == 1


def test_deleting_a_series_takes_its_bars_only(alice, charlie, alice_client, client_for) -> None:
    for owner in (alice, charlie):
        make_series(make_account(owner), "SPY", utc(2026, 3, 3, 15), [("99", "101"), ("98", "100")])
    mine = BarSeries.objects.get(user=alice)
    assert client_for(charlie).post(f"/bars/{mine.pk}/delete/").status_code == 404
    assert SeriesBar.objects.count() == 4
    assert "2 bars of 1 minute are deleted." in text(alice_client.get(f"/bars/{mine.pk}/delete/"))
    alice_client.post(f"/bars/{mine.pk}/delete/")
    assert list(BarSeries.objects.values_list("user", flat=True)) == [charlie.pk]
    assert SeriesBar.objects.count() == 2


def test_a_traders_bars_are_exported_and_deleted_with_them(alice, charlie) -> None:
    for owner in (alice, charlie):
        make_series(make_account(owner), "SPY", utc(2026, 3, 3, 15), [("99", "101")])
    exported = {one.model: one for one in export_models()}
    assert [bar.series.user for bar in exported[SeriesBar].rows(alice)] == [alice]
    assert {BarSeries, SeriesBar, SeriesSplit} <= exported.keys()
    rows_delete(alice)
    assert list(SeriesBar.objects.values_list("series__user", flat=True)) == [charlie.pk]


def test_the_list_costs_the_same_however_many_there_are(alice, alice_client, django_assert_max_num_queries) -> None:
    account = make_account(alice)
    for n in range(30):
        make_series(account, f"SYM{n}", utc(2026, 3, 3, 15) + timedelta(days=n), [("99", "101")])
    with django_assert_max_num_queries(8):
        page = text(alice_client.get("/bars/"))
    assert page.count('data-label="Bar size"') == 30
