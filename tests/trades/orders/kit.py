"""What the tests of the orders' pages share: a connected account, orders and their events, prices."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers import vault
from brokers.mock.book import Book, book_of
from brokers.models import BrokerConnection, BrokerPosition, Quote
from tests.factories import make_account, make_fill, make_plan
from trades.models import Order, OrderEvent, Trade

_numbers = count(1)


def d(text: str | int) -> Decimal:
    return Decimal(str(text))


def connect(account: TradingAccount, **fields: Any) -> BrokerConnection:
    """A paper connection of the mock broker that was read just now, and whose open orders are asked for."""
    key = uuid4()
    given: dict[str, Any] = {
        "id": key,
        "credentials": vault.seal({}, row_id=key),
        "user": account.owner,
        "account": account,
        "broker": account.broker,
        "label": f"{account.name} at the mock broker",
        "broker_account_id": f"MOCK-{str(key)[:8]}",
        "last_sync": timezone.now(),
        "next_poll_at": timezone.now(),
        **fields,
    }
    return BrokerConnection.objects.create(**given)


def connected_account(owner: User, name: str = "Main", **fields: Any) -> TradingAccount:
    account = make_account(owner, name, broker="mock", account_type="paper", **fields)
    connect(account)
    return account


def book(account: TradingAccount) -> Book:
    """The mock broker's side of an account: what it holds and what it is told to do."""
    return book_of(str(account.connection.pk))


def make_order(account: TradingAccount, symbol: str = "AAPL", **fields: Any) -> Order:
    """An accepted limit order to buy 100 at 187.50."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "owner": account.owner,
        "account": account,
        "connection": getattr(account, "connection", None),
        "symbol": symbol,
        "side": "buy",
        "type": "limit",
        "quantity": d(100),
        "limit_price": d("187.50"),
        "status": "accepted",
        "client_order_id": f"td-{number}",
        "broker_order_id": f"broker-{number}",
        **fields,
    }
    if given["type"] == "market":
        given["limit_price"] = None
    return Order.objects.create(**given)


def make_leg(parent: Order, role: str, price: str, **fields: Any) -> Order:
    """The stop or the target of an entry."""
    is_stop = role == "stop_loss"
    given: dict[str, Any] = {
        "parent": parent,
        "trade": parent.trade,
        "role": role,
        "side": "sell" if parent.side == "buy" else "buy",
        "type": "stop" if is_stop else "limit",
        "stop_price": d(price) if is_stop else None,
        "limit_price": None if is_stop else d(price),
        "time_in_force": "gtc",
        **fields,
    }
    return make_order(parent.account, parent.symbol, **given)


def make_bracket(account: TradingAccount, symbol: str = "AAPL", **fields: Any) -> Order:
    order = make_order(account, symbol, order_class="bracket", **fields)
    make_leg(order, "stop_loss", "180")
    make_leg(order, "take_profit", "200")
    return order


def make_event(order: Order, fact: str, to_status: str, **fields: Any) -> OrderEvent:
    given: dict[str, Any] = {"at": timezone.now(), "source": "stream", "from_status": order.status, **fields}
    return OrderEvent.objects.create(order=order, fact=fact, to_status=to_status, **given)


def make_quote(symbol: str = "AAPL", bid: str = "187.40", ask: str = "187.60", **fields: Any) -> Quote:
    """A quote of the mock broker's feed, a second old."""
    at: datetime = fields.pop("at", timezone.now() - timedelta(seconds=1))
    given: dict[str, Any] = {"feed": "mock", "at": at, "received_at": at, **fields}
    return Quote.objects.create(symbol=symbol, bid=d(bid), ask=d(ask), **given)


def make_position(
    account: TradingAccount, symbol: str = "AAPL", quantity: str = "100", **fields: Any
) -> BrokerPosition:
    """What the broker says it holds."""
    given: dict[str, Any] = {"average_price": d(100), "as_of": timezone.now(), **fields}
    return BrokerPosition.objects.create(
        connection=account.connection, symbol=symbol, asset_class="stock", quantity=d(quantity), **given
    )


def held(account: TradingAccount, symbol: str = "AAPL", quantity: str = "100", **fields: Any) -> Trade:
    """An open long bought at 100 with its stop at 95, in the journal."""
    trade = make_plan(
        account,
        symbol,
        status="active",
        quantity=d(quantity),
        open_quantity=d(quantity),
        open_value=d(quantity) * 100,
        actual_entry=d(100),
        entry_date=timezone.now() - timedelta(minutes=1),
        **fields,
    )
    make_fill(trade, "buy", quantity, "100", executed_at=trade.entry_date)
    return trade


def protected(trade: Trade) -> Order:
    """The stop order of a trade that works at the broker."""
    entry = make_order(trade.account, trade.symbol, trade=trade, status="filled", filled_quantity=trade.open_quantity)
    return make_leg(entry, "stop_loss", "95", quantity=trade.open_quantity)
