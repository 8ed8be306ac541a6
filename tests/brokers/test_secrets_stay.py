"""After a whole life of a connection its secret is nowhere: not in logs, database, queue, cache, mail, pages or files."""

import asyncio
import io
import logging
import traceback
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from unittest import mock
from urllib.parse import quote
from uuid import uuid4

import pytest
import redis
from django.core.management import call_command
from django.db import connection as database
from django.test import Client, RequestFactory
from django.views.debug import SafeExceptionReporterFilter

from accounts.models import User
from accounts.services.notifications import notifications_mail
from brokers import registry, vault
from brokers.alpaca.stream import order_updates
from brokers.base import ConnectionSettings, OrderRef
from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.views import connection_create
from tests.api.kit import Api, api_for
from tests.brokers.connection_kit import KEY_ID, SECRET, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account
from trades.models import Order
from trades.tasks import connection_poll_task, connection_sync_task, order_submit_task

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db(transaction=True)

OLD_ID, NEW_ID, PROGRAMS_ID = "PKOLDKEY01234567", "PKNEWKEY01234567", "PKPROGRAMSKEY012"
KEYS = {"api_key": OLD_ID, "secret_key": SECRET}
NEW_SECRET = "An0ther+Secret/OfAlice=="
SPELLINGS = [
    spelled
    for secret in (SECRET, NEW_SECRET)
    for spelled in (secret, quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("="))
]


def holds_a_secret(text: str) -> list[str]:
    return [spelled for spelled in SPELLINGS if spelled in text]


@pytest.fixture
def queue(settings: Any) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()


def stored_in(client: redis.Redis) -> str:
    """Every key and value there is."""
    readers = {b"string": client.get, b"list": lambda k: client.lrange(k, 0, -1), b"hash": client.hgetall}
    readers |= {b"set": client.smembers, b"zset": lambda k: client.zrange(k, 0, -1)}
    return "\n".join(f"{key!r} {readers[client.type(key)](key)!r}" for key in client.scan_iter(count=1000))


def database_dump() -> str:
    """Every row of every table as the database writes it."""
    rows = []
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - the tables' own names
            rows += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(rows)


