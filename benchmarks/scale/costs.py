"""What a poll, a sync, an order, an execution, a page and an open stream cost, measured on one desk."""

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import TradingAccount, User
from accounts.services.tokens import token_create
from benchmarks.load import world
from benchmarks.load.desk import seconds_of_processor
from benchmarks.load.visitors import changes_address
from benchmarks.processes import ROOT, memory_mb, tree, web_process
from benchmarks.scale.meters import Cost, Meter, memory_of
from brokers.models import BrokerConnection
from brokers.services.quotes import quote_fetch
from tests.brokers.simulator_server import RunningSimulator, wait_until
from tests.factories import make_account, make_connection
from trades.execution.poll import LIST_LAG, connection_poll
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Order
from trades.tasks import connections_sync_task
from trades.tasks.connections import MOST_TURNS
from trenddojo.desk.procfile import read_procfile
from trenddojo.domain.order_state import OrderState

OPEN, HELD = 10, 20
ROUNDS, FEW = 100, 30
# Streams that are held open to see what one more costs.
SOCKETS, FIRST, EVENT_STREAMS = 60, 40, 140
WATCHED = 15.0


@dataclass(frozen=True)
class Streams:
    """Of one more open stream: kilobytes, and milliseconds of processor a minute while nothing happens."""

    name: str
    kilobytes: float
    milliseconds_a_minute: float


@dataclass(frozen=True)
class Costs:
    operations: dict[str, Cost]
    streams: list[Streams]
    # Bytes on disk with indexes, of one of each.
    rows: dict[str, float]
    # Turns a second that one process hands out.
    handed_out: float
    worker_mb: float
    web_mb: float


def measure(exchange: RunningSimulator, servers: int) -> Costs:
    desks = world.desks_make(exchange, count=1, trades=3000)
    user = User.objects.get(username="trader-0")
    account = user.trading_accounts.get(name="Stand-in")
    link = BrokerConnection.objects.get(account=account)
    _hold(exchange, desks[0]["number_there"])
    connection_sync(_again(link))
    meter, programs = (
        Meter(servers, exchange),
        Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {desks[0]['token']}"}),
    )
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user, backend=world.BACKEND)
    changes = changes_address(browser.get(reverse("trades:order-list")).content.decode())
    operations = [
        meter.cost("changes", lambda _: _answered(browser.get(changes), HTTPStatus.NO_CONTENT), ROUNDS),
        meter.cost("poll", lambda _: connection_poll(_again(link)), ROUNDS),
        meter.cost("sync", lambda _: connection_sync(_again(link)), FEW),
        # Before the orders: no worker takes their messages from the queue, and pages give way to a crowd of them.
        meter.cost("page", lambda number: _page(browser, desks[0]["pages"], number), ROUNDS),
        *_orders(meter, programs, account, link),
    ]
    return Costs(
        {one.name: one for one in operations},
        [_order_streams(exchange, user), _event_streams()],
        _rows(),
        _handing_out(meter),
        *_memory(),
    )


def _again(link: BrokerConnection) -> BrokerConnection:
    """As a task reads it."""
    return BrokerConnection.objects.select_related("account", "user").get(pk=link.pk)


def _hold(exchange: RunningSimulator, number_there: str) -> None:
    """Positions and open orders of an ordinary account."""
    for number in range(HELD):
        symbol = f"T{number:03d}"
        exchange.control.set_quote(symbol, bid="9.99", ask="10.01", bid_size=10**6, ask_size=10**6)
        order = {"symbol": symbol, "side": "buy", "qty": "1", "time_in_force": "gtc"}
        exchange.control.place_external(number_there, **order, type="market")
        if number < OPEN:
            exchange.control.place_external(number_there, **order, type="limit", limit_price="5.00")


def _orders(meter: Meter, programs: Client, account: TradingAccount, link: BrokerConnection) -> Iterator[Cost]:
    """The way of an order in its parts: the program's request, the worker's sending, and its execution."""
    made: list[tuple[str, Decimal]] = []

    def place(number: int) -> None:
        _quote(meter.exchange, world.ASK)
        # Each a little lower, so that the market reaches one after the other.
        limit = Decimal(60) - Decimal("0.1") * number
        body = world.orders_mix()[1] | {"account": str(account.pk), "limit_price": str(limit)}
        answer = programs.post(
            "/api/v1/orders/", body, content_type="application/json", headers={"Idempotency-Key": str(uuid.uuid4())}
        )
        made.append((_answered(answer, HTTPStatus.CREATED).json()["id"], limit))

    def fill(_number: int) -> None:
        _quote(meter.exchange, next(limits))
        connection_poll(_again(link))

    quote_fetch(_again(link), world.SYMBOL)
    yield meter.cost("order, the request", place, ROUNDS)
    waiting, limits = iter([pk for pk, _limit in made]), iter([limit for _pk, limit in made])
    yield meter.cost("order, the sending", lambda _: order_submit(uuid.UUID(next(waiting))), ROUNDS)
    # What a list leaves out is asked for when it was sent some seconds ago: lists show new orders late.
    mine = Order.objects.filter(account=account)
    is_new = Q(submitted_at__gt=Now() - 2 * LIST_LAG) | Q(reported_at__gt=Now() - 2 * LIST_LAG)
    wait_until(lambda: not mine.filter(is_new).exists(), "a list that shows every order", 60)
    yield meter.cost("order, its execution booked by a poll", fill, FEW)
    if mine.filter(status=OrderState.FILLED).count() < FEW:
        raise RuntimeError("The exchange filled the orders, and no poll noticed.")


