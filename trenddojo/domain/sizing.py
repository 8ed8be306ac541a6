"""How many units to trade: fixed fractional risk, then the least of what every limit allows."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.instruments import Instrument
from trenddojo.domain.positions import Direction


class Bound(StrEnum):
    """Which limit a size ran into first."""

    RISK = "risk"
    MAX_POSITION = "max_position"
    BUYING_POWER = "buying_power"
    OPEN_RISK = "open_risk"
    DAILY_LOSS = "daily_loss"
    WEEKLY_LOSS = "weekly_loss"
    LOT = "lot"


@dataclass(frozen=True, slots=True)
class SizingInput:
    """Prices per unit; money in the account's currency; percents as 1 for one percent.

    Exactly one of `risk_percent` and `risk_amount` is given; every other limit that is None does not apply.
    `loss_today` and `loss_this_week` are positive for a loss; a profit gives no extra room.
    """

    direction: Direction
    entry: Decimal
    stop: Decimal
    equity: Decimal
    instrument: Instrument
    target: Decimal | None = None
    buying_power: Decimal | None = None
    risk_percent: Decimal | None = None
    risk_amount: Decimal | None = None
    max_position_percent: Decimal | None = Decimal(30)
    existing_position_value: Decimal = Decimal(0)
    open_risk_amount: Decimal = Decimal(0)
    max_open_risk_percent: Decimal | None = None
    loss_today: Decimal = Decimal(0)
    max_daily_loss_percent: Decimal | None = None
    loss_this_week: Decimal = Decimal(0)
    max_weekly_loss_percent: Decimal | None = None
    costs_per_unit: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class SizingResult:
    """The size and what it means. Money in cents, percents of equity with four decimals, R with four.

    `risk_amount` is |entry - stop| * quantity * multiplier, the 1R of the journal; `costs_amount` comes on top of it.
    `allowances` holds the quantity each limit that applies would allow by itself; `zero_reason` is a sentence
    when the quantity is zero.
    """

    quantity: Decimal
    bound_by: Bound
    risk_amount: Decimal
    risk_percent: Decimal
    costs_amount: Decimal
    position_value: Decimal
    position_percent: Decimal
    reward_amount: Decimal | None
    planned_r: Decimal | None
    heat_before_percent: Decimal
    heat_after_percent: Decimal
    allowances: dict[Bound, Decimal]
    zero_reason: str | None


def size_position(given: SizingInput) -> SizingResult:
    """Size a plan by METRICS "Sizing"; raises SizingError with the field that is wrong."""
    raise NotImplementedError
