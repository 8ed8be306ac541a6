"""A real web process with more to do than it can: what it refuses, what it does all the same, and that it recovers."""

import http.client
import json
import signal
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import TradingAccount
from accounts.services.tokens import token_create
from tests.api.orders_kit import plain_body
from tests.runtime.desk_process import wait_for
from tests.runtime.web_process import WebProcess
from tests.trades.orders.kit import connected_account
from trades.models import Order, Tag
from trenddojo.admission import AT_ONCE, RESERVE, WAITING

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="The web process is the Procfile's, as on a server."),
]

PAGE = "/api/v1/tags/"
CROWD = 3 * (AT_ONCE + WAITING + RESERVE)
# Requests of the process that wait for a lock; a transaction goes on seeing what it saw first unless it is told not to.
FORGET = "SELECT pg_stat_clear_snapshot()"
HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Program:
    def __init__(self, web: WebProcess, token: str) -> None:
        self.web = web
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": "localhost"}

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, str | None, Any]:
        """Status, Retry-After and what was said."""
        link = http.client.HTTPConnection("localhost", self.web.port, timeout=60)
        headers = self.headers | ({"Idempotency-Key": str(uuid.uuid4())} if body is not None else {})
        link.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
        answer = link.getresponse()
        found = answer.status, answer.headers["Retry-After"], json.loads(answer.read())
        link.close()
        return found


@pytest.fixture
def web(transactional_db):
    process = WebProcess()
    yield process
    process.end(signal.SIGTERM)


def held() -> int:
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
        cursor.execute(HELD)
        return int(cursor.fetchone()[0])


def test_pages_that_hang_hold_up_neither_orders_nor_halts_and_all_is_well_afterwards(web, alice):
    account = connected_account(alice)
    program = Program(web, token_create(user=alice, name="Crowd", scope="trade", now=timezone.now())[1])
    assert program.ask(PAGE)[0] == 200
    with ThreadPoolExecutor(CROWD) as crowd:
        with transaction.atomic(), connection.cursor() as cursor:
            # Every page of tags hangs until this transaction ends.
            cursor.execute(f"LOCK TABLE {Tag._meta.db_table} IN ACCESS EXCLUSIVE MODE")
            asked = [crowd.submit(program.ask, PAGE) for _ in range(CROWD)]
            wait_for(lambda: held() == AT_ONCE, "the hanging of as many pages as are answered at once")

            placed = program.ask("/api/v1/orders/", plain_body(account))
            halted = program.ask(f"/api/v1/accounts/{account.pk}/halt/", {})
            healthy = program.ask("/healthz")
            refused = [one.result() for one in islice(as_completed(asked), CROWD - AT_ONCE)]
            still_held = held()
        answered = [one.result() for one in asked]

    assert (placed[0], halted[0], healthy[0]) == (201, 200, 200)
    assert [(status, said["errors"][0]["code"]) for status, _wait, said in refused] == [(503, "busy")] * len(refused)
    assert {wait for _status, wait, _said in refused} <= {"2", "3", "4", "5"}
    assert still_held == AT_ONCE
    assert sorted(status for status, _wait, _said in answered) == [200] * AT_ONCE + [503] * (CROWD - AT_ONCE)
    assert [program.ask(PAGE)[0] for _ in range(AT_ONCE + WAITING)] == [200] * (AT_ONCE + WAITING)
    assert Order.objects.filter(account=account).count() == 1
    assert TradingAccount.objects.get(pk=account.pk).halted_at is not None
