"""Fills are the truth: each change computes the trade anew in one transaction and leaves an audit entry."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import User
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.models import AccountDay, AuditEntry, FigureTotal, Fill, Trade
from trades.services.errors import StaleVersion, TradeError
from trades.services.fills import FillInput, fill_create, fill_delete, fill_edit
from trades.services.plans import plan_cancel
from trenddojo.domain.errors import DomainError, FillError, NumberError

pytestmark = pytest.mark.django_db

OPTION = {"symbol": "AAPL260417C00150000", "asset_class": "option", "entry": d(5), "stop": d(3), "targets": ()}


def given(
    side: str = "buy", quantity: object = 10, price: object = 100, when: datetime | None = None, **more: object
) -> FillInput:
    return FillInput(side=side, quantity=d(quantity), price=d(price), executed_at=when or at(3), **more)


def test_the_first_fill_opens_the_position(alice: User) -> None:
    trade = make_plan(make_account(alice))
    fill = make_fill(trade, "buy", 200, "100.50", at(3))
    trade.refresh_from_db()
    assert (trade.status, trade.open_quantity, trade.actual_entry) == ("active", d(200), d("100.50"))
    # 200 · (100.50 − 95)
    assert (trade.open_risk, trade.open_value) == (d("1100.00"), d("20100.00"))
    assert (trade.initial_risk, trade.occurred_at) == (d("1000.00"), at(3))
    assert fill.session.isoformat() == "2026-03-03"
    entry = AuditEntry.objects.get(action="fill.added")
    assert (entry.actor, entry.subject_id, entry.before) == (alice, fill.pk, None)
    assert (entry.after["quantity"], entry.after["price"]) == ("200", "100.50")


def test_a_partial_exit_realises_its_part_with_its_share_of_the_costs(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 100, at(2), commission=d(2), fees=d(0))
    exit_fill = make_fill(trade, "sell", 50, 110, at(3), commission=d(1), fees=d(0))
    trade.refresh_from_db()
    # 50 · 10 = 500 less 1.00 and a quarter of 2.00
    assert (trade.status, trade.gross_pnl, trade.costs, trade.net_pnl) == ("active", d(500), d("1.50"), d("498.50"))
    exit_fill.refresh_from_db()
    assert (exit_fill.is_exit, exit_fill.realised_net) == (True, d("498.50"))
    assert AccountDay.objects.get(account=trade.account).realised_net == d("498.50")
    assert not FigureTotal.objects.filter(dimension="all").exists()


def test_a_scale_in_beyond_the_plan_adds_its_own_risk_at_the_stop_in_force(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account, quantity=d(100))
    make_fill(trade, "buy", 100, 101, at(2))
    make_fill(trade, "buy", 50, 106, at(3))
    trade.refresh_from_db()
    # 100 · (100 − 95) as planned, and 50 · (106 − 95)
    assert trade.initial_risk == d("1050.00")


def test_shorts_mirror_longs(alice: User) -> None:
    trade = make_plan(make_account(alice), direction="short", stop=d(105), targets=())
    make_fill(trade, "sell", 200, 100, at(2))
    make_fill(trade, "buy", 200, 90, at(3))
    trade.refresh_from_db()
    assert (trade.net_pnl, trade.r_multiple, trade.outcome) == (d("2000.00"), d("2.0000"), "win")


def test_costs_left_empty_are_estimated_and_marked(alice: User) -> None:
    trade = make_plan(make_account(alice, broker="interactive_brokers"))
    fill = make_fill(trade, "buy", 100, 100, at(3))
    assert (fill.commission, fill.fees, fill.has_estimated_costs) == (d("1.00"), d(0), True)
    trade.refresh_from_db()
    assert trade.has_estimated_costs
    fill_edit(
        owner=alice, fill_id=fill.pk, given=given(quantity=100, commission=d("0.35"), fees=d(0)), version=2, now=NOW
    )
    trade.refresh_from_db()
    fill.refresh_from_db()
    assert (fill.commission, fill.has_estimated_costs, trade.has_estimated_costs) == (d("0.35"), False, False)


def test_an_account_without_a_schedule_estimates_nothing(alice: User) -> None:
    fill = make_fill(make_plan(make_account(alice)), "buy", 100, 100, at(3))
    assert (fill.commission, fill.fees, fill.has_estimated_costs) == (d(0), d(0), False)


def test_editing_a_fill_computes_the_trade_anew_and_tells_before_and_after(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    fill = make_fill(trade, "sell", 100, 110, at(3))
    trade.refresh_from_db()
    fill_edit(owner=alice, fill_id=fill.pk, given=given("sell", 100, 90), version=trade.version, now=NOW)
    trade.refresh_from_db()
    assert (trade.net_pnl, trade.outcome) == (d("-1000.00"), "loss")
    assert FigureTotal.objects.get(account=trade.account, dimension="all").sum_net == d("-1000.00")
    assert AccountDay.objects.get(account=trade.account).realised_net == d("-1000.00")
    entry = AuditEntry.objects.get(action="fill.edited")
    assert (Decimal(entry.before["price"]), Decimal(entry.after["price"])) == (d(110), d(90))


def test_deleting_the_exit_opens_the_position_again(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    fill = make_fill(trade, "sell", 100, 110, at(3))
    fill_delete(owner=alice, fill_id=fill.pk, version=3)
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl, trade.exit_date, trade.outcome) == ("active", d(0), None, "")
    assert not FigureTotal.objects.exists()
    entry = AuditEntry.objects.get(action="fill.deleted")
    assert (Decimal(entry.before["price"]), entry.after) == (d(110), None)


def test_deleting_all_fills_leaves_the_plan(alice: User) -> None:
    trade = make_plan(make_account(alice))
    created_at = trade.created_at
    fill = make_fill(trade, "buy", 100, 100, at(2))
    fill_delete(owner=alice, fill_id=fill.pk, version=2)
    trade.refresh_from_db()
    assert (trade.status, trade.quantity, trade.open_risk, trade.open_value) == ("planned", d(0), d(0), d(0))
    assert (trade.initial_risk, trade.stop_loss, trade.actual_entry) == (d("1000.00"), d(95), None)
    assert trade.occurred_at == created_at


@pytest.mark.parametrize(
    ("said", "error", "field"),
    [
        (given(quantity=0), NumberError, "quantity"),
        (given(quantity=-5), NumberError, "quantity"),
        (given(quantity="1.5"), NumberError, "quantity"),
        (given(quantity=Decimal("NaN")), NumberError, "quantity"),
        (given(quantity=Decimal(10) ** 30), NumberError, "quantity"),
        (given(price=0), NumberError, "price"),
        (given(price=-1), NumberError, "price"),
        (given(price="1.1234567"), NumberError, "price"),
        (given(commission=d(-1)), FillError, "commission"),
        (given(commission=d("0.1234567")), NumberError, "commission"),
        (given(fees=Decimal(10) ** 15), NumberError, "fees"),
        (given(when=NOW + timedelta(seconds=1)), FillError, "executed_at"),
        (given(when=datetime(1969, 12, 31, 23, 59, tzinfo=UTC)), FillError, "executed_at"),
        (given("sell"), FillError, "quantity"),
        (given("sell", kind="transfer_in"), FillError, "side"),
        (given("buy", kind="transfer_out"), FillError, "side"),
        (given("sell", price=0, kind="expiry"), FillError, "kind"),
    ],
)
def test_what_cannot_have_happened_is_refused_at_its_field(
    alice: User, said: FillInput, error: type[DomainError], field: str
) -> None:
    trade = make_plan(make_account(alice))
    with pytest.raises(error) as refusal:
        fill_create(owner=alice, trade_id=trade.pk, given=said, creation_key=uuid4(), now=NOW)
    assert refusal.value.field == field
    trade.refresh_from_db()
    assert (Fill.objects.count(), trade.status, trade.version) == (0, "planned", 1)
    assert not AuditEntry.objects.filter(action="fill.added").exists()


def test_an_exit_larger_than_the_position_is_refused(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "sell", 101, 110, at(3))
    assert (refusal.value.field, trade.fills.count()) == ("quantity", 1)


def test_an_exit_before_its_entry_is_refused(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(3))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "sell", 100, 110, at(2))
    assert (refusal.value.field, trade.fills.count()) == ("executed_at", 1)


def test_an_entry_the_exits_need_cannot_be_deleted(alice: User) -> None:
    trade = make_plan(make_account(alice))
    entry = make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 110, at(3))
    with pytest.raises(FillError):
        fill_delete(owner=alice, fill_id=entry.pk, version=3)
    assert trade.fills.count() == 2


def test_a_fill_after_the_trade_is_flat_is_another_trade(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 110, at(3))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "buy", 100, 100, at(4))
    assert refusal.value.code == "flat_between"
    trade.refresh_from_db()
    assert (trade.status, trade.fills.count(), trade.version) == ("closed", 2, 3)


def test_a_second_position_in_the_symbol_is_refused(alice: User) -> None:
    account = make_account(alice)
    first, second = make_plan(account), make_plan(account)
    make_fill(first, "buy", 10, 100, at(2))
    with pytest.raises(TradeError) as refusal:
        make_fill(second, "buy", 10, 100, at(3))
    assert refusal.value.code == "position_exists"
    assert Fill.objects.count() == 1


def test_a_cancelled_plan_takes_no_fill(alice: User) -> None:
    trade = make_plan(make_account(alice))
    plan_cancel(owner=alice, trade_id=trade.pk, version=1)
    with pytest.raises(TradeError) as refusal:
        make_fill(trade, "buy", 10, 100, at(3))
    assert refusal.value.code == "cancelled"


def test_an_option_expires_worthless(alice: User) -> None:
    trade = make_plan(make_account(alice), **OPTION)
    make_fill(trade, "buy", 5, 5, at(2))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "sell", 5, 1, at(3), kind="expiry")
    assert refusal.value.field == "price"
    make_fill(trade, "sell", 5, 0, at(3), kind="expiry")
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl, trade.r_multiple) == ("closed", d("-2500.00"), d("-2.5000"))


def test_shares_transferred_out_are_no_sale(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 120, at(3), kind="transfer_out")
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl, trade.is_incomplete) == ("closed", d(0), True)
    assert not FigureTotal.objects.exists()


def test_the_same_fill_sent_twice_is_one(alice: User) -> None:
    trade, key = make_plan(make_account(alice)), uuid4()
    first = fill_create(owner=alice, trade_id=trade.pk, given=given(), creation_key=key, now=NOW)
    assert fill_create(owner=alice, trade_id=trade.pk, given=given(), creation_key=key, now=NOW) == first
    assert (Fill.objects.count(), AuditEntry.objects.filter(action="fill.added").count()) == (1, 1)


def test_a_change_over_somebody_elses_is_refused(alice: User) -> None:
    trade = make_plan(make_account(alice))
    fill = make_fill(trade, "buy", 10, 100, at(2))
    with pytest.raises(StaleVersion):
        fill_edit(owner=alice, fill_id=fill.pk, given=given(), version=1, now=NOW)
    with pytest.raises(StaleVersion):
        fill_delete(owner=alice, fill_id=fill.pk, version=1)
    fill.refresh_from_db()
    assert fill.executed_at == at(2)


def test_another_users_trades_and_fills_do_not_exist(alice: User, charlie: User) -> None:
    trade = make_plan(make_account(alice))
    fill = make_fill(trade, "buy", 10, 100, at(2))
    with pytest.raises(Http404):
        fill_create(owner=charlie, trade_id=trade.pk, given=given(), creation_key=uuid4(), now=NOW)
    with pytest.raises(Http404):
        fill_edit(owner=charlie, fill_id=fill.pk, given=given(), version=2, now=NOW)
    with pytest.raises(Http404):
        fill_delete(owner=charlie, fill_id=fill.pk, version=2)
    assert Fill.objects.count() == 1


def test_amounts_no_column_can_hold_are_refused(alice: User) -> None:
    trade = make_plan(make_account(alice))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "buy", 99_999_999_999, 99_999_999_999, at(2))
    assert refusal.value.code == "too_large"
    assert not Fill.objects.exists()


def test_a_gain_no_column_can_hold_is_refused_where_a_loss_of_the_same_trade_balances_it(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 11_000_000, 1, at(1))
    make_fill(trade, "buy", 9_000_000, 90_000_000_000, at(2))
    make_fill(trade, "sell", 9_000_000, 1, at(4))
    with pytest.raises(FillError) as refusal:
        # First in, first out, the cheap lot goes here and the dear one on the 4th: +1.1e18 and −8.1e17.
        make_fill(trade, "sell", 11_000_000, 99_999_999_999, at(3))
    assert (refusal.value.code, refusal.value.field) == ("too_large", "quantity")
    assert trade.fills.count() == 3


@pytest.mark.parametrize("earlier", [0, 1, 12])
def test_saving_a_partial_exit_takes_the_same_few_statements_however_many_fills_there_are(
    alice: User, earlier: int, django_assert_num_queries: Any
) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 100, at(2))
    for number in range(earlier):
        make_fill(trade, "sell", 1, 101, at(3, minute=number))
    # Lock, trade, fills, stops; then fill, trade, day and audit entry; with the transaction around them.
    with django_assert_num_queries(10):
        make_fill(trade, "sell", 1, 102, at(3, hour=16))
    assert AccountDay.objects.get(account=trade.account).realised_net == d(earlier + 2)


def test_fills_at_the_same_instant_need_no_order(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    make_fill(trade, "sell", 100, 110, at(2))
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl, trade.holding_sessions) == ("closed", d("1000.00"), 1)
    assert Trade.objects.count() == 1


def test_a_position_no_column_can_hold_is_refused(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 99_999_999_999, "0.01", at(2))
    with pytest.raises(FillError) as refusal:
        make_fill(trade, "buy", 1, "0.01", at(3))
    assert refusal.value.code == "too_large"
    assert trade.fills.count() == 1


def test_a_sent_fill_that_was_changed_is_asked_about(alice: User) -> None:
    trade, key = make_plan(make_account(alice)), uuid4()
    fill_create(owner=alice, trade_id=trade.pk, given=given(), creation_key=key, now=NOW)
    with pytest.raises(TradeError) as refusal:
        fill_create(owner=alice, trade_id=trade.pk, given=given(quantity=11), creation_key=key, now=NOW)
    assert refusal.value.code == "sent_before"
    assert Fill.objects.count() == 1


def test_the_key_of_a_form_that_filled_another_trade_is_refused_and_adds_nothing(alice: User, charlie: User) -> None:
    key = uuid4()
    fill_create(owner=alice, trade_id=make_plan(make_account(alice)).pk, given=given(), creation_key=key, now=NOW)
    other = make_plan(make_account(charlie))
    with pytest.raises(TradeError) as refusal:
        fill_create(owner=charlie, trade_id=other.pk, given=given(), creation_key=key, now=NOW)
    assert refusal.value.code == "sent_before"
    other.refresh_from_db()
    assert (Fill.objects.count(), other.status) == (1, "planned")
