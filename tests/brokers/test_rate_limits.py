"""No process and no moment asks more of a broker than it allows, and cancellations always have room."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import time_machine

from brokers import rate_limits
from brokers.base import ConnectionSettings
from brokers.errors import TryLater
from brokers.rate_limits import Budget, ConnectionGate, Priority, priority_of
from trenddojo import health

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = 1_750_000_000


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def connection() -> str:
    return str(uuid4())


@pytest.fixture
def alone(settings: Any) -> Iterator[None]:
    """Nobody listens where Redis should be."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    rate_limits._alone.cache_clear()
    yield
    rate_limits._alone.cache_clear()


def spent(broker: str, connection: str, kind: str, priority: Priority, most: int = 300) -> int:
    """How many calls are let through before one must wait."""
    for count in range(most):
        try:
            Budget(broker).spend(connection, kind, priority=priority)
        except TryLater:
            return count
    return most


@pytest.mark.parametrize(
    ("broker", "kind", "allowed"),
    [
        ("alpaca", "orders", 200),
        ("alpaca", "positions", 100),
        ("alpaca", "account", 60),
        ("alpaca", "data", 200),
        ("simulator", "orders", 200),
        ("interactive_brokers", "orders", 50),
        ("interactive_brokers", "positions", 30),
        ("interactive_brokers", "account", 10),
        ("schwab", "orders", 60),
    ],
)
def test_a_minute_has_as_many_calls_as_the_broker_allows(
    clock: Any, connection: str, broker: str, kind: str, allowed: int
) -> None:
    assert spent(broker, connection, kind, Priority.CANCEL) == allowed
    assert spent(broker, str(uuid4()), kind, Priority.CANCEL) == allowed


def test_all_calls_that_trade_share_two_hundred_at_alpaca_and_prices_do_not(clock: Any, connection: str) -> None:
    assert spent("alpaca", connection, "positions", Priority.CANCEL) == 100
    assert spent("alpaca", connection, "account", Priority.CANCEL) == 60
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 40
    assert spent("alpaca", connection, "data", Priority.CANCEL) == 200


def test_each_priority_leaves_room_for_those_above_it(clock: Any, connection: str) -> None:
    assert spent("alpaca", connection, "orders", Priority.POLL) == 120
    assert spent("alpaca", connection, "orders", Priority.SUBMIT) == 50
    assert spent("alpaca", connection, "orders", Priority.RECONCILE) == 20
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 10
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 0


def test_who_must_wait_is_told_until_the_oldest_call_is_a_minute_old(clock: Any, connection: str) -> None:
    Budget("schwab").spend(connection, "orders", priority=Priority.CANCEL)
    clock.shift(20)
    spent("schwab", connection, "orders", Priority.CANCEL)
    clock.shift(15)

    with pytest.raises(TryLater) as later:
        Budget("schwab").spend(connection, "orders", priority=Priority.CANCEL)

    assert (later.value.after, later.value.code) == (25, "rate_limited")
    assert later.value.sentence == "The broker allows no more requests for the moment; it goes on in 25 s."
    clock.shift(25.5)
    assert spent("schwab", connection, "orders", Priority.CANCEL) == 1


def test_no_sixty_seconds_have_more_than_the_limit_wherever_a_minute_begins(clock: Any, connection: str) -> None:
    granted: list[float] = []
    for _ in range(60):
        granted += [time.time()] * spent("schwab", connection, "orders", Priority.CANCEL, most=7)
        clock.shift(3)

    assert max(sum(1 for other in granted if 0 <= other - one < 60) for one in granted) == 60


def headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def test_the_brokers_word_that_little_is_left_is_believed(clock: Any, connection: str) -> None:
    Budget("alpaca").learn(connection, headers(200, 8, NOW + 40))

    with pytest.raises(TryLater) as later:
        Budget("alpaca").spend(connection, "positions", priority=Priority.RECONCILE)

    assert later.value.after == 40
    assert spent("alpaca", connection, "orders", Priority.CANCEL, most=5) == 5
    clock.shift(40)
    assert spent("alpaca", connection, "orders", Priority.RECONCILE, most=5) == 5


def test_nothing_left_holds_even_cancellations_until_the_reset(clock: Any, connection: str) -> None:
    Budget("alpaca").learn(connection, headers(200, 0, NOW + 12))

    with pytest.raises(TryLater) as later:
        Budget("alpaca").spend(connection, "orders", priority=Priority.CANCEL)

    assert later.value.after == 12


def test_a_subscription_with_more_calls_is_believed_too_and_beyond_its_minute(clock: Any, connection: str) -> None:
    Budget("alpaca").learn(connection, headers(1000, 990, NOW + 30), endpoint_class="data")
    assert spent("alpaca", connection, "data", Priority.CANCEL, most=1100) == 1000
    clock.shift(61)
    assert spent("alpaca", connection, "data", Priority.CANCEL, most=1100) == 1000
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 200


def test_a_broker_whose_clock_is_wrong_holds_nobody_longer_than_a_minute(clock: Any, connection: str) -> None:
    Budget("alpaca").learn(connection, headers(200, 0, NOW + 86_400))

    with pytest.raises(TryLater) as later:
        Budget("alpaca").spend(connection, "orders", priority=Priority.POLL)

    assert later.value.after == 60


