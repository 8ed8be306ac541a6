"""When the broker does not answer, the ticket says so at once, and what works all the same."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.base import ClockReport
from brokers.models import BrokerConnection, Quote
from tests.factories import make_account, make_connection
from tests.trades.orders.kit import d, make_position

pytestmark = pytest.mark.django_db

KEYS = {"api_key": "PK0123456789ABCDEF", "secret_key": "secret"}


@pytest.fixture
def account(alice: User, settings: Any) -> TradingAccount:
    """Connected to an exchange that has just said that the market is open, and where nobody listens any more."""
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    account = make_account(alice, broker="simulator", account_type="paper")
    connection = make_connection(account, keys=KEYS, last_sync=timezone.now())
    now = timezone.now()
    open_now = ClockReport(now, is_open=True, next_open=now + timedelta(hours=20), next_close=now + timedelta(hours=4))
    cache.set(f"clock:{connection.pk}", open_now)
    return account


def preview(client: Client, account: TradingAccount, **changes: Any) -> str:
    typed = {
        "creation_key": str(uuid4()), "account": str(account.pk), "symbol": "AAPL", "asset_class": "stock",
        "side": "buy", "type": "limit", "quantity": "10", "limit_price": "100", "time_in_force": "gtc",
        "step": "preview",
    }  # fmt: skip
    answer = client.post("/orders/new/preview/", typed | changes, headers={"HX-Request": "true"})
    return str(answer.content.decode())


def quoted(seconds: int) -> None:
    """What the desk knows of AAPL, so many seconds old."""
    at = timezone.now() - timedelta(seconds=seconds)
    Quote.objects.create(
        feed="simulator", symbol="AAPL", bid=d("99.98"), ask=d("100.02"), bid_size=d(1), ask_size=d(1), at=at,
        received_at=at,
    )  # fmt: skip


def test_without_any_price_an_entry_cannot_be_checked(alice_client: Client, account: TradingAccount) -> None:
    assert (
        "The broker does not answer; there is no price to check this order against. "
        "What makes a position smaller can still be sent." in preview(alice_client, account)
    )


def test_the_last_price_may_be_too_old(alice_client: Client, account: TradingAccount) -> None:
    quoted(600)
    text = preview(alice_client, account)
    assert "The broker does not answer; the last price is too old for this order." in text
    assert "stale" in text


def test_a_price_that_is_young_enough_will_do(alice_client: Client, account: TradingAccount) -> None:
    quoted(20)
    assert (
        "The broker does not answer; the order is checked against the last price known here. "
        "Sent, it leaves as soon as the broker answers." in preview(alice_client, account)
    )


def test_what_makes_a_position_smaller_needs_no_price(alice_client: Client, account: TradingAccount) -> None:
    make_position(account, quantity="10", market_price=d(100))
    text = preview(alice_client, account, side="sell", type="market", limit_price="", time_in_force="day")
    assert "Makes the position smaller" in text
    assert "It leaves as soon as the broker answers." in text


def test_while_the_market_is_shut_it_is_checked_later(alice_client: Client, account: TradingAccount) -> None:
    now = timezone.now()
    shut = ClockReport(now, is_open=False, next_open=now + timedelta(hours=4), next_close=now + timedelta(hours=20))
    cache.set(f"clock:{BrokerConnection.objects.get().pk}", shut)
    assert (
        "The broker does not answer; by the last word the market is shut, and the order is checked again before it "
        "leaves." in preview(alice_client, account)
    )


def test_too_many_questions_are_no_silence(alice_client: Client, account: TradingAccount) -> None:
    cache.set(f"silent:{BrokerConnection.objects.get().pk}", "rate_limited", timeout=10)
    assert "The broker was asked too often; there is no price" in preview(alice_client, account)


def test_a_size_that_needs_a_price_is_asked_for(alice_client: Client, account: TradingAccount) -> None:
    text = preview(alice_client, account, type="market", limit_price="", quantity="", stop_loss="95")
    assert "The broker does not answer; what is known here is all there is to go by." in text
    assert "There is no quote to compute a size from: enter the quantity." in text


def test_the_last_step_says_it_too(alice_client: Client, account: TradingAccount) -> None:
    quoted(20)
    typed = {
        "creation_key": str(uuid4()), "account": str(account.pk), "symbol": "AAPL", "asset_class": "stock",
        "side": "buy", "type": "limit", "quantity": "10", "limit_price": "100", "time_in_force": "gtc",
        "step": "preview",
    }  # fmt: skip
    text = alice_client.post("/orders/new/", typed).content.decode()
    assert "Send this order?" in text
    assert "The broker does not answer; the order is checked against the last price known here." in text
