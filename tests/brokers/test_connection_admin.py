"""Administrators connect, reconnect and remove as traders do, by the same services, and never see a key."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import TradingAccount, User
from brokers import vault
from brokers.models import BrokerConnection
from brokers.services.connections import connection_disable
from tests.brokers.connection_kit import KEY_ID, KEYS, SECRET, connect, exchange, number_of, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account, make_connection
from trades.models import Order

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db

LIST = "/admin/brokers/brokerconnection/"
NEW_ID, NEW_SECRET = "PKFEDCBA9876543210", "0ther+Secret/0f-Alice"
NEW_KEYS = {"api_key": NEW_ID, "secret_key": NEW_SECRET}


def add(user: User, broker: str = "simulator") -> str:
    return f"{LIST}add/?user={user.pk}&broker={broker}"


def form(**changes: str) -> dict[str, str]:
    given = {"creation_key": str(uuid4()), "label": "Practice", "account": "new", "account_name": "Practice money"}
    return given | KEYS | changes


def at(connection: BrokerConnection, what: str) -> str:
    return f"{LIST}{connection.pk}/{what}/"


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context_data["adminform"].form.errors)


@pytest.fixture
def helper(db: None) -> User:
    """Staff without any permission."""
    return User.objects.create_user("helper", "helper@example.com", "correct horse battery staple", is_staff=True)


def working_order(connection: BrokerConnection, account: TradingAccount) -> Order:
    return Order.objects.create(
        owner=account.owner, account=account, connection=connection, symbol="SPY", side="buy", type="market",
        quantity=1, status="accepted",
    )  # fmt: skip


class TestConnecting:
    def test_begins_with_the_trader_and_the_broker(self, exchange: RunningSimulator, bob_client: Client) -> None:
        answer = bob_client.get(f"{LIST}add/")

        assert answer.context_data["title"] == "Connect a broker"
        assert list(answer.context_data["adminform"].form.fields) == ["user", "broker"]
        assert [key for key, _ in answer.context_data["adminform"].form.fields["broker"].choices] == [
            "mock", "simulator", "alpaca",
        ]  # fmt: skip
        assert errors(bob_client.get(f"{LIST}add/?user=0&broker=schwab")).keys() == {"user", "broker"}

    def test_asks_for_the_brokers_own_keys_and_for_an_account_of_the_trader(
        self, exchange: RunningSimulator, alice: User, charlie: User, bob_client: Client
    ) -> None:
        mine, theirs = make_account(alice, name="Alice's own"), make_account(charlie, name="Charlie's own")

        answer = bob_client.get(add(alice))

        fields = answer.context_data["adminform"].form.fields
        assert list(fields) == ["creation_key", "label", "api_key", "secret_key", "account", "account_name"]
        assert [key for key, _ in fields["account"].choices] == ["new", str(mine.pk), ""]
        assert theirs.name not in answer.content.decode()
        assert list(bob_client.get(add(alice, "mock")).context_data["adminform"].form.fields) == [
            "creation_key", "label", "account", "account_name",
        ]  # fmt: skip

    def test_tries_the_keys_and_keeps_them_sealed_for_the_trader(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        response = bob_client.post(add(alice), form())

        made = BrokerConnection.objects.get()
        assert response["Location"] == at(made, "change")
        assert said(response) == ["Practice is connected."]
        assert (made.user, made.broker, made.is_paper, made.status) == (alice, "simulator", True, "connected")
        assert (made.broker_account_id, made.key_hint) == (number_of(exchange), KEY_ID[-4:])
        assert vault.unseal(made.credentials, row_id=made.pk) == KEYS
        account = TradingAccount.objects.get()
        assert (account, account.owner, account.name) == (made.account, alice, "Practice money")
        entry = LogEntry.objects.get()
        assert (entry.get_change_message(), entry.object_id) == ("Connected.", str(made.pk))

    def test_connects_once_however_often_the_form_is_sent(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        given = form()
        bob_client.post(add(alice), given)
        bob_client.post(add(alice), given)

        assert BrokerConnection.objects.count() == 1

    def test_what_is_wrong_stands_at_its_field(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        make_account(alice, name="Taken")
        for changes, found in (
            ({"api_key": "two words"}, {"api_key": ["This is no key ID: copy it again, without anything around it."]}),
            ({"secret_key": ""}, {"secret_key": ["This field is required."]}),
            (
                {"account_name": "taken"},
                {"account_name": ["You already have an account with this name: choose another."]},
            ),
        ):
            assert errors(bob_client.post(add(alice), form(**changes))) == found
        assert not BrokerConnection.objects.exists()

    def test_keys_of_the_other_kind_are_told_at_the_choice(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        exchange.control.fault("forbidden")

        found = errors(bob_client.post(add(alice, "alpaca"), form(is_paper="live")))

        assert found["is_paper"] == [
            "These keys are not for live trading: make live keys at Alpaca, or choose paper here."
        ]

    def test_tells_keys_that_are_refused_from_a_broker_that_does_not_answer(
        self, exchange: RunningSimulator, alice: User, bob_client: Client, settings: Any
    ) -> None:
        exchange.control.fault("unauthorized")
        refused = bob_client.post(add(alice), form())
        settings.SIMULATOR_URL = "http://127.0.0.1:1"
        unreachable = bob_client.post(add(alice), form())

        assert errors(refused) == {
            "__all__": ["Stand-in exchange does not accept these keys: copy both again, or make new ones there."]
        }
        sentence = (
            "Stand-in exchange cannot be reached just now, so that the keys could not be tried. Try again in a minute."
        )
        assert errors(unreachable) == {"__all__": [sentence]}
        for page in (refused, unreachable):
            assert "Nothing was connected." in page.content.decode()
            assert "Secrets have to be typed again." in page.content.decode()
            assert SECRET not in page.content.decode()
        assert not BrokerConnection.objects.exists()

    def test_keys_cannot_be_tried_for_ever(self, exchange: RunningSimulator, alice: User, bob_client: Client) -> None:
        exchange.control.fault("unauthorized", times=20)
        found = [bob_client.post(add(alice), form()).status_code for _ in range(11)]

        assert found == [200] * 10 + [429]


class TestReconnecting:
    def test_puts_new_keys_in_the_place_of_the_old_and_keeps_every_id(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        account = exchange.control.open_account()
        exchange.control.change_keys(account.id, key_id=KEY_ID[::-1], secret_key=SECRET)
        connection = connect(
            alice, credentials={**KEYS, "api_key": KEY_ID[::-1]}, account=make_account(alice), label="Swing"
        )
        order = working_order(connection, TradingAccount.objects.get())
        exchange.control.change_keys(account.id, key_id=NEW_ID, secret_key=NEW_SECRET)
        connection_disable(connection=connection, reason="You disabled it.")

        page = bob_client.get(at(connection, "reconnect")).content.decode()
        response = bob_client.post(at(connection, "reconnect"), NEW_KEYS)

        assert "New paper keys of the same account at Stand-in exchange" in page
        assert said(response) == ["Swing is connected with the new keys."]
        now = BrokerConnection.objects.get()
        assert (now.pk, now.account_id, now.broker_account_id) == (
            connection.pk, connection.account_id, connection.broker_account_id,
        )  # fmt: skip
        assert (now.status, now.is_active, now.key_hint) == ("connected", True, NEW_ID[-4:])
        assert vault.unseal(now.credentials, row_id=now.pk) == NEW_KEYS
        order.refresh_from_db()
        assert order.connection_id == now.pk

    def test_keeps_the_old_keys_when_the_new_ones_do_not_work(
        self, exchange: RunningSimulator, alice: User, bob_client: Client, settings: Any
    ) -> None:
        connection = connect(alice)
        exchange.control.fault("unauthorized")
        refused = bob_client.post(at(connection, "reconnect"), NEW_KEYS)
        settings.SIMULATOR_URL = "http://127.0.0.1:1"
        unreachable = bob_client.post(at(connection, "reconnect"), NEW_KEYS)

        assert errors(refused)["__all__"][0].startswith("Stand-in exchange does not accept these keys")
        assert errors(unreachable)["__all__"][0].startswith("Stand-in exchange cannot be reached just now")
        assert "Nothing was changed." in refused.content.decode()
        assert BrokerConnection.objects.get().credentials == connection.credentials

    def test_keys_of_another_account_are_refused(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        connection = connect(alice)
        other = exchange.control.open_account()
        exchange.control.change_keys(other.id, key_id="PKOTHER0000000000", secret_key=NEW_SECRET)

        answer = bob_client.post(
            at(connection, "reconnect"), {"api_key": "PKOTHER0000000000", "secret_key": NEW_SECRET}
        )

        assert errors(answer)["__all__"][0].startswith("These keys open another account")


class TestRemoving:
    def test_asks_first_and_forgets_connection_and_keys(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        connection = connect(alice, account=make_account(alice))

        asked = bob_client.get(at(connection, "delete"))
        assert asked.context_data["title"] == "Remove Practice?"
        assert "At the broker nothing changes." in asked.content.decode()
        response = bob_client.post(at(connection, "delete"))

        assert (response["Location"], said(response)) == (
            LIST, ["Practice is removed and its keys are forgotten."],
        )  # fmt: skip
        assert not BrokerConnection.objects.exists()
        assert TradingAccount.objects.count() == 1
        assert LogEntry.objects.get().object_id == str(connection.pk)

    def test_is_refused_while_orders_work(self, exchange: RunningSimulator, alice: User, bob_client: Client) -> None:
        connection = connect(alice)
        order = working_order(connection, make_account(alice))

        response = bob_client.post(at(connection, "delete"))

        assert response["Location"] == at(connection, "change")
        assert said(response) == [
            "Practice: Orders still work or wait there: cancel them, or let them end, before you remove it."
        ]
        assert BrokerConnection.objects.exists()
        assert not LogEntry.objects.exists()
        Order.objects.filter(pk=order.pk).update(status="cancelled")
        bob_client.post(at(connection, "delete"))
        assert not BrokerConnection.objects.exists()

    def test_of_many_those_that_are_refused_keep_no_other_waiting(self, alice: User, bob_client: Client) -> None:
        busy, idle = (make_connection(make_account(alice, name=name), label=name) for name in ("Busy", "Idle"))
        working_order(busy, TradingAccount.objects.get(name="Busy"))
        chosen = {"action": "remove", "_selected_action": [str(busy.pk), str(idle.pk)]}

        asked = bob_client.post(LIST, chosen)
        assert "Keep them" in asked.content.decode()
        assert BrokerConnection.objects.count() == 2
        told = said(bob_client.post(LIST, {**chosen, "confirmed": "yes"}))

        assert sorted(told) == [
            "Busy: Orders still work or wait there: cancel them, or let them end, before you remove it.",
            "Idle is removed and its keys are forgotten.",
        ]
        assert BrokerConnection.objects.get() == busy

    def test_no_connection_goes_with_its_trader(self, alice: User, bob_client: Client) -> None:
        make_connection(make_account(alice))

        bob_client.post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"})

        assert BrokerConnection.objects.count() == 1


class TestWorking:
    def test_asks_a_broker_and_has_it_synced_and_says_what_came_of_it(
        self, exchange: RunningSimulator, alice: User, bob_client: Client
    ) -> None:
        connection = connect(alice)

        def told(action: str) -> str:
            chosen = {"action": action, "_selected_action": [str(connection.pk)]}
            return said(bob_client.post(LIST, chosen))[-1]

        assert told("verify") == "Practice answers, and the keys work."
        assert told("sync_now") == "Practice is being synced."
        exchange.control.fault("unauthorized")
        assert told("verify").startswith("Practice: ")
        connection.refresh_from_db()
        assert connection.status == "disabled"
        assert told("sync_now") == "Practice: This connection is disabled: reconnect it first."

    def test_disables(self, alice: User, bob_client: Client) -> None:
        connection = make_connection(make_account(alice))

        bob_client.post(LIST, {"action": "disable", "_selected_action": [str(connection.pk)]})

        connection.refresh_from_db()
        assert (connection.status, connection.last_error) == ("disabled", "An administrator disabled it.")

    def test_what_is_kept_of_a_connection_is_read_only(self, alice: User, bob_client: Client) -> None:
        connection = make_connection(make_account(alice))

        assert bob_client.post(at(connection, "change"), {"label": "Mine"}).status_code == 403
        assert BrokerConnection.objects.get().label == connection.label


def test_keys_are_on_no_page(exchange: RunningSimulator, alice: User, bob_client: Client) -> None:
    exchange.control.fault("unauthorized")
    seen = [bob_client.post(add(alice), form()).content.decode()]
    # A key id that is refused may stay in its field; nothing else of it is kept.
    assert SECRET not in seen.pop()
    seen.append(bob_client.post(add(alice), form(), follow=True).content.decode())
    connection = BrokerConnection.objects.get()
    paths = [LIST, *(at(connection, what) for what in ("change", "reconnect", "delete", "history"))]
    seen += [bob_client.get(path).content.decode() for path in paths]

    for page in seen:
        assert "Practice" in page
        assert [word for word in (SECRET, KEY_ID, connection.credentials, "credentials") if word in page] == []


def test_those_who_are_not_staff_are_sent_away(alice: User, alice_client: Client) -> None:
    connection = make_connection(make_account(alice))
    for path in (LIST, f"{LIST}add/", at(connection, "change"), at(connection, "reconnect"), at(connection, "delete")):
        for answer in (alice_client.get(path), alice_client.post(path, form())):
            assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={path}")
    assert BrokerConnection.objects.get().credentials == connection.credentials


def test_staff_without_permission_is_refused(alice: User, helper: User, client_for: Any) -> None:
    connection, client = make_connection(make_account(alice)), client_for(helper)
    for path in (add(alice), at(connection, "change"), at(connection, "reconnect"), at(connection, "delete")):
        assert [client.get(path).status_code, client.post(path, form()).status_code] == [403, 403]
    assert BrokerConnection.objects.count() == 1


def test_a_connection_that_is_gone_is_not_found(bob_client: Client) -> None:
    for what in ("reconnect", "delete"):
        assert [bob_client.get(f"{LIST}{key}/{what}/").status_code for key in (uuid4(), "nonsense")] == [404, 404]