@pytest.mark.parametrize(
    "told",
    [{}, {"X-RateLimit-Limit": "200"}, headers(200, 0, 0) | {"X-RateLimit-Reset": "soon"}, headers(200, 0, 9**20)],
)
def test_headers_that_say_nothing_change_nothing(clock: Any, connection: str, told: dict[str, str]) -> None:
    Budget("alpaca").learn(connection, told)

    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 200


@pytest.mark.parametrize(
    ("method", "reads", "priority"),
    [
        ("DELETE", Priority.POLL, Priority.CANCEL),
        ("POST", Priority.POLL, Priority.SUBMIT),
        ("PATCH", Priority.RECONCILE, Priority.SUBMIT),
        ("GET", Priority.POLL, Priority.POLL),
        ("GET", Priority.RECONCILE, Priority.RECONCILE),
    ],
)
def test_a_request_goes_by_what_it_does(method: str, reads: Priority, priority: Priority) -> None:
    assert priority_of(method, reads) is priority


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v2/orders", "orders"),
        ("/v2/orders/1234", "orders"),
        ("/v2/orders:by_client_order_id", "orders"),
        ("/v2/positions/SPY", "positions"),
        ("/v2/account", "account"),
        ("/v2/account/activities/FILL", "orders"),
        ("/v2/clock", "account"),
        ("/v2/stocks/quotes/latest", "data"),
        ("/v1beta3/crypto/us/latest/quotes", "data"),
        ("/v1/corporate-actions", "data"),
        ("/", "account"),
    ],
)
def test_a_request_is_counted_by_its_path(connection: str, path: str, kind: str) -> None:
    gate = ConnectionGate(ConnectionSettings(connection, "alpaca", True, "https://paper-api.alpaca.markets"))

    assert gate._class_of(f"https://paper-api.alpaca.markets{path}") == kind


def test_the_gate_of_a_connection_spends_and_learns(clock: Any, connection: str) -> None:
    url = "https://paper-api.alpaca.markets/v2/orders"
    gate = ConnectionGate(ConnectionSettings(connection, "alpaca", True, "https://paper-api.alpaca.markets"))
    gate.before("POST", url)
    gate.after(url, headers(200, 0, NOW + 30))

    with pytest.raises(TryLater):
        gate.before("DELETE", url)


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands Redis is sent, one after the other."""
    sent: list[str] = []
    execute: Callable[..., Any] = redis.Redis.execute_command

    def watched(self: Any, *words: Any, **options: Any) -> Any:
        sent.append(words[0])
        return execute(self, *words, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", watched)
    return sent


def test_a_request_costs_one_round_trip_while_the_broker_has_plenty_left(
    clock: Any, connection: str, round_trips: list[str]
) -> None:
    url = "https://paper-api.alpaca.markets/v2/orders"
    gate = ConnectionGate(ConnectionSettings(connection, "alpaca", True, "https://paper-api.alpaca.markets"))
    for limit in (200, 1000, 1000):
        gate.before("POST", url)
        gate.after(url, headers(limit, limit - 1, NOW + 30))

    assert [word for word in round_trips if word != "SCRIPT LOAD"][-4:] == ["EVALSHA", "EVALSHA", "SET", "EVALSHA"]


def test_the_word_that_there_is_plenty_again_is_heard_after_one_of_little(clock: Any, connection: str) -> None:
    url = "https://paper-api.alpaca.markets/v2/orders"
    gate = ConnectionGate(ConnectionSettings(connection, "alpaca", True, "https://paper-api.alpaca.markets"))
    Budget("alpaca").learn(connection, headers(200, 30, NOW + 50))
    gate.before("DELETE", url)
    gate.after(url, headers(200, 199, NOW + 60))

    assert spent("alpaca", connection, "orders", Priority.POLL, most=5) == 5


def test_processes_draw_on_one_budget(connection: str) -> None:
    script = (
        "import django, sys; django.setup()\n"
        "from brokers.errors import TryLater\n"
        "from brokers.rate_limits import Budget, Priority\n"
        "granted = 0\n"
        "for _ in range(40):\n"
        "    try: Budget('schwab').spend(sys.argv[1], 'orders', priority=Priority.CANCEL)\n"
        "    except TryLater: continue\n"
        "    granted += 1\n"
        "print(granted)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, connection],
            cwd=ROOT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 60


def test_without_redis_a_process_keeps_to_a_tenth_by_itself(alone: None, clock: Any, connection: str) -> None:
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 20
    assert spent("alpaca", connection, "data", Priority.POLL) == 12
    clock.shift(61)
    assert spent("alpaca", connection, "orders", Priority.CANCEL) == 20


def test_a_redis_that_is_away_is_not_asked_for_every_call(
    alone: None, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    spend: Callable[..., float] = rate_limits._Shared.spend

    def watched(self: Any, counter: str, *given: Any) -> float:
        asked.append(counter)
        return spend(self, counter, *given)

    monkeypatch.setattr(rate_limits._Shared, "spend", watched)
    spent("schwab", connection, "orders", Priority.CANCEL)

    assert len(asked) == 1


def test_the_health_page_says_whether_the_budget_is_shared(settings: Any) -> None:
    assert (health.budget_check().state, health.budget_check().detail) == (
        health.State.OK,
        "All processes draw on one budget of requests to brokers.",
    )

    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert (health.budget_check().state, health.budget_check().detail) == (
        health.State.DEGRADED,
        "Each process keeps to a tenth of every broker's limit, because the shared budget does not answer.",
    )
