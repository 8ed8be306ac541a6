"""The gate before every order: all limits it breaks, at once and with their numbers.

An order that only makes the position smaller passes, whatever the limits say: nothing may keep a trader in a position.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from trenddojo.domain.fills import Side
from trenddojo.domain.money import ZERO, exact
from trenddojo.domain.orders import OrderType
from trenddojo.domain.risk import AccountState, Breach, PlannedPosition, RiskLimits, check_plan

_HUNDRED = Decimal(100)
# The codes of an order where they differ from those of a plan.
ORDER_CODES = {
    "max_open_risk": "open_risk",
    "max_daily_loss": "daily_loss",
    "max_weekly_loss": "weekly_loss",
    "buying_power": "insufficient_buying_power",
}


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What would be sent. `risk_amount` is the money lost at its stop, zero without one.

    `unit_price` is what one unit is counted at, None where nothing says it: a market order without a quote.
    """

    side: Side
    type: OrderType
    quantity: Decimal
    unit_price: Decimal | None
    multiplier: Decimal = Decimal(1)
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    risk_amount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """The account's policy: that of plans, and what concerns orders alone; None for no limit."""

    risk: RiskLimits
    max_orders_per_minute: int | None = None
    price_collar_percent: Decimal | None = None
    max_quote_age_seconds: Decimal = Decimal(60)


@dataclass(frozen=True, slots=True)
class QuoteState:
    """Bid and ask, and how many seconds old they are."""

    bid: Decimal
    ask: Decimal
    age_seconds: Decimal

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class GateState:
    """The account just before the order, everything that works already counted in.

    `position` is signed; `closing` is the unfilled quantity of exits that work on it. `account` holds positions, plans
    that wait and the unfilled rest of working orders; `opens_position` is false where the symbol has its place already.
    `waits_for_open`: it will be checked again at the open, so that the age of the quote says nothing yet. `brakes` are
    what holds every entry back beyond the account: a code and a sentence each.
    """

    account: AccountState
    position: Decimal = ZERO
    closing: Decimal = ZERO
    opens_position: bool = True
    orders_last_minute: int = 0
    quote: QuoteState | None = None
    waits_for_open: bool = False
    halted: str | None = None
    brakes: tuple[tuple[str, str], ...] = ()
    is_armed: bool = True
    is_integrated: bool = True


def is_opposite(side: Side, position: Decimal) -> bool:
    """Whether this side takes away from the signed position."""
    return position * side.sign < ZERO


def closable(state: GateState) -> Decimal:
    """How many units no working exit holds yet; never below zero."""
    return max(abs(state.position) - state.closing, ZERO)


def is_reducing(facts: OrderFacts, state: GateState) -> bool:
    """Whether the order can only make the position smaller, never turn it round."""
    return is_opposite(facts.side, state.position) and facts.quantity <= closable(state)


def check_order(facts: OrderFacts, limits: OrderLimits, state: GateState) -> tuple[Breach, ...]:
    """Every reason to refuse the order, in the order of this list; empty when it may be sent.

    Codes: exceeds_position, halted, trader_halted, desk_halted, desk_silent, broker_silent, integrations_disabled,
    not_armed, orders_per_minute, missing_quote, stale_quote, price_collar, no_equity, max_position, open_risk,
    daily_loss, weekly_loss, max_open_positions, insufficient_buying_power. A limit that is used exactly up is not
    broken.
    """
    with exact():
        if is_reducing(facts, state):
            return ()
        if is_opposite(facts.side, state.position):
            return (_exceeds_position(facts, state),)
        found = [
            *_switches(state),
            _orders_per_minute(limits, state),
            _quote(facts, limits, state),
            _price_collar(facts, limits, state),
            *_room(facts, limits, state),
        ]
        return tuple(breach for breach in found if breach is not None)


def collar_breach(facts: OrderFacts, limits: OrderLimits, state: GateState) -> Breach | None:
    """The price collar by itself: for an exit, which passes the gate, it is worth a warning."""
    with exact():
        return _price_collar(facts, limits, state)


