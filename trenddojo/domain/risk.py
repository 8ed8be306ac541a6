"""What is at risk, and whether a plan may be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trenddojo.domain.positions import Direction


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


def check_plan(
    plan: PlannedPosition, limits: RiskLimits, state: AccountState
) -> tuple[Breach, ...]:
    """Return every limit the plan breaks, in the order of RiskLimits; empty when it may be taken."""
    raise NotImplementedError


def initial_risk(
    entries: Sequence[RiskEntry], *, multiplier: Decimal, plan: RiskEntry | None = None
) -> Decimal | None:
    """1R in money (cents): |price - stop| * quantity * multiplier, None where there was no stop.

    With a plan its risk counts, frozen, and only the quantity entered beyond the plan adds its own risk at the stop
    in force; without one, every entry counts at the stop in force when it was filled.
    """
    raise NotImplementedError


def open_risk(
    direction: Direction,
    *,
    quantity: Decimal,
    entry: Decimal,
    stop: Decimal | None,
    multiplier: Decimal,
) -> Decimal | None:
    """Money (cents) lost if an open position is stopped out now; zero once the stop locks in a profit; None without a stop."""
    raise NotImplementedError


def r_multiple(pnl: Decimal, risk: Decimal | None) -> Decimal | None:
    """P&L / initial risk with nine decimals; None without a risk or when it is zero."""
    raise NotImplementedError


def planned_r(
    direction: Direction, *, entry: Decimal, stop: Decimal, target: Decimal
) -> Decimal | None:
    """s * (target - entry) / |entry - stop| with nine decimals; None when entry and stop are the same."""
    raise NotImplementedError