def _quote(exchange: RunningSimulator, ask: Decimal) -> None:
    exchange.control.set_quote(world.SYMBOL, bid=ask - Decimal("0.02"), ask=ask, bid_size=10**9, ask_size=10**9)


def _page(browser: Client, pages: dict[str, list[str]], number: int) -> None:
    kinds = list(pages)
    _answered(browser.get(pages[kinds[number % len(kinds)]][0]), HTTPStatus.OK)


def _answered(answer: Any, status: int) -> Any:
    if answer.status_code != status:
        raise RuntimeError(f"answered {answer.status_code}: {answer.content[:300]!r}")
    return answer


# --- open streams -----------------------------------------------------------------------------------------------------


@contextmanager
def _process(name: str) -> Iterator[int]:
    given = {"WORKER_CONCURRENCY": "1", "PORT": "0", "WEB_CONCURRENCY": "1", "SIMULATOR_PORT": "0"}
    command = read_procfile(ROOT / "Procfile", {**os.environ, **given})[name]
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    child = subprocess.Popen(program, cwd=ROOT, env={**os.environ, **given}, start_new_session=True)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(timeout=60)


def _order_streams(exchange: RunningSimulator, user: User) -> Streams:
    """One process with few streams, then with many."""
    few = _listened(exchange)
    for number in range(SOCKETS):
        world.connected(exchange, user, f"Stream {number}")
    many = _listened(exchange)
    extra = (many[0] - few[0]) / SOCKETS
    return Streams("order stream of a broker", extra * 1024, (many[1] - few[1]) / SOCKETS)


def _listened(exchange: RunningSimulator) -> tuple[float, float]:
    """Megabytes, and milliseconds of processor a minute, once all streams are up and caught up."""
    active = BrokerConnection.objects.filter(is_active=True)
    wanted = active.count()
    with _process("stream") as pid:
        wait_until(lambda: len(exchange.control.connections()["listening"]) >= wanted, "the streams", 400)
        wait_until(lambda: not active.filter(stream_heard_at=None).exists(), "their catching up", 400)
        return _watched(pid)


def _watched(pid: int) -> tuple[float, float]:
    before = sum(map(seconds_of_processor, tree(pid)))
    time.sleep(WATCHED)
    spent = sum(map(seconds_of_processor, tree(pid))) - before
    return memory_of(pid), spent * 1000 * 60 / WATCHED


def _event_streams() -> Streams:
    """Open event streams of ten users at a web process."""
    tokens = []
    for number in range(EVENT_STREAMS // 10):
        one = User.objects.create_user(username=f"follower-{number}", email=f"follower-{number}@example.com")
        tokens.append(token_create(user=one, name="Follow", scope="read", now=timezone.now())[1])
    with web_process() as address:
        port = int(address.rpartition(":")[2])
        pid = _listening(port)
        # As many as make every thread of both processes do something for the first time.
        links = [_followed(port, tokens[number % len(tokens)]) for number in range(FIRST)]
        few = _watched(pid)
        links += [_followed(port, tokens[number % len(tokens)]) for number in range(FIRST, EVENT_STREAMS)]
        many = _watched(pid)
        for link in links:
            link.close()
    return Streams(
        "event stream of a program", (many[0] - few[0]) * 1024 / (EVENT_STREAMS - FIRST),
        (many[1] - few[1]) / (EVENT_STREAMS - FIRST),
    )  # fmt: skip


def _followed(port: int, token: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=30)
    link.sendall(f"GET /api/v1/events/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    if not link.recv(4096).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("the stream was refused")
    return link


def _listening(port: int) -> int:
    """The first process of this one's children that serves the port: the one that was started for it."""
    words = f"127.0.0.1:{port}"
    for pid in tree(os.getpid()):
        if words in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
            return pid
    raise RuntimeError("there is no such process")


# --- rows, turns and memory -------------------------------------------------------------------------------------------


def _rows() -> dict[str, float]:
    """Bytes of one row with its indexes, by table."""
    names = ("orders", "order_events", "fills", "trades", "account_snapshots", "events", "idempotency_keys")
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND reltuples > 0")
        counts = dict(cursor.fetchall())
        for name in (one for one in names if one in counts):
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [name])
            found[name] = cursor.fetchone()[0] / counts[name]
    return found


def _handing_out(meter: Meter) -> float:
    """Turns for each second of processor: by the clock it would be what others leave of this machine."""
    for number in range(MOST_TURNS - BrokerConnection.objects.count()):
        owner = User.objects.create_user(username=f"due-{number}", email=f"due-{number}@example.com")
        make_connection(make_account(owner, broker="simulator", account_type="paper"))
    count = BrokerConnection.objects.filter(is_active=True).count()

    def hand_out(_number: int) -> None:
        BrokerConnection.objects.update(next_sync_at=None)
        connections_sync_task()

    return 1000 * count / meter.cost("handing out", hand_out, 3).processor


def _memory() -> tuple[float, float]:
    """Megabytes of one more process: of a worker's and of the web."""
    with _process("worker") as pid:
        time.sleep(WATCHED)
        worker = _children_mb(pid)
    with web_process() as address:
        web = _children_mb(_listening(int(address.rpartition(":")[2])))
    return worker, web


def _children_mb(pid: int) -> float:
    _parent, *children = tree(pid)
    return sum(map(memory_mb, children)) / len(children)
