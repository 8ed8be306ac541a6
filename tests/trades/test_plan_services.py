"""A plan is sized by the risk policy, checked against every limit, and kept whole or not at all."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import User
from tests.factories import make_setup
from tests.trades.desk_kit import NOW, a_plan, at, d, make_account, make_fill, make_plan
from trades.models import AuditEntry, ChecklistAnswer, LimitOverride, SetupRisk, StopMove, Trade, TradeTarget
from trades.services.errors import LimitsBroken, StaleVersion, TradeError
from trades.services.plan_input import Target, portions
from trades.services.plans import plan_cancel, plan_create, plan_edit, plan_reopen, plan_size, trade_delete
from trades.services.status import trade_mark_pending, trade_mark_planned
from trenddojo.domain.errors import DomainError, NumberError, SizingError, SymbolError

pytestmark = pytest.mark.django_db

WIDE = {"max_position_percent": d(100)}


def test_the_size_is_risk_over_stop_distance(alice: User) -> None:
    account = make_account(alice)
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    assert size.quantity == d(200)
    assert (size.risk_amount, size.risk_percent) == (d("1000.00"), d("1.0000"))
    assert (size.position_value, size.position_percent) == (d("20000.00"), d("20.0000"))
    assert (size.heat_before_percent, size.heat_after_percent) == (d(0), d(1))
    assert (size.planned_r, size.breaches) == (d(3), ())
    assert size.allowed.bound_by == "risk"


def test_the_smallest_limit_binds(alice: User) -> None:
    account = make_account(alice)
    size = plan_size(account=account, plan=a_plan(account, stop=d(99)), now=NOW)
    assert (size.quantity, size.allowed.bound_by) == (d(300), "max_position")


def test_estimated_costs_of_both_ways_take_room(alice: User) -> None:
    account = make_account(alice, broker="interactive_brokers")
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    # 200 shares cost 1.00 to buy and to sell, and selling 19,000 passes on 0.04 of TAF: under 0.0102 a share,
    # so that 1000 / 5.0102 allows 199.
    assert size.quantity == d(199)
    assert d("2.00") <= size.costs_amount <= d("2.10")


def test_targets_are_weighted_by_their_portions(alice: User) -> None:
    account = make_account(alice)
    targets = (Target(d(110), d(50)), Target(d(120)))
    size = plan_size(account=account, plan=a_plan(account, targets=targets), now=NOW)
    assert size.target_rs == (d(2), d(4))
    assert (size.portions, size.planned_r) == ((d(50), d(50)), d(3))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([None], [100]),
        ([None, None, None], ["33.33", "33.33", "33.34"]),
        ([40, None, 20], [40, 40, 20]),
        ([60, 40], [60, 40]),
        ([], []),
    ],
)
def test_portions_that_are_not_said_share_the_rest(said: list[object], found: list[object]) -> None:
    targets = [Target(d(110), None if portion is None else d(portion)) for portion in said]
    assert portions(targets) == tuple(d(portion) for portion in found)


@pytest.mark.parametrize("said", [[50, 40], [60, 60], [100, None]])
def test_portions_that_cannot_be_100_are_refused(said: list[int | None]) -> None:
    with pytest.raises(SizingError) as refusal:
        portions([Target(d(110), None if portion is None else d(portion)) for portion in said])
    assert refusal.value.field == "portion_1"


def test_a_setup_may_risk_its_own_percent(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice)
    SetupRisk.objects.create(account=account, setup=setup, risk_per_trade_percent=d("0.50"))
    trade = make_plan(account, setup_id=setup.pk)
    assert (trade.planned_quantity, trade.risk_percent, trade.initial_risk) == (d(100), d("0.50"), d("500.00"))


def test_a_kept_plan_has_its_parts_and_an_audit_entry(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice, criteria=("Trend up", "Volume"))
    first = setup.criteria.first()
    trade = make_plan(
        account, setup_id=setup.pk, checklist={first.pk: True}, targets=(Target(d(110), d(75)), Target(d(120), d(25)))
    )
    trade.refresh_from_db()
    assert (trade.status, trade.initial_stop, trade.stop_loss, trade.target_price) == ("planned", d(95), d(95), d(110))
    assert trade.planned_r == d("2.5000")
    assert list(TradeTarget.objects.values_list("price", "portion_percent")) == [(d(110), d(75)), (d(120), d(25))]
    assert list(ChecklistAnswer.objects.values_list("text", "is_met")) == [("Trend up", True), ("Volume", False)]
    assert list(StopMove.objects.values_list("from_price", "to_price")) == [(None, d(95))]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.before, entry.trade_id) == ("plan.made", alice, None, trade.pk)
    assert (entry.after["symbol"], entry.after["planned_quantity"]) == ("AAPL", "200")


def test_answers_keep_the_wording_they_were_given_with(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice, criteria=("Trend up",))
    criterion = setup.criteria.get()
    trade = make_plan(account, setup_id=setup.pk)
    criterion.text = "Weekly trend up"
    criterion.save()
    plan = a_plan(account, setup_id=setup.pk, checklist={criterion.pk: True})
    plan_edit(owner=alice, trade_id=trade.pk, plan=plan, version=trade.version, now=NOW)
    assert list(trade.checklist.values_list("text", "is_met")) == [("Trend up", True)]


def test_a_plan_that_breaks_limits_is_refused_with_all_reasons_and_stores_nothing(alice: User) -> None:
    account = make_account(alice, policy={"max_open_risk_percent": d("1.50"), "max_daily_loss_percent": d("1.00")})
    with pytest.raises(LimitsBroken) as refusal:
        make_plan(account, quantity=d(400))
    assert [breach.code for breach in refusal.value.breaches] == [
        "risk_per_trade",
        "max_position",
        "max_open_risk",
        "max_daily_loss",
    ]
    assert not Trade.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_limit_is_overridden_with_a_reason_that_is_kept(alice: User) -> None:
    trade = make_plan(make_account(alice), quantity=d(250), override_reason=" Best one this year ")
    assert trade.is_override
    override = LimitOverride.objects.get()
    assert (override.trade, override.actor, override.code) == (trade, alice, "risk_per_trade")
    assert (override.limit, override.actual, override.reason) == (d(1), d("1.2500"), "Best one this year")
    assert AuditEntry.objects.get().after["overrides"] == {"risk_per_trade": "Best one this year"}


def test_an_override_without_a_reason_is_refused(alice: User) -> None:
    with pytest.raises(TradeError) as refusal:
        make_plan(make_account(alice), quantity=d(250), override_reason="  ")
    assert refusal.value.field == "reason"
    assert not Trade.objects.exists()


def test_a_policy_without_overrides_allows_none(alice: User) -> None:
    with pytest.raises(LimitsBroken) as refusal:
        make_plan(make_account(alice, policy={"allows_overrides": False}), quantity=d(250), override_reason="Please")
    assert "allows no exceptions" in refusal.value.hint
    assert not Trade.objects.exists()


def test_a_lower_quantity_is_no_broken_limit(alice: User) -> None:
    trade = make_plan(make_account(alice), quantity=d(10))
    assert (trade.planned_quantity, trade.initial_risk, trade.is_override) == (d(10), d("50.00"), False)


def test_a_reason_that_was_not_needed_overrides_nothing(alice: User) -> None:
    trade = make_plan(make_account(alice), override_reason="Just in case")
    assert not trade.is_override
    assert not LimitOverride.objects.exists()


def test_waiting_plans_reserve_their_room(alice: User) -> None:
    account = make_account(alice, policy={"max_open_risk_percent": d("1.50")})
    first = make_plan(account)
    size = plan_size(account=account, plan=a_plan(account, symbol="MSFT"), now=NOW)
    assert (size.quantity, size.allowed.bound_by) == (d(100), "open_risk")
    plan_cancel(owner=alice, trade_id=first.pk, version=first.version)
    assert plan_size(account=account, plan=a_plan(account, symbol="MSFT"), now=NOW).quantity == d(200)


def test_buying_power_is_the_cash_that_is_not_tied_up(alice: User) -> None:
    account = make_account(alice, policy=WIDE | {"max_open_risk_percent": None})
    make_plan(account, symbol="MSFT", stop=d(99), quantity=d(900))
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    assert (size.quantity, size.allowed.bound_by) == (d(100), "buying_power")


def test_losses_of_today_and_this_week_count(alice: User) -> None:
    account = make_account(alice, policy={"max_daily_loss_percent": d(2), "max_weekly_loss_percent": d(3)})
    monday, today = make_plan(account, symbol="MSFT"), make_plan(account, symbol="KO")
    for trade, day, price in ((monday, 2, 90), (today, 4, 95)):
        make_fill(trade, "buy", 200, 100, at(day, 15))
        make_fill(trade, "sell", 200, price, at(day, 15, 30))
    size = plan_size(account=account, plan=a_plan(account), now=NOW)
    state = size.state.account
    assert (state.equity, state.loss_today, state.loss_this_week) == (d(97_000), d(1000), d(3000))
    assert size.quantity == 0
    assert {breach.code for breach in size.breaches} == {"max_weekly_loss"}


def test_the_number_of_open_positions_is_limited(alice: User) -> None:
    account = make_account(alice, policy={"max_open_positions": 1})
    make_plan(account, symbol="MSFT")
    with pytest.raises(LimitsBroken) as refusal:
        make_plan(account)
    assert [breach.code for breach in refusal.value.breaches] == ["max_open_positions"]


def test_an_account_without_money_says_so(alice: User) -> None:
    with pytest.raises(LimitsBroken) as refusal:
        make_plan(make_account(alice, starting_balance=d(0)))
    assert "no equity" in refusal.value.sentence


def test_a_position_already_held_is_said(alice: User) -> None:
    account = make_account(alice)
    make_fill(make_plan(account), "buy", 10, 100, at(3))
    with pytest.raises(TradeError) as refusal:
        make_plan(account)
    assert (refusal.value.code, refusal.value.field) == ("position_exists", "symbol")
    assert Trade.objects.count() == 1


def test_options_are_sized_by_their_multiplier(alice: User) -> None:
    option = make_plan(
        make_account(alice), symbol="AAPL260417C00150000", asset_class="option", entry=d(5), stop=d(3), targets=()
    )
    assert (option.multiplier, option.planned_quantity, option.initial_risk) == (d(100), d(5), d("1000.00"))


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"stop": d(105)}, SizingError, "stop"),
        ({"stop": d(100)}, SizingError, "stop"),
        ({"direction": "short"}, SizingError, "stop"),
        ({"targets": (Target(d(99)),)}, SizingError, "target_1"),
        ({"targets": (Target(d(110)), Target(d(90)))}, SizingError, "target_2"),
        ({"entry": d(0)}, NumberError, "entry"),
        ({"stop": d(-1)}, NumberError, "stop"),
        ({"entry": Decimal("NaN")}, NumberError, "entry"),
        ({"entry": d("100.1234567")}, NumberError, "entry"),
        ({"entry": Decimal(10) ** 30}, NumberError, "entry"),
        ({"quantity": d(0)}, NumberError, "quantity"),
        ({"quantity": d("1.5")}, NumberError, "quantity"),
        ({"symbol": "AA PL"}, SymbolError, "symbol"),
        ({"symbol": "ÄPL"}, SymbolError, "symbol"),
        ({"symbol": "=1+1"}, SymbolError, "symbol"),
        ({"risk_percent": d(0)}, NumberError, "risk_percent"),
        ({"risk_percent": d(101)}, SizingError, "risk_percent"),
        ({"multiplier": d(0)}, DomainError, "multiplier"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    alice: User, changes: dict[str, object], error: type[DomainError], field: str
) -> None:
    account = make_account(alice)
    with pytest.raises(error) as refusal:
        make_plan(account, **changes)
    assert refusal.value.field == field
    assert not Trade.objects.exists()


def test_another_users_account_does_not_exist(alice: User, charlie: User) -> None:
    account = make_account(alice)
    with pytest.raises(Http404):
        plan_create(owner=charlie, plan=a_plan(account), creation_key=uuid4(), now=NOW)
    assert not Trade.objects.exists()


def test_another_users_setup_is_refused(alice: User, charlie: User) -> None:
    with pytest.raises(TradeError) as refusal:
        make_plan(make_account(alice), setup_id=make_setup(charlie).pk)
    assert refusal.value.field == "setup"
    assert not Trade.objects.exists()


def test_a_plan_sent_twice_is_made_once(alice: User) -> None:
    account, key = make_account(alice), uuid4()
    first = plan_create(owner=alice, plan=a_plan(account), creation_key=key, now=NOW)
    assert plan_create(owner=alice, plan=a_plan(account), creation_key=key, now=NOW) == first
    assert (Trade.objects.count(), AuditEntry.objects.count()) == (1, 1)


def test_editing_a_plan_checks_its_limits_anew_without_itself(alice: User) -> None:
    account = make_account(alice, policy={"max_open_risk_percent": d(1)})
    trade = make_plan(account)
    plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account, stop=d(90)), version=trade.version, now=NOW)
    trade.refresh_from_db()
    assert (trade.planned_quantity, trade.initial_stop, trade.initial_risk, trade.version) == (
        d(100),
        d(90),
        d("1000.00"),
        2,
    )
    assert list(trade.stop_moves.values_list("from_price", "to_price")) == [(None, d(90))]
    with pytest.raises(LimitsBroken):
        plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account, quantity=d(300)), version=2, now=NOW)
    trade.refresh_from_db()
    assert (trade.planned_quantity, trade.version) == (d(100), 2)


def test_a_thesis_may_change_although_the_limits_were_tightened(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account, quantity=d(200))
    account.risk_policy.risk_per_trade_percent = d("0.10")
    account.risk_policy.save()
    plan = a_plan(account, quantity=d(200), thesis="Earnings on Friday")
    plan_edit(owner=alice, trade_id=trade.pk, plan=plan, version=1, now=NOW)
    trade.refresh_from_db()
    assert trade.thesis == "Earnings on Friday"


def test_an_override_that_is_no_longer_needed_is_gone_but_in_the_trail(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account, quantity=d(250), override_reason="Why not")
    plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account), version=1, now=NOW)
    trade.refresh_from_db()
    assert (trade.is_override, trade.overrides.count()) == (False, 0)
    entry = AuditEntry.objects.get(action="plan.edited")
    assert (entry.before["overrides"], entry.after["overrides"]) == ({"risk_per_trade": "Why not"}, {})


def test_the_second_of_two_tabs_is_told(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account, thesis="One"), version=1, now=NOW)
    with pytest.raises(StaleVersion):
        plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account, thesis="Two"), version=1, now=NOW)
    trade.refresh_from_db()
    assert trade.thesis == "One"


def test_a_plan_waits_is_cancelled_and_reopened(alice: User) -> None:
    account = make_account(alice, policy={"max_open_risk_percent": d(1)})
    trade = make_plan(account)
    assert trade_mark_pending(owner=alice, trade_id=trade.pk, version=1).status == "pending"
    assert trade_mark_planned(owner=alice, trade_id=trade.pk, version=2).status == "planned"
    assert plan_cancel(owner=alice, trade_id=trade.pk, version=3).status == "cancelled"
    other = make_plan(account, symbol="MSFT")
    with pytest.raises(LimitsBroken):
        plan_reopen(owner=alice, trade_id=trade.pk, version=4, override_reason=None, now=NOW)
    plan_cancel(owner=alice, trade_id=other.pk, version=1)
    assert plan_reopen(owner=alice, trade_id=trade.pk, version=4, override_reason=None, now=NOW).status == "planned"
    assert list(AuditEntry.objects.filter(trade_id=trade.pk).order_by("at").values_list("action", flat=True)) == [
        "plan.made",
        "order.placed",
        "order.withdrawn",
        "plan.cancelled",
        "plan.reopened",
    ]


def test_a_position_cannot_be_cancelled_or_replanned(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 10, 100, at(3))
    trade.refresh_from_db()
    with pytest.raises(TradeError):
        plan_cancel(owner=alice, trade_id=trade.pk, version=trade.version)
    with pytest.raises(TradeError) as refusal:
        plan_edit(owner=alice, trade_id=trade.pk, plan=a_plan(account), version=trade.version, now=NOW)
    assert refusal.value.code == "frozen"


def test_a_deleted_trade_leaves_its_audit_trail_alone(alice: User, charlie: User) -> None:
    trade = make_plan(make_account(alice))
    with pytest.raises(Http404):
        trade_delete(owner=charlie, trade_id=trade.pk, version=1)
    trade_delete(owner=alice, trade_id=trade.pk, version=1)
    assert not Trade.objects.exists()
    entry = AuditEntry.objects.get(action="trade.deleted")
    assert (entry.before["symbol"], entry.after, entry.trade_id) == ("AAPL", None, trade.pk)


def test_nothing_is_planned_in_an_archived_account(alice: User) -> None:
    with pytest.raises(TradeError) as refusal:
        make_plan(make_account(alice, is_archived=True))
    assert refusal.value.field == "account"


def test_more_risk_than_the_policy_allows_is_a_broken_limit(alice: User) -> None:
    with pytest.raises(LimitsBroken) as refusal:
        make_plan(make_account(alice), risk_percent=d(2), stop=d(90))
    assert [breach.code for breach in refusal.value.breaches] == ["risk_per_trade"]


def test_a_size_no_column_can_hold_is_refused(alice: User) -> None:
    account = make_account(alice, policy=WIDE | {"max_open_risk_percent": None})
    tiny = {"symbol": "PEPE", "asset_class": "crypto", "entry": d("0.000000002"), "stop": d("0.000000001")}
    with pytest.raises(SizingError) as refusal:
        make_plan(account, targets=(), **tiny)
    assert (refusal.value.code, refusal.value.field) == ("too_large", "quantity")
    with pytest.raises(SizingError):
        make_plan(account, entry=d(99_999_999_999), targets=(), quantity=d(99_999_999_999))
    assert not Trade.objects.exists()


def test_a_sent_form_that_was_changed_is_asked_about(alice: User, charlie: User) -> None:
    account, key = make_account(alice), uuid4()
    plan_create(owner=alice, plan=a_plan(account), creation_key=key, now=NOW)
    with pytest.raises(TradeError) as refusal:
        plan_create(owner=alice, plan=a_plan(account, symbol="MSFT"), creation_key=key, now=NOW)
    assert refusal.value.code == "sent_before"
    with pytest.raises(TradeError) as refusal:
        plan_create(owner=charlie, plan=a_plan(make_account(charlie)), creation_key=key, now=NOW)
    assert refusal.value.code == "sent_before"
    assert Trade.objects.count() == 1
