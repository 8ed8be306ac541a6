"""How long the REST API takes, beside one row by its primary key and the pages that show the same."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from accounts.api.base import ApiViewSet
from accounts.models import RiskPolicy, TradingAccount
from accounts.services.tokens import token_create
from benchmarks.data import OPENED_ON, Trader
from benchmarks.pages import ONE_ROW, Timing, client_of, queries_of, seconds_of
from benchmarks.processes import web_process
from trades.models import Trade

ROUNDS, WARM_UP = 30, 3
PROGRAMS, REQUESTS = 20, 20
LIST, ONE, MAKE = "list of 50 trades", "one trade", "make a plan"
LOAD = Path(__file__).with_name("api_load.py")


@dataclass(frozen=True)
class LoadTiming:
    """Medians in seconds of requests of one program alone and of many at once, and how many a second together."""

    alone: float
    together: float
    a_second_alone: float
    a_second: float
    failures: int


@dataclass(frozen=True)
class ApiTiming:
    """`calls` are of the API, `pages` of the page with the same, by name; `shares` where a list's time goes."""

    calls: list[Timing]
    pages: list[Timing]
    rows: list[Timing]
    shares: dict[str, float]
    load: LoadTiming


@dataclass
class _Watched:
    name: str
    trader: Trader
    work: Callable[[], Any]
    timing: Timing = field(init=False)

    def __post_init__(self) -> None:
        self.timing = Timing(self.name, self.trader.trades)


def measure(traders: list[Trader]) -> ApiTiming:
    calls, pages, rows = [], [], []
    tokens = {trader.user.pk: _token(trader) for trader in traders}
    for trader in traders:
        api = Client(HTTP_HOST="localhost", headers={"Authorization": f"Bearer {tokens[trader.user.pk]}"})
        browser, account = client_of(trader), _account(trader)
        trade = _middle(trader)
        rows.append(_Watched(ONE_ROW, trader, _getting(browser, reverse("one-row", args=[trade.pk]))))
        calls += [
            _Watched(LIST, trader, _getting(api, "/api/v1/trades/?page_size=50")),
            _Watched(ONE, trader, _getting(api, f"/api/v1/trades/{trade.pk}/")),
            _Watched(MAKE, trader, _planning_by_api(api, account)),
        ]
        pages += [
            _Watched(LIST, trader, _getting(browser, reverse("trades:trade-list"))),
            _Watched(ONE, trader, _getting(browser, reverse("trades:trade-detail", args=[trade.pk]))),
            _Watched(MAKE, trader, _planning_by_form(browser, account)),
        ]
    _take_turns([*rows, *calls, *pages])
    largest = traders[-1]
    api = Client(HTTP_HOST="localhost", headers={"Authorization": f"Bearer {tokens[largest.user.pk]}"})
    return ApiTiming(
        *([one.timing for one in each] for each in (calls, pages, rows)),
        shares=_shares(_getting(api, "/api/v1/trades/?page_size=50")),
        load=_load(tokens[largest.user.pk]),
    )


def _take_turns(watched: list[_Watched]) -> None:
    for one in watched:
        for _ in range(WARM_UP):
            one.work()
        one.timing.queries = len(queries_of(one.work))
    for _ in range(ROUNDS):
        for one in watched:
            one.timing.seconds.append(seconds_of(one.work))


def _token(trader: Trader) -> str:
    _row, text = token_create(user=trader.user, name="Benchmark", scope="trade", now=timezone.now())
    return text


def _account(trader: Trader) -> TradingAccount:
    """An account of its own, so that plans come in each other's way in no limit."""
    account = TradingAccount.objects.create(
        owner=trader.user, name="Plans", starting_balance=Decimal(100_000_000), opened_on=OPENED_ON
    )
    RiskPolicy.objects.create(account=account, max_open_positions=None, max_open_risk_percent=None)
    return account


def _middle(trader: Trader) -> Trade:
    closed = Trade.objects.filter(owner=trader.user, status="closed").order_by("-occurred_at", "-id")
    return closed[trader.trades // 2]


def _getting(client: Client, url: str) -> Callable[[], Any]:
    def work() -> Any:
        return _expect(client.get(url), 200)

    return work


def _planning_by_api(client: Client, account: TradingAccount) -> Callable[[], Any]:
    plan = {"account": str(account.pk), **_PLAN, "entry_price": "100", "stop_loss": "95", "target_price": "110"}

    def work() -> Any:
        # Keyed, as programs send it.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = client.post("/api/v1/trades/", json.dumps(plan), content_type="application/json", headers=headers)
        return _expect(answer, 201)

    return work


def _planning_by_form(client: Client, account: TradingAccount) -> Callable[[], Any]:
    prices = {"entry": "100", "stop": "95", "target_1": "110"}
    form = {"account": str(account.pk), **_PLAN, **prices, "asset_class": "stock"}

    def work() -> Any:
        answer = client.post(reverse("trades:plan-create"), {**form, "creation_key": str(uuid.uuid4())})
        return _expect(answer, 302)

    return work


_PLAN = {"symbol": "PLAN", "direction": "long", "quantity": "1"}


def _expect(answer: Any, status: int) -> Any:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request['PATH_INFO']} answered {answer.status_code}: {answer.content[:300]!r}")
    return answer


def _shares(work: Callable[[], Any]) -> dict[str, float]:
    """What part of a request is spent in the database, in making rows values, in writing these as JSON, and elsewhere;
    1 together.
    """
    spent = {"database": 0.0, "serializers": 0.0, "JSON": 0.0}
    render, told_all = JSONRenderer.render, ApiViewSet.rows_told

    def rendered(self: JSONRenderer, *args: Any, **options: Any) -> bytes:
        with _clocked(spent, "JSON"):
            return render(self, *args, **options)

    def told(self: ApiViewSet, rows: Any) -> list[dict[str, Any]]:
        with _clocked(spent, "serializers"):
            return told_all(self, rows)

    def executed(execute: Any, *words: Any) -> Any:
        with _clocked(spent, "database"):
            return execute(*words)

    with (
        mock.patch.object(JSONRenderer, "render", rendered),
        mock.patch.object(ApiViewSet, "rows_told", told),
        connection.execute_wrapper(executed),
    ):
        whole = sum(seconds_of(work) for _ in range(ROUNDS))
    shares = {name: seconds / whole for name, seconds in spent.items()}
    return {**shares, "everything else": 1 - sum(shares.values())}


@contextmanager
def _clocked(spent: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    spent[name] += time.perf_counter() - started


def _load(token: str) -> LoadTiming:
    """One program and then many at once, in a process of their own, at the desk's web processes."""
    with web_process() as address:
        one, many = (_loaded(address, token, programs) for programs in (1, PROGRAMS))
    return LoadTiming(
        alone=median(one["seconds"]),
        together=median(many["seconds"]),
        a_second_alone=len(one["seconds"]) / one["whole"],
        a_second=len(many["seconds"]) / many["whole"],
        failures=one["failures"] + many["failures"],
    )


def _loaded(address: str, token: str, programs: int) -> dict[str, Any]:
    words = [sys.executable, str(LOAD), address, str(programs), str(REQUESTS * PROGRAMS // programs)]
    answer = subprocess.run(words, check=True, capture_output=True, text=True, input=token)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
