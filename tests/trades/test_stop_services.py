"""The stop is a history: it moves, and the initial risk stays what it was."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import Http404

from accounts.models import User
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.models import AuditEntry, StopMove, Trade
from trades.services.errors import StaleVersion, TradeError
from trades.services.fills import fill_delete
from trades.services.stops import stop_move
from trenddojo.domain.errors import DomainError

pytestmark = pytest.mark.django_db


def opened(alice: User) -> Trade:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    trade.refresh_from_db()
    return trade


def move(trade: Trade, price: Any, when: datetime | None = None, **changes: Any) -> StopMove:
    when = when or at(3)
    said = {"owner": trade.owner, "trade_id": trade.pk, "price": d(price), "moved_at": when, "note": "", "now": NOW}
    return stop_move(**(said | {"version": Trade.objects.get(pk=trade.pk).version} | changes))


def test_a_trailing_stop_lowers_the_open_risk_and_never_the_initial_one(alice: User) -> None:
    trade = opened(alice)
    move(trade, 98, note="Second day")
    trade.refresh_from_db()
    assert (trade.stop_loss, trade.open_risk) == (d(98), d("200.00"))
    assert (trade.initial_stop, trade.initial_risk) == (d(95), d("1000.00"))
    assert list(trade.stop_moves.values_list("from_price", "to_price", "note")) == [
        (None, d(95), "Plan"),
        (d(95), d(98), "Second day"),
    ]
    entry = AuditEntry.objects.get(action="stop.moved")
    assert (entry.actor, float(entry.before["stop"]), float(entry.after["stop"])) == (alice, 95, 98)


def test_a_stop_in_profit_leaves_no_open_risk(alice: User) -> None:
    trade = opened(alice)
    move(trade, 110)
    trade.refresh_from_db()
    assert (trade.stop_loss, trade.open_risk) == (d(110), d("0.00"))


def test_a_move_noted_late_does_not_replace_the_stop_in_force(alice: User) -> None:
    trade = opened(alice)
    move(trade, 99, at(4))
    move(trade, 97, at(3))
    trade.refresh_from_db()
    assert trade.stop_loss == d(99)
    assert list(trade.stop_moves.values_list("from_price", "to_price")) == [
        (None, d(95)),
        (d(95), d(97)),
        (d(97), d(99)),
    ]


def test_a_scale_in_counts_at_the_stop_then_in_force(alice: User) -> None:
    trade = opened(alice)
    make_fill(trade, "buy", 100, 100, at(2, 16))
    move(trade, 100, at(3))
    make_fill(trade, "buy", 50, 110, at(3, 16))
    trade.refresh_from_db()
    # 200 · 5 planned, and 50 · (110 − 100)
    assert trade.initial_risk == d("1500.00")


def test_a_trade_without_a_plan_gets_its_r_from_a_stop_dated_at_its_entry(alice: User) -> None:
    account = make_account(alice)
    trade = Trade.objects.create(owner=alice, account=account, symbol="KO", direction="long", occurred_at=NOW)
    make_fill(trade, "buy", 100, 50, at(2))
    make_fill(trade, "sell", 100, 54, at(3))
    trade.refresh_from_db()
    assert (trade.initial_risk, trade.r_multiple) == (None, None)
    with pytest.raises(DomainError) as refusal:
        move(trade, 51, at(2))
    assert (refusal.value.code, refusal.value.field) == ("stop_wrong_side", "price")
    move(trade, 48, at(2))
    trade.refresh_from_db()
    assert (trade.initial_stop, trade.initial_risk, trade.r_multiple) == (d(48), d("200.00"), d("2.0000"))


def test_a_stop_set_after_the_entry_gives_no_r(alice: User) -> None:
    account = make_account(alice)
    trade = Trade.objects.create(owner=alice, account=account, symbol="KO", direction="long", occurred_at=NOW)
    make_fill(trade, "buy", 100, 50, at(2))
    move(trade, 48, at(3))
    trade.refresh_from_db()
    assert (trade.initial_risk, trade.open_risk) == (None, d("200.00"))


@pytest.mark.parametrize(
    ("price", "when", "field"),
    [
        (0, at(3), "price"),
        (-1, at(3), "price"),
        ("98.1234567", at(3), "price"),
        (98, NOW + timedelta(seconds=1), "moved_at"),
        (98, at(1), "moved_at"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(alice: User, price: object, when: datetime, field: str) -> None:
    trade = opened(alice)
    with pytest.raises(DomainError) as refusal:
        move(trade, price, when)
    assert refusal.value.field == field
    assert trade.stop_moves.count() == 1


def test_a_closed_trades_stop_moves_only_before_its_exit(alice: User) -> None:
    trade = opened(alice)
    make_fill(trade, "sell", 100, 110, at(3))
    with pytest.raises(DomainError) as refusal:
        move(trade, 98, at(3, 16))
    assert refusal.value.code == "after_exit"


def test_a_plans_stop_is_changed_in_the_plan(alice: User) -> None:
    trade = make_plan(make_account(alice))
    with pytest.raises(TradeError):
        move(trade, 98)


def test_the_second_tab_is_told_and_strangers_find_nothing(alice: User, charlie: User) -> None:
    trade = opened(alice)
    with pytest.raises(StaleVersion):
        move(trade, 98, version=1)
    with pytest.raises(Http404):
        move(trade, 98, owner=charlie)
    assert trade.stop_moves.count() == 1


def test_a_trade_that_is_a_plan_again_has_the_plans_stop(alice: User) -> None:
    trade = opened(alice)
    move(trade, 98)
    fill_delete(owner=alice, fill_id=trade.fills.get().pk, version=3)
    trade.refresh_from_db()
    assert (trade.status, trade.stop_loss) == ("planned", d(95))
    assert list(trade.stop_moves.values_list("to_price", flat=True)) == [d(95)]
