"""Each feed is asked once for the prices of everything held or ordered there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from django.utils import timezone

from brokers.models import Quote
from brokers.services.clock import clock_by_calendar
from tests.factories import make_account, make_connection, make_fill, make_plan
from tests.trades.execution.exchange_kit import account, ask, connected_account, exchange, send
from trades.models import Trade
from trades.services import live_prices
from trades.services.live_prices import Market, live_prices_refresh, symbols_wanted

__all__ = ["account", "exchange"]


def held(account, symbol: str, **fields) -> None:
    """A position of one share."""
    trade = make_plan(account, symbol, **fields)
    make_fill(trade, "buy", "1", "10")
    Trade.objects.filter(pk=trade.pk).update(status="active", quantity=1, open_quantity=1)


def test_positions_and_working_orders_of_connected_accounts_are_wanted(alice, account, exchange) -> None:
    ask(account)
    held(account, "IBM")
    held(make_account(alice, "By hand"), "AAPL")
    make_plan(account, "MSFT")
    assert symbols_wanted() == {Market("simulator", is_crypto=False): {"SPY", "IBM"}}


def test_many_symbols_of_many_traders_cost_one_request(alice, charlie, account, exchange) -> None:
    other = connected_account(charlie, exchange, "Other")
    send(account, type="limit", limit_price=D("99.00"))
    for one in (account, other):
        held(one, "IBM")
    exchange.control.set_quote("IBM", bid="50.00", ask="50.02")
    exchange.control.set_quote("SPY", bid="101.00", ask="101.02")
    exchange.control.forget_counts()
    assert live_prices_refresh(now=timezone.now()) == 2
    asked = [request["path"] for request in exchange.control.requests()]
    assert [path for path in asked if path != "/v2/clock"] == ["/v2/stocks/quotes/latest"]
    assert dict(Quote.objects.values_list("symbol", "bid")) == {"IBM": D("50.00"), "SPY": D("101.00")}


def test_crypto_is_priced_while_the_stock_market_is_closed(alice, monkeypatch) -> None:
    # A Saturday.
    now = datetime(2026, 3, 7, 15, 0, tzinfo=UTC)
    here = make_account(alice)
    make_connection(here)
    held(here, "IBM")
    held(here, "BTC/USD", asset_class="crypto")
    asked: list[list[str]] = []
    monkeypatch.setattr(live_prices, "clock_of", lambda _one, exchange, now: clock_by_calendar(exchange, now))
    monkeypatch.setattr(live_prices, "quotes_refresh", lambda _one, symbols: asked.append(symbols) or symbols)

    assert live_prices_refresh(now=now) == 1
    assert asked == [["BTC/USD"]]
    assert live_prices_refresh(now=now + timedelta(days=2)) == 2
    assert sorted(asked[1:]) == [["BTC/USD"], ["IBM"]]


def test_nothing_is_asked_while_nobody_holds_anything(account, exchange) -> None:
    exchange.control.forget_counts()
    assert live_prices_refresh(now=timezone.now()) == 0
    assert exchange.control.counts() == {}
