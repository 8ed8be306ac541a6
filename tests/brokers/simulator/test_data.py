"""Market data: pages, feeds, and the sockets that show it as it comes."""

import csv
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.brokers.simulator.conftest import MORNING, Wire
from tests.brokers.simulator_server import RunningSimulator, simulator, wait_until


def test_the_latest_quote_has_prices_as_json_numbers(exchange, wire: Wire) -> None:
    quotes = wire.get("/v2/stocks/quotes/latest", symbols="SPY,NOSUCH", feed="iex")["quotes"]

    assert set(quotes) == {"SPY"}
    assert {name: quotes["SPY"][name] for name in ("bp", "bs", "ap", "as", "z")} == {
        "bp": 100.0,
        "bs": 100_000,
        "ap": 100.02,
        "as": 100_000,
        "z": "B",
    }


def test_a_side_without_a_quote_is_zero(exchange, wire: Wire) -> None:
    exchange.control.set_quote("SPY", bid="0", ask="100.02")

    assert wire.get("/v2/stocks/SPY/quotes/latest")["quote"]["bp"] == 0


def test_a_symbol_without_data_is_not_found_by_itself(wire: Wire) -> None:
    assert wire.call("GET", "/v2/stocks/NOSUCH/quotes/latest").status_code == 404
    assert wire.call("GET", "/v2/stocks/SPY/trades/latest").status_code == 404
    assert wire.call("GET", "/v2/stocks/NOSUCH/snapshot").status_code == 404


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_hold_every_quote_once_by_symbol_and_time(exchange, wire: Wire, sort: str) -> None:
    for cent in range(10):
        exchange.control.set_quote("IBM", bid=f"50.{cent:02d}", ask="51")
    pages, token = [], None
    while True:
        page = wire.get("/v2/stocks/quotes", symbols="SPY,IBM", limit=4, sort=sort, page_token=token)
        pages.append([(symbol, quote["bp"]) for symbol, quotes in page["quotes"].items() for quote in quotes])
        token = page["next_page_token"]
        if token is None:
            break
    rising = [("IBM", 50 + cent / 100) for cent in range(10)]

    assert [len(page) for page in pages] == [4, 4, 3]
    assert list(itertools.chain(*pages)) == [*(rising if sort == "asc" else rising[::-1]), ("SPY", 100.0)]


def test_bars_are_asked_for_by_timeframe_and_time(exchange, wire: Wire) -> None:
    for minute in range(10, 0, -1):
        close = str(100 + minute)
        exchange.control.add_bar("IBM", MORNING - timedelta(minutes=minute), ("100", "120", "90", close), volume=10)
    start = (MORNING - timedelta(minutes=5)).isoformat()

    minutes = wire.get("/v2/stocks/bars", symbols="IBM", timeframe="1Min", start=start)["bars"]["IBM"]
    fives = wire.get("/v2/stocks/IBM/bars", timeframe="5Min", start=start)["bars"]

    assert [bar["c"] for bar in minutes] == [105, 104, 103, 102, 101]
    assert [(bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]) for bar in fives] == [(100, 120, 90, 101, 50)]


@pytest.mark.parametrize(
    "query",
    [
        "symbols=SPY&feed=telegraph",
        "symbols=",
        "symbols=SPY&limit=0",
        "symbols=SPY&limit=10001",
        "symbols=SPY&sort=up",
        "symbols=SPY&start=yesterday",
        "symbols=SPY&page_token=bm9uc2Vuc2U=",
        "symbols=SPY&timeframe=7Moons",
        "symbols=SPY&timeframe=1Min&adjustment=kind",
    ],
)
def test_senseless_questions_are_refused_with_400(wire: Wire, query: str) -> None:
    assert wire.call("GET", f"/v2/stocks/bars?{query}").status_code == 400


# --- the sockets ----------------------------------------------------------------------------------------------------


@contextmanager
def socket(exchange: RunningSimulator, feed: str = "iex", **headers: str) -> Iterator[ClientConnection]:
    address = f"{exchange.url.replace('http', 'ws', 1)}/v2/{feed}"
    with connect(address, open_timeout=10, additional_headers=headers) as opened:
        yield opened


def said(opened: ClientConnection) -> Any:
    return json.loads(opened.recv(10))


def ask(opened: ClientConnection, **message: Any) -> Any:
    opened.send(json.dumps(message))
    return said(opened)


@contextmanager
def subscribed(exchange: RunningSimulator, feed: str = "iex", **channels: list[str]) -> Iterator[ClientConnection]:
    with socket(exchange, feed) as opened:
        said(opened)
        ask(opened, action="auth", key=exchange.key_id, secret=exchange.secret_key)
        ask(opened, action="subscribe", **channels)
        yield opened


def test_the_conversation(exchange) -> None:
    with socket(exchange) as opened:
        assert said(opened) == [{"T": "success", "msg": "connected"}]
        assert ask(opened, action="subscribe", quotes=["SPY"])[0]["code"] == 401
        assert ask(opened, action="auth", key="PKTEST", secret="wrong") == [
            {"T": "error", "code": 402, "msg": "auth failed"}
        ]
        keys = {"key": exchange.key_id, "secret": exchange.secret_key}
        assert ask(opened, action="auth", **keys) == [{"T": "success", "msg": "authenticated"}]
        assert ask(opened, action="auth", **keys)[0]["code"] == 403
        both = ask(opened, action="subscribe", quotes=["SPY", "IBM"], bars=["*"])[0]
        less = ask(opened, action="unsubscribe", quotes=["IBM"])[0]
        assert ask(opened, action="subscribe", quotes="SPY")[0]["code"] == 400

    assert (both["T"], both["quotes"], both["bars"], both["trades"]) == ("subscription", ["IBM", "SPY"], ["*"], [])
    assert (less["quotes"], less["bars"]) == (["SPY"], ["*"])


