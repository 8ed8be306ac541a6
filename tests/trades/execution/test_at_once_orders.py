"""Two orders at one moment, with real threads on a real database: the account's lock decides who was first."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import TradingAccount, User
from tests.trades.desk_kit import NOW, d
from tests.trades.execution.gate_kit import asked, broker, codes, connected, held, placed, quoted, sell
from trades.execution.intents import account_halt, order_cancel, order_create, position_close
from trades.models import Order, OrderEvent
from trenddojo.domain.errors import DomainError

__all__ = ["broker"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together; each answers with its result or its refusal."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=20)
            answers[number] = call()
        except DomainError as refusal:
            answers[number] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def placing(account: TradingAccount, **changes: Any) -> Callable[[], Order]:
    given = asked(account, **changes)
    return lambda: order_create(owner=account.owner, given=given, creation_key=uuid4(), now=NOW)


def test_two_orders_cannot_both_use_the_last_room_of_a_symbol(alice: User) -> None:
    account = connected(alice)
    answers = at_once(*[placing(account, quantity=d(200))] * 2)
    assert sorted(order.status for order in answers) == ["denied", "new"]
    (denied,) = Order.objects.filter(status="denied")
    assert codes(denied) == ["max_position"]


def test_two_orders_cannot_both_spend_the_same_money(alice: User) -> None:
    account = connected(alice, policy={"max_position_percent": d(100)})
    account.connection.snapshots.update(buying_power=d(30_000))
    quoted("MSFT", "99.99", "100.01")
    answers = at_once(*[placing(account, symbol=symbol, quantity=d(200)) for symbol in ("AAPL", "MSFT")])
    assert sorted(order.status for order in answers) == ["denied", "new"]
    (denied,) = Order.objects.filter(status="denied")
    assert codes(denied) == ["insufficient_buying_power"]


def test_two_exits_cannot_sell_the_same_shares(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    given = sell(account, 60)
    sale = lambda: order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)  # noqa: E731
    answers = at_once(sale, sale)
    assert sorted(order.status for order in answers) == ["denied", "new"]


def test_a_position_is_closed_once_however_many_ask(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    answers = at_once(
        *[lambda: position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)] * 3
    )
    assert sum(isinstance(answer, Order) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"closing"}
    assert Order.objects.get().quantity == d(100)


def test_one_form_sent_ten_times_at_once_makes_one_order(alice: User) -> None:
    account, key = connected(alice), uuid4()
    given = asked(account)
    answers = at_once(*[lambda: order_create(owner=alice, given=given, creation_key=key, now=NOW)] * 10)
    assert len({order.pk for order in answers}) == 1
    assert (Order.objects.count(), OrderEvent.objects.count()) == (1, 1)


def test_no_entry_slips_past_a_halt(alice: User) -> None:
    """Whoever is first: the entry is cancelled by the halt, or denied because of it."""
    account = connected(alice)
    at_once(placing(account), lambda: account_halt(owner=alice, account_id=account.pk, now=NOW))
    assert Order.objects.get().status in ("cancelled", "denied")


def test_cancelling_twice_at_once_cancels_once(alice: User) -> None:
    order = placed(connected(alice))
    answers = at_once(*[lambda: order_cancel(owner=alice, order_id=order.pk, now=NOW)] * 2)
    assert {answer.status for answer in answers} == {"cancelled"}
    assert [event.fact for event in order.events.all()] == ["intend", "abandon"]
