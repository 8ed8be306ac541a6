"""What is shown as fresh is two missed turns old at most, on every page that shows what a broker said."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.trades.orders.kit import connected_account, make_order
from trades.selectors.freshness import connections_heard, connections_stale

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


@pytest.fixture(autouse=True)
def _cycles(settings: Any) -> None:
    settings.SYNC_SECONDS, settings.POLL_SECONDS = 60, 4


def after(seconds: float) -> Any:
    return NOW - timedelta(seconds=seconds)


def is_stale(account: TradingAccount, **columns: Any) -> bool:
    BrokerConnection.objects.filter(account=account).update(**({"last_sync": after(1)} | columns))
    (heard,) = connections_heard([account], now=NOW)
    return heard.is_stale


@pytest.mark.parametrize(("seconds", "expected"), [(1, False), (130, False), (131, True), (86_400, True)])
def test_two_syncs_that_did_not_come_make_it_stale(account: TradingAccount, *, seconds: int, expected: bool) -> None:
    assert is_stale(account, last_sync=after(seconds)) is expected
    # A stream tells of orders only: what is held is as old as the sync.
    assert is_stale(account, last_sync=after(seconds), stream_heard_at=after(1)) is expected


def test_what_was_never_read_is_stale(account: TradingAccount) -> None:
    assert is_stale(account, last_sync=None)


@pytest.mark.parametrize(("seconds", "expected"), [(-3, False), (14, False), (15, True)])
def test_two_polls_of_open_orders_that_did_not_come_make_it_stale(
    account: TradingAccount, *, seconds: int, expected: bool
) -> None:
    make_order(account, submitted_at=after(3600))

    assert is_stale(account, next_poll_at=after(seconds)) is expected
    (heard,) = connections_heard([account], now=NOW)
    assert heard.at == min(after(1), after(seconds) if expected else after(1))


@pytest.mark.parametrize(("seconds", "expected"), [(14, False), (15, True)])
def test_an_open_order_that_nobody_ever_asked_for_makes_it_stale(
    account: TradingAccount, *, seconds: int, expected: bool
) -> None:
    make_order(account, status="submitting", claimed_at=after(seconds))
    assert is_stale(account, next_poll_at=None) is expected


def test_nobody_is_missed_who_has_nothing_to_ask_for(account: TradingAccount) -> None:
    make_order(account, status="cancelled", submitted_at=after(3600))
    assert not is_stale(account, next_poll_at=after(3000))

    # The first order after a long rest is not late from its first moment on.
    make_order(account, submitted_at=after(2))
    assert not is_stale(account, next_poll_at=after(3000))


def test_a_broker_that_does_not_answer_is_told_at_once(account: TradingAccount, alice_client: Client) -> None:
    BrokerConnection.objects.update(status="needs_attention", last_error="The broker does not answer.")

    assert [(heard.is_stale, heard.is_failing) for heard in connections_stale([account], now=timezone.now())] == [
        (False, True)
    ]
    for path in ("/", "/orders/", "/positions/", "/orders/freshness/"):
        text = alice_client.get(path).content.decode()
        assert "Main at the mock broker needs attention: The broker does not answer." in text, path


def test_the_dashboard_says_when_what_it_shows_is_old(account: TradingAccount, alice_client: Client) -> None:
    def page() -> str:
        return str(alice_client.get("/").content.decode())

    assert "has not been read in full" not in page()
    assert "Nothing needs attention." in page()
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=10))
    assert "Main at the mock broker has not been read in full since then" in page()
    assert "Nothing else needs attention." in page()
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert "Main at the mock broker is disabled: nothing is sent or read through it" in page()


def test_the_dashboard_shows_the_connection_of_the_chosen_account_only(alice: User, alice_client: Client) -> None:
    old, new = connected_account(alice, "Old"), connected_account(alice, "New")
    BrokerConnection.objects.filter(account=old).update(last_sync=timezone.now() - timedelta(minutes=10))

    # The banner about held entries is on every page, whatever it shows.
    words = "Old at the mock broker has not been read in full"
    assert words in alice_client.get("/").content.decode()
    assert words not in alice_client.get(f"/?account={new.pk}").content.decode()


def test_the_dashboard_asks_as_often_with_any_number_of_connections(alice: User, alice_client: Client) -> None:
    asked = []
    for name in ("One", "Two", "Three"):
        make_order(connected_account(alice, name), submitted_at=timezone.now())
        alice_client.get("/")
        with CaptureQueriesContext(database) as captured:
            alice_client.get("/")
        asked.append(len(captured))
    assert asked == [16] * 3
