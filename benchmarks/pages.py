"""How long pages take and how many queries they need, for traders of every size in turn."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse

from benchmarks.data import Trader
from trades.models import Trade
from trenddojo.keyset import Cursor, cursor_write

ROUNDS = 40
WARM_UP = 3
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ONE_ROW = "one row by primary key"


@dataclass
class Timing:
    """Seconds of every round, and the queries of one."""

    page: str
    trades: int
    seconds: list[float] = field(default_factory=list)
    queries: int = 0

    @property
    def p50(self) -> float:
        return median(self.seconds)

    @property
    def p95(self) -> float:
        return quantiles(self.seconds, n=20)[-1]


def client_of(trader: Trader) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(trader.user, backend=BACKEND)
    return client


def addresses(trader: Trader) -> dict[str, str]:
    """The pages measured, by name."""
    trades = Trade.objects.filter(owner=trader.user)
    closed = trades.filter(status="closed").order_by("-occurred_at", "-id")
    trade = closed[trader.trades // 2].pk
    month = f"{closed[trader.trades // 2].closed_session:%Y-%m}"
    return {
        ONE_ROW: reverse("one-row", args=[trade]),
        "dashboard": reverse("trades:dashboard"),
        "trades, first page": reverse("trades:trade-list"),
        "trades, deep": f"{reverse('trades:trade-list')}?cursor={_deep_cursor(trader)}",
        "performance": reverse("trades:performance"),
        "performance, by symbol": reverse("trades:performance-breakdown", args=["symbol"]),
        "performance, plan and outcome": reverse("trades:performance-plan"),
        "a figure and its trades": reverse("trades:performance-figure", args=["expectancy_r"]),
        "calendar": f"{reverse('trades:performance-calendar')}?month={month}",
        "one trade": reverse("trades:trade-detail", args=[trade]),
        "performance, longs only": f"{reverse('trades:performance')}?direction=long",
    }


def _deep_cursor(trader: Trader) -> str:
    """The cursor behind the trade nine tenths down the list."""
    trades = Trade.objects.filter(owner=trader.user).order_by("-occurred_at", "-id")
    last = trades[trader.trades * 9 // 10]
    return cursor_write(Cursor(0, (last.occurred_at, last.pk)))


def measure(traders: list[Trader]) -> list[Timing]:
    """Every page of every trader, one after the other in each round, so that a busy moment hits all alike."""
    watched: list[tuple[Timing, Client, str]] = []
    for trader in traders:
        client = client_of(trader)
        watched += [(Timing(page, trader.trades), client, url) for page, url in addresses(trader).items()]
    for timing, client, url in watched:
        for _ in range(WARM_UP):
            _get(client, url)
        timing.queries = len(queries_of(lambda client=client, url=url: _get(client, url)))
    for _ in range(ROUNDS):
        for timing, client, url in watched:
            timing.seconds.append(seconds_of(lambda client=client, url=url: _get(client, url)))
    return [timing for timing, _client, _url in watched]


def _get(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:  # noqa: PLR2004 - OK
        raise RuntimeError(f"{url} answered {answer.status_code}")


def seconds_of(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def queries_of(work: Callable[[], Any]) -> list[str]:
    """The statements sent to the database meanwhile."""
    with recorded() as statements:
        work()
    return statements


@contextmanager
def recorded() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's call
        statements.append(sql)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield statements