def _exceeds_position(facts: OrderFacts, state: GateState) -> Breach:
    free = closable(state)
    held = f"You hold {_shown(abs(state.position))}"
    if state.closing:
        held += f" and exits for {_shown(state.closing)} work already"
    sentence = f"{held}: at most {_shown(free)} can be closed. An order never turns a position round."
    return Breach("exceeds_position", sentence, free, facts.quantity)


def _switches(state: GateState) -> Iterator[Breach]:
    if state.halted is not None:
        reason = f" ({state.halted})" if state.halted else ""
        yield _switch("halted", f"The account is halted{reason}: resume it before you send new orders.")
    for code, sentence in state.brakes:
        yield _switch(code, sentence)
    if not state.is_integrated:
        yield _switch("integrations_disabled", "Live orders are switched off on this desk by its administrator.")
    if not state.is_armed:
        yield _switch("not_armed", "Live trading is not switched on for this account: switch it on first.")


def _switch(code: str, sentence: str) -> Breach:
    return Breach(code, sentence, ZERO, ZERO)


def _orders_per_minute(limits: OrderLimits, state: GateState) -> Breach | None:
    most, number = limits.max_orders_per_minute, state.orders_last_minute + 1
    if most is None or number <= most:
        return None
    sentence = f"It would be order number {number} within a minute; {most} is the most. Wait a moment."
    return Breach("orders_per_minute", sentence, Decimal(most), Decimal(number))


def _quote(facts: OrderFacts, limits: OrderLimits, state: GateState) -> Breach | None:
    most = limits.max_quote_age_seconds
    if state.quote is None:
        # At the open there will be one; a price is needed all the same to know what the order takes.
        if state.waits_for_open and facts.unit_price is not None:
            return None
        return Breach("missing_quote", "There is no quote to check the order against.", most, ZERO)
    age = state.quote.age_seconds
    if state.waits_for_open or age <= most:
        return None
    sentence = f"The last quote is {_shown(age.quantize(Decimal(1)))} seconds old; {_shown(most)} is the most."
    return Breach("stale_quote", sentence, most, age)


def _price_collar(facts: OrderFacts, limits: OrderLimits, state: GateState) -> Breach | None:
    """A price that gives away more than the collar: a limit beyond the market, or a stop that it has passed already.

    Resting limits and stops ahead of the market give nothing away, however far they are.
    """
    most = limits.price_collar_percent
    if most is None or state.quote is None:
        return None
    for name, price, against in _collared(facts, state.quote):
        percent = abs(price - against) * _HUNDRED / against
        if percent > most and (price - against) * facts.side.sign * _GIVES[name] > ZERO:
            sentence = (
                f"The {name} of {_shown(price)} is {percent:.2f} % on the wrong side of {_shown(against)}; "
                f"{_shown(most)} % is the most. Check the price."
            )
            return Breach("price_collar", sentence, most, percent.quantize(Decimal("0.0001")))
    return None


# A buyer gives away by a price above the market, but by a stop below it, which is met at once.
_GIVES = {"ask": 1, "bid": 1, "limit": 1, "stop": -1}


def _collared(facts: OrderFacts, quote: QuoteState) -> Iterator[tuple[str, Decimal, Decimal]]:
    """The order's prices, each with the price it is held against."""
    if facts.type is OrderType.MARKET:
        yield ("ask", quote.ask, quote.mid) if facts.side is Side.BUY else ("bid", quote.bid, quote.mid)
    if facts.limit_price is not None:
        # The limit of a stop-limit order counts once its stop is met.
        yield "limit", facts.limit_price, facts.stop_price or quote.mid
    if facts.stop_price is not None:
        yield "stop", facts.stop_price, quote.mid


def _room(facts: OrderFacts, limits: OrderLimits, state: GateState) -> tuple[Breach, ...]:
    if facts.unit_price is None:
        return ()
    asked = PlannedPosition(
        position_value=facts.unit_price * facts.quantity * facts.multiplier,
        risk_amount=facts.risk_amount,
        new_positions=1 if state.opens_position else 0,
    )
    # What one trade may risk is the plan's business: it can be overridden there, with a reason.
    found = check_plan(asked, replace(limits.risk, risk_per_trade_percent=None), state.account)
    return tuple(replace(breach, code=ORDER_CODES.get(breach.code, breach.code)) for breach in found)


def _shown(value: Decimal) -> str:
    return f"{value.normalize():f}"
