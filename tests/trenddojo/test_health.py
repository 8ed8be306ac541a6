"""Operators see whether the desk is alive and ready."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import redis
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from trenddojo import health
from trenddojo.tasks import heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_heartbeats() -> None:
    cache.clear()


def test_healthz_answers_without_the_database(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_names_every_check_and_says_that_no_worker_reported(client: Client) -> None:
    response = client.get("/readyz")
    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "degraded"
    states = {name: check["state"] for name, check in body["checks"].items()}
    assert states == {
        "database": "ok",
        "migrations": "ok",
        "queue": "ok",
        "worker": "degraded",
        "worker for orders": "degraded",
        "order stream": "degraded",
        "beat": "degraded",
        "clock": "ok",
        "broker budget": "ok",
    }


def test_readyz_is_ok_once_workers_stream_and_beat_report(client: Client) -> None:
    for key in (health.WORKER_HEARTBEAT, health.ORDERS_HEARTBEAT, health.STREAM_HEARTBEAT):
        health.heartbeat_write(key)
    # The pulse beside it uses a connection of its own, which is not the test's.
    with mock.patch("trenddojo.tasks.pulse_note"):
        heartbeat()
    assert client.get("/readyz").json()["status"] == "ok"


def test_a_heartbeat_of_ninety_seconds_ago_is_stale() -> None:
    now = timezone.now()
    cache.set(health.WORKER_HEARTBEAT, (now - timedelta(seconds=90)).isoformat())
    with mock.patch.object(health.timezone, "now", return_value=now):
        found = health.heartbeat_check("worker", health.WORKER_HEARTBEAT)
    assert (found.state, found.detail) == (health.State.DEGRADED, "The worker was last seen 90 s ago.")


@pytest.mark.parametrize("method", ["get", "head"])
def test_readyz_refuses_visitors_without_a_database(client: Client, method: str) -> None:
    with mock.patch.object(health.connection, "cursor", side_effect=OperationalError("password=hunter2")):
        response = getattr(client, method)("/readyz")
    assert response.status_code == 503
    assert b"hunter2" not in response.content


def test_readyz_survives_a_lost_queue_and_cache(client: Client) -> None:
    with (
        mock.patch.object(health.cache, "get", side_effect=redis.ConnectionError),
        mock.patch.object(health, "queue_depth", return_value=None),
    ):
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["queue"] == {"state": "failed", "detail": "The queue does not answer."}


def test_readyz_says_within_seconds_that_the_queue_is_away(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "unix:///tmp/nobody-listens-here.sock?db=0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["queue"] == {"state": "failed", "detail": "The queue does not answer."}


def test_a_heartbeat_that_cannot_be_written_stops_nobody() -> None:
    with mock.patch.object(health.cache, "set", side_effect=redis.ConnectionError):
        health.heartbeat_write(health.WORKER_HEARTBEAT)
    assert health.heartbeat_age(health.WORKER_HEARTBEAT) is None


def test_a_clock_that_differs_fails() -> None:
    ahead = timezone.now() + timedelta(seconds=5)
    with mock.patch.object(health.timezone, "now", return_value=ahead):
        assert health.clock_check().state is health.State.FAILED


def test_the_system_page_shows_versions_and_migrations_to_staff(bob: User, client: Client) -> None:
    client.force_login(bob)
    page = client.get("/system/").content.decode()
    for words in ("PostgreSQL", "Valkey", "Django", "Messages waiting", "All are applied."):
        assert words in page


def test_nobody_else_learns_that_the_system_page_exists(alice: User, client: Client) -> None:
    assert client.get("/system/").status_code == 404
    client.force_login(alice)
    assert client.get("/system/").status_code == 404
