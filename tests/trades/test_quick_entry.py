"""A finished trade is recorded in one form."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import TradingAccount, User
from tests.factories import make_setup, make_tag
from tests.trades.desk_kit import NOW, at, d, make_account
from trades.models import AuditEntry, FigureTotal, Fill, StopMove, Trade
from trades.services.quick import QuickInput, quick_entry
from trenddojo.domain.errors import DomainError

pytestmark = pytest.mark.django_db


def said(account: TradingAccount, **changes: Any) -> QuickInput:
    given = {
        "account_id": account.pk,
        "symbol": "nvda",
        "asset_class": "stock",
        "direction": "long",
        "quantity": d(100),
        "entry_at": at(2),
        "entry_price": d(100),
        "exit_at": at(3),
        "exit_price": d(112),
        **changes,
    }
    return QuickInput(**given)


def record(account: TradingAccount, **changes: Any) -> Trade:
    return quick_entry(owner=account.owner, given=said(account, **changes), creation_key=uuid4(), now=NOW)


def test_a_quick_entry_is_a_closed_trade_with_two_fills(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice)
    tags = (make_tag(alice, "Earnings").pk, make_tag(alice, "Chased", "mistake").pk)
    trade = record(account, stop=d(95), costs=d("3.01"), setup_id=setup.pk, tag_ids=tags, notes="Good one")
    trade.refresh_from_db()
    assert (trade.symbol, trade.status, trade.outcome) == ("NVDA", "closed", "win")
    assert (trade.gross_pnl, trade.costs, trade.net_pnl) == (d("1200.00"), d("3.01"), d("1196.99"))
    assert (trade.initial_risk, trade.r_multiple) == (d("500.00"), d("2.3940"))
    assert (trade.setup, trade.notes_after, trade.tags.count()) == (setup, "Good one", 2)
    assert (trade.entry_price, trade.planned_quantity) == (None, None)
    assert list(Fill.objects.values_list("side", "price", "commission")) == [
        ("buy", d(100), d("1.50")),
        ("sell", d(112), d("1.51")),
    ]
    assert StopMove.objects.get().moved_at == at(2)
    assert FigureTotal.objects.get(account=account, dimension="all").sum_net == d("1196.99")
    assert FigureTotal.objects.get(account=account, dimension="setup", key=str(setup.pk)).n == 1
    assert AuditEntry.objects.get().action == "trade.recorded"


def test_without_a_stop_there_is_no_r(alice: User) -> None:
    trade = record(make_account(alice))
    assert (trade.initial_risk, trade.r_multiple, trade.net_pnl) == (None, None, d("1200.00"))


def test_costs_left_empty_are_estimated(alice: User) -> None:
    trade = record(make_account(alice, broker="interactive_brokers"))
    # 1.00 each way, and TAF of 100 · 0.000195 with the SEC's fee not yet known for March 2026.
    assert (trade.costs, trade.has_estimated_costs) == (d("2.02"), True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "<script>"}, "symbol"),
        ({"quantity": d(0)}, "quantity"),
        ({"quantity": d("0.5")}, "quantity"),
        ({"entry_price": d(0)}, "entry_price"),
        ({"exit_price": d(-1)}, "exit_price"),
        ({"exit_price": d("1.1234567")}, "exit_price"),
        ({"exit_at": at(1)}, "exit_at"),
        ({"exit_at": NOW + timedelta(minutes=1)}, "exit_at"),
        ({"entry_at": NOW + timedelta(minutes=1)}, "entry_at"),
        ({"stop": d(101)}, "stop"),
        ({"costs": d(-5)}, "costs"),
        ({"multiplier": d(-1)}, "multiplier"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(alice: User, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        record(make_account(alice), **changes)
    assert refusal.value.field == field
    assert not Trade.objects.exists()
    assert not FigureTotal.objects.exists()


def test_the_same_form_sent_twice_makes_one_trade(alice: User) -> None:
    account, key = make_account(alice), uuid4()
    first = quick_entry(owner=alice, given=said(account), creation_key=key, now=NOW)
    assert quick_entry(owner=alice, given=said(account), creation_key=key, now=NOW) == first
    assert (Trade.objects.count(), Fill.objects.count()) == (1, 2)


def test_what_belongs_to_others_is_not_used(alice: User, charlie: User) -> None:
    account = make_account(alice)
    with pytest.raises(Http404):
        quick_entry(owner=charlie, given=said(account), creation_key=uuid4(), now=NOW)
    with pytest.raises(DomainError) as refusal:
        record(account, setup_id=make_setup(charlie).pk)
    assert refusal.value.field == "setup"
    trade = record(account, tag_ids=(make_tag(charlie, "Mine").pk,))
    assert trade.tags.count() == 0
