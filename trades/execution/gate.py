"""An order before it is one: its terms checked, its place in the journal found, its room asked for. Writes nothing."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.http import Http404

from accounts.calendars import exchange_timezone
from accounts.selectors import policy_of
from brokers.capabilities import unsupported_at
from brokers.services.clock import CalendarClock
from brokers.services.live import live_is_armed
from trades.execution.desks import Desk, Market, has_own_time
from trades.execution.shapes import OrderInput, terms_from
from trades.models import Order, Trade, TradeStatus
from trades.models.order import WORKING
from trades.selectors.brakes import brakes_of
from trades.selectors.holdings import Holding, holding_of
from trades.selectors.risk_state import RiskState, limits_for_setup, risk_state
from trades.services.columns import MOST_MONEY
from trenddojo.domain import positions
from trenddojo.domain.commission import CostEstimate, estimate
from trenddojo.domain.instruments import AssetClass, Fractions, Instrument, instrument_for, validate_symbol
from trenddojo.domain.money import cents, exact
from trenddojo.domain.order_risk import (
    GateState,
    OrderFacts,
    OrderLimits,
    check_order,
    is_opposite,
    is_reducing,
)
from trenddojo.domain.orders import (
    OrderClass,
    OrderError,
    OrderRole,
    OrderTerms,
    OrderType,
    TimeInForce,
    validate_terms,
)
from trenddojo.domain.risk import Breach

ZERO = Decimal(0)
# While a broker does not say whether its market is open, a waiting order is looked at again after this long.
GUESSED_FOR = timedelta(minutes=1)
WAITING = (TradeStatus.PLANNED, TradeStatus.PENDING)
# They wait for their auction at the broker.
AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)


@dataclass(frozen=True, slots=True)
class Checked:
    """What an order would be and every limit it breaks. Money in cents; `value` and `risk` are zero for an exit.

    `send_after` is the open it waits for, None when it can leave at once.
    """

    terms: OrderTerms
    instrument: Instrument
    trade: Trade | None
    role: OrderRole
    holding: Holding
    facts: OrderFacts
    limits: OrderLimits
    state: GateState
    risk_state: RiskState
    breaches: tuple[Breach, ...]
    is_reducing: bool
    unit_price: Decimal | None
    value: Decimal
    risk: Decimal
    send_after: datetime | None

    @property
    def is_entry(self) -> bool:
        return self.role is OrderRole.ENTRY

    @property
    def cost(self) -> Decimal | None:
        """Quantity at the counted price, for exits too."""
        if self.unit_price is None:
            return None
        return cents(self.unit_price * self.terms.quantity * self.instrument.multiplier)


def order_check(
    desk: Desk, given: OrderInput, market: Market, *, now: datetime, without_orders: Collection[UUID] = ()
) -> Checked:
    """Check an order as it is asked for; `without_orders` are those it takes the place of.

    Raises Http404 for another's trade and OrderError, TradeError, NumberError, SymbolError or DomainError with the
    field, where it cannot be an order at all. Limits are no exceptions: they are `breaches`.
    """
    trade = _trade_named(desk, given)
    asset_class = AssetClass(trade.asset_class if trade else given.asset_class)
    symbol = instrument_for(given.symbol, asset_class).symbol
    holding = holding_of(desk.account, desk.connection, symbol)
    trade = trade or holding.trade
    instrument = _instrument(desk, given, symbol, asset_class, trade=trade, holding=holding)
    terms = terms_from(given, symbol)
    validate_terms(terms, instrument=instrument, market_price=_met_at(terms, market))
    _refuse_unsupported(desk, terms, asset_class)
    role = _role(terms, trade, holding)
    if role is OrderRole.ENTRY:
        _check_entry(desk, terms, trade, holding, without_orders)
    return _judged(desk, _Asked(terms, instrument, trade, role, holding, without_orders), market, now)


@dataclass(frozen=True, slots=True)
class _Asked:
    terms: OrderTerms
    instrument: Instrument
    trade: Trade | None
    role: OrderRole
    holding: Holding
    without_orders: Collection[UUID]

    @property
    def plan(self) -> Trade | None:
        """The waiting plan whose entry this is: its own reservation does not count against it."""
        return self.trade if self.trade is not None and self.trade.status in WAITING else None


def _trade_named(desk: Desk, given: OrderInput) -> Trade | None:
    """The trade the order is for, where one is named."""
    if given.trade_id is None:
        return None
    trade = Trade.objects.defer("search").filter(pk=given.trade_id, account=desk.account).order_by().first()
    if trade is None:
        raise Http404
    if trade.status in (TradeStatus.CLOSED, TradeStatus.CANCELLED):
        raise OrderError("trade_over", "This trade is over: plan a new one.", "trade")
    if trade.symbol != validate_symbol(given.symbol):
        raise OrderError("other_symbol", f"This trade is in {trade.symbol}.", "symbol")
    trade.account = desk.account
    return trade


def _instrument(
    desk: Desk, given: OrderInput, symbol: str, asset_class: AssetClass, *, trade: Trade | None, holding: Holding
) -> Instrument:
    # What is held in parts may be sold in parts, whatever the account says of buying.
    in_parts = desk.account.allows_fractions or holding.quantity % 1 != 0
    return instrument_for(
        symbol,
        asset_class,
        multiplier=trade.multiplier if trade else given.multiplier,
        fractions=Fractions.ALLOWED if in_parts else Fractions.WHOLE,
    )


def _met_at(terms: OrderTerms, market: Market) -> Decimal | None:
    """The price a market order would meet."""
    if market.quote is None:
        return None
    return market.quote.ask if terms.side is positions.Side.BUY else market.quote.bid


def _refuse_unsupported(desk: Desk, terms: OrderTerms, asset_class: AssetClass) -> None:
    field, sentence = unsupported_at(desk.capabilities, terms, asset_class)
    if sentence:
        raise OrderError("unsupported", sentence, field)


def _role(terms: OrderTerms, trade: Trade | None, holding: Holding) -> OrderRole:
    """What the order is for, seen from what is held."""
    if is_opposite(terms.side, holding.quantity):
        if trade is not None and trade.status in WAITING:
            raise OrderError("position_exists", f"You hold {terms.symbol} the other way: close that first.", "symbol")
        return _exit_role(terms)
    if terms.order_class is OrderClass.OCO:
        raise OrderError("nothing_held", "There is no position for this stop and target to protect.", "side")
    if trade is not None and terms.side != positions.Direction(trade.direction).entry_side:
        if trade.status in WAITING:
            raise OrderError(
                "wrong_side", f"A {trade.direction} trade is not entered this way: change the side.", "side"
            )
        raise OrderError("nothing_held", f"The broker holds no {terms.symbol} that this could close.", "side")
    return OrderRole.ENTRY


def _exit_role(terms: OrderTerms) -> OrderRole:
    if terms.order_class in (OrderClass.BRACKET, OrderClass.OTO):
        raise OrderError("exit_has_no_exits", "An order that closes a position has no stop or target.", "order_class")
    if terms.order_class is OrderClass.OCO:
        return OrderRole.TAKE_PROFIT
    is_stop = terms.type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
    return OrderRole.STOP_LOSS if is_stop else OrderRole.EXIT


def _check_entry(
    desk: Desk, terms: OrderTerms, trade: Trade | None, holding: Holding, without_orders: Collection[UUID]
) -> None:
    if terms.side is positions.Side.SELL and not (desk.capabilities.shorts and desk.connection.allows_shorts):
        raise OrderError("no_shorts", f"You hold no {terms.symbol}, and this account may not sell short.", "side")
    if trade is None or trade.status not in WAITING:
        return
    if holding.trade is not None:
        sentence = f"This account holds {terms.symbol} already: add to that trade instead."
        raise OrderError("position_exists", sentence, "symbol")
    working = Order.objects.filter(trade=trade, role=OrderRole.ENTRY, parent=None, status__in=WORKING)
    if working.exclude(pk__in=without_orders).exists():
        raise OrderError("already_ordered", "An order for this plan works already: change or cancel that one.", "trade")


def _judged(desk: Desk, asked: _Asked, market: Market, now: datetime) -> Checked:
    terms, instrument, holding = asked.terms, asked.instrument, asked.holding
    account = desk.account
    room = risk_state(
        account,
        now=now,
        symbol=terms.symbol,
        asset_class=instrument.asset_class,
        without=asked.plan.pk if asked.plan else None,
        without_orders=asked.without_orders,
    )
    price = _unit_price(terms, market)
    _refuse_too_large(terms, instrument, price)
    facts = OrderFacts(
        side=terms.side,
        type=terms.type,
        quantity=terms.quantity,
        unit_price=price,
        multiplier=instrument.multiplier,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        risk_amount=_risk(asked, price),
    )
    send_after = _opens_at(desk, asked, market, now)
    state = _gate_state(desk, asked, room, market, now, waits_for_open=send_after is not None)
    limits = order_limits(desk, asked.trade)
    is_entry = asked.role is OrderRole.ENTRY
    return Checked(
        terms=terms,
        instrument=instrument,
        trade=asked.trade,
        role=asked.role,
        holding=holding,
        facts=facts,
        limits=limits,
        state=state,
        risk_state=room,
        breaches=check_order(facts, limits, state),
        is_reducing=is_reducing(facts, state),
        unit_price=price,
        value=cents(price * terms.quantity * instrument.multiplier) if price and is_entry else ZERO,
        risk=facts.risk_amount,
        send_after=send_after,
    )


def _refuse_too_large(terms: OrderTerms, instrument: Instrument, price: Decimal | None) -> None:
    """Money that no column holds is a slip of the finger."""
    highest = max(price or ZERO, terms.stop_loss.stop_price if terms.stop_loss else ZERO)
    with exact():
        if highest * terms.quantity * instrument.multiplier >= MOST_MONEY:
            raise OrderError("too_large", "This order is too large: check its price and quantity.", "quantity")


def _unit_price(terms: OrderTerms, market: Market) -> Decimal | None:
    """What one unit is counted at."""
    target = terms.take_profit.limit_price if terms.take_profit and terms.order_class is OrderClass.OCO else None
    return terms.limit_price or terms.stop_price or target or _met_at(terms, market)


def _risk(asked: _Asked, price: Decimal | None) -> Decimal:
    """What an entry loses at its stop: its own, or the one its trade has; zero without one."""
    terms = asked.terms
    stop = terms.stop_loss.stop_price if terms.stop_loss else asked.trade.stop_loss if asked.trade else None
    if asked.role is not OrderRole.ENTRY or price is None or stop is None:
        return ZERO
    with exact():
        return cents(max(ZERO, terms.side.sign * (price - stop) * terms.quantity * asked.instrument.multiplier))


def _opens_at(desk: Desk, asked: _Asked, market: Market, now: datetime) -> datetime | None:
    """The open an order waits for; None where it can leave now."""
    terms, clock = asked.terms, market.clock
    if clock.is_open or terms.extended_hours or terms.time_in_force in AUCTIONS:
        return None
    if asked.role is not OrderRole.ENTRY and desk.capabilities.keeps_orders_while_closed:
        return None
    if has_own_time(clock, now):
        # It is asked again at every sweep.
        return now
    # The market of a broker that says nothing may be open: the calendar's word alone keeps nothing until its next open.
    return min(clock.next_open, now + GUESSED_FOR) if isinstance(clock, CalendarClock) else clock.next_open


def _gate_state(
    desk: Desk, asked: _Asked, room: RiskState, market: Market, now: datetime, *, waits_for_open: bool
) -> GateState:
    holding, orders, account = asked.holding, room.orders, desk.account
    # What the broker holds beyond the journal counts too.
    beyond = max(ZERO, holding.value - (holding.trade.open_value if holding.trade else ZERO))
    needs_switch = not desk.connection.is_paper
    return GateState(
        account=replace(room.account, position_value_in_symbol=room.account.position_value_in_symbol + cents(beyond)),
        position=holding.quantity,
        closing=orders.selling if holding.quantity > 0 else orders.buying,
        opens_position=not holding.quantity and holding.trade is None and not orders.has_entry,
        orders_last_minute=orders.last_minute,
        quote=market.quote_state(),
        waits_for_open=waits_for_open,
        halted=account.halt_reason if account.is_halted else None,
        brakes=tuple((brake.code, brake.sentence) for brake in brakes_of(desk.connection, now=now)),
        is_armed=not needs_switch or live_is_armed(desk.connection, now),
        is_integrated=not needs_switch or settings.ENABLE_BROKER_INTEGRATIONS,
    )


def order_limits(desk: Desk, trade: Trade | None) -> OrderLimits:
    """The account's policy, with what the trade's setup may risk laid over it."""
    policy = policy_of(desk.account)
    return OrderLimits(
        risk=limits_for_setup(desk.account, trade.setup_id if trade else None),
        max_orders_per_minute=policy.max_orders_per_minute,
        price_collar_percent=policy.price_collar_percent,
        max_quote_age_seconds=Decimal(policy.max_quote_age_seconds),
    )


def commission_of(desk: Desk, checked: Checked, *, now: datetime) -> CostEstimate:
    """What the broker is expected to charge for it, filled at once."""
    return estimate(
        desk.connection.broker,
        checked.instrument.asset_class,
        side=checked.terms.side,
        quantity=checked.terms.quantity,
        price=checked.unit_price or ZERO,
        multiplier=checked.instrument.multiplier,
        on=now.astimezone(exchange_timezone(desk.account.exchange)).date(),
    )
