"""Where too many orders wait for the workers, new entries are not taken, and exits are."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.http import Http404
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.api.kit import api_for
from tests.trades.desk_kit import NOW, d
from tests.trades.execution.gate_kit import broker, connected, held, placed, quoted, sell
from trades.execution.intents import order_create, position_close
from trades.models import Order
from trades.tasks.orders import unsent_orders
from trenddojo.crowd import QUEUE, orders_waiting
from trenddojo.domain.orders import OrderError

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")
SENTENCE = (
    "3 orders wait to be sent, so this one would leave late and was not taken. Send it again in some seconds; what closes "
    "a position is taken at once."
)


@pytest.fixture
def crowd(settings: Any) -> Iterator[redis.Redis]:
    """Three wait, two may."""
    settings.ORDERS_WAITING_MOST = 2
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(QUEUE)
        client.rpush(QUEUE, *["message"] * 3)
        yield client
        client.delete(QUEUE)


def test_an_entry_is_refused_and_not_written(alice: User, crowd: redis.Redis) -> None:
    account = connected(alice)
    with pytest.raises(OrderError) as refused:
        placed(account)
    assert (refused.value.code, refused.value.sentence) == ("desk_busy", SENTENCE)
    assert not Order.objects.exists()
    crowd.rpop(QUEUE)
    assert placed(account).status == "new"


def test_what_takes_away_from_a_position_is_taken(alice: User, crowd: redis.Redis) -> None:
    account = connected(alice)
    held(account, 100)
    assert order_create(owner=alice, given=sell(account, 40), creation_key=uuid4(), now=NOW).status == "new"
    assert position_close(
        owner=alice, account_id=account.pk, symbol="AAPL", quantity=d(60), creation_key=uuid4(), now=NOW
    ).quantity == d(60)


def test_what_can_only_be_an_entry_is_refused_before_its_limits_are_reckoned(
    alice: User, crowd: redis.Redis, django_assert_num_queries: Any
) -> None:
    account = connected(alice)
    held(account, 100)
    # Whether it may take away from what is held, and whether its form was sent before.
    with django_assert_num_queries(2), pytest.raises(OrderError):
        placed(account, side="buy")


def test_what_takes_away_from_fills_that_are_not_booked_yet_is_taken(
    alice: User, crowd: redis.Redis, settings: Any
) -> None:
    account = connected(alice)
    settings.ORDERS_WAITING_MOST = 3
    bought = placed(account, quantity=d(10))
    Order.objects.filter(pk=bought.pk).update(status="filled", filled_quantity=10, reported_at=NOW, done_at=NOW)
    settings.ORDERS_WAITING_MOST = 2
    assert order_create(owner=alice, given=sell(account, 10), creation_key=uuid4(), now=NOW).is_reducing


def test_nobody_learns_of_anothers_account(bob: User, alice: User, crowd: redis.Redis) -> None:
    account = connected(alice)
    with pytest.raises(Http404):
        order_create(owner=bob, given=sell(account, 1), creation_key=uuid4(), now=NOW)


def test_the_sweep_makes_no_crowd_larger(alice: User, crowd: redis.Redis, settings: Any) -> None:
    account = connected(alice)
    settings.ORDERS_WAITING_MOST = 6
    order = placed(account)
    Order.objects.filter(pk=order.pk).update(created_at=NOW)
    assert unsent_orders(NOW, 10) == [order.pk]
    settings.ORDERS_WAITING_MOST = 5
    assert unsent_orders(NOW + timedelta(seconds=14), 10) == []
    assert unsent_orders(NOW + timedelta(seconds=15), 10) == [order.pk]
    # Released at a time of its own it has no message.
    Order.objects.filter(pk=order.pk).update(send_after=NOW)
    assert unsent_orders(NOW, 10) == [order.pk]


def test_a_program_is_told_when_to_come_back_and_its_key_is_free(
    alice: User, crowd: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    account, key = connected(alice), {"Idempotency-Key": str(uuid4())}
    body = {
        "account": str(account.pk), "symbol": "AAPL", "side": "buy", "type": "limit", "quantity": "10",
        "limit_price": "100", "time_in_force": "day",
    }  # fmt: skip
    api = api_for(alice)
    api.client.raise_request_exception = False
    answer = api.post("/orders/", body, headers=key)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["detail"]) == (503, "desk_busy", SENTENCE)
    assert 5 <= int(answer["Retry-After"]) <= 15
    # Each is counted; a line for each would be a flood.
    assert "django.request" not in {record.name for record in caplog.records}
    crowd.delete(QUEUE)
    orders_waiting()
    # Whatever hour it is in New York: while its market is open an order is held against a quote of the present.
    quoted("AAPL", "99.99", "100.01", at=timezone.now())
    assert api.post("/orders/", body, headers=key).status_code == 201


def test_a_program_that_comes_back_too_soon_is_told_again_before_anybody_is_asked(
    alice: User, crowd: redis.Redis, django_assert_num_queries: Any
) -> None:
    account = connected(alice)
    held(account, 100)
    body = {
        "account": str(account.pk), "symbol": "AAPL", "side": "buy", "type": "limit", "quantity": "10",
        "limit_price": "100", "time_in_force": "day",
    }  # fmt: skip
    api = api_for(alice)
    api.client.raise_request_exception = False
    assert api.post("/orders/", body).status_code == 503
    with django_assert_num_queries(0):
        again = api.post("/orders/", {**body, "quantity": "11"})
    error = again.json()["errors"][0]
    assert (again.status_code, error["code"]) == (503, "desk_busy")
    assert (
        error["detail"]
        == f"More orders wait than this desk can send now: send this one again in {again['Retry-After']} s."
    )
    # What takes away from the position has other words, as has what buys another share.
    assert api.post("/orders/", {**body, "side": "sell", "limit_price": "99"}).status_code == 201
    assert api.post("/orders/", {**body, "symbol": "MSFT"}).json()["errors"][0]["detail"] == SENTENCE
    # Nobody waits longer than the crowd does.
    crowd.delete(QUEUE)
    orders_waiting()
    assert "desk_busy" not in api.post("/orders/", body).content.decode()


def test_the_ticket_keeps_what_was_typed(alice: User, alice_client: Client, crowd: redis.Redis) -> None:
    account = connected(alice)
    words = {
        "account": str(account.pk), "symbol": "AAPL", "side": "buy", "type": "limit", "quantity": "17",
        "limit_price": "99.50", "time_in_force": "day", "asset_class": "stock", "step": "send",
        "creation_key": str(uuid4()),
    }  # fmt: skip
    page = alice_client.post("/orders/new/", words).content.decode()
    assert SENTENCE in page
    assert 'value="17"' in page
    assert 'value="99.50"' in page
    assert not Order.objects.exists()


def test_where_the_queue_does_not_say_orders_are_taken(alice: User, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert orders_waiting() == 0
    assert placed(connected(alice)).status == "new"