class Life:
    """Does what a trader and the workers do with a connection, and keeps every page and every error on the way."""

    def __init__(self, client: Client, exchange: RunningSimulator) -> None:
        self.client = client
        self.exchange = exchange
        self.seen: list[str] = []

    def page(self, method: str, path: str, **fields: str) -> None:
        response = getattr(self.client, method)(path, fields, follow=True)
        self.seen.append(response.content.decode() + str(response.headers) + str(response.redirect_chain))

    def connect(self) -> BrokerConnection:
        form = {"creation_key": str(uuid4()), "label": "Practice", "account": "new", "account_name": "Practice"}
        for fault in ({"kind": "unauthorized"}, {"kind": "status_after", "status": 500}, {"kind": "cut_off"}):
            self.exchange.control.fault(**fault)
            self.page("post", "/connections/new/?broker=simulator", **form, **KEYS)
        self.page("post", "/connections/new/?broker=simulator", **form, **{**KEYS, "api_key": ""})
        self.page("post", "/connections/new/?broker=simulator", **form, **KEYS)
        return BrokerConnection.objects.get()

    def use(self, connection: BrokerConnection) -> None:
        """Every kind of trouble on the way to the broker, as workers meet it."""
        adapter = registry.adapter_for(connection)
        self.seen += [repr(adapter), str(vars(adapter)), repr(registry.settings_of(connection, KEYS)), repr(connection)]
        for kind in ("drop_before", "drop_after", "cut_off", "unreadable", "unauthorized"):
            self.exchange.control.fault(kind, times=2)
            for ask in (adapter.verify, adapter.positions, lambda: adapter.cancel(OrderRef(str(uuid4())))):
                self.attempt(ask)
            self.exchange.control.clear_faults()

    def attempt(self, ask: Any) -> None:
        try:
            ask()
        except BrokerError as error:
            self.seen.append("".join(traceback.format_exception(error)) + repr(error) + str(vars(error)))

    def look(self, connection: BrokerConnection) -> None:
        for path in ("", "reconnect/", "edit/", "remove/", "account/"):
            self.page("get", f"/connections/{connection.pk}/{path}")
        for path in ("/connections/", "/notifications/", "/accounts/", "/settings/"):
            self.page("get", path)

    def work(self, connection: BrokerConnection, program: Api) -> None:
        """The tasks themselves: a sync, an order that is sent and rests, and a poll that asks how it stands."""
        connection_sync_task(str(connection.pk))
        self.exchange.control.set_quote("SPY", bid="100.00", ask="100.02")
        order = {"account": str(connection.account_id), "symbol": "SPY", "side": "buy", "type": "limit"}
        made = program.post("/orders/", order | {"quantity": "1", "limit_price": "90.00"})
        self.seen.append(made.content.decode() + str(made.headers))
        order_submit_task(made.json()["id"])
        self.exchange.control.forget_counts()
        connection_poll_task(str(connection.pk))
        assert Order.objects.get(pk=made.json()["id"]).status == "accepted"
        assert self.exchange.control.count("GET", "/v2/orders") == 1

    def connect_by_program(self, program: Api) -> None:
        """Keys of another account come in over the API: refused, and taken."""
        account = self.exchange.control.open_account()
        self.exchange.control.change_keys(account.id, key_id=PROGRAMS_ID, secret_key=SECRET)
        given = {"broker": "simulator", "label": "By program", "is_paper": True}
        for secret, status in ((NEW_SECRET, 400), (SECRET, 201)):
            answer = program.post(
                "/connections/", given | {"credentials": {"api_key": PROGRAMS_ID, "secret_key": secret}}
            )
            assert answer.status_code == status, answer.content
            self.seen.append(answer.content.decode() + str(answer.headers))

    def administer(self, connection: BrokerConnection) -> None:
        pages = f"/admin/brokers/brokerconnection/{connection.pk}"
        self.page("get", "/admin/brokers/brokerconnection/")
        self.page("get", f"{pages}/change/")
        assert "Practice | View broker connection" in self.seen[-1]
        self.page("get", f"{pages}/reconnect/")
        self.page("post", f"{pages}/reconnect/", api_key=NEW_ID, secret_key="Wrong" + NEW_SECRET)
        sealed = BrokerConnection.objects.get(pk=connection.pk).credentials
        self.page("post", f"{pages}/reconnect/", api_key=NEW_ID, secret_key=NEW_SECRET)
        assert BrokerConnection.objects.get(pk=connection.pk).credentials != sealed


