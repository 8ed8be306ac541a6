"""What the market shows over the API."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from brokers.mock.book import Outcome
from brokers.models import BarSeries, SeriesBar
from tests.api.kit import error
from tests.factories import make_account, make_connection
from tests.trades.orders.kit import book, connected_account, d, make_quote
from trades.execution import prices

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@pytest.fixture
def account(alice):
    return connected_account(alice)


def stamp(at):
    return at.isoformat().replace("+00:00", "Z")


def get(api, what, account, **query):
    return api.get(f"/market/{what}/", {"account": str(account.pk), **query})


def test_a_quote_the_broker_has_just_told_is_shown_without_asking(api, account):
    quote = make_quote(bid="187.40", ask="187.60", last=d("187.50"))
    said = get(api, "quote", account, symbol="aapl").json()
    assert said.pop("age_seconds") < 15
    assert said == {
        "symbol": "AAPL",
        "bid": "187.40",
        "ask": "187.60",
        "last": "187.50",
        "mid": "187.50",
        "at": stamp(quote.at),
        "is_stale": False,
    }
    assert "quote" not in book(account).calls


def test_an_older_quote_is_asked_for_again(api, account):
    make_quote(bid="1", ask="1.01", at=timezone.now() - timedelta(hours=1))
    book(account).show("AAPL", d("188.00"), d("188.02"))
    said = get(api, "quote", account, symbol="AAPL").json()
    assert (said["bid"], said["ask"], said["is_stale"]) == ("188.00", "188.02", False)


def test_a_silent_broker_s_last_word_holds_while_it_is_fresh(api, account):
    make_quote(bid="187.40", ask="187.60", at=timezone.now() - timedelta(seconds=30))
    book(account).script("quote", Outcome.UNREACHABLE)
    said = get(api, "quote", account, symbol="AAPL")
    assert (said.status_code, said.json()["mid"], said.json()["is_stale"]) == (200, "187.50", False)


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.RATE_LIMITED])
def test_a_silent_broker_without_a_fresh_word_says_when_to_ask_again(api, account, outcome):
    make_quote(at=timezone.now() - timedelta(hours=1))
    book(account).script("quote", outcome)
    api.client.raise_request_exception = False
    answer = get(api, "quote", account, symbol="AAPL")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer.json()["type"] == "server_error"


def test_a_symbol_without_prices_is_refused(api, account):
    book(account).show("NONE", d(0), d(0))
    assert error(get(api, "quote", account, symbol="NONE"))[0] == 422


def test_bars_come_as_they_were_traded_and_say_where_to_go_on(api, alice, monkeypatch):
    monkeypatch.setattr(prices, "MOST_BARS", 2)
    account = make_account(alice, "By hand")
    series = BarSeries.objects.create(user=alice, symbol="AAPL", timeframe="1Min", first_at=DAY, last_at=DAY)
    for minute in range(3):
        SeriesBar.objects.create(
            series=series, start=DAY + timedelta(minutes=minute), open=1, high=2, low=1, close=d("1.5"), volume=10
        )
    query = {"symbol": "aapl", "timeframe": "1Min", "start": stamp(DAY), "end": stamp(DAY + timedelta(minutes=3))}
    said = get(api, "bars", account, **query).json()
    then = stamp(DAY + timedelta(minutes=2))
    assert said["bars"][0] == {
        "start": stamp(DAY),
        "open": "1.00",
        "high": "2.00",
        "low": "1.00",
        "close": "1.50",
        "volume": "10",
    }
    assert (said["symbol"], said["timeframe"], said["end"], said["next_start"]) == ("AAPL", "1Min", then, then)
    rest = get(api, "bars", account, **query | {"start": then}).json()
    assert ([bar["start"] for bar in rest["bars"]], rest["next_start"]) == ([then], None)


def test_bars_of_a_silent_broker_are_no_error_of_ours(api, alice, settings):
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    api.client.raise_request_exception = False
    account = make_connection(make_account(alice)).account
    query = {"symbol": "AAPL", "timeframe": "1Day", "start": stamp(DAY), "end": stamp(DAY + timedelta(days=3))}
    answer = get(api, "bars", account, **query)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1


def test_the_clock_is_the_broker_s_or_the_calendar_s(api, alice, account):
    book(account).is_open = False
    assert get(api, "clock", account).json()["is_open"] is False
    said = get(api, "clock", make_account(alice, "By hand"))
    assert said.status_code == 200
    assert set(said.json()) == {"now", "is_open", "next_open", "next_close"}


def test_an_account_without_a_feed_says_so(api, alice):
    by_hand = make_account(alice, "By hand")
    assert error(get(api, "quote", by_hand, symbol="AAPL")) == (409, "no_feed", None)
    query = {"symbol": "AAPL", "timeframe": "1Min", "start": stamp(DAY)}
    assert error(get(api, "bars", by_hand, **query)) == (409, "no_feed", None)


@pytest.mark.parametrize(
    ("what", "query", "attr"),
    [
        ("quote", {}, "symbol"),
        ("quote", {"symbol": "A B"}, "symbol"),
        ("quote", {"symbol": "AAPL", "colour": "red"}, "colour"),
        ("bars", {"symbol": "AAPL", "timeframe": "2Min", "start": stamp(DAY)}, "timeframe"),
        ("bars", {"symbol": "AAPL", "timeframe": "1Min"}, "start"),
        ("bars", {"symbol": "AAPL", "timeframe": "1Min", "start": "2026-03-02"}, "start"),
        ("bars", {"symbol": "AAPL", "timeframe": "1Min", "start": stamp(DAY), "end": stamp(DAY)}, "end"),
    ],
)
def test_a_wrong_question_is_said_at_its_parameter(api, account, what, query, attr):
    answer = get(api, what, account, **query)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_anothers_account_shows_nothing(stranger, account):
    bars = {"symbol": "AAPL", "timeframe": "1Min", "start": stamp(DAY)}
    for answer in (
        get(stranger, "quote", account, symbol="AAPL"),
        get(stranger, "bars", account, **bars),
        get(stranger, "clock", account),
    ):
        assert error(answer) == (404, "not_found", None)
