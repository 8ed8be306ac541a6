"""The pages of connections work without a script, say what is wrong, and never show a secret."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from brokers.services.connections import connection_disable
from tests.brokers.connection_kit import KEY_ID, KEYS, SECRET, connect, exchange, number_of, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account, make_connection
from trades.models import Order

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db

NEW = "/connections/new/?broker=simulator"


def form(**changes: str) -> dict[str, str]:
    given = {
        "creation_key": str(uuid4()),
        "label": "Practice",
        "account": "new",
        "account_name": "Practice money",
        **KEYS,
    }
    return given | changes


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_trader_without_connections_is_shown_the_way(alice_client: Client) -> None:
    page = alice_client.get("/connections/").content.decode()

    assert "No broker connected" in page
    assert 'href="/connections/new/"' in page


def test_only_brokers_that_can_be_reached_are_offered(alice_client: Client, settings: Any) -> None:
    settings.SIMULATOR_URL = ""
    page = alice_client.get("/connections/new/").content.decode()
    assert ["?broker=alpaca" in page, "?broker=mock" in page, "?broker=simulator" in page] == [True, True, False]
    assert "?broker=manual" not in page

    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    assert "?broker=simulator" in alice_client.get("/connections/new/").content.decode()
    # Nobody can be led to a form for a broker there is none of.
    assert "Which one?" in alice_client.get("/connections/new/?broker=schwab").content.decode()


def test_connecting_leads_to_the_connection_and_its_account(exchange: RunningSimulator, alice_client: Client) -> None:
    response = alice_client.post(NEW, form(), follow=True)

    made = BrokerConnection.objects.get()
    assert response.redirect_chain == [(f"/connections/{made.pk}/", 302)]
    page = response.content.decode()
    assert "Practice is connected." in page
    assert "25,000.00" in page
    assert number_of(exchange) in page
    assert f'ends in <span class="num">{KEY_ID[-4:]}</span>' in page
    assert KEY_ID not in page
    assert SECRET not in page
    assert TradingAccount.objects.get().name == "Practice money"


def test_keys_that_are_refused_are_told_and_only_the_secret_is_gone(
    exchange: RunningSimulator, alice_client: Client
) -> None:
    exchange.control.fault("unauthorized")

    page = alice_client.post(NEW, form(label="My swing")).content.decode()

    assert "does not accept these keys" in page
    assert 'value="My swing"' in page
    assert f'value="{KEY_ID}"' in page
    assert SECRET not in page
    assert "Secrets have to be typed again." in page
    assert not BrokerConnection.objects.exists()


def test_what_is_wrong_stands_at_its_field(exchange: RunningSimulator, alice: User, alice_client: Client) -> None:
    make_account(alice, "Taken")

    page = alice_client.post(NEW, form(account_name="taken", secret_key="")).content.decode()
    assert 'id="id_secret_key_error"' in page
    page = alice_client.post(NEW, form(account_name="taken")).content.decode()
    assert 'id="id_account_name_error"' in page
    assert "You already have an account with this name" in page
    assert exchange.control.count() == 0


def test_paper_or_live_is_asked_where_there_is_a_choice_and_begins_with_the_settings(
    alice_client: Client, settings: Any
) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    settings.DEFAULT_BROKER_MODE = "live"
    page = alice_client.get("/connections/new/?broker=alpaca").content.decode()
    assert 'value="live" class="form-check-input" ' in page.replace("required ", "")
    assert page.index("checked") > page.index('value="live"')

    assert 'name="is_paper"' not in alice_client.get(NEW).content.decode()


def test_keys_of_the_other_kind_are_told_at_the_choice(exchange: RunningSimulator, alice_client: Client) -> None:
    page = alice_client.post(
        "/connections/new/?broker=alpaca", form(is_paper="paper", api_key="AK0123456789ABCDEF")
    ).content.decode()

    assert "make paper keys at Alpaca, or choose live here" in page
    assert 'id="id_is_paper_error"' in page


def test_keys_cannot_be_tried_for_ever(exchange: RunningSimulator, alice_client: Client) -> None:
    exchange.control.fault("unauthorized", times=20)

    statuses = [alice_client.post(NEW, form()).status_code for _ in range(12)]

    assert statuses == [200] * 10 + [429] * 2
    assert exchange.control.count() == 10


def test_the_pages_of_keys_are_kept_in_no_cache_and_no_memory(
    exchange: RunningSimulator, alice: User, alice_client: Client
) -> None:
    connection = connect(alice)

    for address in (NEW, f"/connections/{connection.pk}/reconnect/"):
        response = alice_client.get(address)
        assert "no-store" in response["Cache-Control"]
        assert b"data-forget" in response.content
        assert b'autocomplete="new-password"' in response.content


def test_the_list_shows_state_account_and_last_sync(
    alice: User, alice_client: Client, django_assert_num_queries: Any
) -> None:
    synced = timezone.now() - timedelta(seconds=30)

    def fill(count: int) -> None:
        for number in range(count):
            make_connection(
                make_account(alice, f"Account {number} of {count}"),
                label=f"Connection {number}",
                last_sync=synced,
            )

    fill(1)
    alice_client.get("/connections/")
    with django_assert_num_queries(3):
        alice_client.get("/connections/")
    fill(20)
    with django_assert_num_queries(3):
        page = alice_client.get("/connections/").content.decode()
    assert "Connection 19" in page
    assert f"{synced.astimezone(ZoneInfo(alice.timezone)):%Y-%m-%d %H:%M}" in page

    BrokerConnection.objects.filter(label="Connection 7").update(
        is_active=False, status="disabled", last_error="The keys are refused."
    )
    page = alice_client.get("/connections/").content.decode()
    assert "The keys are refused." in page
    assert "Reconnect" in page


def test_a_connections_page_asks_as_often_however_much_it_shows(
    alice: User, alice_client: Client, django_assert_num_queries: Any
) -> None:
    connection = make_connection(make_account(alice))
    alice_client.get("/connections/")

    with django_assert_num_queries(5):
        alice_client.get(f"/connections/{connection.pk}/")


class TestActions:
    @pytest.fixture
    def connection(self, exchange: RunningSimulator, alice: User) -> BrokerConnection:
        return connect(alice)

    def post(self, client: Client, pk: UUID, action: str, **fields: str) -> Any:
        response = client.post(f"/connections/{pk}/{action}/", fields)
        assert response.status_code == 302
        return response

    def test_verifying_tells_the_answer(
        self, exchange: RunningSimulator, connection: BrokerConnection, alice_client: Client
    ) -> None:
        assert said(self.post(alice_client, connection.pk, "verify")) == ["Practice answers, and the keys work."]

        exchange.control.fault("drop_before")
        assert said(self.post(alice_client, connection.pk, "verify"))[-1].startswith("The broker gave no usable answer")

        exchange.control.fault("unauthorized")
        self.post(alice_client, connection.pk, "verify")
        page = alice_client.get(f"/connections/{connection.pk}/").content.decode()
        assert "This connection is disabled" in page
        assert "Use it again" in page

    def test_a_lost_sealing_key_is_said_in_a_sentence(
        self, connection: BrokerConnection, alice_client: Client, settings: Any
    ) -> None:
        settings.BROKER_ENCRYPTION_KEYS = []

        assert said(self.post(alice_client, connection.pk, "verify"))[0].startswith(
            "Credentials cannot be kept because BROKER_ENCRYPTION_KEY is not set"
        )

    def test_syncing_disabling_and_using_again(self, connection: BrokerConnection, alice_client: Client) -> None:
        assert said(self.post(alice_client, connection.pk, "sync")) == [
            "Practice is being synced. It takes a few seconds."
        ]
        self.post(alice_client, connection.pk, "disable")
        connection.refresh_from_db()
        assert (connection.is_active, connection.last_error) == (False, "You disabled it.")
        assert said(self.post(alice_client, connection.pk, "sync"))[-1].startswith("This connection is disabled")
        self.post(alice_client, connection.pk, "enable")
        connection.refresh_from_db()
        assert connection.is_active

    def test_reconnecting_shows_which_key_is_meant_and_takes_new_ones(
        self, exchange: RunningSimulator, connection: BrokerConnection, alice_client: Client
    ) -> None:
        address = f"/connections/{connection.pk}/reconnect/"
        assert f"<strong>{KEY_ID[-4:]}</strong>" in alice_client.get(address).content.decode()
        page = alice_client.post(address, {"api_key": "PKNOBODY0000WXYZ", "secret_key": "wr0ng"}).content.decode()
        assert "does not accept these keys" in page
        assert f"the key in use ends in <strong>{KEY_ID[-4:]}</strong>" in page
        assert "wr0ng" not in page

        connection_disable(connection=connection, reason="Away")
        assert said(alice_client.post(address, KEYS))[-1] == "Practice is connected with the new keys."
        connection.refresh_from_db()
        assert connection.is_active

    def test_renaming(self, connection: BrokerConnection, alice_client: Client) -> None:
        self.post(alice_client, connection.pk, "edit", label="Swing")
        connection.refresh_from_db()
        assert connection.label == "Swing"

    def test_choosing_an_account(self, connection: BrokerConnection, alice: User, alice_client: Client) -> None:
        mine = make_account(alice, "By hand")
        make_account(alice, "At Schwab", broker="schwab")
        make_connection(make_account(alice, "Taken"))
        page = alice_client.get(f"/connections/{connection.pk}/account/").content.decode()
        assert ["By hand" in page, "At Schwab" in page, "Taken" in page] == [True, False, False]

        self.post(alice_client, connection.pk, "account", account=str(mine.pk))
        connection.refresh_from_db()
        assert connection.account == mine

    def test_anothers_account_cannot_be_chosen(
        self, connection: BrokerConnection, charlie: User, alice_client: Client
    ) -> None:
        theirs = make_account(charlie)

        page = alice_client.post(f"/connections/{connection.pk}/account/", {"account": str(theirs.pk)})

        assert page.status_code == 200
        connection.refresh_from_db()
        assert connection.account is None

    def test_removing_asks_first_and_is_refused_while_orders_work(
        self, connection: BrokerConnection, alice: User, alice_client: Client
    ) -> None:
        address = f"/connections/{connection.pk}/remove/"
        assert "At the broker nothing changes." in alice_client.get(address).content.decode()
        order = Order.objects.create(
            owner=alice, account=make_account(alice), connection=connection, symbol="SPY", side="buy", type="market",
            quantity=1, status="accepted",
        )  # fmt: skip
        assert said(alice_client.post(address))[-1].startswith("Orders still work or wait there")
        assert BrokerConnection.objects.exists()

        Order.objects.filter(pk=order.pk).update(status="cancelled")
        assert said(alice_client.post(address))[-1] == "Practice is removed and its keys are forgotten."
        assert not BrokerConnection.objects.exists()
