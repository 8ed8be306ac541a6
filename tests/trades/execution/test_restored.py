"""A desk that was restored from a backup: what was sent since is not sent again, and everything comes back from the
broker. Backup, restore and the exchange are real; the workers' turns are played here."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Notification, TradingAccount
from brokers.models import BrokerConnection
from tests.brokers.simulator_server import RunningSimulator
from tests.trades.execution.exchange_kit import account, ask, connection_of, exchange, send
from trades.execution.cancel import cancels_to_send, order_cancel_send
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.releases import orders_release
from trades.execution.replace import order_replace_send, replaces_to_send
from trades.execution.restored import HELD
from trades.execution.submit import order_submit, orders_to_submit, submitting_sweep
from trades.execution.sync import connection_sync
from trades.execution.transitions import transition
from trades.models import Fill, Order
from trades.selectors.positions import positions_compared
from trenddojo.backups.restoring import backup_restore, take_any
from trenddojo.backups.writing import backup_write
from trenddojo.domain.order_state import TERMINAL, OrderFact

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("nobody_else"),
]

__all__ = ["account", "exchange"]

LIMIT = {"type": "limit", "limit_price": D("95.00"), "time_in_force": "gtc"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.backup"


def restore(path: Path) -> None:
    backup_restore(path, refuse_used=take_any)


STEPS: tuple[tuple[Callable[..., Any], Callable[..., None]], ...] = (
    (cancels_to_send, order_cancel_send),
    (replaces_to_send, order_replace_send),
    (orders_to_submit, order_submit),
    (doubts_due, doubts_resolve),
)


def workers_turn(account: TradingAccount, at: Any) -> None:
    submitting_sweep(at)
    for find, step in STEPS:
        for key in find(at, 500):
            step(key, now=at)
    orders_release(at)
    connection_sync(connection_of(account), now=at)


def workers_run(account: TradingAccount) -> None:
    """Until every doubt had time to end: later and later, as the clock would have it."""
    for seconds in (0, 3, 15, 40, 110, 420):
        workers_turn(account, timezone.now() + timedelta(seconds=seconds))


def ids(exchange: RunningSimulator) -> list[str]:
    return [order["client_order_id"] for order in exchange.control.orders(exchange.account)]


def agrees(account: TradingAccount, exchange: RunningSimulator) -> None:
    """The oracle: no order twice, every order of the exchange here, everything held booked, nothing in doubt."""
    theirs = exchange.control.dump(exchange.account)
    known = {row.broker_order_id: row for row in Order.objects.exclude(broker_order_id="")}
    assert len(set(ids(exchange))) == len(ids(exchange))
    assert {order["id"] for order in theirs["orders"]} == known.keys()
    assert not Order.objects.filter(status__in=("new", "queued", "submitting", "in_doubt")).exists()
    for order in theirs["orders"]:
        assert known[order["id"]].filled_quantity == D(order["filled_qty"])
    assert sum(Fill.objects.values_list("quantity", flat=True)) == sum(D(one["filled_qty"]) for one in theirs["orders"])
    lines = positions_compared(account.owner, TradingAccount.objects.get(pk=account.pk), now=timezone.now())
    assert {(line.quantity, line.journal_quantity) for line in lines} <= {
        (line.quantity, line.quantity) for line in lines
    }


def test_orders_of_the_backup_that_left_since_are_adopted_and_not_sent_twice(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    """New, on its way and in doubt when the backup was made; all three were filled after it."""
    new, sent, doubted = ask(account), ask(account), ask(account)
    now = timezone.now()
    transition(sent, OrderFact.CLAIM, source="worker", at=now)
    transition(doubted, OrderFact.CLAIM, source="worker", at=now)
    transition(doubted, OrderFact.DOUBT, source="worker", at=now)
    backup_write(path)
    Order.objects.update(status="new")
    for order in (new, sent, doubted):
        order_submit(order.pk)
    assert len(ids(exchange)) == 3

    restore(path)
    assert set(Order.objects.values_list("status", "reason_code")) == {("in_doubt", "restored")}
    exchange.control.forget_counts()
    workers_run(account)

    assert exchange.control.count("POST", "/v2/orders") == 0
    assert set(Order.objects.values_list("status", "reason_code")) == {("filled", "")}
    agrees(account, exchange)


def test_orders_of_the_backup_that_never_left_end_with_a_word_to_the_trader(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    """Their trader may have called them off after the backup was made: nobody knows any more."""
    new, queued = ask(account), ask(account)
    transition(queued, OrderFact.QUEUE, source="worker", at=timezone.now(), send_after=timezone.now())
    backup_write(path)
    Order.objects.update(status="cancelled", done_at=timezone.now())

    restore(path)
    workers_run(account)

    assert ids(exchange) == []
    for order in (new, queued):
        order.refresh_from_db()
        assert (order.status, order.reason_code) == ("rejected", "never_arrived")
        assert order.reason_detail.endswith("place it again if you still want it.")
    told = Notification.objects.filter(key__startswith=f"order:{new.pk}:").values_list("title", flat=True)
    assert set(told) == {"SPY: has this order left?", "SPY: order rejected"}


def test_orders_and_executions_the_backup_knows_nothing_of_come_back_from_the_broker(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    send(account)
    connection_sync(connection_of(account))
    backup_write(path)
    send(account, quantity=D(5))
    send(account, side="sell", quantity=D(3))
    send(account, **LIMIT)

    restore(path)
    workers_run(account)

    assert Order.objects.filter(origin="external").count() == 3
    agrees(account, exchange)


def test_a_change_that_was_only_wished_is_looked_up_and_not_sent(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    """After the backup its trader thought better of it."""
    order = send(account, **LIMIT)
    wish = {"client_order_id": f"td-{uuid4()}", "creation_key": str(uuid4()), "limit_price": "96.00"}
    Order.objects.filter(pk=order.pk).update(pending_change=wish)
    backup_write(path)
    Order.objects.update(pending_change=None)

    restore(path)
    exchange.control.forget_counts()
    workers_run(account)

    order.refresh_from_db()
    assert exchange.control.count("PATCH") == 0
    assert (order.status, order.pending_change, order.limit_price) == ("accepted", None, D("95.00"))
    agrees(account, exchange)


def test_a_change_that_was_made_since_is_adopted(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    order = send(account, **LIMIT)
    wish = {"client_order_id": f"td-{uuid4()}", "creation_key": str(uuid4()), "limit_price": "96.00"}
    Order.objects.filter(pk=order.pk).update(pending_change=wish)
    backup_write(path)
    order_replace_send(order.pk)
    assert exchange.control.count("PATCH") == 1

    restore(path)
    workers_run(account)

    assert exchange.control.count("PATCH") == 1
    order.refresh_from_db()
    assert (order.status, order.replaced_by.limit_price) == ("replaced", D("96.00"))


def test_no_order_leaves_before_the_broker_was_asked(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    send(account)
    connection_sync(connection_of(account))
    backup_write(path)
    send(account, side="sell")

    restore(path)
    account.refresh_from_db()
    entry = ask(account)
    assert (account.halt_reason, entry.status, entry.reason_code) == (HELD, "denied", "halted")
    # What the backup believes to be held was sold since, and must not be sold again.
    leaving = ask(account, side="sell")
    order_submit(leaving.pk)
    leaving.refresh_from_db()
    assert (leaving.status, leaving.reason_detail) == ("denied", f"{HELD} Place it again then.")

    workers_run(account)

    account.refresh_from_db()
    assert (account.is_halted, account.halt_reason) == (False, "")
    connection_sync(connection_of(account))
    assert send(account).status in ("accepted", "filled")
    connection_sync(connection_of(account))
    agrees(account, exchange)


def test_an_account_that_was_halted_stays_so(account: TradingAccount, path: Path) -> None:
    TradingAccount.objects.filter(pk=account.pk).update(halted_at=timezone.now(), halt_reason="Enough for today.")
    backup_write(path)

    restore(path)
    workers_run(account)

    account.refresh_from_db()
    assert (account.is_halted, account.halt_reason) == (True, "Enough for today.")


def test_an_account_stays_halted_while_its_broker_does_not_answer(
    account: TradingAccount, exchange: RunningSimulator, path: Path
) -> None:
    backup_write(path)
    restore(path)
    exchange.control.fault("status_before", status=503, times=500)

    connection_sync(connection_of(account))

    account.refresh_from_db()
    assert account.halt_reason == HELD


def test_live_trading_is_switched_off(account: TradingAccount, path: Path) -> None:
    BrokerConnection.objects.update(live_armed_at=timezone.now(), live_used_at=timezone.now())
    backup_write(path)

    restore(path)

    assert BrokerConnection.objects.get().live_armed_at is None


def test_what_was_over_stays_as_it_was(account: TradingAccount, path: Path) -> None:
    order = send(account)
    connection_sync(connection_of(account))
    order.refresh_from_db()
    backup_write(path)

    restore(path)
    again = Order.objects.get()

    assert again.status in TERMINAL
    assert (again.version, again.updated_at) == (order.version, order.updated_at)
