"""What comes from outside: messages of the queue, fields nobody asked for, addresses to call."""

import pickle
import uuid
from inspect import signature
from typing import Any

import pytest
from django.test import Client
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads
from requests_hardened.ip_filter import InvalidIPAddress

from accounts.models import User, Webhook
from accounts.services.errors import AccountError
from accounts.services.webhook_sending import _session
from accounts.services.webhooks import webhook_create
from tests.api.kit import api_for, error
from tests.factories import make_account, make_plan, make_setup
from trades.models import Trade
from trenddojo.celery import app

pytestmark = pytest.mark.django_db


class Boom:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was opened",))


def test_the_queue_takes_json_and_opens_no_pickle() -> None:
    assert list(app.conf.accept_content) == ["json"]
    assert (app.conf.task_serializer, app.conf.result_serializer) == ("json", "json")
    for content_type, encoding in (("application/x-python-serialize", "binary"), ("application/x-yaml", "utf-8")):
        with pytest.raises(ContentDisallowed):
            loads(pickle.dumps(Boom()), content_type, encoding, accept=app.conf.accept_content)


# Tasks that name what they are about.
NAMING = [
    "accounts.webhook_send",
    "brokers.connection_poll",
    "brokers.connection_sync",
    "trades.import_work",
    "trades.order_cancel",
    "trades.order_replace",
    "trades.order_resolve",
    "trades.order_submit",
]
NO_IDS = ["not an id", "", None, 7, {"id": 1}, "'; DROP TABLE orders; --"]


def test_every_task_of_one_thing_is_known() -> None:
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "trenddojo."))}
    assert sorted(name for name, task in ours.items() if signature(task.run).parameters) == NAMING


@pytest.mark.parametrize("name", NAMING)
def test_a_message_about_nothing_changes_nothing(alice: User, name: str) -> None:
    """It may fail by itself, which costs the worker nothing: what it must not do is act."""
    plan = make_plan(make_account(alice))
    before = list(Trade.objects.values_list())
    app.loader.import_default_modules()
    task = app.tasks[name]
    for wrong in NO_IDS:
        assert task.apply(args=[wrong], throw=False).state in {"FAILURE", "SUCCESS"}
    for missing in (uuid.uuid4(), plan.pk):
        assert task.apply(args=[str(missing)], throw=False).state == "SUCCESS"
    assert list(Trade.objects.values_list()) == before


@pytest.mark.parametrize(
    "body",
    [
        {"owner": "x"},
        {"user": "x"},
        {"id": str(uuid.uuid4())},
        {"is_halted": False},
        {"broker": "alpaca", "owner_id": 1},
        {"starting_balance": "1", "version": 9, "created_at": "2020-01-01"},
    ],
)
def test_a_field_that_is_not_for_programs_is_refused(alice: User, charlie: User, body: dict[str, Any]) -> None:
    account = make_account(alice)
    answer = api_for(alice).patch(f"/accounts/{account.pk}/", body)
    assert error(answer)[:2] == (400, "unknown_field")


def test_a_field_that_is_not_in_the_form_is_not_read(alice: User, charlie: User, alice_client: Client) -> None:
    more = {"is_staff": "on", "is_superuser": "1", "username": "root", "email": "x@example.com", "password": "x"}
    alice_client.post("/settings/", {"first_name": "A", "last_name": "B", "timezone": "UTC", **more})
    alice.refresh_from_db()
    assert (alice.first_name, alice.username, alice.email) == ("A", "alice", "alice@example.com")
    assert (alice.is_staff, alice.is_superuser) == (False, False)
    setup = make_setup(alice)
    alice_client.post(f"/setups/{setup.pk}/", {"name": "Renamed", "owner": charlie.pk, "owner_id": charlie.pk})
    setup.refresh_from_db()
    assert setup.owner == alice


def test_signing_up_makes_a_trader_and_nothing_more(client: Client) -> None:
    body = {"username": "dora", "email": "dora@example.com", "timezone": "UTC", "is_staff": "on", "is_superuser": "on"}
    client.post("/auth/signup/", {**body, "password1": "a long pass phrase", "password2": "a long pass phrase"})
    dora = User.objects.get(username="dora")
    assert (dora.is_staff, dora.is_superuser) == (False, False)


INSIDE = [
    "https://127.0.0.1/", "https://10.0.0.7/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data",
    "https://[::1]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://[fec0::1]/", "https://[feff:ffff::1]/",
    "https://[::ffff:10.0.0.7]/", "https://0.0.0.0/", "https://224.0.0.1/", "https://[ff0e::1]/", "https://localhost/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_no_webhook_leads_into_a_private_network(alice: User, url: str) -> None:
    with pytest.raises(AccountError):
        webhook_create(user=alice, url=url, subjects=["trade"])
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("inside", ["fec0::1", "feff::7", "fd00::1", "::1", "::ffff:10.0.0.7", "10.0.0.7"])
def test_a_name_that_leads_inside_is_told_nothing(monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    family = 10 if ":" in inside else 2
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda *_, **__: [(family, 1, 6, "", (inside, 443, 0, 0)[: 2 if family == 2 else 4])]
    )
    with _session() as session, pytest.raises(InvalidIPAddress):
        session.post("https://hooks.example.com/", data=b"")


def test_brokers_are_reached_at_addresses_of_the_settings_alone() -> None:
    """No form and no body of the API has a field for one; tests/brokers/test_http.py holds it at the socket."""
    from brokers.registry import ADAPTERS

    names = {field.name for spec in ADAPTERS.values() for field in spec.credential_fields}
    assert not any(word in name for name in names for word in ("url", "host", "address", "port"))
