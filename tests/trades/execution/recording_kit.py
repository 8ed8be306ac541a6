"""What the tests of recording share: an account at the mock broker, orders of it, and its book."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import TradingAccount, User
from brokers import vault
from brokers.base import FillReport, OrderReport
from brokers.mock import book as mock_book
from brokers.mock.book import Book
from brokers.models import BrokerConnection
from tests.factories import make_account, make_plan
from trades.execution.shapes import rows_from
from trades.models import Order, Trade
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce, class_with

# A Wednesday, 10:00 in New York.
NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def connect(owner: User, name: str = "Desk", **changes: Any) -> BrokerConnection:
    """A new account at the mock broker, with an empty book."""
    account = make_account(owner, name=name, broker="mock")
    given = {"journal_since": NOW - timedelta(days=1), **changes}
    connection = BrokerConnection(user=owner, account=account, broker="mock", label=name, **given)
    connection.credentials = vault.seal({}, row_id=connection.pk)
    connection.save()
    return connection


@pytest.fixture
def desk(alice: User) -> Iterator[BrokerConnection]:
    connection = connect(alice)
    yield connection
    mock_book.forget(str(connection.pk))


@pytest.fixture
def book(desk: BrokerConnection) -> Book:
    """The mock broker's book, whose clock stands at NOW until a test moves it."""
    found = mock_book.book_of(str(desk.pk))
    found.now = lambda: NOW
    return found


def plan_of(desk: BrokerConnection, symbol: str = "AAPL", **fields: Any) -> Trade:
    return make_plan(desk.account, symbol, **fields)


def order_of(
    desk: BrokerConnection,
    *,
    trade: Trade | None = None,
    side: str = "buy",
    type: str = "limit",  # noqa: A002 - the order's own word
    quantity: str = "100",
    limit: str | None = "100",
    stop: str | None = None,
    stop_loss: str | None = None,
    take_profit: str | None = None,
    symbol: str = "AAPL",
    **columns: Any,
) -> Order:
    """A stored order, as the desk keeps one before anything is sent."""
    exits = {
        "stop_loss": StopLoss(D(stop_loss)) if stop_loss else None,
        "take_profit": TakeProfit(D(take_profit)) if take_profit else None,
    }
    terms = OrderTerms(
        symbol=symbol,
        side=Side(side),
        type=OrderType(type),
        quantity=D(quantity),
        limit_price=D(limit) if limit else None,
        stop_price=D(stop) if stop else None,
        order_class=class_with(**exits),
        **exits,
    )
    given = {"owner": desk.user, "account": desk.account, "connection": desk, "trade": trade, **columns}
    order, legs = rows_from(terms, **given)
    order.save(force_insert=True)
    Order.objects.bulk_create(legs)
    return order


def report_of(order: Order, state: OrderState | None = OrderState.ACCEPTED, **changes: Any) -> OrderReport:
    """What a broker would say of an order of ours."""
    given: dict[str, Any] = {
        "broker_order_id": order.broker_order_id or f"b-{order.pk.hex[:8]}",
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "asset_class": AssetClass(order.asset_class),
        "side": Side(order.side),
        "type": OrderType(order.type),
        "time_in_force": TimeInForce(order.time_in_force),
        "order_class": OrderClass(order.order_class),
        "quantity": order.quantity,
        "filled_quantity": D(0),
        "filled_average_price": None,
        "state": state,
        "raw_status": state.value if state else "under_consideration",
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "submitted_at": NOW,
        "updated_at": NOW,
        **changes,
    }
    return OrderReport(**given)


def external_report(number: int = 1, **changes: Any) -> OrderReport:
    given: dict[str, Any] = {
        "broker_order_id": f"x-{number}",
        "client_order_id": f"elsewhere-{number}",
        "symbol": "AAPL",
        "asset_class": AssetClass.STOCK,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "order_class": OrderClass.SIMPLE,
        "quantity": D(100),
        "filled_quantity": D(0),
        "filled_average_price": None,
        "state": OrderState.ACCEPTED,
        "raw_status": "new",
        "limit_price": D(100),
        "submitted_at": NOW,
        "updated_at": NOW,
        **changes,
    }
    return OrderReport(**given)


def fill_of(order: Order | str, quantity: str = "100", price: str = "100", **changes: Any) -> FillReport:
    """An execution; without a number of its own it is the only one of its kind."""
    is_ours = isinstance(order, Order)
    given: dict[str, Any] = {
        "execution_id": f"e-{uuid4().hex[:10]}",
        "broker_order_id": order.broker_order_id if is_ours else order,
        "symbol": order.symbol if is_ours else "AAPL",
        "asset_class": AssetClass.STOCK,
        "side": Side(order.side) if is_ours else Side.BUY,
        "quantity": D(quantity),
        "price": D(price),
        "executed_at": NOW,
        "commission": D(0),
        "fees": D(0),
        **changes,
    }
    return FillReport(**given)


def fresh(row: Any) -> Any:
    return type(row)._base_manager.get(pk=row.pk)


def events(order: Order) -> list[tuple[str, str, str]]:
    return list(order.events.values_list("fact", "from_status", "to_status"))


def account_of(desk: BrokerConnection) -> TradingAccount:
    found: TradingAccount = desk.account
    return found