@pytest.fixture
def lived(exchange: RunningSimulator, alice_client: Client, bob_client: Client, settings: Any) -> Life:
    """Connected, used in every kind of trouble, refused, reconnected, sealed anew, told, and looked at by everybody."""
    account = exchange.control.open_account()
    exchange.control.change_keys(account.id, key_id=OLD_ID, secret_key=SECRET)
    life = Life(alice_client, exchange)
    connection = life.connect()
    life.page("post", f"/connections/{connection.pk}/verify/")
    life.page("post", f"/connections/{connection.pk}/sync/")
    life.use(connection)
    exchange.control.fault("unauthorized")
    life.page("post", f"/connections/{connection.pk}/verify/")
    life.look(connection)
    life.page("post", f"/connections/{connection.pk}/reconnect/", api_key=NEW_ID, secret_key=NEW_SECRET)
    exchange.control.change_keys(account.id, key_id=NEW_ID, secret_key=NEW_SECRET)
    life.page("post", f"/connections/{connection.pk}/reconnect/", api_key=NEW_ID, secret_key=NEW_SECRET)
    life.look(connection)
    settings.BROKER_ENCRYPTION_KEYS = [b"n" * 32, *settings.BROKER_ENCRYPTION_KEYS]
    call_command("rotate_credentials")
    program = api_for(connection.user)
    life.work(connection, program)
    life.connect_by_program(program)
    notifications_mail()
    life.client = bob_client
    life.administer(connection)
    return life


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that anybody has to say."""
    caplog.set_level(logging.DEBUG)
    return caplog


def written(logs: pytest.LogCaptureFixture) -> str:
    return "\n".join(logging.Formatter().format(record) for record in logs.get_records("setup")) + logs.text


def export_of(client: Client) -> str:
    answer = b"".join(client.get("/settings/export/").streaming_content)
    with zipfile.ZipFile(io.BytesIO(answer)) as export:
        return "\n".join(export.read(name).decode() for name in export.namelist())


def test_the_secret_is_found_nowhere(
    queue: redis.Redis,
    logs: pytest.LogCaptureFixture,
    lived: Life,
    alice_client: Client,
    settings: Any,
    mailoutbox: Any,
) -> None:
    connection = BrokerConnection.objects.get(label="Practice")
    assert vault.unseal(connection.credentials, row_id=connection.pk)["secret_key"] == NEW_SECRET
    places = {
        "pages and errors": "\n".join(lived.seen),
        "logs": written(logs),
        "database": database_dump(),
        "queue": stored_in(queue),
        "cache": stored_in(redis.Redis.from_url(settings.CACHE_URL)),
        "mail": "\n".join(mail.message().as_string() for mail in mailoutbox),
        "export": export_of(alice_client),
    }

    assert {place: holds_a_secret(text) for place, text in places.items()} == {place: [] for place in places}
    # Each place was really looked at: it holds what belongs there.
    signs = {
        "pages and errors": "does not accept these keys",
        "logs": "method=POST path=/v2/orders status=200",
        "database": connection.credentials,
        "queue": "brokers.connection_sync",
        "cache": "session",
        "mail": "Practice is disconnected",
        "export": str(connection.pk),
    }
    assert [place for place, sign in signs.items() if sign not in places[place]] == []
    assert connection.credentials not in places["export"]


def test_a_report_of_a_crash_leaves_out_what_was_typed(alice: User, settings: Any) -> None:
    settings.DEBUG = False
    request = RequestFactory().post("/connections/new/?broker=alpaca", {**KEYS, "label": "Practice"})
    request.user = alice
    with mock.patch("brokers.views.ConnectForm", side_effect=RuntimeError), pytest.raises(RuntimeError):
        connection_create(request)

    shown = SafeExceptionReporterFilter().get_post_parameters(request)

    assert shown["secret_key"] == "********************"
    assert not holds_a_secret(str(shown))


def test_the_order_stream_writes_no_key_into_a_log_that_takes_everything(
    exchange: RunningSimulator, logs: pytest.LogCaptureFixture
) -> None:
    async def listened() -> None:
        given = ConnectionSettings("id", "simulator", True, exchange.url, stream_url=exchange.stream_url)
        async with order_updates(replace(given, credentials={"api_key": KEY_ID, "secret_key": SECRET})):
            logging.getLogger(__name__).debug("listening")

    # In a thread: the tests of the browser leave a loop running in this one.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, listened()).result()

    assert "listening" in logs.text
    # A log that shortens what was sent shows its end.
    assert [part for part in (SECRET, SECRET[-12:], SECRET[:12], KEY_ID) if part in logs.text] == []


def test_keys_that_were_sent_after_the_session_ended_are_not_kept_for_later(
    exchange: RunningSimulator, alice: User, alice_client: Client, settings: Any
) -> None:
    make_account(alice)
    alice_client.get("/connections/new/?broker=simulator")
    del alice_client.cookies[settings.SESSION_COOKIE_NAME]

    answer = alice_client.post(
        "/connections/new/?broker=simulator",
        {**KEYS, "label": "Practice"},
        headers={"referer": "http://testserver/connections/new/?broker=simulator"},
    )

    assert answer["Location"].startswith("/auth/login/")
    kept = stored_in(redis.Redis.from_url(settings.CACHE_URL)) + database_dump() + str(answer.cookies)
    assert holds_a_secret(kept) == []
    assert OLD_ID not in kept
