"""Orders that need their trader's eyes, and what the page said."""

from datetime import timedelta
from typing import Any

from django.contrib.messages import get_messages
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.base import AccountReport
from tests.trades.orders.kit import d, make_order
from trades.models import Order, OrderCall
from trades.selectors.matters import matters_of


def ago(**span: int) -> Any:
    return timezone.now() - timedelta(**span)


def kinds(owner: User) -> list[str]:
    return [one.kind for one in matters_of(owner, now=timezone.now()).waiting]


def aged(order: Order, **columns: Any) -> Order:
    """The row as it stood for a while."""
    Order.objects.filter(pk=order.pk).update(created_at=ago(hours=1), updated_at=ago(hours=1), **columns)
    order.refresh_from_db()
    return order


def doubted(account: TradingAccount, symbol: str = "AAPL", **fields: Any) -> Order:
    given = {"status": "in_doubt", "doubted_at": ago(minutes=5), "broker_order_id": "", **fields}
    return make_order(account, symbol, **given)


def said(answer: Any) -> str:
    """The last thing the desk said; earlier messages wait for the page that shows them."""
    return [str(message) for message in get_messages(answer.wsgi_request)][-1]


def dated(value: Any) -> Any:
    """Spans of the tables as moments, told when the test begins."""
    if isinstance(value, dict):
        return {name: dated(each) for name, each in value.items()}
    return timezone.now() - value if isinstance(value, timedelta) else value


def worth(block: str = "") -> AccountReport:
    """What a broker says of an account, and why nothing may be traded in it."""
    return AccountReport("1", "USD", equity=d("50000.005"), cash=d(50_000), buying_power=d(100_000), block=block)


def unknown_call(order: Order, at: Any) -> OrderCall:
    return OrderCall.objects.create(order=order, at=at, answered_at=at, verb="look", answer="unknown")
