"""Connections over the API: keys go in, are tried at once and never come out."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import TradingAccount
from brokers.models import BrokerConnection
from tests.api.kit import error
from tests.brokers.connection_kit import KEY_ID, KEYS, SECRET, connect, exchange, running
from tests.factories import make_account, make_connection
from trades.models import Order

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db

NEW = {"broker": "simulator", "label": "Practice", "is_paper": True, "credentials": KEYS}
MOCK = {"broker": "mock", "label": "Mock"}


def test_keys_are_tried_and_kept_and_never_answered(exchange, api, alice):
    made = api.post("/connections/", NEW)
    assert made.status_code == 201
    connection = made.json()
    assert connection == {
        "id": connection["id"],
        "broker": "simulator",
        "label": "Practice",
        "is_paper": True,
        "is_active": True,
        "is_live_on": False,
        "status": "connected",
        "account": None,
        "last_sync": None,
        "last_error": "",
        "created_at": connection["created_at"],
    }
    read = api.get(f"/connections/{connection['id']}/")
    assert read.json() == connection
    for answer in (made, read, api.get("/connections/")):
        assert KEY_ID not in answer.content.decode()
        assert SECRET not in answer.content.decode()
    assert BrokerConnection.objects.get(user=alice).key_hint == KEY_ID[-4:]


def test_a_connection_comes_with_an_account_that_is_new_or_known(exchange, api, alice):
    opened = api.post("/connections/", NEW | {"account_name": "Practice money"}).json()
    account = TradingAccount.objects.get(owner=alice)
    assert (account.name, account.broker, str(account.pk)) == ("Practice money", "simulator", opened["account"])
    known = make_account(alice, "Mine")
    linked = api.post("/connections/", MOCK | {"account": str(known.pk)}).json()
    assert linked["account"] == str(known.pk)
    both = api.post("/connections/", MOCK | {"account": str(known.pk), "account_name": "New"})
    assert error(both) == (400, "alone", "account_name")
    taken = api.post("/connections/", MOCK | {"account": str(known.pk)})
    assert error(taken) == (409, "account_taken", None)
    archived = make_account(alice, "Archived", is_archived=True)
    away = api.post("/connections/", MOCK | {"account": str(archived.pk)})
    assert error(away) == (400, "not_linkable", "account")
    assert alice.broker_connections.count() == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"broker": "manual"}, (400, "invalid_choice", "broker")),
        ({"broker": "schwab"}, (400, "invalid_choice", "broker")),
        ({"label": ""}, (400, "blank", "label")),
        ({"label": "x" * 81}, (400, "max_length", "label")),
        ({"is_paper": False}, (400, "paper_only", "is_paper")),
        ({"is_paper": "yes"}, (400, "invalid", "is_paper")),
        ({"credentials": {"api_key": KEY_ID}}, (400, "missing", "credentials.secret_key")),
        ({"credentials": {**KEYS, "secret_key": "a b"}}, (400, "malformed", "credentials.secret_key")),
        ({"credentials": {**KEYS, "password": "x"}}, (400, "unknown", "credentials")),
        ({"credentials": {**KEYS, "secret_key": "another-secret"}}, (400, "bad_keys", "credentials")),
        ({"account_name": "Main"}, (400, "name_taken", "account_name")),
        ({"keys": KEYS}, (400, "unknown_field", "keys")),
    ],
)
def test_what_cannot_be_connected_is_said_at_its_field_and_not_kept(exchange, api, alice, change, said):
    make_account(alice)
    answer = api.post("/connections/", NEW | change)
    assert error(answer) == said
    assert SECRET not in answer.content.decode()
    assert not alice.broker_connections.exists()


def test_a_broker_that_does_not_answer_is_no_error_of_the_keys(api, alice, settings):
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    api.client.raise_request_exception = False
    answer = api.post("/connections/", NEW, headers={"Idempotency-Key": "connect-1"})
    assert error(answer) == (503, "unreachable", None)
    assert int(answer["Retry-After"]) >= 1
    assert not alice.broker_connections.exists()


def test_the_same_request_connects_once_and_the_same_account_twice_is_refused(exchange, api, alice):
    headers = {"Idempotency-Key": "connect-2"}
    first = api.post("/connections/", NEW, headers=headers)
    assert api.post("/connections/", NEW, headers=headers).content == first.content
    assert error(api.post("/connections/", NEW)) == (409, "connected_already", None)
    assert alice.broker_connections.count() == 1


def test_keys_are_tried_as_often_as_on_the_page_and_no_oftener(api, alice_client, alice):
    body = NEW | {"credentials": {"api_key": "", "secret_key": ""}}
    page = "/connections/new/?broker=alpaca"
    for _ in range(5):
        assert error(api.post("/connections/", body))[0] == 400
        assert alice_client.post(page, {}).status_code == 200
    refused = api.post("/connections/", body)
    assert error(refused) == (429, "throttled", None)
    assert int(refused["Retry-After"]) == 60
    assert alice_client.post(page, {}).status_code == 429


def test_a_connection_is_renamed_from_what_was_read(api, alice):
    connection = make_connection(make_account(alice), "mock", keys={}, label="Old")
    etag = api.get(f"/connections/{connection.pk}/")["ETag"]
    BrokerConnection.objects.filter(pk=connection.pk).update(last_sync=timezone.now())
    renamed = api.patch(f"/connections/{connection.pk}/", {"label": "New"}, headers={"If-Match": etag})
    assert (renamed.status_code, renamed.json()["label"]) == (200, "New")
    late = api.patch(f"/connections/{connection.pk}/", {"label": "Late"}, headers={"If-Match": etag})
    assert error(late) == (412, "stale", None)
    assert error(api.patch(f"/connections/{connection.pk}/", {"label": " "})) == (400, "blank", "label")
    connection.refresh_from_db()
    assert connection.label == "New"


def test_new_keys_take_the_place_of_the_old_when_they_work(exchange, api, alice):
    connection = connect(alice)
    before = connection.credentials
    path = f"/connections/{connection.pk}/"
    wrong = api.patch(path, {"label": "Other", "credentials": {**KEYS, "secret_key": "another"}})
    assert error(wrong) == (400, "bad_keys", "credentials")
    connection.refresh_from_db()
    assert (connection.credentials, connection.label) == (before, "Practice")
    assert api.patch(path, {"label": "Other", "credentials": KEYS}).json()["label"] == "Other"
    connection.refresh_from_db()
    assert connection.credentials != before
    both = api.patch(path, {"credentials": KEYS, "is_active": False})
    assert error(both) == (400, "alone", "is_active")


def test_a_connection_is_disabled_and_used_again(api, alice):
    connection = make_connection(make_account(alice), "mock", keys={})
    path = f"/connections/{connection.pk}/"
    disabled = api.post(f"{path}disable/")
    assert disabled.status_code == 200
    said = [disabled.json()[name] for name in ("is_active", "status", "last_error")]
    assert said == [False, "disabled", "You disabled it."]
    assert error(api.post(f"{path}verify/")) == (409, "disabled", None)
    assert error(api.post(f"{path}sync/")) == (409, "disabled", None)
    assert api.patch(path, {"is_active": True}).json()["status"] == "connected"
    assert api.post(f"{path}verify/").json()["status"] == "connected"
    assert error(api.post(f"{path}verify/", {"hard": True})) == (400, "unknown_field", "hard")


def test_keys_that_stopped_working_are_told_and_disable_the_connection(exchange, api, alice):
    connection = connect(alice)
    stale = make_connection(make_account(alice, "Other"), "simulator", keys={**KEYS, "secret_key": "another-secret"})
    answer = api.post(f"/connections/{stale.pk}/verify/")
    assert error(answer) == (422, "credentials_invalid", None)
    stale.refresh_from_db()
    assert (stale.is_active, stale.status) == (False, "disabled")
    assert api.post(f"/connections/{connection.pk}/verify/").status_code == 200


def test_a_broker_that_cannot_be_reached_is_told_and_noted(api, alice, settings):
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    api.client.raise_request_exception = False
    connection = make_connection(make_account(alice))
    answer = api.post(f"/connections/{connection.pk}/verify/")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    connection.refresh_from_db()
    assert connection.status == "needs_attention"


def test_a_sync_is_asked_for(api, alice):
    connection = make_connection(make_account(alice), "mock", keys={}, next_sync_at=timezone.now())
    answer = api.post(f"/connections/{connection.pk}/sync/")
    assert (answer.status_code, answer.json()["id"]) == (202, str(connection.pk))
    connection.refresh_from_db()
    assert connection.next_sync_at is None


def test_a_connection_is_forgotten_unless_orders_work_there(api, alice):
    account = make_account(alice)
    connection = make_connection(account, "mock", keys={})
    order = Order.objects.create(
        owner=alice, account=account, connection=connection, symbol="AAPL", side="buy", type="market", quantity=1
    )
    assert error(api.delete(f"/connections/{connection.pk}/")) == (409, "orders_working", None)
    assert BrokerConnection.objects.filter(pk=connection.pk).exists()
    Order.objects.filter(pk=order.pk).update(status="cancelled")
    assert api.delete(f"/connections/{connection.pk}/").status_code == 204
    assert error(api.delete(f"/connections/{connection.pk}/")) == (404, "not_found", None)
    assert TradingAccount.objects.filter(pk=account.pk).exists()


def test_anothers_connection_does_not_exist(stranger, alice, charlie):
    account = make_account(alice)
    connection = make_connection(account, "mock", keys={})
    mine = make_connection(make_account(charlie, "Mine"), "mock", keys={})
    path = f"/connections/{connection.pk}/"
    for answer in (
        stranger.get(path),
        stranger.patch(path, {"label": "mine"}),
        stranger.delete(path),
        stranger.post(f"{path}verify/"),
        stranger.post(f"{path}sync/"),
        stranger.post(f"{path}disable/"),
        stranger.post("/connections/", MOCK | {"account": str(account.pk)}),
        stranger.patch(f"/connections/{mine.pk}/", {"account": str(account.pk)}),
    ):
        assert error(answer) == (404, "not_found", None)
    assert [row["id"] for row in stranger.get("/connections/").json()["results"]] == [str(mine.pk)]
    connection.refresh_from_db()
    assert (connection.is_active, connection.label) == (True, "My mock")


def test_a_token_to_read_connects_and_disables_nothing(reader, alice):
    connection = make_connection(make_account(alice), "mock", keys={})
    path = f"/connections/{connection.pk}/"
    for answer in (
        reader.post("/connections/", MOCK),
        reader.patch(path, {"label": "b"}),
        reader.delete(path),
        reader.post(f"{path}disable/"),
        reader.post(f"{path}sync/"),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert alice.broker_connections.get().is_active


def test_connections_are_filtered_and_ordered_in_a_steady_number_of_queries(api, alice, django_assert_max_num_queries):
    make_connection(make_account(alice, "1"), "mock", label="B")
    api.get("/connections/")
    with django_assert_max_num_queries(4) as one:
        api.get("/connections/")
    make_connection(make_account(alice, "2"), "alpaca", label="A", is_active=False, status="disabled", is_paper=False)
    with django_assert_max_num_queries(len(one)):
        assert len(api.get("/connections/").json()["results"]) == 2

    def labels(query: str) -> list[Any]:
        return [row["label"] for row in api.get(f"/connections/?{query}").json()["results"]]

    assert labels("ordering=label") == labels("ordering=-created_at") == ["A", "B"]
    assert labels("broker=mock") == labels("is_active=true") == labels("status=connected") == ["B"]
    assert labels("is_paper=false") == ["A"]


@pytest.fixture
def live(alice, settings):
    """A connection whose live orders were turned on just now."""
    settings.ENABLE_BROKER_INTEGRATIONS = True
    account = make_account(alice, "Swing", broker="alpaca")
    now = timezone.now()
    return make_connection(account, "alpaca", is_paper=False, live_armed_at=now, live_used_at=now)


def test_live_orders_are_turned_off_and_never_on(api, live):
    path = f"/connections/{live.pk}/"
    before = api.get(path)
    assert (before.json()["is_live_on"], before.json()["is_active"]) == (True, True)
    off = api.post(f"{path}live-off/")
    assert (off.status_code, off.json()) == (200, before.json() | {"is_live_on": False})
    assert off["ETag"] != before["ETag"]
    assert api.post(f"{path}live-off/").json() == off.json()
    assert error(api.patch(path, {"is_live_on": True})) == (400, "unknown_field", "is_live_on")
    live.refresh_from_db()
    assert (live.live_armed_at, live.is_active) == (None, True)


def test_live_orders_are_turned_off_by_their_trader_alone(reader, stranger, live):
    path = f"/connections/{live.pk}/live-off/"
    assert error(reader.post(path)) == (403, "missing_scope", None)
    assert error(stranger.post(path)) == (404, "not_found", None)
    live.refresh_from_db()
    assert live.live_armed_at is not None
