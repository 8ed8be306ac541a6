"""What an order comes to by every limit it was held against, broken or not: the evidence of the gate."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from trenddojo.domain.order_risk import GateState, OrderFacts, OrderLimits, check_order

# Less than any order comes to: held against it, every limit tells its figure, by the gate's own arithmetic.
_NOTHING = Decimal(-1)
_OF_RISK = (
    "max_position_percent",
    "max_open_risk_percent",
    "max_daily_loss_percent",
    "max_weekly_loss_percent",
    "max_open_positions",
)


@dataclass(frozen=True, slots=True)
class Measure:
    """`limit` and `actual` are percents, money, seconds or counts, as the code says."""

    code: str
    limit: Decimal
    actual: Decimal


def limits_measured(facts: OrderFacts, limits: OrderLimits, state: GateState) -> tuple[Measure, ...]:
    """Every limit in force with what the order comes to, in the order of the gate.

    Empty for an order that only makes a position smaller: no limit is asked about it. What a limit cannot say of this
    order, such as the collar of a price that gives nothing away, is left out.
    """
    risk, money = limits.risk, state.account.buying_power
    in_force = {
        "orders_per_minute": limits.max_orders_per_minute,
        "stale_quote": limits.max_quote_age_seconds,
        "price_collar": limits.price_collar_percent,
        "max_position": risk.max_position_percent,
        "open_risk": risk.max_open_risk_percent,
        "daily_loss": risk.max_daily_loss_percent,
        "weekly_loss": risk.max_weekly_loss_percent,
        "max_open_positions": risk.max_open_positions,
        "insufficient_buying_power": money,
    }
    strict = OrderLimits(
        risk=replace(risk, **{name: _strict(getattr(risk, name)) for name in _OF_RISK}),
        max_orders_per_minute=_strict(limits.max_orders_per_minute),
        price_collar_percent=_strict(limits.price_collar_percent),
        max_quote_age_seconds=_NOTHING,
    )
    penniless = replace(state.account, buying_power=_strict(money))
    found = check_order(facts, strict, replace(state, account=penniless))
    actual = {breach.code: breach.actual for breach in found}
    return tuple(
        Measure(code, Decimal(limit), actual[code])
        for code, limit in in_force.items()
        if limit is not None and code in actual
    )


def _strict(limit: Decimal | int | None) -> Any:
    """No limit stays none."""
    return None if limit is None else _NOTHING
