"""What is at risk, and every limit a plan breaks at once."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from trenddojo.domain.positions import Direction
from trenddojo.domain.risk import (
    AccountState,
    PlannedPosition,
    RiskEntry,
    RiskLimits,
    check_plan,
    initial_risk,
    open_risk,
    percent_of,
    planned_r,
    r_multiple,
)

LIMITS = RiskLimits(
    risk_per_trade_percent=D(1),
    max_position_percent=D(30),
    max_open_risk_percent=D(6),
    max_daily_loss_percent=D(2),
    max_weekly_loss_percent=D(5),
    max_open_positions=3,
)
STATE = AccountState(equity=D(100000), buying_power=D(80000), open_risk=D(5000), open_positions=2)
PLAN = PlannedPosition(position_value=D(30000), risk_amount=D(1000))


def test_a_plan_that_uses_every_limit_exactly_up_breaks_none() -> None:
    state = replace(STATE, loss_today=D(1000), loss_this_week=D(4000))
    assert check_plan(PLAN, LIMITS, state) == ()


def test_all_breaches_come_at_once_and_in_order() -> None:
    state = replace(
        STATE,
        buying_power=D(20000),
        open_positions=3,
        open_risk=D("5500.50"),
        loss_today=D(1500),
        loss_this_week=D(4500),
        position_value_in_symbol=D(5000),
    )
    breaches = check_plan(replace(PLAN, risk_amount=D(1001)), LIMITS, state)
    assert [(breach.code, breach.limit, breach.actual) for breach in breaches] == [
        ("risk_per_trade", D(1), D("1.0010")),
        ("max_position", D(30), D(35)),
        ("max_open_risk", D(6), D("6.5015")),
        ("max_daily_loss", D(2), D("2.5010")),
        ("max_weekly_loss", D(5), D("5.5010")),
        ("max_open_positions", D(3), D(4)),
        ("buying_power", D(20000), D(30000)),
    ]
    assert [breach.sentence for breach in breaches] == [
        "It risks 1.01 % of equity; one trade may risk 1 %.",
        "The position would be 35.00 % of equity; 30 % is the most.",
        "All open trades together would risk 6.51 % of equity; 6 % is the most.",
        "If it is stopped out, today's loss would be 2.51 % of equity; 2 % is the most.",
        "If it is stopped out, this week's loss would be 5.51 % of equity; 5 % is the most.",
        "It would be open position number 4; 3 is the most.",
        "It needs 30,000.00; the buying power is 20,000.00.",
    ]


def test_large_numbers_are_told_with_separators_and_their_currency() -> None:
    plan = PlannedPosition(position_value=D(1125000), risk_amount=D(0))
    state = AccountState(equity=D(100_000), buying_power=D(80_000), currency="EUR")
    limits = RiskLimits(max_position_percent=D(1000))
    assert [breach.sentence for breach in check_plan(plan, limits, state)] == [
        "The position would be 1,125.00 % of equity; 1,000 % is the most.",
        "It needs 1,125,000.00 EUR; the buying power is 80,000.00 EUR.",
    ]


def test_a_limit_that_is_not_set_does_not_apply() -> None:
    none = RiskLimits(max_position_percent=None)
    state = AccountState(equity=D(1), open_positions=99, loss_today=D(99))
    assert check_plan(PLAN, none, state) == ()


def test_the_maximum_position_is_30_percent_unless_said_otherwise() -> None:
    assert [breach.code for breach in check_plan(PLAN, RiskLimits(), replace(STATE, equity=D(99999)))] == [
        "max_position"
    ]


def test_a_scale_in_opens_no_new_position() -> None:
    full = replace(STATE, open_positions=3)
    assert check_plan(replace(PLAN, new_positions=0), LIMITS, full) == ()


def test_profits_give_no_extra_room() -> None:
    state = replace(STATE, open_risk=D(-5000), loss_today=D(-9000), loss_this_week=D(-9000))
    breaches = check_plan(replace(PLAN, risk_amount=D(7000)), LIMITS, state)
    assert [breach.code for breach in breaches] == [
        "risk_per_trade",
        "max_open_risk",
        "max_daily_loss",
        "max_weekly_loss",
    ]


@pytest.mark.parametrize("equity", ["0", "-5"])
def test_an_account_without_equity_takes_no_plan(equity: str) -> None:
    [breach] = check_plan(PLAN, LIMITS, replace(STATE, equity=D(equity)))
    assert (breach.code, breach.actual) == ("no_equity", D(equity))


def entry(quantity: str, price: str, stop: str | None) -> RiskEntry:
    return RiskEntry(D(quantity), D(price), D(stop) if stop else None)


@pytest.mark.parametrize(
    ("entries", "plan", "multiplier", "risk"),
    [
        ([("100", "50", "48")], None, "1", "200.00"),
        ([("100", "50", "52")], None, "1", "200.00"),
        ([("2", "1.25", "0.50")], None, "100", "150.00"),
        # the scale-in adds its own risk at the stop in force, which moved to 50
        ([("100", "50", "48"), ("50", "53", "50")], None, "1", "350.00"),
        # frozen at the plan: 100 at 50 with 48, whatever it was filled at
        ([("100", "50.10", "48")], ("100", "50", "48"), "1", "200.00"),
        ([("40", "50", "48")], ("100", "50", "48"), "1", "200.00"),
        # 60 complete the plan's 100 and 20 come on top, at 52 with the stop at 51
        ([("40", "50", "48"), ("80", "52", "51")], ("100", "50", "48"), "1", "220.00"),
        ([("100", "50", None)], ("100", "50", "48"), "1", "200.00"),
        ([("120", "50", None)], ("100", "50", "48"), "1", None),
        ([("100", "50", None)], None, "1", None),
        ([("100", "50", "48"), ("50", "53", None)], None, "1", None),
        ([("100", "50", "50")], None, "1", None),
        ([], None, "1", None),
    ],
)
def test_the_initial_risk(
    entries: list[tuple[str, str, str | None]],
    plan: tuple[str, str, str | None] | None,
    multiplier: str,
    risk: str | None,
) -> None:
    found = initial_risk(
        [entry(*one) for one in entries], multiplier=D(multiplier), plan=entry(*plan) if plan else None
    )
    assert found == (D(risk) if risk else None)


@pytest.mark.parametrize(
    ("direction", "stop", "risk"),
    [
        ("long", "95", "50.00"),
        ("long", "100", "0"),
        ("long", "105", "0"),
        ("short", "103", "30.00"),
        ("short", "90", "0"),
        ("long", None, None),
    ],
)
def test_a_locked_in_profit_is_no_risk(direction: str, stop: str | None, risk: str | None) -> None:
    found = open_risk(
        Direction(direction), quantity=D(10), entry=D(100), stop=D(stop) if stop else None, multiplier=D(1)
    )
    assert found == (D(risk) if risk is not None else None)


@pytest.mark.parametrize(
    ("pnl", "risk", "r"),
    [("300", "200", "1.5"), ("-200", "200", "-1"), ("1", "3", "0.333333333"), ("5", "0", None), ("5", None, None)],
)
def test_the_r_multiple(pnl: str, risk: str | None, r: str | None) -> None:
    assert r_multiple(D(pnl), D(risk) if risk else None) == (D(r) if r else None)


@pytest.mark.parametrize(
    ("direction", "stop", "target", "r"),
    [
        ("long", "98", "106", "3"),
        ("short", "103", "91", "3"),
        ("long", "97", "101", "0.333333333"),
        ("long", "100", "105", None),
    ],
)
def test_planned_r(direction: str, stop: str, target: str, r: str | None) -> None:
    found = planned_r(Direction(direction), entry=D(100), stop=D(stop), target=D(target))
    assert found == (D(r) if r else None)


def test_a_percent_of_no_equity_is_zero() -> None:
    assert (percent_of(D(5), D(0)), percent_of(D(5), D(-1)), percent_of(D(1), D(3))) == (0, 0, D("33.3333"))
