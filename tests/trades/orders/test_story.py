"""From plan to closed trade by the pages alone, with the workers' part called in between."""

from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from tests.factories import make_plan
from tests.trades.orders.kit import book, connected_account, d
from tests.trades.orders.test_ticket import ticket
from trades.execution.cancel import order_cancel_send
from trades.execution.releases import orders_release
from trades.execution.replace import order_replace_send
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Order, Trade
from trades.models.order import WORKING

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def work(account: TradingAccount) -> None:
    """What workers do in a turn: take back, change and send what is asked for, then pull everything."""
    for wish, send in (("cancelling", order_cancel_send), ("accepted", order_replace_send), ("new", order_submit)):
        for pk in Order.objects.filter(status=wish).filter(WISHES[wish]).values_list("pk", flat=True):
            send(pk)
    account.connection.refresh_from_db()
    connection_sync(account.connection)
    orders_release(timezone.now())


WISHES = {
    "cancelling": Q(cancel_asked_at__isnull=False),
    "accepted": Q(pending_change__isnull=False),
    "new": Q(parent=None),
}


def read(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_plan_is_sent_filled_protected_and_closed_from_the_desk(
    alice_client: Client, account: TradingAccount
) -> None:
    plan = make_plan(account, entry_price=d(101), planned_quantity=d(100))
    data = ticket(account, trade=str(plan.pk), quantity="100", limit_price="101", step="send")
    alice_client.post("/orders/new/", data)
    assert Trade.objects.get(pk=plan.pk).status == "pending"
    work(account)
    trade = Trade.objects.get(pk=plan.pk)
    assert (trade.status, trade.open_quantity, trade.broker_sync_status) == ("active", 100, "synced")
    text = read(alice_client, "/positions/")
    assert "1 matched" in text
    text = read(alice_client, f"/trades/{trade.pk}/")
    for words in ("Unrealised now", "Stop", "Target", "Accepted", "Scale out"):
        assert words in text
    alice_client.post(f"/trades/{trade.pk}/working-stop/", {"creation_key": str(uuid4()), "price": "96"})
    work(account)
    trade.refresh_from_db()
    assert trade.stop_loss == 96
    assert "96.00" in read(alice_client, "/positions/")
    alice_client.post(f"/trades/{trade.pk}/close/", {"creation_key": str(uuid4())})
    assert "It waits until the exits before it are cancelled." in read(alice_client, "/orders/")
    work(account)
    work(account)
    trade.refresh_from_db()
    assert (trade.status, trade.actual_exit, trade.net_pnl) == ("closed", 100, d("-100.00"))
    assert book(account).positions() == []
    assert "Nothing is held" in read(alice_client, "/positions/")
    assert not Order.objects.filter(status__in=WORKING).exists()


def test_a_plan_whose_entry_is_filled_is_not_a_plan_again(alice_client: Client, account: TradingAccount) -> None:
    """Between the report and its executions the trade waits; nobody may send it a second time."""
    plan = make_plan(account, entry_price=d(101), planned_quantity=d(100))
    data = ticket(account, trade=str(plan.pk), quantity="100", limit_price="101", step="send")
    alice_client.post("/orders/new/", data)
    order_submit(Order.objects.get(parent=None).pk)
    assert Order.objects.get(parent=None).status == "filled"
    assert Trade.objects.get(pk=plan.pk).status == "pending"
    assert "Send to broker" not in read(alice_client, f"/trades/{plan.pk}/")
