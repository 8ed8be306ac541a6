"""Whatever stays undecided has told its trader once."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Notification, NotificationChoice, TradingAccount, User
from brokers.models import BrokerConnection
from tests.trades.orders.kit import connected_account, make_order
from trades.execution.stuck_notices import NOTICES, stuck_tell
from trades.models import Order
from trades.selectors.stuck import OrderMatter
from trades.tasks import matters_tell_task

pytestmark = pytest.mark.django_db

NOW = timezone.now()
STUCK = {
    "sending": {"status": "submitting", "claimed_at": NOW - timedelta(minutes=3)},
    "cancel": {"status": "cancelling", "cancel_asked_at": NOW - timedelta(minutes=2)},
    "change": {"pending_change": {"client_order_id": "c-1", "asked_at": NOW - timedelta(minutes=2)}},
    "unsent": {"status": "new"},
    "queued": {"status": "queued", "send_after": NOW - timedelta(minutes=5)},
}


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def stuck(account: TradingAccount, kind: str) -> Order:
    order = make_order(account, **STUCK[kind])
    Order.objects.filter(pk=order.pk).update(created_at=NOW - timedelta(hours=1), updated_at=NOW - timedelta(hours=1))
    return order


@pytest.mark.parametrize("kind", sorted(STUCK))
def test_an_order_that_is_stuck_is_told_of_once(account: TradingAccount, kind: str) -> None:
    order = stuck(account, kind)
    assert [stuck_tell(NOW), stuck_tell(NOW + timedelta(seconds=30))] == [1, 0]
    told = Notification.objects.get()
    assert told.path == f"/orders/{order.pk}/"
    assert told.title == NOTICES[OrderMatter(kind)].title.format(symbol="AAPL")
    assert "Buy 100 AAPL, limit 187.50" in told.text


def test_asked_for_again_it_is_another_time(account: TradingAccount) -> None:
    order = stuck(account, "cancel")
    stuck_tell(NOW)
    Order.objects.filter(pk=order.pk).update(cancel_asked_at=NOW)
    assert [stuck_tell(NOW + timedelta(seconds=30)), stuck_tell(NOW + timedelta(seconds=90))] == [0, 1]


def test_a_doubt_and_an_unknown_word_are_told_when_they_come(account: TradingAccount) -> None:
    make_order(account, status="in_doubt", doubted_at=NOW - timedelta(hours=1))
    assert stuck_tell(NOW) == 0


def test_a_connection_that_was_never_read_is_told_of_once(account: TradingAccount) -> None:
    BrokerConnection.objects.update(created_at=NOW, last_sync=None, last_error="It is down.", last_error_at=NOW)
    assert stuck_tell(NOW) == 0
    assert [stuck_tell(NOW + timedelta(minutes=6)), stuck_tell(NOW + timedelta(minutes=7))] == [1, 0]
    assert Notification.objects.get().text == "Its orders and positions are not known here. It is down."


def test_who_chose_to_hear_nothing_of_it_does_not(account: TradingAccount, alice: User) -> None:
    NotificationChoice.objects.create(user=alice, kind="order_in_doubt", in_app=False, by_email=False)
    stuck(account, "cancel")
    stuck_tell(NOW)
    assert not Notification.objects.exists()


@pytest.mark.parametrize("count", [1, 5])
def test_a_turn_with_nothing_new_takes_three_queries(
    account: TradingAccount, django_assert_num_queries: Any, count: int
) -> None:
    for _ in range(count):
        stuck(account, "unsent")
    stuck_tell(NOW)
    with django_assert_num_queries(3):
        stuck_tell(NOW)


def test_beat_starts_it(account: TradingAccount) -> None:
    from trenddojo.schedule import EVERY

    stuck(account, "unsent")
    matters_tell_task()
    assert Notification.objects.count() == 1
    assert EVERY["matters-tell"]["task"] == matters_tell_task.name
