"""The size of a plan: what the limits allow, what was asked for, and every limit that would be broken."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.calendars import exchange_timezone
from accounts.models import TradingAccount
from trades.selectors.risk_state import RiskState, limits_for_setup, risk_state
from trades.services.columns import MOST_MONEY, MOST_QUANTITY
from trades.services.instruments import account_instrument
from trades.services.plan_input import HUNDRED, MOST_TARGETS, PlanInput, portions
from trenddojo.domain.commission import estimate
from trenddojo.domain.errors import SizingError
from trenddojo.domain.fills import Direction
from trenddojo.domain.instruments import Instrument
from trenddojo.domain.money import cents, check_decimal, check_positive, exact, rounded_price
from trenddojo.domain.risk import Breach, PlannedPosition, RiskLimits, check_plan, percent_of, planned_r
from trenddojo.domain.sizing import SizingInput, SizingResult, check_levels, size_position

# Stands where an instrument is needed and its name is not.
NAMELESS = "X"


@dataclass(frozen=True, slots=True)
class PlanSize:
    """`allowed` is what the limits allow; the rest is about `quantity`, what the plan would trade.

    Money in cents, percents of equity with four decimals. `target_rs` is the planned R of each target and `planned_r`
    their mean weighted by portion. `breaches` holds every limit the quantity breaks.
    """

    allowed: SizingResult
    instrument: Instrument
    quantity: Decimal
    risk_amount: Decimal
    risk_percent: Decimal
    costs_amount: Decimal
    position_value: Decimal
    position_percent: Decimal
    heat_before_percent: Decimal
    heat_after_percent: Decimal
    portions: tuple[Decimal, ...]
    target_rs: tuple[Decimal, ...]
    planned_r: Decimal | None
    breaches: tuple[Breach, ...]
    limits: RiskLimits
    state: RiskState
    chosen_risk_percent: Decimal | None


def plan_size(*, account: TradingAccount, plan: PlanInput, now: datetime, without: UUID | None = None) -> PlanSize:
    """Size a plan and check it against all limits; reads only.

    `without` names a trade whose own room does not count, for editing it. Raises SizingError, NumberError or
    SymbolError with the field (entry, stop, target_N, portion_1, quantity, risk_percent, risk_amount, symbol,
    multiplier).
    """
    instrument = account_instrument(account, plan.symbol, plan.asset_class, plan.multiplier)
    return _sized(account, plan, instrument, now=now, without=without)


def position_size(*, account: TradingAccount, plan: PlanInput, now: datetime) -> PlanSize:
    """As plan_size, for prices that need no symbol yet: without one, nothing held counts as the same symbol's."""
    if plan.symbol.strip():
        return plan_size(account=account, plan=plan, now=now)
    instrument = account_instrument(account, NAMELESS, plan.asset_class, plan.multiplier)
    return _sized(account, plan, replace(instrument, symbol=""), now=now)


def _sized(
    account: TradingAccount, plan: PlanInput, instrument: Instrument, *, now: datetime, without: UUID | None = None
) -> PlanSize:
    _refuse_levels(plan, instrument)
    state = risk_state(account, now=now, symbol=instrument.symbol, asset_class=plan.asset_class, without=without)
    limits = limits_for_setup(account, plan.setup_id)
    percent = _risk_percent(plan, limits)
    allowed = _allowed(account, plan, instrument, state=state, limits=limits, percent=percent, now=now)
    if plan.quantity is not None:
        _refuse_quantity(plan.quantity, instrument)
    quantity = allowed.quantity if plan.quantity is None else plan.quantity
    with exact():
        risk = cents(abs(plan.entry - plan.stop) * quantity * instrument.multiplier)
        value = cents(plan.entry * quantity * instrument.multiplier)
    if max(value, risk) >= MOST_MONEY or quantity >= MOST_QUANTITY:
        raise SizingError("too_large", "This position is too large to be kept: check price and quantity.", "quantity")
    shares = portions(plan.targets)
    rs = _target_rs(plan)
    return PlanSize(
        allowed=allowed,
        instrument=instrument,
        quantity=quantity,
        risk_amount=risk,
        risk_percent=percent_of(risk, state.account.equity),
        costs_amount=_costs_for(allowed, quantity),
        position_value=value,
        position_percent=percent_of(value, state.account.equity),
        heat_before_percent=allowed.heat_before_percent,
        heat_after_percent=percent_of(state.account.open_risk + risk, state.account.equity),
        portions=shares,
        target_rs=rs,
        planned_r=_weighted(rs, shares),
        breaches=_breaches(plan, instrument, quantity=quantity, allowed=allowed, limits=limits, state=state),
        limits=limits,
        state=state,
        chosen_risk_percent=percent,
    )


def _risk_percent(plan: PlanInput, limits: RiskLimits) -> Decimal | None:
    """What was asked for, or what the policy says; an amount stands for itself."""
    if plan.risk_percent is None and plan.risk_amount is None:
        return limits.risk_per_trade_percent
    return plan.risk_percent


