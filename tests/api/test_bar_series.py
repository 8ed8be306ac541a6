"""A trader's own price bars over the API."""

import uuid
from datetime import UTC, date, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from brokers.models import BarSeries, SeriesBar, SeriesSplit
from tests.api.kit import error
from tests.factories import make_account, make_closed_trade
from trades.services import own_bars

pytestmark = pytest.mark.django_db
DAYS = (
    "Date,Open,High,Low,Close,Volume\n"
    "2025-03-03,100,105,99,104,1000\n"
    "2025-03-04,104,110,103,109,2000\n"
    "2025-03-05,,,,,\n"
    "2025-03-06,109,111,101,102,1500\n"
)


def send(api, content=DAYS, *, headers=None, **fields):
    """A form with a file as its last field, as every HTTP library sends it."""
    file = SimpleUploadedFile("aapl.csv", content.encode() if isinstance(content, str) else content, "text/csv")
    form = {"symbol": "aapl", "timezone": "America/New_York", **fields}
    form = {name: value for name, value in form.items() if value is not None}
    return api.client.post("/api/v1/bar-series/", {**form, "file": file}, headers=headers)


def test_bars_are_brought_read_and_deleted(api, alice):
    made = send(api, splits="2025-03-04 4:1\n2025-03-06 1:2")
    assert made.status_code == 201, made.json()
    told = made.json()
    series = {
        "id": told["id"],
        "symbol": "AAPL",
        "timeframe": "1Day",
        "count": 3,
        "first_at": "2025-03-03T05:00:00Z",
        "last_at": "2025-03-06T05:00:00Z",
        "file_name": "aapl.csv",
        "splits": [{"effective_on": "2025-03-04", "ratio": "4"}, {"effective_on": "2025-03-06", "ratio": "0.5"}],
        "created_at": told["created_at"],
        "updated_at": told["updated_at"],
    }
    one = {**series, "trades": {"all": 0, "measured": 0, "waiting": 0}}
    assert told == {**one, "bars_read": 3, "lines_left_out": 1}
    path = f"/bar-series/{told['id']}/"
    read = api.get(path)
    assert (read.json(), read["ETag"]) == (one, made["ETag"])
    assert api.get("/bar-series/").json()["results"] == [series]
    assert SeriesBar.objects.get(start=datetime(2025, 3, 4, 5, tzinfo=UTC)).high == 110
    assert api.delete(path).status_code == 204
    assert error(api.get(path)) == (404, "not_found", None)
    assert (BarSeries.objects.count(), SeriesBar.objects.count(), SeriesSplit.objects.count()) == (0, 0, 0)


def test_a_bar_that_is_there_takes_the_files_prices_and_the_same_file_adds_none(api):
    first = send(api).json()
    again = send(api, DAYS.replace("104,110,103,109", "104,112,103,109")).json()
    assert (again["id"], again["count"], again["bars_read"]) == (first["id"], 3, 3)
    assert SeriesBar.objects.get(start=datetime(2025, 3, 4, 5, tzinfo=UTC)).high == 112
    assert SeriesBar.objects.count() == 3


def test_closed_trades_in_the_symbol_are_measured_anew(api, alice):
    trade = make_closed_trade(make_account(alice), "AAPL", entry_date=datetime(2025, 3, 3, 15, tzinfo=UTC))
    told = send(api).json()
    assert (trade.status, told["trades"]) == ("closed", {"all": 1, "measured": 0, "waiting": 1})


