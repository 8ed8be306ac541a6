"""What an account risks and how much room is left, in a constant number of queries."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.selectors.risk_state import risk_state
from trades.services.status import trade_mark_pending

pytestmark = pytest.mark.django_db

ROOMY = {"max_open_risk_percent": None, "max_daily_loss_percent": None, "max_weekly_loss_percent": None}


def queries(account: Any) -> int:
    with CaptureQueriesContext(connection) as seen:
        risk_state(account, now=NOW)
    return len(seen)


def test_positions_count_at_their_stop_and_plans_with_what_they_reserve(alice: User) -> None:
    account = make_account(alice, policy=ROOMY)
    held = make_plan(account, quantity=d(100))
    make_fill(held, "buy", 100, 101, at(3))
    pending = make_plan(account, symbol="MSFT", quantity=d(50))
    trade_mark_pending(owner=alice, trade_id=pending.pk, version=1)
    make_plan(account, symbol="KO", quantity=d(10))
    found = risk_state(account, now=NOW, symbol="AAPL", asset_class="stock")
    assert (found.open_risk, found.reserved_risk) == (d(600), d(300))
    assert (found.open_positions, found.waiting_plans) == (1, 2)
    state = found.account
    assert (state.equity, state.open_risk, state.open_positions) == (d(100_000), d(900), 3)
    assert (state.buying_power, state.position_value_in_symbol) == (d(83_900), d(10_100))


def test_another_accounts_trades_do_not_count(alice: User) -> None:
    make_plan(make_account(alice, name="Other"))
    assert risk_state(make_account(alice), now=NOW).account.open_risk == 0


def test_losses_are_positive_and_gains_are_none(alice: User) -> None:
    account = make_account(alice)
    won = make_plan(account)
    make_fill(won, "buy", 100, 100, at(3))
    make_fill(won, "sell", 100, 110, at(4, 15))
    state = risk_state(account, now=NOW).account
    assert (state.loss_today, state.loss_this_week, state.equity) == (0, 0, d(101_000))


def test_last_weeks_loss_is_not_this_weeks(alice: User) -> None:
    account = make_account(alice)
    lost = make_plan(account)
    make_fill(lost, "buy", 100, 100, at(1, 15).replace(month=2, day=26))
    make_fill(lost, "sell", 100, 95, at(1, 15).replace(month=2, day=27))
    assert risk_state(account, now=NOW).account.loss_this_week == 0


def test_a_position_without_a_stop_is_counted_apart(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 100, 100, at(3))
    type(trade).objects.filter(pk=trade.pk).update(stop_loss=None, open_risk=0)
    assert risk_state(account, now=NOW).positions_without_stop == 1


def test_the_number_of_queries_does_not_grow(alice: User) -> None:
    account = make_account(alice, policy=ROOMY)
    make_plan(account, quantity=d(1))
    first = queries(account)
    for number in range(5):
        make_plan(account, symbol=f"S{number}", quantity=d(1))
    assert queries(account) == first <= 6
