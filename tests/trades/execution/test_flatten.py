"""Closing everything: what cannot be closed is told and keeps nothing else open; halts and silence are no obstacle."""

from uuid import uuid4

import pytest

from accounts.models import User
from accounts.services.pulses import ORDERS, pulse_write
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, d
from tests.trades.execution.gate_kit import at_broker, broker, connected, held, placed, quoted, sell
from tests.trades.execution.recording_kit import fresh
from trades.execution import flatten
from trades.execution.intents import (
    account_flatten,
    account_halt,
    desk_halt,
    order_create,
    positions_close_all,
    trader_flatten,
    trader_halt,
)
from trades.models import Order
from trades.selectors.flattening import NOTHING, flattening_of
from trenddojo.domain.orders import OrderError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
__all__ = ["broker"]


def test_every_account_is_closed_while_everything_is_halted(alice: User) -> None:
    one, two = connected(alice), connected(alice, "Second")
    held(one, 100)
    held(two, -50, "TSLA")
    quoted("MSFT", "99.99", "100.01")
    entry = at_broker(placed(one, symbol="MSFT"))
    account_halt(owner=alice, account_id=one.pk, reason="Tilt", now=NOW)
    trader_halt(user=alice, reason="Tilt", now=NOW)
    desk_halt(by="bob", reason="Fire", now=NOW)
    pulse_write(ORDERS)
    done = trader_flatten(owner=alice, creation_key=uuid4(), now=NOW)
    assert [(order.symbol, order.side, order.quantity, order.status) for order in done.orders] == [
        ("AAPL", "sell", d(100), "new"),
        ("TSLA", "buy", d(50), "new"),
    ]
    assert done.unclosed == []
    assert fresh(entry).status == "cancelling"


def test_the_same_key_closes_once(alice: User) -> None:
    held(connected(alice), 100)
    key = uuid4()
    for _ in range(2):
        trader_flatten(owner=alice, creation_key=key, now=NOW)
    assert Order.objects.count() == 1


def test_an_account_that_cannot_close_keeps_no_other_open(alice: User) -> None:
    one, two = connected(alice), connected(alice, "Second")
    held(one, 100)
    held(two, 50)
    BrokerConnection.objects.filter(account=one).update(is_active=False, status="disabled")
    done = trader_flatten(owner=alice, creation_key=uuid4(), now=NOW)
    assert [order.account for order in done.orders] == [two]
    assert [(each.account, each.symbol, each.code) for each in done.unclosed] == [(one, "", "connection_disabled")]


def test_a_symbol_that_cannot_close_keeps_no_other_open(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    account = connected(alice)
    held(account, 100)
    held(account, 50, "TSLA")
    close = flatten.position_close

    def refusing(**named: object) -> Order:
        if named["symbol"] == "AAPL":
            raise OrderError("unsupported", "This broker cannot do that.")
        return close(**named)

    monkeypatch.setattr(flatten, "position_close", refusing)
    done = account_flatten(owner=alice, account_id=account.pk, creation_key=uuid4(), now=NOW)
    assert [order.symbol for order in done.orders] == ["TSLA"]
    assert [(each.symbol, each.sentence) for each in done.unclosed] == [("AAPL", "This broker cannot do that.")]
    with pytest.raises(OrderError, match="cannot do that"):
        positions_close_all(owner=alice, account_id=account.pk, creation_key=uuid4(), now=NOW)


def test_what_is_being_sold_in_part_is_said(alice: User) -> None:
    """A part that is being sold at the market is not sold twice: the rest is closed when that is done."""
    account = connected(alice)
    held(account, 100)
    order_create(owner=alice, given=sell(account, 60), creation_key=uuid4(), now=NOW)
    done = account_flatten(owner=alice, account_id=account.pk, creation_key=uuid4(), now=NOW)
    assert [(each.symbol, each.code) for each in done.unclosed] == [("AAPL", "denied")]


def test_progress_says_what_closes_each_position_until_it_is_flat(alice: User) -> None:
    account = connected(alice)
    position = held(account, 100)
    assert flattening_of(alice, None, now=NOW).lines[0].problem == NOTHING
    account_flatten(owner=alice, account_id=account.pk, creation_key=uuid4(), now=NOW)
    found = flattening_of(alice, account, now=NOW)
    assert [(each.problem, each.order.status) for each in found.lines if each.order] == [("", "new")]
    assert (found.is_flat, found.is_stuck) == (False, False)
    position.delete()
    assert flattening_of(alice, account, now=NOW).is_flat


def test_progress_counts_entries_that_still_work(alice: User) -> None:
    account = connected(alice)
    placed(account)
    found = flattening_of(alice, account, now=NOW)
    assert (found.working_entries, found.is_flat) == (1, False)