@pytest.mark.parametrize(
    ("content", "fields", "code", "attr"),
    [
        ("", {}, "empty", "file"),
        ("Date,Open,High,Low,Close\n", {}, "header_only", "file"),
        ("Date,Open,High,Low\n2025-03-03,1,2,1\n2025-03-04,1,2,1\n", {}, "columns", "file"),
        (b"%PDF-1.7", {}, "pdf", "file"),
        (b"\x89PNG\r\n", {}, "binary", "file"),
        ("just words\nand more\n", {}, "one_column", "file"),
        (DAYS[: DAYS.index("2025-03-04")], {}, "one_bar", "timeframe"),
        (DAYS.replace("2025-03-0", "2025-03-05 10:0"), {"timeframe": "1Hour"}, "bar_size", "timeframe"),
        (DAYS.replace("104,110,103,109", "104,110,x,109"), {}, "bad_line", "file"),
        (DAYS.replace("2025-03-04", "2025-03-03"), {}, "bad_line", "file"),
        (DAYS, {"timeframe": "2Min"}, "invalid_choice", "timeframe"),
        (DAYS, {"timezone": "Mars/Base"}, "unknown_timezone", "timezone"),
        (DAYS, {"timezone": None}, "required", "timezone"),
        (DAYS, {"date_order": "mixed"}, "invalid_choice", "date_order"),
        (DAYS, {"symbol": "A B"}, "bad_symbol", "symbol"),
        (DAYS, {"symbol": None}, "required", "symbol"),
        (DAYS, {"splits": "in March"}, "not_a_split", "splits"),
        (DAYS, {"splits": "2025-03-04 0:1"}, "ratio", "splits"),
        (DAYS, {"colour": "red"}, "unknown_field", "colour"),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field_and_nothing_is(api, content, fields, code, attr):
    assert error(send(api, content, **fields)) == (400, code, attr)
    assert (BarSeries.objects.count(), SeriesBar.objects.count()) == (0, 0)


def test_every_line_that_is_wrong_is_told_up_to_twenty_five(api):
    wrong = "".join(f"2025-03-{day:02},1,2,x,1,1\n" for day in range(1, 31))
    reasons = send(api, "Date,Open,High,Low,Close,Volume\n" + wrong).json()["errors"]
    assert {reason["attr"] for reason in reasons} == {"file"}
    assert [reason["code"] for reason in reasons] == ["bad_line"] * 25 + ["more_bad_lines"]
    assert reasons[0]["detail"].startswith("Line 2: ")
    assert reasons[25]["detail"] == "5 more lines cannot be read."


def test_a_file_that_is_too_large_is_refused_while_it_comes_in(api, monkeypatch):
    monkeypatch.setattr("trades.api.bar_series.BarSeriesViewSet.most_bytes", 1_000)
    assert error(send(api, DAYS + "x" * 100_000)) == (413, "too_large", None)
    assert not BarSeries.objects.exists()


def test_a_trader_keeps_so_many_bars_and_no_more(api, monkeypatch):
    monkeypatch.setattr(own_bars, "MOST_KEPT", 2)
    assert error(send(api)) == (400, "too_many", "file")
    assert (BarSeries.objects.count(), SeriesBar.objects.count()) == (0, 0)


def test_only_a_form_with_a_file_is_taken(api):
    assert error(api.post("/bar-series/", {"symbol": "AAPL"})) == (415, "unsupported_media_type", None)
    form = {"symbol": "AAPL", "timezone": "UTC"}
    assert error(api.client.post("/api/v1/bar-series/", form)) == (400, "required", "file")
    assert error(api.client.post("/api/v1/bar-series/", {**form, "file": "text"})) == (400, "invalid", "file")
    assert error(api.client.post("/api/v1/bar-series/", {"symbol": ["A", "B"]})) == (400, "given_twice", "symbol")
    assert not BarSeries.objects.exists()


def test_a_form_sent_twice_is_answered_the_same_and_a_refused_one_leaves_its_key_free(api):
    headers = {"Idempotency-Key": "bars-1"}
    assert error(send(api, "words\n", headers=headers)) == (400, "one_column", "file")
    assert error(send(api, DAYS.replace("99", "x"), headers=headers)) == (400, "bad_line", "file")
    first, again = send(api, headers=headers), send(api, headers=headers)
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert again["ETag"] == first["ETag"]
    assert error(send(api, symbol="MSFT", headers=headers)) == (422, "idempotency_key_reused", None)


def test_series_are_listed_by_symbol_and_filtered(api, django_assert_num_queries):
    for symbol in ("TSLA", "AAPL", "MSFT"):
        send(api, symbol=symbol, splits="2025-03-04 4:1")
    with django_assert_num_queries(3):
        page = api.get("/bar-series/?page_size=2").json()
    assert [series["symbol"] for series in page["results"]] == ["AAPL", "MSFT"]
    assert [series["symbol"] for series in api.get(page["next"]).json()["results"]] == ["TSLA"]
    for query, expected in (
        ("symbol=tsla", ["TSLA"]),
        ("timeframe=1Min", []),
        ("ordering=-created_at", ["MSFT", "AAPL", "TSLA"]),
    ):
        assert [series["symbol"] for series in api.get(f"/bar-series/?{query}").json()["results"]] == expected, query


def test_anothers_bars_do_not_exist(stranger, api):
    path = f"/bar-series/{send(api).json()['id']}/"
    for answer in (stranger.get(path), stranger.delete(path), stranger.delete(f"/bar-series/{uuid.uuid4()}/")):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/bar-series/").json()["results"] == []
    assert SeriesBar.objects.count() == 3
    assert send(stranger).status_code == 201
    assert SeriesBar.objects.count() == 6


def test_a_token_to_read_changes_nothing(reader, api):
    path = f"/bar-series/{send(api).json()['id']}/"
    assert reader.get(path).status_code == 200
    assert error(send(reader, symbol="MSFT")) == (403, "missing_scope", None)
    assert error(reader.delete(path)) == (403, "missing_scope", None)
    assert list(BarSeries.objects.values_list("symbol", flat=True)) == ["AAPL"]


def test_the_page_shows_what_came_over_the_api(api, alice_client):
    told = send(api, splits="2025-03-04 4:1").json()
    page = alice_client.get(f"/bars/{told['id']}/").content.decode()
    assert "AAPL" in page
    assert SeriesSplit.objects.get().effective_on == date(2025, 3, 4)
