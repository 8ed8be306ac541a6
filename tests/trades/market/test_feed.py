"""Trades of a connected account are measured from its broker's bars, over the wire, each bar asked for once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine

from accounts.models import TradingAccount
from brokers.models import Bar, BarSpan, BrokerConnection, Split
from tests.brokers.simulator_server import RunningSimulator, simulator
from tests.factories import make_account, make_connection
from tests.trades.desk_kit import make_account as desk_account
from tests.trades.desk_kit import make_fill
from tests.trades.market.kit import LATER, RECORDED, closed, make_series, needs_recorded, utc
from trades.models import Trade
from trades.services.excursions import excursions_sweep, trades_to_measure
from trades.services.trade_bars import timeframes_for

pytestmark = pytest.mark.django_db
SOLD, NOON = utc(2014, 6, 9, 15, 0), utc(2014, 6, 9, 16, 0)


@pytest.fixture
def exchange(settings: Any) -> Iterator[RunningSimulator]:
    """The recorded market, at noon of the day Apple's shares were split."""
    with simulator(RECORDED, start=utc(2014, 6, 9, 7, 59)) as running:
        settings.SIMULATOR_URL = running.url
        running.control.split("AAPL", 7, at=utc(2014, 6, 9, 8))
        running.control.set_clock(NOON)
        yield running


def connected(account: TradingAccount, exchange: RunningSimulator) -> BrokerConnection:
    return make_connection(account, keys={"api_key": exchange.key_id, "secret_key": exchange.secret_key})


def apple(account: TradingAccount, sold: datetime = SOLD) -> Trade:
    fills = (("buy", 10, "646.00", utc(2014, 6, 6, 14, 0)), ("sell", 10, "651.00", sold))
    return closed(account, *fills, entry=D(646), stop=D(600), targets=(), quantity=D(1))


def bars_asked(exchange: RunningSimulator) -> list[str]:
    return [one["path"] for one in exchange.control.requests() if one["path"].endswith("/bars")]


@needs_recorded
def test_a_trade_over_a_split_is_measured_from_the_brokers_bars(alice, exchange) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    trade = apple(account)
    connected(account, exchange)
    exchange.control.forget_counts()
    assert excursions_sweep(now=NOON) == 1
    trade.refresh_from_db()
    assert (trade.excursion_bar, trade.mae, trade.mfe) == ("1Min", D("-38.90"), D("96.90"))
    assert list(Split.objects.values_list("symbol", "ratio")) == [("AAPL", D(7))]
    assert bars_asked(exchange) == ["/v2/stocks/bars"]
    # A second trade at the same time costs no request: what is covered is here.
    exchange.control.forget_counts()
    Trade.objects.filter(pk=trade.pk).update(measured_version=None)
    assert excursions_sweep(now=NOON) == 1
    assert exchange.control.requests() == []
    assert BarSpan.objects.count() == 1


@needs_recorded
def test_what_the_feed_may_still_tell_late_is_not_taken_for_told(alice, exchange) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    apple(account, sold=utc(2014, 6, 9, 15, 30))
    connected(account, exchange)
    excursions_sweep(now=NOON)
    assert BarSpan.objects.get().end == NOON - timedelta(minutes=20)
    assert Bar.objects.order_by("start").last().start < NOON - timedelta(minutes=20)


@needs_recorded
def test_a_symbol_the_feed_does_not_know_is_measured_from_the_traders_own_bars(alice, exchange) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    fills = (("buy", 10, "100", utc(2014, 6, 6, 14)), ("sell", 10, "101", utc(2014, 6, 6, 14, 2)))
    trade = closed(account, *fills, symbol="ZZZZ")
    make_series(account, "ZZZZ", utc(2014, 6, 6, 14), [("99", "101"), ("98", "103")])
    connected(account, exchange)
    excursions_sweep(now=NOON)
    trade.refresh_from_db()
    assert (trade.mae, trade.mfe, trade.excursion_bar) == (D("-20.00"), D("30.00"), "1Min")


