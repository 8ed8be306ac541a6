"""A desk at work as its operator sees it: its metrics, its readiness and its log lines, beside an exchange to trouble."""

import contextlib
import copy
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
import requests
from celery import Celery

from tests.brokers.simulator_server import RunningSimulator, simulator
from tests.runtime.desk_process import DeskProcess, clean_environment, copy_checkout, wait_for
from tests.trenddojo.alert_kit import Between, Scrape, scrape_of
from trenddojo.desk.dotenv import read
from trenddojo.env import celery_broker_url

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "operators-token-0123456789"
# The processes whose heartbeats are looked at.
WORK = ("orders", "worker", "beat", "stream")
RESTING = {
    "symbol": "SPY",
    "side": "buy",
    "type": "limit",
    "quantity": "1",
    "limit_price": "90.00",
    "time_in_force": "gtc",
    "stop_loss": {"stop_price": "85.00"},
}


@dataclass
class Operated:
    """A desk, the exchange behind it, and one trader of it."""

    desk: DeskProcess
    exchange: RunningSimulator
    trader: dict[str, str] = field(default_factory=dict)
    cents: Iterator[int] = field(default_factory=itertools.count)

    def at(self, port: int) -> "Operated":
        """The same desk, asked at another of its web processes."""
        web = copy.copy(self.desk)
        web.port = port
        return replace(self, desk=web)

    # --- what an operator looks at -----------------------------------------------------------------------------------

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.desk.port}{path}"

    def scrape(self) -> Scrape:
        answer = requests.get(self.url("/metrics"), headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return scrape_of(answer.text)

    def value(self, name: str, **labels: str) -> float:
        """Of one metric, summed over the labels that are not named; 0 where there is none."""
        wanted = set(labels.items())
        return sum(value for key, value in self.scrape().get(name, {}).items() if wanted <= key)

    def ready(self) -> tuple[int, dict[str, str]]:
        """Status of /readyz and the state of each check."""
        answer = requests.get(self.url("/readyz"), timeout=30)
        return answer.status_code, {name: check["state"] for name, check in answer.json()["checks"].items()}

    def lines(self, **wanted: object) -> list[dict[str, Any]]:
        """Log lines with these fields; `said_by` is the process that wrote it."""
        found = []
        for line in list(self.desk.output):
            with contextlib.suppress(ValueError):
                told = json.loads(line[max(line.find("{"), 0) :])
                if isinstance(told, dict) and wanted.items() <= (told | {"said_by": line.split(" ")[0]}).items():
                    found.append(told)
        return found

    def fires(self, *names: str, since: Scrape | None = None, within: float = 30) -> set[str]:
        """Wait until these alerts' expressions are true; answers every alert that is true then."""
        earlier = self.scrape() if since is None else since
        deadline = time.monotonic() + within
        while not set(names) <= (found := Between(earlier, self.scrape()).firing()):
            assert time.monotonic() < deadline, f"{set(names) - found} did not become true; {found} did"
            time.sleep(0.5)
        return found

    # --- what happens to it ------------------------------------------------------------------------------------------

    def order(self, request_id: str = "", **changes: Any) -> requests.Response:
        """A limit order that rests, unless it is said otherwise."""
        answers: list[requests.Response] = []

        def is_taken() -> bool:
            answers.append(self._order(request_id, changes))
            # The desk asks for a price again a few seconds after it last did.
            return answers[-1].ok or "stale_quote" not in answers[-1].text

        wait_for(is_taken, "a fresh price")
        return answers[-1]

    def _order(self, request_id: str, changes: dict[str, Any]) -> requests.Response:
        cents = next(self.cents) % 50
        self.exchange.control.set_quote("SPY", bid=f"100.{cents:02}", ask=f"100.{cents + 2:02}")
        body = {**RESTING, "account": self.trader["account"], **changes}
        headers = {"Authorization": f"Bearer {self.trader['token']}", "Idempotency-Key": str(uuid4())}
        headers |= {"X-Request-ID": request_id} if request_id else {}
        return requests.post(self.url("/api/v1/orders/"), json=body, headers=headers, timeout=30)

    def cancel(self, order: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.trader['token']}"}
        return requests.post(self.url(f"/api/v1/orders/{order}/cancel/"), headers=headers, timeout=30)

    def orders_in(self, state: str) -> float:
        return self.value("trenddojo_orders", state=state)

    @contextlib.contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Processes that stand still with all they started, as on a machine that hangs."""
        groups = [self.desk.entries()[name].pid for name in names]
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGCONT)

    @contextlib.contextmanager
    def killed(self, *names: str) -> Iterator[None]:
        """Processes that end with all they started, by kill -9, and nobody who starts them anew until this is left."""
        supervisor = self.desk.popen
        assert supervisor is not None
        groups = {name: self.desk.entries()[name].pid for name in names}
        os.kill(supervisor.pid, signal.SIGSTOP)
        try:
            for group in groups.values():
                os.killpg(group, signal.SIGKILL)
            yield
        finally:
            os.kill(supervisor.pid, signal.SIGCONT)
        for name, group in groups.items():
            wait_for(lambda: self._is_anew(name, group), f"the restart of {name}")  # noqa: B023 - looked at here

    def _is_anew(self, name: str, group: int) -> bool:
        entry = self.desk.entries().get(name)
        return entry is not None and entry.pid != group

    @contextlib.contextmanager
    def another(self, name: str, *words: str) -> Iterator[None]:
        """One more worker of a queue, as on another machine, with further words of the command line."""
        worker = ["celery", "--app", "trenddojo.celery", "--quiet", "worker", "--without-gossip", "--without-mingle"]
        with self.beside("-m", *worker, "--hostname", f"{name}-more@%h", "--queues", name, *words):
            yield

    @contextlib.contextmanager
    def beside(self, *words: str) -> Iterator[None]:
        """A further process of the desk, as on another machine: Python with these words."""
        process = subprocess.Popen(
            [sys.executable, *words], cwd=self.desk.folder, env=self._environment(), start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)

    def shell(self, command: str) -> str:
        """What an operator types in the desk's folder; `manage.py` stands for the whole of its command."""
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace("manage.py", f"{sys.executable} manage.py")],
            cwd=self.desk.folder,
            env=self._environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _environment(self) -> dict[str, str]:
        told = {**read(self.desk.folder / ".env"), **self.desk.addresses(), "LOG_FORMAT": "json"}
        variables = {**told, "ENV_FILE": os.devnull, "DJANGO_SETTINGS_MODULE": "trenddojo.settings"}
        return clean_environment(**variables, SIMULATOR_URL=self.exchange.url)

    def one_more_trader(self, name: str) -> dict[str, str]:
        """With a connection to a further account at the exchange."""
        account = self.exchange.control.open_account()
        return _trader(self, name, account.key_id, account.secret_key)

    def queue(self) -> "redis.Redis":
        return redis.Redis.from_url(self.desk.addresses()["REDIS_URL"])

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """Nobody reads the table until the connection rolls back."""
        with psycopg.connect(self.desk.addresses()["DATABASE_URL"]) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield connection

    @contextlib.contextmanager
    def held(self, statement: str, *values: object) -> Iterator[int]:
        """A session of the database that keeps what it locked until somebody ends it; its number there."""
        connection = psycopg.connect(self.desk.addresses()["DATABASE_URL"])
        try:
            connection.execute(statement.encode(), values)
            yield connection.info.backend_pid
        finally:
            connection.close()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.desk.addresses()["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def piled_up(self, **messages: int) -> Iterator[None]:
        """So many messages more in a queue, of a task that does no harm."""
        url = self.desk.addresses()["REDIS_URL"]
        Celery(broker=celery_broker_url(url), set_as_current=False).send_task("trenddojo.heartbeat", queue="pattern")
        with redis.Redis.from_url(url) as queue:
            pattern = queue.lpop("pattern")
            for name, count in messages.items():
                queue.rpush(name, *[pattern] * count)
            yield
            for name, count in messages.items():
                queue.ltrim(name, 0, -count - 1)

    def quiet(self) -> None:
        """No trouble any more, and everything that was late caught up."""
        self.exchange.control.clear_faults()
        wait_for(self.is_quiet, "quiet", 120)

    def is_quiet(self) -> bool:
        with contextlib.suppress(requests.RequestException, AssertionError):
            scrape = self.scrape()
            return not Between(scrape, scrape).firing() and self.ready() == (200, dict.fromkeys(self.ready()[1], "ok"))
        return False


@contextlib.contextmanager
def operated(folder: Path, **variables: str) -> Iterator[Operated]:
    """A whole desk in this copy of the checkout, as `make run` starts it, with logs as JSON and metrics."""
    with simulator() as exchange:
        exchange.control.set_quote("SPY", bid="100.00", ask="100.02")
        desk = DeskProcess(
            folder,
            LOG_FORMAT="json",
            METRICS_TOKEN=TOKEN,
            SIMULATOR_URL=exchange.url,
            SIMULATOR_API_KEY=exchange.key_id,
            SIMULATOR_SECRET_KEY=exchange.secret_key,
            **variables,
        )
        try:
            desk.start()
            made = Operated(desk, exchange)
            made.trader = _trader(made, "trader", exchange.key_id, exchange.secret_key)
            yield made
        finally:
            desk.clear_away()


def _trader(made: Operated, name: str, key_id: str, secret_key: str) -> dict[str, str]:
    told = {**read(made.desk.folder / ".env"), **made.desk.addresses()}
    variables = {**told, "ENV_FILE": os.devnull, "DJANGO_SETTINGS_MODULE": "trenddojo.settings"}
    keys = {"SIMULATOR_URL": made.exchange.url, "SIMULATOR_API_KEY": key_id, "SIMULATOR_SECRET_KEY": secret_key}
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.trader", name],
        cwd=ROOT,
        env=clean_environment(**variables, **keys),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def until(happened: Callable[[], object], what: str, seconds: float = 30) -> float:
    """Wait for it; how many seconds it took."""
    began = time.monotonic()
    wait_for(happened, what, seconds)
    return time.monotonic() - began


def ids(orders: Iterable[requests.Response]) -> list[str]:
    """Of orders that were taken."""
    taken = list(orders)
    assert {order.status_code for order in taken} <= {requests.codes.created}, [order.text for order in taken]
    return [str(order.json()["id"]) for order in taken]


@pytest.fixture(scope="module")
def running() -> Iterator[Operated]:
    """One desk for all tests of a file."""
    with operated(copy_checkout()) as made:
        yield made


@pytest.fixture
def desk(running: Operated) -> Iterator[Operated]:
    """The desk at rest, and at rest again afterwards."""
    running.quiet()
    yield running
    running.quiet()
