"""Orders through a broker, against the stand-in exchange in a process of its own: the desk's way and the bare way."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles

from django.conf import settings
from django.db import close_old_connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import RiskPolicy, TradingAccount, User
from accounts.services.tokens import token_create
from benchmarks.pages import queries_of, seconds_of
from brokers.models import AccountSnapshot, BrokerConnection
from brokers.registry import adapter_for
from brokers.services.quotes import quote_fetch
from tests.brokers.simulator_server import RunningSimulator, simulator_process, wait_until
from tests.factories import make_account, make_connection
from trades.execution.intents import OrderInput, order_create
from trades.execution.poll import connection_poll
from trades.execution.reconcile import OVERLAP
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Fill, Order
from trenddojo.statements import rows_of

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 60
POSITIONS = 500
CASH = 100_000_000
SETTLED = 0.5


@dataclass(frozen=True)
class OrderTiming:
    """Seconds: medians of each way, and the queries, requests and shares that go with them."""

    bare_submit: float
    submit: float
    submit_queries: int
    to_socket: float
    api_to_socket: float
    bare_fetch: float
    sync: float
    sync_queries: tuple[int, int]
    event_p50: float
    event_p95: float
    poll_requests: int

    @property
    def submit_ratio(self) -> float:
        return self.submit / self.bare_submit

    @property
    def socket_ratio(self) -> float:
        return self.to_socket / self.bare_submit

    @property
    def api_socket_ratio(self) -> float:
        return self.api_to_socket / self.bare_submit

    @property
    def sync_ratio(self) -> float:
        return self.sync / self.bare_fetch


def measure(folder: Path) -> OrderTiming:
    """The exchange keeps its state in the folder, as the desk's own does."""
    words = ("--market", "scripted", "--always-open", "--rate-limit", "1000000")
    with simulator_process(*words, cash=CASH, state=folder / "exchange") as (exchange, _process):
        settings.SIMULATOR_URL = os.environ["SIMULATOR_URL"] = exchange.url
        user = User.objects.create_user("orders", "orders@example.com", "a long password of nobody")
        account = _connected(user, exchange)
        quote(exchange, "SPY", "99.99")
        bare, submit, queries = _submits(account, exchange)
        poll_requests = _poll(account, exchange)
        with _running("orders"):
            to_socket, api_to_socket = _to_socket(exchange, _button(user, account), _program(user, account))
        _everything_cancelled(exchange)
        with _running("stream"):
            events = _events(account, exchange)
        fetch, sync, sync_queries = _syncs(account, exchange)
    found = quantiles(events, n=20)
    return OrderTiming(
        bare,
        submit,
        queries,
        to_socket,
        api_to_socket,
        fetch,
        sync,
        sync_queries,
        median(events),
        found[-1],
        poll_requests,
    )


def _connected(user: User, exchange: RunningSimulator) -> TradingAccount:
    account = make_account(user, "Stand-in", broker="simulator", account_type="paper")
    RiskPolicy.objects.filter(pk=account.pk).update(
        max_position_percent=100, max_open_risk_percent=None, max_orders_per_minute=None, max_open_positions=None,
        max_daily_loss_percent=None, max_weekly_loss_percent=None, price_collar_percent=None,
    )  # fmt: skip
    connection = make_connection(account, keys={"api_key": exchange.key_id, "secret_key": exchange.secret_key})
    number = adapter_for(connection).account().broker_account_id
    BrokerConnection.objects.filter(pk=connection.pk).update(broker_account_id=number)
    AccountSnapshot.objects.create(
        connection=connection, at=timezone.now(), equity=CASH, cash=CASH, buying_power=2 * CASH
    )
    return TradingAccount.objects.get(pk=account.pk)


def connection_of(account: TradingAccount) -> BrokerConnection:
    return BrokerConnection.objects.select_related("account", "user").get(account=account)


def quote(exchange: RunningSimulator, symbol: str, bid: str) -> None:
    exchange.control.set_quote(symbol, bid=bid, ask=str(Decimal(bid) + Decimal("0.02")), bid_size=10**6, ask_size=10**6)


