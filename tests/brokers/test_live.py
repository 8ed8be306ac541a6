"""Live orders leave only while the trader's own switch is on, and it turns itself off."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import Http404
from django.test import Client
from django.utils import timezone

from accounts.models import Notification, TradingAccount, User
from brokers.models import BrokerConnection
from brokers.services import connections as services
from brokers.services.errors import ConnectionRefusal
from brokers.services.live import live_lapses_at, live_sweep
from brokers.tasks import live_lapse_task
from tests.factories import make_account, make_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User, settings: Any) -> TradingAccount:
    settings.ENABLE_BROKER_INTEGRATIONS = True
    settings.LIVE_IDLE_MINUTES = 60
    return make_account(alice, "Swing", broker="alpaca")


@pytest.fixture
def connection(account: TradingAccount) -> BrokerConnection:
    return make_connection(account, "alpaca", is_paper=False)


def arm(account: TradingAccount, password: str, **changes: Any) -> BrokerConnection:
    given = {"user": account.owner, "account": account, "password": password, "account_name": account.name}
    return services.live_arm(**(given | changes))


def refusal(account: TradingAccount, password: str, **changes: Any) -> tuple[str, str]:
    with pytest.raises(ConnectionRefusal) as refused:
        arm(account, password, **changes)
    return refused.value.code, refused.value.field


def test_it_is_off_until_password_and_name_are_given(connection: BrokerConnection, password: str) -> None:
    account = connection.account
    assert account is not None
    assert not services.live_is_armed(connection, timezone.now())
    assert refusal(account, "not it") == ("wrong_password", "password")
    assert refusal(account, password, account_name="swing") == ("name_differs", "account_name")
    connection.refresh_from_db()
    assert not services.live_is_armed(connection, timezone.now())

    arm(account, password, account_name=" Swing ")

    connection.refresh_from_db()
    assert services.live_is_armed(connection, timezone.now())


def test_it_lapses_when_nobody_uses_it_and_use_keeps_it_on(connection: BrokerConnection, password: str) -> None:
    armed = arm(connection.account, password)
    start = armed.live_armed_at
    assert start is not None
    assert live_lapses_at(armed) == start + timedelta(minutes=60)
    assert services.live_is_armed(armed, start + timedelta(minutes=60, seconds=-1))
    assert not services.live_is_armed(armed, start + timedelta(minutes=60))

    BrokerConnection.objects.update(live_used_at=start - timedelta(minutes=30))
    services.live_touch(armed)
    armed.refresh_from_db()
    assert armed.live_used_at >= start


def test_what_has_lapsed_is_not_kept_on_by_a_late_use(connection: BrokerConnection, password: str) -> None:
    armed = arm(connection.account, password)
    long_ago = timezone.now() - timedelta(minutes=61)
    BrokerConnection.objects.update(live_armed_at=long_ago, live_used_at=long_ago)

    services.live_touch(armed)

    armed.refresh_from_db()
    assert armed.live_used_at == long_ago
    assert not services.live_is_armed(armed, timezone.now())


def test_the_sweep_turns_off_what_has_lapsed_and_tells_once(connection: BrokerConnection, password: str) -> None:
    arm(connection.account, password)
    assert live_sweep(now=timezone.now() + timedelta(minutes=59)) == 0
    assert not Notification.objects.exists()

    assert live_sweep(now=timezone.now() + timedelta(minutes=61)) == 1
    live_lapse_task()

    connection.refresh_from_db()
    assert connection.live_armed_at is None
    told = Notification.objects.get()
    assert (told.kind, told.title, told.path) == (
        "risk",
        "Live trading is off for Swing",
        f"/accounts/{connection.account_id}/live/",
    )


def test_the_whole_desk_must_allow_live_orders(connection: BrokerConnection, password: str, settings: Any) -> None:
    armed = arm(connection.account, password)
    settings.ENABLE_BROKER_INTEGRATIONS = False

    assert not services.live_is_armed(armed, timezone.now())
    assert refusal(connection.account, password) == ("integrations_disabled", "")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DEBUG", True, "DEBUG is on while live orders may leave."),
        ("BROKER_ENCRYPTION_KEYS", [], "Keys of brokers cannot be sealed."),
        ("CELERY_BROKER_URL", "memory://", "Live orders need a queue that outlives a process."),
    ],
)
def test_a_desk_that_is_set_up_unsafely_lets_no_live_order_leave(
    connection: BrokerConnection, password: str, settings: Any, name: str, value: Any, problem: str
) -> None:
    armed = arm(connection.account, password)
    setattr(settings, name, value)

    assert not services.live_is_armed(armed, timezone.now())
    with pytest.raises(ConnectionRefusal, match=f"not set up for live orders. {problem}"):
        arm(connection.account, password)


def test_a_paper_account_needs_no_switch(account: TradingAccount, password: str) -> None:
    paper = make_connection(account, "alpaca", is_paper=True)

    assert refusal(account, password) == ("paper", "")
    assert not services.live_is_armed(paper, timezone.now())


def test_disabling_and_turning_off_end_it(connection: BrokerConnection, password: str) -> None:
    armed = arm(connection.account, password)
    services.live_disarm(connection=armed)
    armed.refresh_from_db()
    assert armed.live_armed_at is None

    armed = arm(connection.account, password)
    services.connection_disable(connection=armed, reason="You disabled it.")
    assert (armed.live_armed_at, services.live_is_armed(armed, timezone.now())) == (None, False)
    assert refusal(connection.account, password) == ("disabled", "")


def test_anothers_account_and_one_without_a_connection_are_not_there(
    connection: BrokerConnection, alice: User, charlie: User, password: str
) -> None:
    with pytest.raises(Http404):
        arm(connection.account, password, user=charlie)
    with pytest.raises(Http404):
        arm(make_account(alice, "By hand"), password)


class TestPage:
    def test_turns_it_on_and_off(self, connection: BrokerConnection, alice_client: Client, password: str) -> None:
        address = f"/accounts/{connection.account_id}/live/"
        assert b"real money" in alice_client.get(address).content

        wrong = alice_client.post(address, {"account_name": "Swing", "password": "Wr0ng-but-mine"})
        assert b"This is not your password." in wrong.content
        assert b"Wr0ng-but-mine" not in wrong.content

        page = alice_client.post(address, {"account_name": "Swing", "password": password}, follow=True)
        assert b"Live trading is on for Swing." in page.content
        assert b"Turn it off" in page.content

        page = alice_client.post(f"{address}off/", follow=True)
        assert b"Live trading is off for Swing." in page.content
        connection.refresh_from_db()
        assert connection.live_armed_at is None

    def test_says_off_as_soon_as_it_has_lapsed(
        self, connection: BrokerConnection, alice_client: Client, password: str, settings: Any
    ) -> None:
        address = f"/accounts/{connection.account_id}/live/"
        armed = arm(connection.account, password)
        lapses = armed.live_used_at + timedelta(minutes=settings.LIVE_IDLE_MINUTES)

        with time_machine.travel(lapses - timedelta(seconds=5.5), tick=False):
            page = alice_client.get(address).content.decode()
        assert "Turn it off" in page
        # The open page reads itself anew then; nobody has to come by and sweep.
        assert 'hx-trigger="load delay:6s, every 30s"' in page
        with time_machine.travel(lapses, tick=False):
            page = alice_client.get(address).content.decode()
        assert "Turn on live trading" in page
        assert "hx-trigger" not in page.split('id="live-state"')[1]
        connection.refresh_from_db()
        assert connection.live_armed_at is not None

    def test_passwords_cannot_be_tried_for_ever(self, connection: BrokerConnection, alice_client: Client) -> None:
        address = f"/accounts/{connection.account_id}/live/"
        tried = [
            alice_client.post(address, {"account_name": "Swing", "password": f"guess {number}"}).status_code
            for number in range(7)
        ]

        assert tried == [200] * 5 + [429] * 2

    def test_says_why_there_is_nothing_to_turn_on(
        self, connection: BrokerConnection, alice: User, alice_client: Client, settings: Any
    ) -> None:
        by_hand = make_account(alice, "By hand")
        assert b"follows no broker" in alice_client.get(f"/accounts/{by_hand.pk}/live/").content
        assert alice_client.post(f"/accounts/{by_hand.pk}/live/off/").status_code == 404

        settings.ENABLE_BROKER_INTEGRATIONS = False
        page = alice_client.get(f"/accounts/{connection.account_id}/live/").content
        assert b"ENABLE_BROKER_INTEGRATIONS=true" in page
        assert b"Turn on live trading" not in page
