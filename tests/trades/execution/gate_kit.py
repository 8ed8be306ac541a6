"""What the tests of orders to come share: a connected account, a clock, a quote and short ways to ask."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from accounts.calendars import market_hours
from accounts.models import TradingAccount, User
from brokers.base import Capabilities, ClockReport
from brokers.models import AccountSnapshot, BrokerConnection, BrokerPosition, Quote
from brokers.services.clock import clock_by_calendar, is_silent
from tests.trades.desk_kit import NOW, d, make_account
from trades.execution import desks
from trades.execution.intents import OrderInput, order_create
from trades.models import Order
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderType, TimeInForce

# A Wednesday, 20:00 in New York: the market is shut until Thursday, 9:30.
EVENING = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
NEXT_OPEN = market_hours("XNYS", EVENING).next_open

EVERYTHING = Capabilities(
    order_types=frozenset(OrderType),
    times_in_force=frozenset(TimeInForce),
    order_classes=frozenset(OrderClass),
    asset_classes=frozenset(AssetClass),
    extended_hours=True,
    fractions=True,
    shorts=True,
    replaces=True,
    trails_by_price=True,
    refuses_duplicate_ids=True,
    quotes=True,
    keeps_orders_while_closed=True,
)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can do everything; its clock is the exchange's calendar. Quotes kept lately are not asked for."""
    monkeypatch.setattr(desks, "capabilities_of", lambda name: EVERYTHING)
    monkeypatch.setattr(desks, "clock_of", _clock)


def _clock(connection: BrokerConnection, *, exchange: str, now: datetime) -> ClockReport:
    told = clock_by_calendar(exchange, now)
    return told if is_silent(connection) else ClockReport(told.now, told.is_open, told.next_open, told.next_close)


def connected(
    owner: User, name: str = "Main", *, policy: dict[str, Any] | None = None, **changes: Any
) -> TradingAccount:
    """100,000 USD of equity and 200,000 of buying power at the broker, and a quote for AAPL of 99.99 / 100.01."""
    account = make_account(owner, name=name, broker="mock", policy=policy)
    given = {"broker": "mock", "label": name, "broker_account_id": name, "allows_shorts": True, **changes}
    connection = BrokerConnection.objects.create(user=owner, account=account, **given)
    money = {"equity": d(100_000), "cash": d(100_000), "buying_power": d(200_000)}
    AccountSnapshot.objects.create(connection=connection, at=NOW - timedelta(minutes=1), **money)
    quoted("AAPL", "99.99", "100.01")
    return account


def quoted(symbol: str, bid: str, ask: str, *, at: datetime = NOW, received_at: datetime | None = None) -> Quote:
    values = {"bid": d(bid), "ask": d(ask), "at": at, "received_at": received_at or at}
    return Quote.objects.update_or_create(feed="mock", symbol=symbol, defaults=values)[0]


def held(account: TradingAccount, quantity: int | str, symbol: str = "AAPL", price: str = "100") -> BrokerPosition:
    """What the broker says is held, as of a sync right now."""
    BrokerConnection.objects.filter(account=account).update(last_sync=NOW)
    return BrokerPosition.objects.create(
        connection=account.connection,
        symbol=symbol,
        asset_class="stock",
        quantity=d(quantity),
        average_price=d(price),
        market_price=d(price),
        as_of=NOW,
    )


def asked(account: TradingAccount, **changes: Any) -> OrderInput:
    """Buy 100 AAPL at 100, for the day."""
    given = {
        "account_id": account.pk,
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "quantity": d(100),
        "limit_price": d(100),
        **changes,
    }
    return OrderInput(**given)


def sell(account: TradingAccount, quantity: int | str, **changes: Any) -> OrderInput:
    """Sell at the market."""
    return asked(account, **{"side": "sell", "type": "market", "quantity": d(quantity), "limit_price": None, **changes})


def placed(account: TradingAccount, *, now: datetime = NOW, **changes: Any) -> Order:
    return order_create(owner=account.owner, given=asked(account, **changes), creation_key=uuid4(), now=now)


def codes(order: Order) -> list[str]:
    """Every limit a denied order broke, as its first event keeps them."""
    return [breach["code"] for breach in order.events.get().detail.get("breaches", [])]


def at_broker(order: Order, *, at: datetime = NOW, status: str = "accepted", **columns: Any) -> Order:
    """The broker has taken it."""
    values = {"status": status, "broker_order_id": f"b-{order.pk}", "submitted_at": at, **columns}
    Order.objects.filter(pk=order.pk).update(**values)
    order.refresh_from_db()
    return order


def number(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"