def _order(account: TradingAccount, limit: str) -> Order:
    """A resting bid, checked and written; nothing is sent."""
    given = OrderInput(account.pk, "SPY", "buy", "limit", Decimal(1), limit_price=Decimal(limit), time_in_force="gtc")
    order = order_create(owner=account.owner, given=given, creation_key=uuid.uuid4(), now=timezone.now())
    if order.status != "new":
        raise RuntimeError(f"the order was not taken: {order.reason_detail}")
    return order


def _submits(account: TradingAccount, exchange: RunningSimulator) -> tuple[float, float, int]:
    """In turns: alpaca-py alone, and the task that claims the row, sends it and records what came of it."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient(exchange.key_id, exchange.secret_key, url_override=exchange.url, raw_data=True)
    quote_fetch(connection_of(account), "SPY")

    def bare() -> None:
        client.submit_order(
            LimitOrderRequest(
                symbol="SPY", qty=1, side="buy", time_in_force="gtc", limit_price=50, client_order_id=uuid.uuid4().hex
            )
        )

    first = _order(account, "50")
    queries = len(queries_of(lambda: order_submit(first.pk)))
    bares, submits = [], []
    for _ in range(ROUNDS):
        order = _order(account, "50")
        bares.append(seconds_of(bare))
        submits.append(seconds_of(lambda order=order: order_submit(order.pk)))
    return median(bares), median(submits), queries


def _poll(account: TradingAccount, exchange: RunningSimulator) -> int:
    """Requests of one poll with all these orders open."""
    connection_poll(connection_of(account))
    exchange.control.forget_counts()
    connection_poll(connection_of(account))
    return exchange.control.count()


def _button(user: User, account: TradingAccount) -> Callable[[], int]:
    """The order page's button "send"; answers the status."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    values = {
        "account": str(account.pk), "symbol": "SPY", "side": "buy", "type": "limit", "quantity": "1",
        "limit_price": "50", "time_in_force": "gtc", "asset_class": "stock", "step": "send",
    }  # fmt: skip
    address = reverse("trades:order-create")
    return lambda: client.post(address, values | {"creation_key": str(uuid.uuid4())}).status_code


def _program(user: User, account: TradingAccount) -> Callable[[], int]:
    """A program's POST of the same order; answers the status."""
    _token, text = token_create(user=user, name="Benchmark", scope="trade", now=timezone.now())
    client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {text}"})
    values = {
        "account": str(account.pk), "symbol": "SPY", "side": "buy", "type": "limit", "quantity": "1",
        "limit_price": "50", "time_in_force": "gtc",
    }  # fmt: skip
    address = reverse("api:order-list")
    return lambda: (
        client.post(
            address, values, content_type="application/json", headers={"Idempotency-Key": str(uuid.uuid4())}
        ).status_code
    )


def _to_socket(exchange: RunningSimulator, *ways: Callable[[], int]) -> list[float]:
    """From each way of sending to the request's arrival at the broker, through queue and worker, in turns."""
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS // 2):
        for way, times in zip(ways, found, strict=True):
            exchange.control.forget_counts()
            began = time.time()
            if way() not in (HTTPStatus.FOUND, HTTPStatus.CREATED):
                raise RuntimeError("the order was not taken")
            # To ask the exchange at once would take its time from the order.
            time.sleep(SETTLED / 10)
            wait_until(lambda: exchange.control.count("POST", "/v2/orders"), "the order's arrival")
            times.append(_arrival(exchange) - began)
    return [median(times) for times in found]


def _arrival(exchange: RunningSimulator) -> float:
    sent = [one for one in exchange.control.requests() if (one["method"], one["path"]) == ("POST", "/v2/orders")]
    return float(sent[-1]["received_at"])