def test_a_feed_that_cannot_be_reached_is_asked_again_later(alice, settings) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    account = desk_account(alice, broker="simulator", account_type="paper")
    first, second = apple(account), apple(account, sold=utc(2014, 6, 9, 15, 1))
    make_connection(account)
    assert excursions_sweep(now=NOON) == 0
    for trade in (first, second):
        trade.refresh_from_db()
        assert (trade.measured_version, trade.mae) == (None, None)
        assert trade.measure_after >= NOON + timedelta(minutes=10)
    assert not trades_to_measure(NOON + timedelta(minutes=9)).exists()
    assert trades_to_measure(NOON + timedelta(minutes=11)).count() == 2


@needs_recorded
def test_keys_that_open_nothing_stop_the_connection_and_the_trader_is_told(alice, exchange) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    apple(account)
    connection = make_connection(account)
    excursions_sweep(now=NOON)
    connection.refresh_from_db()
    assert connection.is_active is False
    assert alice.notifications.count() == 1
    assert excursions_sweep(now=LATER) == 0


@pytest.mark.parametrize(
    ("days", "asset_class", "finest"),
    [(0, "stock", "1Min"), (4, "stock", "1Min"), (7, "stock", "5Min"), (60, "stock", "15Min"), (200, "stock", "1Hour"),
     (700, "stock", "1Day"), (0, "crypto", "1Min"), (1, "crypto", "5Min")],
)  # fmt: skip
def test_bars_are_as_fine_as_two_thousand_of_them_allow(alice, days, asset_class, finest) -> None:
    entry = utc(2021, 3, 1, 15)
    trade = Trade(account=make_account(alice), asset_class=asset_class, entry_date=entry)
    if asset_class == "crypto":
        trade.account.exchange = "24/7"
    assert timeframes_for(trade, entry + timedelta(days=days))[0] == finest


def test_around_the_clock_a_day_has_more_minutes(alice) -> None:
    account = make_account(alice, exchange="24/7")
    trade = Trade(account=account, asset_class="stock", entry_date=utc(2021, 3, 1, 15))
    assert timeframes_for(trade, utc(2021, 3, 1, 16))[0] == "1Min"
    assert timeframes_for(trade, utc(2021, 3, 2, 16))[0] == "5Min"


@needs_recorded
def test_the_chart_of_an_open_trade_asks_for_what_is_missing_and_holds_the_fills_that_bars_reach(
    alice, alice_client, exchange
) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    connected(account, exchange)
    trade = closed(account, ("buy", 10, "92.90", utc(2014, 6, 9, 14)), entry=D(92), stop=D(90), quantity=D(1))
    make_fill(trade, "buy", 10, "93.00", utc(2014, 6, 9, 15, 50))
    exchange.control.forget_counts()
    with time_machine.travel(NOON, tick=False):
        first, second = (alice_client.get(f"/trades/{trade.pk}/bars/").json() for _ in range(2))
    assert first == second
    assert bars_asked(exchange) == ["/v2/stocks/bars"]
    assert first["note"] == "Bars of 1 minute from Stand-in exchange. The last 20 minutes are added later."
    assert [marker["text"] for marker in first["markers"]] == ["In 10"]
    assert first["series"][0]["points"][-1][0] == int(utc(2014, 6, 9, 15, 39).timestamp())


@needs_recorded
def test_a_trade_inside_one_bar_is_drawn_and_not_measured(alice, alice_client, exchange) -> None:
    account = desk_account(alice, broker="simulator", account_type="paper")
    connected(account, exchange)
    at = utc(2014, 6, 9, 14)
    bought, sold = ("buy", 10, "92.70", at), ("sell", 10, "92.75", at + timedelta(seconds=20))
    trade = closed(account, bought, sold, entry=D(92), stop=D(90), quantity=D(1))
    assert excursions_sweep(now=NOON) == 1
    trade.refresh_from_db()
    assert (trade.mae, trade.measured_version) == (None, trade.version)
    assert bars_asked(exchange) == ["/v2/stocks/bars"]
    page = alice_client.get(f"/trades/{trade.pk}/").content.decode().replace("&#x27;", "'")
    assert 'id="trade-chart"' in page
    assert "No whole bar lies between its fills" in page