def _refuse_levels(plan: PlanInput, instrument: Instrument) -> None:
    direction = Direction(plan.direction)
    check_levels(direction, entry=plan.entry, stop=plan.stop, places=instrument.price_places)
    if len(plan.targets) > MOST_TARGETS:
        raise SizingError("too_many_targets", f"A plan has at most {MOST_TARGETS} targets.", f"target_{MOST_TARGETS}")
    for number, target in enumerate(plan.targets, start=1):
        try:
            check_levels(
                direction, entry=plan.entry, stop=plan.stop, target=target.price, places=instrument.price_places
            )
        except ValueError as problem:
            raise type(problem)(problem.code, problem.sentence, f"target_{number}") from problem


def _refuse_quantity(quantity: Decimal, instrument: Instrument) -> None:
    places = instrument.quantity_places
    check_positive(quantity, field="quantity", name="quantity")
    check_decimal(quantity, max_digits=11 + places, places=places, field="quantity", name="quantity")


def _allowed(
    account: TradingAccount,
    plan: PlanInput,
    instrument: Instrument,
    *,
    state: RiskState,
    limits: RiskLimits,
    percent: Decimal | None,
    now: datetime,
) -> SizingResult:
    """Size without costs first; the schedule then says what that many would cost to open and to stop out."""
    given = SizingInput(
        direction=Direction(plan.direction),
        entry=plan.entry,
        stop=plan.stop,
        equity=state.account.equity,
        instrument=instrument,
        target=plan.targets[0].price if plan.targets else None,
        buying_power=state.account.buying_power,
        risk_percent=HUNDRED if percent is None and plan.risk_amount is None else percent,
        risk_amount=plan.risk_amount,
        max_position_percent=limits.max_position_percent,
        existing_position_value=state.account.position_value_in_symbol,
        open_risk_amount=state.account.open_risk,
        max_open_risk_percent=limits.max_open_risk_percent,
        loss_today=state.account.loss_today,
        max_daily_loss_percent=limits.max_daily_loss_percent,
        loss_this_week=state.account.loss_this_week,
        max_weekly_loss_percent=limits.max_weekly_loss_percent,
    )
    first = size_position(given)
    if not first.quantity:
        return first
    costs = _round_trip(account, plan, instrument, quantity=first.quantity, now=now)
    if not costs:
        return first
    return size_position(replace(given, costs_per_unit=rounded_price(costs / first.quantity)))


def _round_trip(
    account: TradingAccount, plan: PlanInput, instrument: Instrument, *, quantity: Decimal, now: datetime
) -> Decimal:
    direction = Direction(plan.direction)
    total = Decimal(0)
    for side, price in ((direction.entry_side, plan.entry), (direction.exit_side, plan.stop)):
        costs = estimate(
            account.broker,
            instrument.asset_class,
            side=side,
            quantity=quantity,
            price=price,
            multiplier=instrument.multiplier,
            on=now.astimezone(exchange_timezone(account.exchange)).date(),
        )
        total += costs.commission + costs.fees
    return total


def _costs_for(allowed: SizingResult, quantity: Decimal) -> Decimal:
    if not allowed.quantity:
        return Decimal("0.00")
    return cents(allowed.costs_amount * quantity / allowed.quantity)


def _target_rs(plan: PlanInput) -> tuple[Decimal, ...]:
    found = (
        planned_r(Direction(plan.direction), entry=plan.entry, stop=plan.stop, target=target.price)
        for target in plan.targets
    )
    return tuple(value for value in found if value is not None)


def _weighted(rs: tuple[Decimal, ...], shares: tuple[Decimal, ...]) -> Decimal | None:
    if not rs:
        return None
    with exact():
        return rounded_price(sum((r * share for r, share in zip(rs, shares, strict=True)), Decimal(0)) / HUNDRED)


def _breaches(
    plan: PlanInput,
    instrument: Instrument,
    *,
    quantity: Decimal,
    allowed: SizingResult,
    limits: RiskLimits,
    state: RiskState,
) -> tuple[Breach, ...]:
    """Every limit broken; where there is no room at all, the limits that one lot would break."""
    tried = quantity or instrument.lot
    with exact():
        planned = PlannedPosition(
            position_value=plan.entry * tried * instrument.multiplier,
            risk_amount=abs(plan.entry - plan.stop) * tried * instrument.multiplier,
        )
    found = check_plan(planned, limits, state.account)
    if found or tried <= allowed.quantity:
        return found
    # Costs can make the allowed size smaller than what the bare risk would still pass.
    sentence = (
        allowed.zero_reason or f"Your limits allow {allowed.quantity.normalize():f}; {tried.normalize():f} is more."
    )
    return (Breach("size", sentence, allowed.quantity, tried),)
