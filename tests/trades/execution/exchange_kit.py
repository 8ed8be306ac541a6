"""An account connected to a running stand-in exchange, and the ways orders take there: over the wire, by the real code."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import TradingAccount
from brokers.models import AccountSnapshot, BrokerConnection
from brokers.registry import adapter_for
from brokers.services.quotes import quote_fetch
from tests.brokers.simulator_server import RunningSimulator, simulator
from tests.factories import make_account, make_connection
from trades.execution.intents import OrderInput, order_create
from trades.execution.submit import order_submit
from trades.models import Order


@pytest.fixture
def exchange(settings: Any) -> Iterator[RunningSimulator]:
    """Always open; SPY at 99.99 / 100.01 with room for every order of the tests."""
    with simulator() as running:
        settings.SIMULATOR_URL = running.url
        running.control.set_quote("SPY", bid="99.99", ask="100.01", bid_size=10_000, ask_size=10_000)
        yield running


@pytest.fixture
def account(alice, exchange: RunningSimulator) -> TradingAccount:
    return connected_account(alice, exchange)


def connected_account(owner: Any, exchange: RunningSimulator, name: str = "Stand-in") -> TradingAccount:
    """Limits wide enough for the tests of the wire; what the broker says of the money is there."""
    found = make_account(owner, name, broker="simulator", account_type="paper")
    type(found.risk_policy).objects.filter(pk=found.pk).update(
        max_position_percent=100, max_open_risk_percent=None, max_orders_per_minute=None, max_open_positions=None
    )
    connection = make_connection(found, keys={"api_key": exchange.key_id, "secret_key": exchange.secret_key})
    number = adapter_for(connection).account().broker_account_id
    BrokerConnection.objects.filter(pk=connection.pk).update(broker_account_id=number)
    AccountSnapshot.objects.create(
        connection=connection, at=timezone.now(), equity=D(100_000), cash=D(100_000), buying_power=D(200_000)
    )
    return TradingAccount.objects.get(pk=found.pk)


def connection_of(account: TradingAccount) -> BrokerConnection:
    return BrokerConnection.objects.select_related("account", "user").get(account=account)


def ask(account: TradingAccount, **changes: Any) -> Order:
    """Buy 10 SPY at the market, checked and written; nothing is sent yet."""
    quote_fetch(connection_of(account), "SPY")
    given = {"account_id": account.pk, "symbol": "SPY", "side": "buy", "type": "market", "quantity": D(10), **changes}
    return order_create(owner=account.owner, given=OrderInput(**given), creation_key=uuid4(), now=timezone.now())


def send(account: TradingAccount, **changes: Any) -> Order:
    """The same, and sent."""
    order = ask(account, **changes)
    assert order.status == "new", order.reason_detail
    order_submit(order.pk)
    order.refresh_from_db()
    return order
