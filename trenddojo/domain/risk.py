"""What is at risk, and whether a plan may be taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from trenddojo.domain.fills import Direction
from trenddojo.domain.money import EXACT, ZERO, cents, exact, rounded_price


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """An account's risk policy; percents of equity as 1 for one percent, None for no limit."""

    risk_per_trade_percent: Decimal | None = None
    max_position_percent: Decimal | None = Decimal(30)
    max_open_risk_percent: Decimal | None = None
    max_daily_loss_percent: Decimal | None = None
    max_weekly_loss_percent: Decimal | None = None
    max_open_positions: int | None = None


@dataclass(frozen=True, slots=True)
class AccountState:
    """The account just before the plan. Losses are positive; `position_value_in_symbol` is what is already held."""

    equity: Decimal
    buying_power: Decimal | None = None
    open_risk: Decimal = Decimal(0)
    open_positions: int = 0
    loss_today: Decimal = Decimal(0)
    loss_this_week: Decimal = Decimal(0)
    position_value_in_symbol: Decimal = Decimal(0)
    currency: str = ""


@dataclass(frozen=True, slots=True)
class PlannedPosition:
    """What a plan would add: its value and risk in money; a scale-in opens no new position."""

    position_value: Decimal
    risk_amount: Decimal
    new_positions: int = 1


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit a plan breaks; `limit` and `actual` are percents, money or counts as the code says."""

    code: str
    sentence: str
    limit: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class RiskEntry:
    """An entry (or a plan's entry) with the stop in force at that moment, None where there was none."""

    quantity: Decimal
    price: Decimal
    stop: Decimal | None


_HUNDRED = Decimal(100)
_PERCENT_QUANTUM = Decimal("0.0001")


def percent_of(amount: Decimal, equity: Decimal) -> Decimal:
    """`amount` in percent of equity with four decimals; 0 where there is no equity to compare with."""
    if equity <= ZERO:
        return ZERO
    return EXACT.divide(amount * _HUNDRED, equity).quantize(_PERCENT_QUANTUM, context=EXACT)


def check_plan(plan: PlannedPosition, limits: RiskLimits, state: AccountState) -> tuple[Breach, ...]:
    """Return every limit the plan breaks, in the order of RiskLimits, then buying power; empty when it may be taken.

    Codes: no_equity, risk_per_trade, max_position, max_open_risk, max_daily_loss, max_weekly_loss,
    max_open_positions, buying_power. A plan that uses a limit exactly up breaks nothing.
    """
    with exact():
        if state.equity <= ZERO:
            sentence = "The account has no equity: record a deposit first."
            return (Breach("no_equity", sentence, ZERO, state.equity),)
        found = [_percent_breach(rule, state.equity) for rule in _percent_rules(plan, limits, state)]
        found.append(_positions_breach(plan, limits, state))
        found.append(_buying_power_breach(plan, state))
        return tuple(breach for breach in found if breach is not None)


@dataclass(frozen=True, slots=True)
class _PercentRule:
    code: str
    limit: Decimal | None
    amount: Decimal
    sentence: str


def _percent_rules(plan: PlannedPosition, limits: RiskLimits, state: AccountState) -> tuple[_PercentRule, ...]:
    risk = plan.risk_amount
    return (
        _PercentRule(
            "risk_per_trade",
            limits.risk_per_trade_percent,
            risk,
            "It risks {actual} % of equity; one trade may risk {limit} %.",
        ),
        _PercentRule(
            "max_position",
            limits.max_position_percent,
            plan.position_value + max(state.position_value_in_symbol, ZERO),
            "The position would be {actual} % of equity; {limit} % is the most.",
        ),
        _PercentRule(
            "max_open_risk",
            limits.max_open_risk_percent,
            risk + max(state.open_risk, ZERO),
            "All open trades together would risk {actual} % of equity; {limit} % is the most.",
        ),
        _PercentRule(
            "max_daily_loss",
            limits.max_daily_loss_percent,
            risk + max(state.loss_today, ZERO),
            "If it is stopped out, today's loss would be {actual} % of equity; {limit} % is the most.",
        ),
        _PercentRule(
            "max_weekly_loss",
            limits.max_weekly_loss_percent,
            risk + max(state.loss_this_week, ZERO),
            "If it is stopped out, this week's loss would be {actual} % of equity; {limit} % is the most.",
        ),
    )


def _percent_breach(rule: _PercentRule, equity: Decimal) -> Breach | None:
    # Compared as money, so that a percent rounded for display never decides.
    if rule.limit is None or rule.amount * _HUNDRED <= rule.limit * equity:
        return None
    actual = rule.amount * _HUNDRED / equity
    # Rounded up, or 1.001 % would be told to break "1.00 %".
    shown = actual.quantize(Decimal("0.01"), rounding=ROUND_UP)
    sentence = rule.sentence.format(actual=f"{shown:,f}", limit=f"{rule.limit.normalize():,f}")
    return Breach(rule.code, sentence, rule.limit, actual.quantize(_PERCENT_QUANTUM))


def _positions_breach(plan: PlannedPosition, limits: RiskLimits, state: AccountState) -> Breach | None:
    after = state.open_positions + plan.new_positions
    if limits.max_open_positions is None or plan.new_positions == 0 or after <= limits.max_open_positions:
        return None
    sentence = f"It would be open position number {after}; {limits.max_open_positions} is the most."
    return Breach("max_open_positions", sentence, Decimal(limits.max_open_positions), Decimal(after))


def _buying_power_breach(plan: PlannedPosition, state: AccountState) -> Breach | None:
    if state.buying_power is None or plan.position_value <= state.buying_power:
        return None
    money = f" {state.currency}" if state.currency else ""
    sentence = (
        f"It needs {cents(plan.position_value):,f}{money}; the buying power is {cents(state.buying_power):,f}{money}."
    )
    return Breach("buying_power", sentence, state.buying_power, plan.position_value)


def initial_risk(entries: Sequence[RiskEntry], *, multiplier: Decimal, plan: RiskEntry | None = None) -> Decimal | None:
    """1R in money (cents): |price - stop| * quantity * multiplier, None where there was no stop.

    With a plan its risk counts, frozen, and only the quantity entered beyond the plan adds its own risk at the stop
    in force; without one, every entry counts at the stop in force when it was filled. Entries are in the order they
    were filled. One entry without a stop leaves the whole risk undefined; so does a risk of zero.
    """
    counted = list(entries)
    if plan is not None:
        counted = [plan, *_beyond(counted, plan.quantity)]
    with exact():
        total = ZERO
        for entry in counted:
            if entry.stop is None:
                return None
            total += abs(entry.price - entry.stop) * entry.quantity * multiplier
        return cents(total) or None


def _beyond(entries: Sequence[RiskEntry], planned: Decimal) -> list[RiskEntry]:
    """The parts of entries that come after the planned quantity is filled."""
    found = []
    for entry in entries:
        covered = min(planned, entry.quantity)
        planned -= covered
        if entry.quantity > covered:
            found.append(replace(entry, quantity=entry.quantity - covered))
    return found


def open_risk(
    direction: Direction, *, quantity: Decimal, entry: Decimal, stop: Decimal | None, multiplier: Decimal
) -> Decimal | None:
    """Money (cents) lost if an open position is stopped out now; `entry` is the mean price of what is still open.

    Zero once the stop locks in a profit, never below; None without a stop.
    """
    if stop is None:
        return None
    with exact():
        return cents(max(ZERO, direction.sign * (entry - stop) * quantity * multiplier))


def r_multiple(pnl: Decimal, risk: Decimal | None) -> Decimal | None:
    """P&L / initial risk with nine decimals; None without a risk or when it is zero."""
    if not risk:
        return None
    return rounded_price(EXACT.divide(pnl, risk))


def planned_r(direction: Direction, *, entry: Decimal, stop: Decimal, target: Decimal) -> Decimal | None:
    """s * (target - entry) / |entry - stop| with nine decimals; None when entry and stop are the same."""
    if entry == stop:
        return None
    return rounded_price(EXACT.divide(direction.sign * (target - entry), abs(entry - stop)))
