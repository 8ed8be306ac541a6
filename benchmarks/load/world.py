"""Desks with some thousand trades each, each connected to an account of its own at the stand-in exchange."""

import threading
from decimal import Decimal
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import CashMovement, RiskPolicy, TradingAccount, User
from accounts.services.tokens import token_create
from benchmarks.data import OPENED_ON, trader_fill
from benchmarks.pages import BACKEND
from brokers.models import AccountSnapshot, BrokerConnection
from brokers.registry import adapter_for
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account, make_connection
from trades.models import Trade
from trades.services.figures import figures_rebuild
from trenddojo.keyset import Cursor, cursor_write

CASH = 100_000_000
SYMBOL = "SPY"
BID, ASK = Decimal("99.99"), Decimal("100.01")
RESTING, FILLED = Decimal(50), Decimal(101)
# What a trader looks at, and how often beside the others.
MIX = {
    "dashboard": 3, "trades, first page": 2, "trades, second page": 1, "one trade": 3, "performance": 1,
    "performance, by setup": 1, "calendar": 1, "orders": 2, "positions": 2, "journal": 1, "order ticket": 1,
}  # fmt: skip


# A quote is good for a minute; the exchange looks at every order that rests when one comes.
QUOTE_SECONDS = 20


class Market:
    """Shows the same quote again and again: an order is checked against none that is older than a minute."""

    def __init__(self, exchange: RunningSimulator) -> None:
        self.exchange = exchange
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def _show(self) -> None:
        while True:
            self.exchange.control.set_quote(SYMBOL, bid=BID, ask=ASK, bid_size=10**9, ask_size=10**9)
            if self.is_over.wait(QUOTE_SECONDS):
                return

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()


def desks_make(exchange: RunningSimulator, *, count: int, trades: int) -> list[dict[str, Any]]:
    """Users with a session, a token, the pages they look at, and the account their orders go to."""
    exchange.control.set_quote(SYMBOL, bid=BID, ask=ASK, bid_size=10**9, ask_size=10**9)
    made = [_desk(exchange, number, trades) for number in range(count)]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return made


def _desk(exchange: RunningSimulator, number: int, trades: int) -> dict[str, Any]:
    user = User.objects.create_user(username=f"trader-{number}", email=f"trader-{number}@example.com")
    manual = TradingAccount.objects.create(
        owner=user, name="Main", starting_balance=Decimal(500_000), opened_on=OPENED_ON
    )
    RiskPolicy.objects.create(account=manual)
    CashMovement.objects.create(account=manual, kind="deposit", amount=Decimal(10_000), moved_on=OPENED_ON)
    trader_fill(manual, trades)
    figures_rebuild(manual)
    account, number_there = connected(exchange, user, "Stand-in")
    _token, text = token_create(user=user, name="Load", scope="trade", now=timezone.now())
    return {
        "cookie": f"{settings.SESSION_COOKIE_NAME}={_session(user)}",
        "pages": _pages(manual, trades),
        "token": text,
        "account": str(account.pk),
        "number_there": number_there,
    }


def connected(exchange: RunningSimulator, user: User, name: str) -> tuple[TradingAccount, str]:
    """An account of ours, connected to a new one at the exchange; and the exchange's number of that."""
    there = exchange.control.open_account(CASH)
    account = make_account(user, name, broker="simulator", account_type="paper")
    # What is measured is the way of an order, not the limits of a trader.
    RiskPolicy.objects.filter(pk=account.pk).update(
        max_position_percent=100, max_open_risk_percent=None, max_orders_per_minute=None, max_open_positions=None,
        max_daily_loss_percent=None, max_weekly_loss_percent=None, price_collar_percent=None,
    )  # fmt: skip
    link = make_connection(account, keys={"api_key": there.key_id, "secret_key": there.secret_key})
    named = adapter_for(link).account().broker_account_id
    BrokerConnection.objects.filter(pk=link.pk).update(broker_account_id=named)
    AccountSnapshot.objects.create(connection=link, at=timezone.now(), equity=CASH, cash=CASH, buying_power=2 * CASH)
    return account, there.id


def _session(user: User) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def _pages(account: TradingAccount, trades: int) -> dict[str, list[str]]:
    closed = Trade.objects.filter(account=account, status="closed").order_by("-occurred_at", "-id")
    some = list(closed.values_list("pk", flat=True)[: trades : max(trades // 20, 1)])
    listed, last = reverse("trades:trade-list"), closed[min(50, trades) - 1]
    return {
        "dashboard": [reverse("trades:dashboard")],
        "trades, first page": [listed],
        "trades, second page": [f"{listed}?cursor={cursor_write(Cursor(0, (last.occurred_at, last.pk)))}"],
        "one trade": [reverse("trades:trade-detail", args=[pk]) for pk in some],
        "performance": [reverse("trades:performance")],
        "performance, by setup": [reverse("trades:performance-breakdown", args=["setup"])],
        "calendar": [reverse("trades:performance-calendar")],
        "orders": [reverse("trades:order-list")],
        "positions": [reverse("trades:position-list")],
        "journal": [reverse("trades:journal-list")],
        "order ticket": [reverse("trades:order-create")],
    }


def orders_mix() -> list[dict[str, str]]:
    """Four of five rest at the exchange; the fifth is filled at once."""
    order = {
        "symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": "1", "time_in_force": "day",
    }  # fmt: skip
    return [{**order, "limit_price": str(FILLED if number == 0 else RESTING)} for number in range(5)]
