"""What an order comes to by each limit, told by the gate's own arithmetic."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.fills import Side
from trenddojo.domain.order_measures import limits_measured
from trenddojo.domain.order_risk import GateState, OrderFacts, OrderLimits, QuoteState, check_order
from trenddojo.domain.orders import OrderType
from trenddojo.domain.risk import AccountState, RiskLimits

ACCOUNT = AccountState(
    equity=D(100_000), buying_power=D(200_000), open_risk=D(1_500), open_positions=2, loss_today=D(250), currency="USD"
)
STATE = GateState(account=ACCOUNT, orders_last_minute=3, quote=QuoteState(D("99.99"), D("100.01"), D(2)))
LIMITS = OrderLimits(
    risk=RiskLimits(
        max_position_percent=D(30),
        max_open_risk_percent=D(6),
        max_daily_loss_percent=D(3),
        max_weekly_loss_percent=None,
        max_open_positions=5,
    ),
    max_orders_per_minute=10,
    price_collar_percent=D(5),
)
BUY = OrderFacts(
    side=Side.BUY, type=OrderType.LIMIT, quantity=D(100), unit_price=D(101), limit_price=D(101), risk_amount=D(600)
)


def measured(facts: OrderFacts = BUY, limits: OrderLimits = LIMITS, state: GateState = STATE) -> dict[str, tuple[D, D]]:
    return {one.code: (one.limit, one.actual) for one in limits_measured(facts, limits, state)}


def test_every_limit_in_force_is_told_with_what_the_order_comes_to() -> None:
    assert measured() == {
        "orders_per_minute": (D(10), D(4)),
        "stale_quote": (D(60), D(2)),
        "price_collar": (D(5), D(1)),
        # 100 x 101 of 100,000; 1,500 + 600; 250 + 600; two and one more.
        "max_position": (D(30), D("10.1")),
        "open_risk": (D(6), D("2.1")),
        "daily_loss": (D(3), D("0.85")),
        "max_open_positions": (D(5), D(3)),
        "insufficient_buying_power": (D(200_000), D(10_100)),
    }


def test_a_limit_that_is_not_set_is_not_told() -> None:
    free = OrderLimits(risk=RiskLimits(max_position_percent=None))
    assert set(measured(limits=free)) == {"stale_quote", "insufficient_buying_power"}


def test_an_order_that_makes_a_position_smaller_is_held_against_none() -> None:
    assert measured(replace(BUY, side=Side.SELL), state=replace(STATE, position=D(100))) == {}


@pytest.mark.parametrize("changes", [{"quote": None}, {"waits_for_open": True}])
def test_what_cannot_be_said_is_left_out(changes: dict) -> None:
    assert "stale_quote" not in measured(state=replace(STATE, **changes))


@given(
    quantity=st.decimals("1", "5000", places=0),
    price=st.decimals("1", "300", places=2),
    risk=st.decimals(0, 9000, places=2),
)
def test_what_the_gate_refuses_is_measured_beyond_its_limit(quantity: D, price: D, risk: D) -> None:
    facts = replace(BUY, quantity=quantity, unit_price=price, limit_price=price, risk_amount=risk)
    found = measured(facts)
    for breach in check_order(facts, LIMITS, STATE):
        assert found[breach.code] == (breach.limit, breach.actual)
