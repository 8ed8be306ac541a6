"""A trade is computed from its fills, to the cent, and its initial risk is frozen."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import User
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.models import AccountDay, AuditEntry, FigureTotal, Screenshot, Trade
from trades.services.columns import WITHOUT_FILLS
from trades.services.plans import trade_delete
from trades.services.recompute import account_recompute

pytestmark = pytest.mark.django_db

COMPUTED = (*WITHOUT_FILLS, "status", "initial_risk", "initial_stop")


def test_a_plan_filled_and_closed_has_its_result_in_money_and_r(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 101, at(2), commission=d(1), fees=d(0))
    make_fill(trade, "sell", 200, 111, at(3), commission=d(1), fees=d("0.50"))
    trade.refresh_from_db()
    assert (trade.status, trade.outcome) == ("closed", "win")
    assert (trade.gross_pnl, trade.costs, trade.net_pnl) == (d("2000.00"), d("2.50"), d("1997.50"))
    assert trade.initial_risk == d("1000.00")
    assert (trade.r_multiple, trade.gross_r) == (d("1.9975"), d("2.0000"))
    assert (trade.actual_entry, trade.actual_exit) == (d(101), d(111))
    assert (trade.holding_seconds, trade.holding_sessions) == (86_400, 2)
    assert trade.closed_session.isoformat() == "2026-03-03"
    assert (trade.entry_weekday, trade.entry_hour) == (0, 10)
    assert FigureTotal.objects.get(account=trade.account, dimension="all").sum_net == d("1997.50")
    assert AccountDay.objects.get(account=trade.account).realised_net == d("1997.50")


def test_average_cost_matches_another_entry_than_first_in_first_out(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "buy", 100, 110, at(2, 16))
    make_fill(trade, "sell", 100, 120, at(3))
    trade.refresh_from_db()
    assert (trade.net_pnl, trade.open_value) == (d("2000.00"), d("11000.00"))
    account.cost_method = "average"
    account.save()
    assert account_recompute(account) == 1
    trade.refresh_from_db()
    assert (trade.net_pnl, trade.open_value, trade.version) == (d("1500.00"), d("10500.00"), 5)
    assert trade.fills.get(is_exit=True).realised_net == d("1500.00")
    assert AccountDay.objects.get(account=account).realised_net == d("1500.00")


def test_a_break_even_band_changes_outcomes_and_the_figures_with_them(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, "100.10", at(3))
    assert FigureTotal.objects.get(account=account, dimension="all").wins == 1
    account.break_even_band = d(10)
    account.save()
    account_recompute(account)
    trade.refresh_from_db()
    assert trade.outcome == "break_even"
    total = FigureTotal.objects.get(account=account, dimension="all")
    assert (total.wins, total.break_evens) == (0, 1)


@pytest.mark.parametrize("rules", [["break_even_band"], ["break_even_band", "cost_method"], ["exchange"]])
def test_every_way_of_recomputing_gives_the_outcomes_of_the_new_band(alice: User, rules: list[str]) -> None:
    account = make_account(alice)
    trades = {}
    for symbol, exit_price in (("A", "100.10"), ("B", "99.90"), ("C", "100.11"), ("D", "99.89"), ("E", 100)):
        trade = make_plan(account, symbol=symbol, quantity=d(100))
        make_fill(trade, "buy", 100, 100, at(2))
        make_fill(trade, "sell", 100, exit_price, at(3))
        trades[symbol] = trade
    account.break_even_band = d(10)
    account.save()
    assert account_recompute(account, rules) >= 0
    found = dict(Trade.objects.filter(account=account).values_list("symbol", "outcome"))
    assert found == {"A": "break_even", "B": "break_even", "C": "win", "D": "loss", "E": "break_even"}
    total = FigureTotal.objects.get(account=account, dimension="all")
    assert (total.wins, total.losses, total.break_evens) == (1, 1, 3)
    versions = dict(Trade.objects.filter(account=account).values_list("symbol", "version"))
    assert versions == {"A": 4, "B": 4, "C": 3, "D": 3, "E": 3}


def test_another_exchange_moves_the_session(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    # 22:00 in New York on the 2nd is 11:00 in Tokyo on the 3rd.
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 110, at(3, 3))
    trade.refresh_from_db()
    assert trade.closed_session.isoformat() == "2026-03-02"
    account.exchange = "XTKS"
    account.save()
    account_recompute(account)
    trade.refresh_from_db()
    assert trade.closed_session.isoformat() == "2026-03-03"
    assert trade.entry_hour == 0
    assert AccountDay.objects.get(account=account).day.isoformat() == "2026-03-03"


def test_plans_and_strangers_are_left_alone_by_a_recompute(alice: User, charlie: User) -> None:
    account = make_account(alice)
    plan, other = make_plan(account), make_plan(make_account(charlie))
    make_fill(other, "buy", 100, 100, at(2))
    assert account_recompute(account) == 0
    plan.refresh_from_db()
    other.refresh_from_db()
    assert (plan.version, plan.status, other.version) == (1, "planned", 2)


def test_a_recompute_changes_nothing_where_no_rule_changed(alice: User) -> None:
    account = make_account(alice, broker="interactive_brokers")
    for number in range(3):
        trade = make_plan(account, symbol=f"S{number}", quantity=d(50))
        make_fill(trade, "buy", 50, 100, at(2))
        make_fill(trade, "sell", 30, 103 - number, at(3))
    kept = list(Trade.objects.order_by("pk").values(*COMPUTED))
    account_recompute(account)
    assert list(Trade.objects.order_by("pk").values(*COMPUTED)) == kept


def test_a_missing_opening_is_cured_by_adding_it(alice: User) -> None:
    account = make_account(alice)
    trade = Trade.objects.create(
        owner=alice, account=account, symbol="KO", direction="long", occurred_at=NOW, is_incomplete=True
    )
    make_fill(trade, "sell", 100, 60, at(3))
    trade.refresh_from_db()
    assert (trade.status, trade.is_incomplete) == ("closed", True)
    assert not FigureTotal.objects.exists()
    make_fill(trade, "buy", 100, 50, at(2))
    trade.refresh_from_db()
    assert (trade.is_incomplete, trade.net_pnl, trade.direction) == (False, d("1000.00"), "long")
    assert FigureTotal.objects.get(account=account, dimension="all").n == 1


def test_an_exit_larger_than_what_is_known_of_its_opening_keeps_the_result_of_both_parts(alice: User) -> None:
    trade = Trade.objects.create(
        owner=alice, account=make_account(alice), symbol="KO", direction="long", occurred_at=NOW, is_incomplete=True
    )
    make_fill(trade, "sell", 100, 60, at(3))
    make_fill(trade, "buy", 40, 50, at(2))
    trade.refresh_from_db()
    exit_fill = trade.fills.get(is_exit=True)
    assert (exit_fill.realised_gross, exit_fill.realised_net) == (trade.gross_pnl, trade.net_pnl)
    assert trade.is_incomplete


def test_deleting_a_closed_trade_takes_it_out_of_the_figures_and_its_pictures_off_the_disk(
    alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 110, at(3))
    name = default_storage.save("screenshots/a.png", ContentFile(b"picture"))
    Screenshot.objects.create(owner=alice, trade=trade, image=name, width=1, height=1, byte_size=7)
    with django_capture_on_commit_callbacks(execute=True):
        trade_delete(owner=alice, trade_id=trade.pk, version=3)
    assert not FigureTotal.objects.exists()
    assert not AccountDay.objects.exists()
    assert not default_storage.exists(name)
    kept = AuditEntry.objects.get(action="trade.deleted").before
    assert [fill["side"] for fill in kept["fills"]] == ["buy", "sell"]
