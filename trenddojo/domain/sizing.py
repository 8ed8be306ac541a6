"""How many units to trade: fixed fractional risk, then the least of what every limit allows."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.errors import SizingError
from trenddojo.domain.fills import Direction
from trenddojo.domain.instruments import Instrument, floor_to_lot
from trenddojo.domain.money import cents, check_decimal, check_positive, exact
from trenddojo.domain.risk import percent_of, planned_r


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


_HUNDRED = Decimal(100)

_ZERO_REASONS: dict[Bound, str] = {
    Bound.RISK: "The risk budget is too small for one unit at this stop: risk more, or move the stop closer.",
    Bound.MAX_POSITION: "The position in this symbol is already as large as the maximum allows.",
    Bound.BUYING_POWER: "There is not enough buying power for one unit.",
    Bound.OPEN_RISK: "The open trades already use the whole open-risk budget.",
    Bound.DAILY_LOSS: "Today's loss leaves no room for the risk of one unit.",
    Bound.WEEKLY_LOSS: "This week's loss leaves no room for the risk of one unit.",
}
_NO_EQUITY = "The account has no equity to size from: record a deposit first."


def size_position(given: SizingInput) -> SizingResult:
    """Size a plan by METRICS "Sizing": the least quantity that risk and every limit allow, in whole lots.

    Raises SizingError or NumberError with the field that is wrong (entry, stop, target, risk_percent, equity).
    """
    with exact():
        _check(given)
        allowed = _allowed(given)
        allowances = {bound: floor_to_lot(amount, given.instrument.lot) for bound, amount in allowed.items()}
        bound_by = min(allowances, key=lambda bound: allowances[bound])
        quantity = allowances[bound_by]
        zero_reason = None
        if quantity == 0:
            zero_reason = _zero_reason(given, bound_by)
            if allowed[bound_by] > 0:
                bound_by = Bound.LOT
                allowances[Bound.LOT] = quantity
                zero_reason += f" The smallest quantity is {given.instrument.lot.normalize():f}."
        return _result(given, quantity, bound_by, allowances, zero_reason)


def check_levels(
    direction: Direction, *, entry: Decimal, stop: Decimal, target: Decimal | None = None, places: int = 9
) -> None:
    """Refuse a stop or a target on the wrong side of the entry; raises SizingError or NumberError with the field.

    Each price must be above zero and have at most `places` decimals.
    """
    for field, price in (("entry", entry), ("stop", stop), ("target", target)):
        if price is not None:
            check_positive(price, field=field, name=field)
            check_decimal(price, max_digits=11 + places, places=places, field=field, name=field)
    if direction.sign * (entry - stop) <= 0:
        side = "below" if direction is Direction.LONG else "above"
        raise SizingError("stop_wrong_side", f"The stop of a {direction} trade belongs {side} the entry.", "stop")
    if target is not None and direction.sign * (target - entry) <= 0:
        side = "above" if direction is Direction.LONG else "below"
        raise SizingError("target_wrong_side", f"The target of a {direction} trade belongs {side} the entry.", "target")


def _check(given: SizingInput) -> None:
    check_levels(
        given.direction,
        entry=given.entry,
        stop=given.stop,
        target=given.target,
        places=given.instrument.price_places,
    )
    if (given.risk_percent is None) == (given.risk_amount is None):
        raise SizingError("one_risk", "Give the risk either in percent or as an amount.", "risk_percent")
    if given.risk_percent is not None:
        check_positive(given.risk_percent, field="risk_percent", name="risk")
        if given.risk_percent > _HUNDRED:
            raise SizingError("risk_above_100", "The risk cannot be more than 100 percent of equity.", "risk_percent")
    if given.risk_amount is not None:
        check_positive(given.risk_amount, field="risk_amount", name="risk")
    if given.costs_per_unit < 0:
        raise SizingError("negative_costs", "The costs per unit cannot be negative.", "costs_per_unit")


def _allowed(given: SizingInput) -> dict[Bound, Decimal]:
    """The unrounded quantity each limit that applies allows; may be negative."""
    multiplier = given.instrument.multiplier
    unit_value = given.entry * multiplier
    unit_risk = abs(given.entry - given.stop) * multiplier + given.costs_per_unit
    money: dict[Bound, tuple[Decimal | None, Decimal]] = {
        Bound.RISK: (risk_budget(given), unit_risk),
        Bound.MAX_POSITION: (
            _rest(given, given.max_position_percent, given.existing_position_value),
            unit_value,
        ),
        Bound.BUYING_POWER: (given.buying_power, unit_value),
        Bound.OPEN_RISK: (_rest(given, given.max_open_risk_percent, given.open_risk_amount), unit_risk),
        Bound.DAILY_LOSS: (_rest(given, given.max_daily_loss_percent, given.loss_today), unit_risk),
        Bound.WEEKLY_LOSS: (_rest(given, given.max_weekly_loss_percent, given.loss_this_week), unit_risk),
    }
    return {bound: budget / unit for bound, (budget, unit) in money.items() if budget is not None}


def risk_budget(given: SizingInput) -> Decimal:
    """The money one trade may lose: the amount given, or the percent of equity."""
    if given.risk_amount is not None:
        return given.risk_amount
    return given.equity * (given.risk_percent or Decimal(0)) / _HUNDRED


def _rest(given: SizingInput, percent: Decimal | None, used: Decimal) -> Decimal | None:
    """What is left of a budget in percent of equity; None where there is no limit."""
    if percent is None:
        return None
    return given.equity * percent / _HUNDRED - max(used, Decimal(0))


def _zero_reason(given: SizingInput, bound: Bound) -> str:
    return _NO_EQUITY if given.equity <= 0 else _ZERO_REASONS[bound]


def _result(
    given: SizingInput,
    quantity: Decimal,
    bound_by: Bound,
    allowances: dict[Bound, Decimal],
    zero_reason: str | None,
) -> SizingResult:
    multiplier = given.instrument.multiplier
    risk = cents(abs(given.entry - given.stop) * quantity * multiplier)
    value = cents(given.entry * quantity * multiplier)
    reward = planned = None
    if given.target is not None:
        reward = cents(abs(given.target - given.entry) * quantity * multiplier)
        planned = planned_r(given.direction, entry=given.entry, stop=given.stop, target=given.target)
    return SizingResult(
        quantity=quantity,
        bound_by=bound_by,
        risk_amount=risk,
        risk_percent=percent_of(risk, given.equity),
        costs_amount=cents(given.costs_per_unit * quantity),
        position_value=value,
        position_percent=percent_of(value, given.equity),
        reward_amount=reward,
        planned_r=planned,
        heat_before_percent=percent_of(given.open_risk_amount, given.equity),
        heat_after_percent=percent_of(given.open_risk_amount + risk, given.equity),
        allowances=allowances,
        zero_reason=zero_reason,
    )
