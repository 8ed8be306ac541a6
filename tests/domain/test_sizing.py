"""A size is the least of what risk and every limit allow, and says which one bound it."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import AssetClass, Fractions, instrument_for
from trenddojo.domain.positions import Direction
from trenddojo.domain.sizing import Bound, SizingInput, check_levels, size_position

STOCK = instrument_for("ACME", AssetClass.STOCK)
OPTION = instrument_for("ACME", AssetClass.OPTION)
CRYPTO = instrument_for("BTC/USD", AssetClass.CRYPTO)
SHARE = instrument_for("ACME", AssetClass.STOCK, fractions=Fractions.ALLOWED)

# 1 % of 100,000 at 2.00 a share is 500 shares; 30 % of equity is 300 shares at 100.
BASE = SizingInput(Direction.LONG, D(100), D(98), D(100000), STOCK, risk_percent=D(1), max_position_percent=None)


@pytest.mark.parametrize(
    ("change", "quantity", "bound"),
    [
        ({}, "500", "risk"),
        ({"risk_percent": None, "risk_amount": D(499)}, "249", "risk"),
        ({"costs_per_unit": D("0.01")}, "497", "risk"),
        ({"max_position_percent": D(30)}, "300", "max_position"),
        ({"max_position_percent": D(30), "existing_position_value": D(12345)}, "176", "max_position"),
        ({"buying_power": D(25050)}, "250", "buying_power"),
        ({"max_open_risk_percent": D(6), "open_risk_amount": D(5500)}, "250", "open_risk"),
        ({"max_daily_loss_percent": D(2), "loss_today": D(1300)}, "350", "daily_loss"),
        ({"max_daily_loss_percent": D(2), "loss_today": D(-5000)}, "500", "risk"),
        ({"max_weekly_loss_percent": D(5), "loss_this_week": D(4800)}, "100", "weekly_loss"),
        ({"direction": Direction.SHORT, "stop": D(104)}, "250", "risk"),
        ({"instrument": OPTION, "entry": D("2.50"), "stop": D("1.25")}, "8", "risk"),
        ({"instrument": SHARE, "stop": D(97)}, "333.333333333", "risk"),
        ({"instrument": CRYPTO, "entry": D(65000), "stop": D(62000)}, "0.333333333", "risk"),
        # equal quantities: the first limit in the order of Bound is named
        ({"max_position_percent": D(50)}, "500", "risk"),
    ],
)
def test_the_least_allowed_quantity_wins(change: dict[str, object], quantity: str, bound: str) -> None:
    found = size_position(replace(BASE, **change))  # type: ignore[arg-type]
    assert (found.quantity, found.bound_by, found.zero_reason) == (D(quantity), Bound(bound), None)


def test_the_answer_says_what_the_size_means() -> None:
    found = size_position(
        replace(BASE, target=D(106), max_open_risk_percent=D(6), open_risk_amount=D(1500), costs_per_unit=D("0.02"))
    )
    # 1000 / 2.02
    assert found.quantity == 495
    assert (found.risk_amount, found.risk_percent, found.costs_amount) == (D("990.00"), D("0.9900"), D("9.90"))
    assert (found.position_value, found.position_percent) == (D("49500.00"), D("49.5000"))
    assert (found.reward_amount, found.planned_r) == (D("2970.00"), D(3))
    assert (found.heat_before_percent, found.heat_after_percent) == (D("1.5000"), D("2.4900"))
    assert found.allowances == {Bound.RISK: D(495), Bound.OPEN_RISK: D(2227)}


def test_without_a_target_there_is_no_reward() -> None:
    found = size_position(BASE)
    assert (found.reward_amount, found.planned_r) == (None, None)


@pytest.mark.parametrize(
    ("change", "bound", "says"),
    [
        ({"stop": D("0.01"), "equity": D(5000)}, "lot", "smallest quantity is 1"),
        ({"max_position_percent": D(30), "existing_position_value": D(30000)}, "max_position", "already as large"),
        ({"buying_power": D(-1)}, "buying_power", "buying power"),
        ({"buying_power": D(99)}, "lot", "buying power"),
        ({"max_open_risk_percent": D(1), "open_risk_amount": D(1000)}, "open_risk", "open-risk budget"),
        ({"max_daily_loss_percent": D(1), "loss_today": D(1000)}, "daily_loss", "Today's loss"),
        ({"max_weekly_loss_percent": D(1), "loss_this_week": D(2000)}, "weekly_loss", "This week's loss"),
        ({"equity": D(0)}, "risk", "no equity"),
        ({"equity": D(-10)}, "risk", "no equity"),
    ],
)
def test_a_quantity_of_zero_says_why(change: dict[str, object], bound: str, says: str) -> None:
    found = size_position(replace(BASE, **change))  # type: ignore[arg-type]
    assert (found.quantity, found.bound_by) == (0, Bound(bound))
    assert found.zero_reason is not None
    assert says in found.zero_reason
    assert (found.risk_amount, found.position_value) == (0, 0)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"stop": D(100)}, "stop_wrong_side", "stop"),
        ({"stop": D(101)}, "stop_wrong_side", "stop"),
        ({"direction": Direction.SHORT}, "stop_wrong_side", "stop"),
        ({"target": D(100)}, "target_wrong_side", "target"),
        ({"target": D(99)}, "target_wrong_side", "target"),
        ({"direction": Direction.SHORT, "stop": D(101), "target": D(101)}, "target_wrong_side", "target"),
        ({"entry": D(0)}, "not_positive", "entry"),
        ({"stop": D(-1)}, "not_positive", "stop"),
        ({"entry": D("NaN")}, "not_finite", "entry"),
        ({"stop": D("98.1234567")}, "too_many_decimals", "stop"),
        ({"entry": D(10) ** 12}, "too_many_digits", "entry"),
        ({"risk_percent": None}, "one_risk", "risk_percent"),
        ({"risk_amount": D(5)}, "one_risk", "risk_percent"),
        ({"risk_percent": D(0)}, "not_positive", "risk_percent"),
        ({"risk_percent": D(101)}, "risk_above_100", "risk_percent"),
        ({"risk_percent": None, "risk_amount": D(-5)}, "not_positive", "risk_amount"),
        ({"costs_per_unit": D(-1)}, "negative_costs", "costs_per_unit"),
    ],
)
def test_prices_and_risk_that_contradict_each_other_are_refused(
    change: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(DomainError) as caught:
        size_position(replace(BASE, **change))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    ("direction", "stop", "target", "says"),
    [
        ("long", "101", None, "The stop of a long trade belongs below the entry."),
        ("short", "99", None, "The stop of a short trade belongs above the entry."),
        ("long", "99", "98", "The target of a long trade belongs above the entry."),
        ("short", "101", "102", "The target of a short trade belongs below the entry."),
    ],
)
def test_a_level_on_the_wrong_side_says_where_it_belongs(
    direction: str, stop: str, target: str | None, says: str
) -> None:
    with pytest.raises(DomainError, match=says):
        check_levels(Direction(direction), entry=D(100), stop=D(stop), target=D(target) if target else None)


prices = st.decimals(D("0.01"), 1000, places=2)
percents = st.decimals(D("0.1"), 50, places=1)
amounts = st.decimals(0, 50000, places=2)


@st.composite
def sizings(draw: st.DrawFn) -> SizingInput:
    entry = draw(prices)
    stop = draw(prices.filter(lambda price: price != entry))
    return SizingInput(
        direction=Direction.LONG if stop < entry else Direction.SHORT,
        entry=entry,
        stop=stop,
        equity=draw(st.decimals(1, 10**6, places=2)),
        instrument=draw(st.sampled_from([STOCK, OPTION, CRYPTO, SHARE])),
        risk_percent=draw(percents),
        buying_power=draw(st.none() | amounts),
        max_position_percent=draw(st.none() | percents),
        existing_position_value=draw(amounts),
        open_risk_amount=draw(amounts),
        max_open_risk_percent=draw(st.none() | percents),
        loss_today=draw(amounts),
        max_daily_loss_percent=draw(st.none() | percents),
        loss_this_week=draw(amounts),
        max_weekly_loss_percent=draw(st.none() | percents),
        costs_per_unit=draw(st.decimals(0, 1, places=3)),
    )


@given(sizings())
def test_no_size_breaks_a_limit_and_one_more_lot_would(given_: SizingInput) -> None:
    found = size_position(given_)
    assert found.quantity == min(found.allowances.values()) >= 0
    assert (found.zero_reason is None) == (found.quantity > 0)
    assert found.quantity % given_.instrument.lot == 0
    unit_risk = abs(given_.entry - given_.stop) * given_.instrument.multiplier + given_.costs_per_unit
    budget = given_.equity * (given_.risk_percent or D(0)) / 100
    assert found.quantity * unit_risk <= budget
    if found.bound_by is Bound.RISK and found.quantity:
        assert (found.quantity + given_.instrument.lot) * unit_risk > budget