def test_only_what_was_subscribed_to_is_heard(exchange) -> None:
    with subscribed(exchange, quotes=["SPY"], trades=["IBM"]) as opened:
        exchange.control.set_quote("IBM", bid="50", ask="51")
        exchange.control.print_trade("SPY", price="100")
        exchange.control.set_quote("SPY", bid="100.5", ask="100.6")
        exchange.control.print_trade("IBM", price="50.5", size=7)

        quote, trade = said(opened)[0], said(opened)[0]

    assert (quote["T"], quote["S"], quote["bp"]) == ("q", "SPY", 100.5)
    assert (trade["T"], trade["S"], trade["p"], trade["s"]) == ("t", "IBM", 50.5, 7)


def test_keys_may_come_with_the_handshake_and_msgpack_has_real_timestamps(exchange) -> None:
    headers = {
        "Content-Type": "application/msgpack",
        "APCA-API-KEY-ID": exchange.key_id,
        "APCA-API-SECRET-KEY": exchange.secret_key,
    }
    with socket(exchange, **headers) as opened:
        greetings = [msgpack.unpackb(opened.recv(10))[0]["msg"] for _ in range(2)]
        opened.send(msgpack.packb({"action": "subscribe", "quotes": ["*"]}))
        opened.recv(10)
        exchange.control.set_quote("SPY", bid="100.5", ask="100.6")
        quote = msgpack.unpackb(opened.recv(10))[0]

    assert greetings == ["connected", "authenticated"]
    assert quote["t"].to_datetime() - MORNING < timedelta(seconds=1)


def test_one_connection_for_a_key_and_feed(exchange) -> None:
    with subscribed(exchange, quotes=["SPY"]), socket(exchange) as second, socket(exchange, "sip") as other_feed:
        said(second)
        said(other_feed)
        keys = {"key": exchange.key_id, "secret": exchange.secret_key}
        assert ask(second, action="auth", **keys) == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]
        assert ask(other_feed, action="auth", **keys)[0]["msg"] == "authenticated"


def test_nobody_watches_when_everybody_has_gone(exchange) -> None:
    with subscribed(exchange, quotes=["SPY"]):
        assert exchange.control.connections()["watched"] == ["SPY"]
    wait_until(lambda: exchange.control.connections()["watched"] == [])


def test_the_feed_for_trying_out_speaks_at_any_hour(exchange) -> None:
    with subscribed(exchange, "test", quotes=["FAKEPACA"]) as opened:
        quote = said(opened)[0]

    assert (quote["S"], quote["T"]) == ("FAKEPACA", "q")
    assert quote["ap"] > quote["bp"] > 0


def test_a_synthetic_market_moves_by_itself(tmp_path) -> None:
    with simulator("synthetic") as running, subscribed(running, quotes=["SPY"]) as opened:
        began = time.monotonic()
        quotes = [said(opened)[0] for _ in range(3)]

    assert time.monotonic() - began < 10
    assert len({quote["t"] for quote in quotes}) == 3
    assert all(0 < quote["bp"] < quote["ap"] for quote in quotes)


# --- what was recorded ----------------------------------------------------------------------------------------------


def test_a_recorded_week_is_replayed_to_the_cent(shared: Path) -> None:
    with (shared / "market-data" / "minute" / "IBM.csv").open(encoding="ascii") as lines:
        rows = {row["timestamp"]: row for row in csv.DictReader(lines)}
    opening = datetime(2013, 10, 4, 13, 30, tzinfo=UTC)
    row = rows["2013-10-04T13:34:00Z"]
    with simulator(shared / "market-data", start=opening) as running:
        wire = Wire(running.url, running.key_id, running.secret_key)
        running.control.advance(300)
        quote = wire.get("/v2/stocks/IBM/quotes/latest")["quote"]
        filled = wire.get(f"/v2/orders/{wire.ordered(symbol='IBM', qty='1')['id']}")
        bars = wire.get("/v2/stocks/IBM/bars", timeframe="1Min", start=opening.isoformat())["bars"]

    assert (Decimal(str(quote["bp"])), Decimal(str(quote["ap"]))) == (Decimal(row["bid"]), Decimal(row["ask"]))
    assert Decimal(filled["filled_avg_price"]) == Decimal(row["ask"])
    assert Decimal(str(bars[-1]["c"])) == Decimal(row["close"])


def test_nonsense_on_a_data_socket_is_said_and_the_connection_lives(exchange) -> None:
    with socket(exchange) as opened:
        said(opened)
        for nonsense in ("{", "[1]", b"\xc1", b"\x01\x02"):
            opened.send(nonsense)
            assert said(opened) == [{"T": "error", "code": 400, "msg": "invalid syntax"}]
        assert ask(opened, action="auth", key=exchange.key_id, secret=exchange.secret_key)[0]["T"] == "success"


def test_data_sockets_are_mute_closed_and_refused_on_demand(exchange) -> None:
    with subscribed(exchange, quotes=["SPY"]) as opened:
        exchange.control.mute("data")
        exchange.control.set_quote("SPY", bid="100.5", ask="100.6")
        exchange.control.unmute("data")
        exchange.control.stream_fault("duplicate", stream="data")
        exchange.control.set_quote("SPY", bid="100.7", ask="100.8")
        assert [said(opened)[0]["bp"] for _ in range(2)] == [100.7, 100.7]
        exchange.control.close_streams("data", code=1012)
        with pytest.raises(ConnectionClosed):
            opened.recv(10)
    exchange.control.refuse_connections(1, "data")
    with pytest.raises(InvalidStatus), socket(exchange):
        pass
