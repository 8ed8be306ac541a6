"""Alpaca's own client library drives the exchange: its models take every answer, its sockets hear every event."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from queue import Queue
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import StockBarsRequest, StockLatestQuoteRequest, StockQuotesRequest, StockSnapshotRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream

from tests.brokers.simulator.conftest import MORNING
from tests.brokers.simulator_server import RunningSimulator, wait_until


@pytest.fixture
def client(exchange: RunningSimulator) -> TradingClient:
    return TradingClient(exchange.key_id, exchange.secret_key, url_override=exchange.url)


@pytest.fixture
def prices(exchange: RunningSimulator) -> StockHistoricalDataClient:
    return StockHistoricalDataClient(exchange.key_id, exchange.secret_key, url_override=exchange.url)


def market(qty: float = 1, **more: Any) -> MarketOrderRequest:
    return MarketOrderRequest(symbol="SPY", qty=qty, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more)


def test_an_order_goes_from_submission_to_a_closed_position(client: TradingClient) -> None:
    placed = client.submit_order(market(10, client_order_id="td-1"))
    found = client.get_order_by_client_id("td-1")
    position = client.get_open_position("SPY")
    closing = client.close_position("SPY", ClosePositionRequest(qty="4"))

    assert (found.id, found.status, found.filled_avg_price) == (placed.id, OrderStatus.FILLED, "100.02")
    assert (position.qty, position.avg_entry_price) == ("10", "100.02")
    assert client.get_order_by_id(closing.id).filled_qty == "4"
    assert client.get_all_positions()[0].qty == "6"
    # 100,000 - 10 x 100.02 + 4 x 100.00
    assert Decimal(client.get_account().cash) == Decimal("99399.80")


def test_a_bracket_is_nested_replaced_and_cancelled(client: TradingClient) -> None:
    placed = client.submit_order(
        LimitOrderRequest(
            symbol="SPY",
            qty=3,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            limit_price=99.5,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=95),
        )
    )
    replaced = client.replace_order_by_id(placed.id, ReplaceOrderRequest(limit_price=99.25))
    listed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
    cancelled = client.cancel_orders()

    assert len(placed.legs) == 2
    assert (replaced.limit_price, replaced.replaces) == ("99.25", placed.id)
    assert [order.id for order in listed] == [replaced.id]
    assert replaced.id in {outcome.id for outcome in cancelled}
    assert client.get_orders() == []


def test_a_refusal_is_an_api_error_with_status_code_and_message(client: TradingClient) -> None:
    with pytest.raises(APIError) as refused:
        client.submit_order(market(1_000_000))

    assert (refused.value.status_code, refused.value.code) == (403, 40310000)
    assert refused.value.message == "insufficient buying power"


def test_clock_calendar_and_assets_are_understood(client: TradingClient) -> None:
    assert client.get_clock().timestamp >= MORNING
    assert client.get_calendar()[-1].open.hour == 9
    assert client.get_asset("SPY").tradable
    assert "SPY" in {asset.symbol for asset in client.get_all_assets()}


def test_quotes_bars_and_snapshots_are_understood(
    exchange: RunningSimulator, prices: StockHistoricalDataClient
) -> None:
    for minute in range(3, 0, -1):
        exchange.control.add_bar("IBM", MORNING - timedelta(minutes=minute), ("50", "51", "49", "50.5"))
    exchange.control.set_quote("IBM", bid="50.00", ask="50.01")
    latest = prices.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=["SPY", "IBM"]))
    bars = prices.get_stock_bars(StockBarsRequest(symbol_or_symbols="IBM", timeframe=TimeFrame.Minute))
    snapshot = prices.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))

    assert (latest["SPY"].bid_price, latest["SPY"].ask_price, latest["IBM"].bid_price) == (100.00, 100.02, 50.00)
    assert [bar.close for bar in bars["IBM"]] == [50.5, 50.5, 50.5]
    assert snapshot["SPY"].latest_quote.ask_price == 100.02


def test_the_client_gathers_all_pages(exchange: RunningSimulator, prices: StockHistoricalDataClient) -> None:
    for cent in range(25):
        exchange.control.set_quote("IBM", bid=f"50.{cent:02d}", ask=f"50.{cent + 1:02d}")
    found, token = [], None
    while True:
        page = prices.get("/stocks/quotes", {"symbols": "IBM,SPY", "limit": 7, "page_token": token})
        found += [quote["bp"] for quotes in page["quotes"].values() for quote in quotes]
        token = page["next_page_token"]
        if token is None:
            break
    everything = prices.get_stock_quotes(StockQuotesRequest(symbol_or_symbols=["IBM", "SPY"]))

    assert found == [50 + cent / 100 for cent in range(25)] + [100.0]
    assert len(everything["IBM"]) == 25


def listening(stream: Any) -> Callable[[], None]:
    """Run a stream of the library in a thread; call the result to stop it."""
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()

    def stop() -> None:
        stream.stop()
        thread.join(15)

    return stop


@pytest.mark.parametrize("frames", ["text", "binary"])
def test_trade_updates_arrive_in_order(exchange: RunningSimulator, client: TradingClient, frames: str) -> None:
    exchange.control.set_frames(frames)
    heard: Queue[Any] = Queue()
    stream = TradingStream(exchange.key_id, exchange.secret_key, url_override=exchange.stream_url)

    async def hear(update: Any) -> None:
        heard.put(update)

    stream.subscribe_trade_updates(hear)
    stop = listening(stream)
    try:
        exchange.control.wait_for_listener(exchange.key_id)
        placed = client.submit_order(market(2))
        updates = [heard.get(timeout=10) for _ in range(2)]
    finally:
        stop()

    assert [update.event for update in updates] == ["new", "fill"]
    assert {update.order.id for update in updates} == {placed.id}
    assert (updates[-1].qty, updates[-1].price, updates[-1].position_qty) == (2, 100.02, 2)
    assert updates[-1].order.status is OrderStatus.FILLED


def test_market_data_arrives_as_it_is_shown(exchange: RunningSimulator) -> None:
    heard: Queue[Any] = Queue()
    stream = StockDataStream(exchange.key_id, exchange.secret_key, url_override=exchange.data_stream_url)

    async def hear(item: Any) -> None:
        heard.put(item)

    stream.subscribe_quotes(hear, "SPY")
    stream.subscribe_trades(hear, "SPY")
    stop = listening(stream)
    try:
        wait_until(lambda: exchange.control.connections()["data"] == [exchange.key_id])
        wait_until(lambda: exchange.control.connections()["watched"] == ["SPY"])
        exchange.control.set_quote("IBM", bid="50.00", ask="50.01")
        exchange.control.set_quote("SPY", bid="100.10", ask="100.12")
        exchange.control.print_trade("SPY", price="100.11", size=300)
        quote, trade = heard.get(timeout=10), heard.get(timeout=10)
    finally:
        stop()

    assert (quote.symbol, quote.bid_price, quote.ask_price) == ("SPY", 100.10, 100.12)
    assert (trade.symbol, trade.price, trade.size) == ("SPY", 100.11, 300)
    assert isinstance(quote.timestamp, datetime)
