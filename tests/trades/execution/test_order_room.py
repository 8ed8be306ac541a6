"""Plans and orders share one room: what works counts for both, and a connected account has the money its broker says."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import AccountSnapshot
from tests.trades.desk_kit import NOW, a_plan, d, make_fill, make_plan
from tests.trades.execution.gate_kit import at_broker, broker, connected, placed, quoted
from trades.execution.intents import order_create, order_from_trade
from trades.models import Order
from trades.selectors.risk_state import RiskState, risk_state
from trades.services.plans import plan_size
from trenddojo.domain.orders import StopLoss

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")


def state(account: TradingAccount, **changes: Any) -> RiskState:
    account = TradingAccount.objects.get(pk=account.pk)
    return risk_state(account, now=NOW, symbol="AAPL", asset_class="stock", **changes)


def test_a_plan_is_sized_from_what_the_broker_says_the_account_is_worth(alice: User) -> None:
    account = connected(alice)
    AccountSnapshot.objects.create(
        connection=account.connection, at=NOW, equity=d(40_000), cash=d(40_000), buying_power=d(10_000)
    )
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    # One percent of 40,000 is 400: 80 shares at 5 each.
    assert (size.quantity, size.allowed.bound_by) == (d(80), "risk")
    assert size.state.account.buying_power == d(10_000)


def test_working_orders_leave_less_room_for_plans(alice: User) -> None:
    account = connected(alice)
    placed(account, quantity=d(100), stop_loss=StopLoss(d(95)))
    room = state(account).account
    assert (room.open_risk, room.position_value_in_symbol) == (d(500), d(10_000))
    assert (room.buying_power, room.open_positions) == (d(190_000), 1)
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    assert size.heat_before_percent == d("0.5")


def test_the_filled_part_of_an_order_is_a_position_and_no_order(alice: User) -> None:
    account = connected(alice)
    order = placed(account, quantity=d(100), stop_loss=StopLoss(d(95)))
    at_broker(order, status="partially_filled", filled_quantity=d(40))
    room = state(account).account
    assert (room.open_risk, room.position_value_in_symbol) == (d(300), d(6_000))


def test_a_plan_and_its_order_count_once(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account)
    before = state(account).account
    order_create(owner=alice, given=order_from_trade(owner=alice, trade_id=trade.pk), creation_key=uuid4(), now=NOW)
    assert state(account).account == before
    assert state(account, without=trade.pk).account.open_risk == 0


def test_money_spent_since_the_brokers_last_word_is_gone(alice: User) -> None:
    account = connected(alice)
    AccountSnapshot.objects.update(at=timezone.now() - timedelta(minutes=1))
    order = placed(account, quantity=d(100))
    at_broker(order, status="filled", filled_quantity=d(100), done_at=NOW)
    later = risk_state(TradingAccount.objects.get(pk=account.pk), now=timezone.now(), symbol="AAPL")
    assert later.account.buying_power == d(190_000)
    AccountSnapshot.objects.update(at=timezone.now())
    later = risk_state(TradingAccount.objects.get(pk=account.pk), now=timezone.now(), symbol="AAPL")
    assert later.account.buying_power == d(200_000)


def test_an_order_placed_elsewhere_counts_at_its_price(alice: User) -> None:
    account = connected(alice)
    order = at_broker(placed(account, quantity=d(100)))
    Order.objects.filter(pk=order.pk).update(origin="external", reserved_value=0)
    assert state(account).account.position_value_in_symbol == d(10_000)


def test_before_the_brokers_first_word_the_journal_counts(alice: User) -> None:
    account = connected(alice)
    AccountSnapshot.objects.all().delete()
    trade = make_plan(account)
    make_fill(trade, "buy", 200, 100, NOW - timedelta(minutes=5))
    placed(account, quantity=d(50))
    room = state(account).account
    assert (room.equity, room.buying_power) == (d(100_000), d(75_000))


def test_many_orders_cost_no_more_questions(alice: User, django_assert_num_queries) -> None:
    account = connected(alice)
    quoted("MSFT", "10", "10")
    for _ in range(5):
        placed(account, symbol="MSFT", quantity=d(1), limit_price=d(10), stop_loss=StopLoss(d(9)))
    account = TradingAccount.objects.get(pk=account.pk)
    with django_assert_num_queries(3):
        risk_state(account, now=NOW, symbol="AAPL", asset_class="stock")
