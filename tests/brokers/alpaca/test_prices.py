"""Quotes, bars and splits of Alpaca: exact words, and what cannot be used is none."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.errors import NoMarketData
from tests.brokers.alpaca import answers
from tests.brokers.alpaca.wire import Wire, adapter_at, wire

__all__ = ["wire"]

START, END = datetime(2026, 3, 16, 13, 30, tzinfo=UTC), datetime(2026, 3, 16, 20, tzinfo=UTC)


def test_quotes_of_every_market_come_from_its_own_address(wire: Wire) -> None:
    wire.answer(
        {"quotes": {"BTC/USD": answers.quote(60000.1, 60010.2)}},
        {"quotes": {"AAPL250117C00150000": answers.quote(1.05, 1.1)}},
        {"quotes": {"AAPL": answers.quote(189.1, 189.3), "IBM": answers.quote(0, 190)}},
    )
    reports = adapter_at(wire, feed="sip").quotes(["AAPL", "BTC/USD", "IBM", "AAPL250117C00150000"])

    assert {symbol: (report.bid, report.ask) for symbol, report in reports.items()} == {
        "AAPL": (D("189.1"), D("189.3")),
        "BTC/USD": (D("60000.1"), D("60010.2")),
        "AAPL250117C00150000": (D("1.05"), D("1.1")),
    }
    assert reports["AAPL"].at == datetime(2026, 3, 16, 18, 0, 0, 123456, UTC)
    assert [(asked.path, asked.query) for asked in wire.asked] == [
        ("/v1beta3/crypto/us/latest/quotes", {"symbols": "BTC/USD"}),
        ("/v1beta1/options/quotes/latest", {"symbols": "AAPL250117C00150000"}),
        ("/v2/stocks/quotes/latest", {"symbols": "AAPL,IBM", "feed": "sip"}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"quotes": {}},
        {"quotes": None},
        {"quotes": {"AAPL": answers.quote(0, 190)}},
        {"quotes": {"AAPL": answers.quote(190, 0)}},
        {"quotes": {"AAPL": answers.quote(191, 190)}},
        {"quotes": {"AAPL": answers.quote("x", 190)}},
        {"quotes": {"AAPL": {**answers.quote(1, 2), "t": None}}},
        {"quotes": {"AAPL": []}},
        (403, {"code": 42210000, "message": "subscription does not permit querying recent SIP data"}),
    ],
)
def test_a_quote_that_cannot_be_used_is_none(wire: Wire, answer: Any) -> None:
    wire.answer(answer)

    with pytest.raises(NoMarketData):
        adapter_at(wire).quote("AAPL")


def test_many_symbols_are_asked_for_in_parts(wire: Wire) -> None:
    wire.answer({"quotes": {}}, {"quotes": {}}, {"quotes": {}})

    assert adapter_at(wire).quotes([f"S{number}" for number in range(401)]) == {}
    assert [len(asked.query["symbols"].split(",")) for asked in wire.asked] == [200, 200, 1]


def bar(minute: int, low: float = 189.0) -> dict[str, Any]:
    return {
        "t": f"2026-03-16T13:{minute}:00Z",
        "o": 189.2,
        "h": 189.4,
        "l": low,
        "c": 189.3,
        "v": 1200,
        "n": 9,
        "vw": 189.25,
    }


def test_bars_are_raw_and_read_to_the_last_page(wire: Wire) -> None:
    wire.answer(
        {"bars": {"AAPL": [bar(30), bar(31)]}, "next_page_token": "more"},
        {"bars": {"AAPL": [bar(32), bar(33, low=189.35), {"t": "x"}]}, "next_page_token": None},
    )
    bars = adapter_at(wire).bars("AAPL", "1Min", START, END)

    assert [(one.start.minute, one.low, one.close, one.volume) for one in bars] == [
        (30, D(189), D("189.3"), D(1200)),
        (31, D(189), D("189.3"), D(1200)),
        (32, D(189), D("189.3"), D(1200)),
    ]
    assert wire.asked[0].path == "/v2/stocks/bars"
    assert wire.asked[0].query == {
        "symbols": "AAPL", "timeframe": "1Min", "start": "2026-03-16T13:30:00Z", "end": "2026-03-16T20:00:00Z",
        "limit": "10000", "sort": "asc", "feed": "iex", "adjustment": "raw",
    }  # fmt: skip
    assert wire.asked[1].query["page_token"] == "more"


def test_the_delayed_feed_has_its_past_on_the_tape_that_is_a_quarter_of_an_hour_old(wire: Wire) -> None:
    wire.answer({"bars": {}, "next_page_token": None})
    now = datetime.now(UTC)
    adapter_at(wire, feed="delayed_sip").bars("AAPL", "1Min", now - timedelta(hours=1), now)
    (asked,) = wire.asked

    assert asked.query["feed"] == "sip"
    assert datetime.fromisoformat(asked.query["end"]) < now - timedelta(minutes=15)


def test_splits_are_new_shares_for_one_old(wire: Wire) -> None:
    def split(new: Any, old: Any, symbol: str = "AAPL") -> dict[str, Any]:
        return {"id": "x", "symbol": symbol, "new_rate": new, "old_rate": old, "ex_date": "2026-03-17"}

    actions = {"forward_splits": [split(4, 1), split(2, 1, "IBM"), split(0, 1)], "reverse_splits": [split(1, 50)]}
    wire.answer({"corporate_actions": actions, "next_page_token": None})
    found = adapter_at(wire).splits("AAPL", date(2026, 1, 1), date(2026, 12, 31))

    assert [(one.effective_on, one.ratio) for one in found] == [
        (date(2026, 3, 17), D(4)),
        (date(2026, 3, 17), D("0.02")),
    ]
    assert adapter_at(wire).splits("BTC/USD", date(2026, 1, 1), date(2026, 12, 31)) == []
    assert len(wire.asked) == 1