def _events(account: TradingAccount, exchange: RunningSimulator) -> list[float]:
    """From the moment the exchange fills an order, by its own word, to the fill being there for others to read."""
    exchange.control.wait_for_listener(exchange.key_id, 60)
    wait_until(lambda: connection_of(account).stream_heard_at is not None, "the stream's catching up", 60)
    price, found = Decimal("99.00"), []
    for number in range(ROUNDS):
        limit = price - number
        order = _order(account, str(limit - Decimal("0.50")))
        order_submit(order.pk)
        time.sleep(SETTLED / 10)
        quote(exchange, "SPY", str(limit - 1))
        shown = timezone.now()
        wait_until_row(order)
        seen, filled = timezone.now(), Fill.objects.get(order=order).executed_at
        if filled > shown:
            raise RuntimeError("the exchange's clock is ahead of this machine's")
        found.append((seen - filled).total_seconds())
        quote_fetch(connection_of(account), "SPY")
    return found


def wait_until_row(order: Order) -> None:
    deadline = time.monotonic() + 30
    while not rows_of("SELECT FROM fills WHERE order_id = %(order)s", {"order": order.pk}):
        # A busy loop would take a processor from those who are measured.
        time.sleep(0.001)
        if time.monotonic() > deadline:
            raise RuntimeError("the fill did not come")


def _everything_cancelled(exchange: RunningSimulator) -> None:
    for order in exchange.control.orders(exchange.account):
        if order["status"] in ("new", "accepted"):
            exchange.control.cancel_external(exchange.account, order["id"])


def _syncs(account: TradingAccount, exchange: RunningSimulator) -> tuple[float, float, tuple[int, int]]:
    """A portfolio of 500 positions and 500 open orders: the bare requests, and the whole sync of it."""
    connection = connection_of(account)
    few = len(queries_of(lambda: connection_sync(connection_of(account))))
    for number in range(POSITIONS):
        symbol = f"T{number:03d}"
        quote(exchange, symbol, "10.00")
        exchange.control.place_external(
            exchange.account, symbol=symbol, side="buy", type="market", qty="1", time_in_force="day"
        )
        exchange.control.place_external(
            exchange.account, symbol=symbol, side="buy", type="limit", qty="1", limit_price="5.00", time_in_force="gtc"
        )
    connection_sync(connection)
    many = len(queries_of(lambda: connection_sync(connection_of(account))))
    adapter = adapter_for(connection)

    def bare() -> None:
        now, known = timezone.now(), connection_of(account)
        adapter.account()
        adapter.orders(since=known.last_sync - OVERLAP)
        adapter.fills(since=now, cursor=known.fills_cursor)
        adapter.positions()
        adapter.cash_movements(now.date(), known.cash_cursor)

    fetches, syncs = [], []
    for _ in range(ROUNDS // 6):
        fetches.append(seconds_of(bare))
        syncs.append(seconds_of(lambda: connection_sync(connection_of(account))))
    return median(fetches), median(syncs), (few, many)


@contextmanager
def _running(name: str) -> Iterator[None]:
    """A process of the Procfile, as it runs in production."""
    from trenddojo.desk.procfile import read_procfile

    environment = {**os.environ, "WORKER_CONCURRENCY": "1", "PORT": "0", "WEB_CONCURRENCY": "1", "SIMULATOR_PORT": "0"}
    command = read_procfile(ROOT / "Procfile", environment)[name]
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    child = subprocess.Popen(program, cwd=ROOT, env=environment, start_new_session=True)
    try:
        if name == "orders":
            from trenddojo.celery import app

            wait_until(lambda: bool(app.control.ping(timeout=0.5)), "the worker", 60)
        yield
    finally:
        child.terminate()
        child.wait(timeout=30)
        close_old_connections()


def as_rows(found: OrderTiming) -> list[tuple[str, float]]:
    """For the report: what was done, and its median in seconds."""
    return [
        ("alpaca-py alone submits an order", found.bare_submit),
        (f"order_submit, from the claim to the recorded outcome ({found.submit_queries} queries)", found.submit),
        ("from the button to the broker's socket, through page, queue and worker", found.to_socket),
        ("from POST /api/v1/orders/ to the broker's socket, through queue and worker", found.api_to_socket),
        (f"the requests of a sync alone, {POSITIONS} positions and {POSITIONS} orders", found.bare_fetch),
        (f"the whole sync ({found.sync_queries[1]} queries, with nothing held {found.sync_queries[0]})", found.sync),
        ("event at the exchange to a row others can read, p50", found.event_p50),
        ("event at the exchange to a row others can read, p95", found.event_p95),
    ]
