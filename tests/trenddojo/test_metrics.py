"""What Prometheus reads: for whoever has the token, right about orders, connections and processes, and cheap."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import redis
import time_machine
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from brokers.models import BrokerConnection
from tests.factories import make_account, make_connection
from tests.trenddojo.alert_kit import Between, Scrape, scrape_of
from trades.models import Order
from trades.selectors import operations
from trenddojo import health, measures, metrics

pytestmark = pytest.mark.django_db

TOKEN = "t" * 32


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    cache.clear()


def ask(client: Client, token: str = f"Bearer {TOKEN}") -> Any:
    return client.get("/metrics", headers={"authorization": token})


def scrape(client: Client) -> Scrape:
    return scrape_of(ask(client).content.decode())


def value(found: Scrape, name: str, **labels: str) -> float | None:
    return found.get(name, {}).get(frozenset(labels.items()))


@pytest.fixture
def desk(alice: User) -> BrokerConnection:
    return make_connection(make_account(alice), last_sync=timezone.now())


@pytest.fixture
def now() -> Iterator[datetime]:
    """The moment of the whole test: ages are exact, however long the machine takes."""
    with time_machine.travel(timezone.now(), tick=False):
        yield timezone.now()


def order_of(desk: BrokerConnection, status: str, **fields: Any) -> Order:
    assert desk.account is not None
    return Order.objects.create(
        owner=desk.user, account=desk.account, connection=desk, symbol="SPY", side="buy", type="market",
        quantity=1, status=status, **fields,
    )  # fmt: skip


# --- Who may read ------------------------------------------------------------------------------------------------------


def test_without_a_token_in_the_settings_there_is_no_such_address(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert [ask(client).status_code, ask(client, "Bearer ").status_code] == [404, 404]


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer wrong", TOKEN, f"bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"]
)
def test_another_token_is_refused_with_a_sentence(client: Client, token: str) -> None:
    answer = ask(client, token)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"trenddojo_" not in answer.content


def test_no_session_opens_it_and_none_is_looked_at(bob_client: Client) -> None:
    assert bob_client.get("/metrics").status_code == 401
    with mock.patch.object(metrics, "exposition", return_value=b"") as told:
        ask(Client())
    assert told.called


def test_it_answers_over_plain_http_to_the_scraper_alone(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert ask(client).status_code == 200
    assert client.get("/settings/").status_code == 301


# --- What it says ------------------------------------------------------------------------------------------------------


def test_orders_are_counted_by_state_and_broker_and_the_longest_wait_is_told(
    client: Client, now: datetime, desk: BrokerConnection
) -> None:
    order_of(desk, "accepted")
    order_of(desk, "filled")
    order_of(desk, "in_doubt", doubted_at=now - timedelta(seconds=50), claimed_at=now)
    order_of(desk, "in_doubt", doubted_at=now - timedelta(seconds=300), claimed_at=now)
    parent = order_of(desk, "new", send_after=now - timedelta(seconds=40))
    Order.objects.filter(pk=parent.pk).update(created_at=now - timedelta(hours=1))
    # Waits for its parent, and one that is not due: neither is late.
    leg = order_of(desk, "new", parent=parent)
    Order.objects.filter(pk=leg.pk).update(created_at=now - timedelta(hours=1))
    order_of(desk, "new", send_after=now + timedelta(hours=1))

    found = scrape(client)

    counts = {dict(key)["state"]: number for key, number in found["trenddojo_orders"].items()}
    assert counts == {"accepted": 1.0, "in_doubt": 2.0, "new": 3.0}
    ages = {dict(key)["state"]: age for key, age in found["trenddojo_orders_oldest_seconds"].items()}
    assert ages == {"in_doubt": 300.0, "new": 40.0}
    assert Between(found, found).firing() >= {"OrdersInDoubt", "OrdersNotSent"}


def test_an_order_of_a_connection_that_is_off_waits_for_its_trader(client: Client, desk: BrokerConnection) -> None:
    order_of(desk, "new", send_after=timezone.now() - timedelta(hours=1))
    BrokerConnection.objects.update(is_active=False, status="disabled")
    found = scrape(client)
    assert value(found, "trenddojo_orders_oldest_seconds", broker="simulator", state="new") == 0.0


def test_connections_streams_syncs_and_polls_are_told_by_broker(
    client: Client, now: datetime, desk: BrokerConnection
) -> None:
    late = make_connection(
        make_account(desk.user, uuid4().hex), last_sync=now - timedelta(seconds=400), status="needs_attention"
    )
    off = make_connection(make_account(desk.user, uuid4().hex), is_active=False, status="disabled")
    up = {"stream_leased_until": now + timedelta(seconds=20), "stream_heard_at": now, "next_poll_at": now}
    BrokerConnection.objects.filter(pk=desk.pk).update(**up)
    # Overdue, and nothing of it is at the broker: nobody polls it.
    BrokerConnection.objects.filter(pk__in=[late.pk, off.pk]).update(next_poll_at=now - timedelta(seconds=90))

    found = scrape(client)

    assert value(found, "trenddojo_connections", broker="simulator", status="connected") == 1.0
    assert value(found, "trenddojo_connections", broker="simulator", status="needs_attention") == 1.0
    assert value(found, "trenddojo_connections", broker="simulator", status="disabled") == 1.0
    assert value(found, "trenddojo_streams_up", broker="simulator") == 1.0
    assert value(found, "trenddojo_streams_wanted", broker="simulator") == 2.0
    assert value(found, "trenddojo_sync_age_seconds", broker="simulator", stat="max") == 400.0
    assert value(found, "trenddojo_poll_overdue_seconds", broker="simulator") == 0.0

    order_of(late, "accepted", submitted_at=now - timedelta(seconds=70))
    assert value(scrape(client), "trenddojo_poll_overdue_seconds", broker="simulator") == 70.0
    BrokerConnection.objects.update(next_poll_at=now - timedelta(seconds=50))
    assert value(scrape(client), "trenddojo_poll_overdue_seconds", broker="simulator") == 50.0


def test_an_open_order_that_was_never_asked_for_is_overdue(
    client: Client, now: datetime, desk: BrokerConnection
) -> None:
    assert desk.next_poll_at is None
    order_of(desk, "submitting", claimed_at=now - timedelta(seconds=80))
    assert value(scrape(client), "trenddojo_poll_overdue_seconds", broker="simulator") == 80.0


def test_requests_are_counted_by_the_name_of_their_page(client: Client, alice_client: Client) -> None:
    before = scrape(client)
    alice_client.get("/settings/")
    client.get("/no/such/page")
    client.get("/static/no-such-file")
    alice_client.post("/tags/new/")
    after = scrape(client)
    name = "trenddojo_http_requests_total"
    grown = {
        tuple(sorted(dict(key).values())) for key, number in after[name].items() if number > before[name].get(key, 0)
    }

    assert grown >= {("200", "GET", "accounts:settings"), ("404", "GET", "none"), ("404", "GET", "static")}
    assert ("GET", "trenddojo:metrics") in {key[1:] for key in grown}
    assert not any("/" in dict(key)["route"] for key in after[name])


def test_a_name_that_nobody_knows_any_more_is_left_out(client: Client) -> None:
    shared = health.queue_redis()
    shared.hset(measures.KEY, "trenddojo_of_an_older_version\x1fx", "1")
    shared.hset(measures.KEY, "trenddojo_budget_waits_total\x1ftoo few", "1")
    try:
        assert b"older_version" not in ask(client).content
        assert b"too few" not in ask(client).content
    finally:
        shared.delete(measures.KEY)


# --- What it costs, and what it says when something is away ------------------------------------------------------------


def test_a_scrape_asks_seven_questions_however_many_there_are(
    client: Client, desk: BrokerConnection, django_assert_num_queries: Any
) -> None:
    scrape(client)
    for _ in range(20):
        order_of(make_connection(make_account(desk.user, uuid4().hex)), "accepted")
    # Savepoint and its release; clock; which migrations are applied (two); orders, polls, connections.
    with django_assert_num_queries(8):
        scrape(client)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (operations._ORDERS.format(states=operations._listed(operations.WORKING)), "orders_working"),
        (operations._POLLS.format(states=operations._listed(operations.AT_BROKER)), "orders_at_broker"),
    ],
    ids=["orders", "polls"],
)
def test_open_orders_are_found_by_their_index(desk: BrokerConnection, statement: str, index: str) -> None:
    first = order_of(desk, "filled")
    done = {
        name: getattr(first, name) for name in ("owner", "account", "connection", "symbol", "side", "type", "quantity")
    }
    Order.objects.bulk_create(
        Order(**done, time_in_force="day", status="filled", done_at=timezone.now(), creation_key=uuid4())
        for _ in range(500)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}", {"now": timezone.now()})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan


def test_a_database_that_is_away_is_told_with_all_that_is_left(client: Client) -> None:
    with mock.patch.object(metrics.connection, "cursor", side_effect=OperationalError("password=hunter2")):
        answer = ask(client)
    found = scrape_of(answer.content.decode())

    assert (answer.status_code, b"hunter2" in answer.content) == (200, False)
    assert [value(found, "trenddojo_part_up", part=part) for part in ("database", "queue", "cache")] == [0.0, 1.0, 1.0]
    assert "trenddojo_queue_messages" in found
    assert "DatabaseDown" in Between(found, found).firing()


def test_a_queue_and_a_cache_that_are_away_are_told(client: Client) -> None:
    away = redis.ConnectionError("away")
    with (
        mock.patch.object(health, "queue_redis", side_effect=away),
        mock.patch.object(metrics.cache, "get_many", side_effect=away),
        mock.patch.object(measures._Process, "_send", side_effect=away),
    ):
        found = scrape(client)

    assert Between(found, found).firing() == {"QueueDown", "CacheDown"}
    assert value(found, "trenddojo_part_up", part="database") == 1.0


def test_a_clock_that_differs_is_told(client: Client) -> None:
    ahead = timezone.now() + timedelta(seconds=5)
    with mock.patch.object(metrics.timezone, "now", return_value=ahead):
        found = scrape(client)
    assert "ClockSkewed" in Between(found, found).firing()


def test_a_process_that_was_never_seen_is_missed_and_one_that_reports_is_not(client: Client) -> None:
    missed = {"OrderWorkersMissing", "WorkersMissing", "BeatMissing", "StreamMissing"}
    found = scrape(client)
    assert Between(found, found).firing() == missed
    for key in metrics.HEARTBEATS.values():
        health.heartbeat_write(key)
    found = scrape(client)
    assert Between(found, found).firing() == set()


def test_a_migration_that_is_missing_is_told_and_takes_no_visitors(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'trades' AND name = "
            "(SELECT max(name) FROM django_migrations WHERE app = 'trades')"
        )
    found, ready = scrape(client), client.get("/readyz")

    assert value(found, "trenddojo_migrations_pending") == 1.0
    assert ready.status_code == 503
    said = "1 migrations are not applied: run manage.py migrate."
    assert ready.json()["checks"]["migrations"] == {"state": "failed", "detail": said}
