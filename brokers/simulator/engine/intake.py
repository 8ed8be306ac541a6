"""Taking an order in: the rules that need the account and the market, then the order and its legs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from brokers.simulator.engine import funds, rules
from brokers.simulator.engine.catalogue import ASSETS, BY_ID, generated
from brokers.simulator.engine.lifecycle import can_trade, day_end, dispatch, end, enlist, on_tick
from brokers.simulator.engine.matching import arrive, available, remaining
from brokers.simulator.engine.sessions import (
    Phase,
    closing_cutoff_passed,
    housekeeping_on,
    new_york_day,
    opening_cutoff_passed,
)
from brokers.simulator.engine.state import Account, Deed, State, snapshot
from brokers.simulator.engine.types import (
    ZERO,
    Asset,
    ExitDraft,
    Order,
    OrderClass,
    OrderDraft,
    OrderType,
    Rejection,
    Side,
    Status,
    TimeInForce,
    UpdateKind,
)

CENT = Decimal("0.01")
GTC_DAYS = timedelta(days=90)
# A buy's stop is worked as a stop-limit this far above the stop: more below 50 dollars.
COLLAR_FROM = Decimal(50)
COLLAR = Decimal("1.025")
WIDE_COLLAR = Decimal("1.04")
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
EXEMPT_CLASSES = frozenset({OrderClass.BRACKET, OrderClass.OTO, OrderClass.OCO})
WITHOUT_LIMIT = frozenset({OrderType.MARKET, OrderType.STOP})


def find_asset(state: State, symbol_or_id: str) -> Asset | None:
    """A listed asset, or one the market has prices of, by its symbol or id."""
    if symbol_or_id in ASSETS or symbol_or_id in state.market.symbols:
        return generated(symbol_or_id)
    listed = BY_ID.get(symbol_or_id)
    if listed is not None:
        return listed
    return next((a for a in map(generated, state.market.symbols) if a.id == symbol_or_id), None)


def submit(state: State, account: Account, draft: OrderDraft) -> Order:
    """Accept the order, bring it to the market and return it as it was accepted. Raises Rejection, changing nothing."""
    order = _accepted(state, account, draft)
    _check_buying_power(state, account, order, ZERO)
    legs = [_leg(order, exit_draft) for exit_draft in _exits(draft)]
    for each in (order, *legs):
        number(state, each)
        enlist(state, each)
    for leg in legs:
        leg.parent_id = order.id
    order.legs = [leg.id for leg in legs]
    order.status = Status.PENDING_NEW if can_trade(state, order) else Status.ACCEPTED
    answer = snapshot(order)
    if order.status is Status.PENDING_NEW and state.memory.delays.route:
        state.tell(order, UpdateKind.PENDING_NEW)
        state.set_timer(state.now + state.memory.delays.route, Deed.ROUTE, order.id)
    else:
        bring(state, order)
    return answer


def bring(state: State, order: Order) -> None:
    """Let the order into the market, or have it wait for the open, and match it."""
    book = state.current_book(order.symbol)
    fills_whole = available(state, book, order) >= remaining(order, Decimal(1))
    dispatch(state, order)
    if order.time_in_force is TimeInForce.FOK and not fills_whole:
        end(state, order, Status.CANCELED)
        return
    arrive(state, book, order)
    if order.time_in_force in AT_ONCE and not order.is_done:
        end(state, order, Status.CANCELED)


def number(state: State, order: Order) -> None:
    """Give the order its identity and its place in the queue."""
    order.sequence = state.count()
    order.id = state.identity("order")
    order.client_order_id = order.client_order_id or state.identity("client-order")


def closing_draft(symbol: str, position_qty: Decimal, qty: Decimal) -> OrderDraft:
    """The market order that takes `qty` shares off a position."""
    return OrderDraft(symbol=symbol, side=Side.SELL if position_qty > 0 else Side.BUY, qty=qty)


def check_client_id_unused(account: Account, client_order_id: str | None) -> None:
    if client_order_id is not None and client_order_id in account.client_ids:
        raise rules.malformed("client_order_id must be unique")


def check_available(state: State, account: Account, order: Order, freed: Decimal) -> None:
    """An order that closes may ask for what no other order is about to close; `freed` is what it takes the place of."""
    held = funds.held_qty(state, account, order.symbol) - freed
    existing = abs(account.position_qty(order.symbol))
    free = existing - held
    asked = remaining(order, funds.entry_price(state, order.symbol, order.side) or Decimal(1))
    if asked > free:
        raise rules.forbidden(
            f"insufficient qty available for order (requested: {plain(asked)}, available: {plain(free)})",
            available=plain(free),
            existing_qty=plain(existing),
            held_for_orders=plain(held),
            symbol=order.symbol,
            related_orders=[other.id for other in funds.closing_orders(state, account, order.symbol)],
        )


def _check_buying_power(state: State, account: Account, order: Order, freed: Decimal) -> None:
    power = funds.buying_power(state, account) + freed
    cost = funds.cost_of(state, order)
    if cost > power:
        raise rules.forbidden(
            "insufficient buying power", buying_power=plain(power.quantize(CENT)), cost_basis=plain(cost.quantize(CENT))
        )


def check_replacement_funds(state: State, account: Account, new: Order, old: Order) -> None:
    """What the new order needs beyond what the old one holds must be there."""
    if new.position_intent.endswith("_to_close"):
        check_available(state, account, new, (old.qty or ZERO) - old.filled_qty)
    else:
        _check_buying_power(state, account, new, funds.cost_of(state, old))


def check_wash_trade(state: State, account: Account, order: Order, besides: str = "") -> None:
    """Two orders of one account must not be able to trade with each other."""
    if is_exempt(order):
        return
    for other in state.working(account):
        if other.symbol != order.symbol or other.side is order.side or is_exempt(other) or other.id == besides:
            continue
        reason = _wash_reason(order, other)
        if reason:
            raise rules.forbidden(
                "potential wash trade detected. use complex orders", existing_order_id=other.id, reject_reason=reason
            )


def is_exempt(order: Order) -> bool:
    return order.type is OrderType.TRAILING_STOP or order.order_class in EXEMPT_CLASSES


def plain(number: Decimal) -> str:
    """The number as people write it: no exponent, no needless zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def collar_of(side: Side, order_type: OrderType, stop_price: Decimal | None) -> Decimal | None:
    """The limit a buy's stop is worked with; None for every other order."""
    if side is not Side.BUY or order_type is not OrderType.STOP or stop_price is None:
        return None
    return on_tick(stop_price * (COLLAR if stop_price >= COLLAR_FROM else WIDE_COLLAR))


def _accepted(state: State, account: Account, draft: OrderDraft) -> Order:
    """The order, not yet numbered, when every rule but the one about money is content with it."""
    rules.check_form(draft)
    check_client_id_unused(account, draft.client_order_id)
    asset = find_asset(state, draft.symbol)
    if asset is None:
        raise rules.broken_rule(f'could not find asset "{draft.symbol}"')
    rules.check_asset(draft, asset)
    if funds.price_of(state, asset.symbol) is None:
        raise rules.broken_rule(f'asset "{asset.symbol}" is not tradable')
    if account.is_blocked:
        raise rules.forbidden("trading is blocked for this account")
    _check_window(state, draft)
    order = _order(state, account, replace(draft, symbol=asset.symbol))
    _check_position(state, account, draft, order, asset)
    _check_exits(state, draft)
    check_wash_trade(state, account, order)
    return order


def _check_window(state: State, draft: OrderDraft) -> None:
    if draft.time_in_force is TimeInForce.OPG and opening_cutoff_passed(state.sessions, state.now):
        raise rules.broken_rule("opg orders are not accepted between 9:28am and 7:00pm ET")
    if draft.time_in_force is TimeInForce.CLS and closing_cutoff_passed(state.sessions, state.now):
        raise rules.broken_rule("cls orders are not accepted between 3:50pm and 7:00pm ET")
    if draft.time_in_force in AT_ONCE and state.phase is not Phase.REGULAR:
        raise rules.broken_rule(f"{draft.time_in_force} orders are only accepted during market hours")


def _check_position(state: State, account: Account, draft: OrderDraft, order: Order, asset: Asset) -> None:
    is_closing = order.position_intent.endswith("_to_close")
    if is_closing and draft.order_class in {OrderClass.BRACKET, OrderClass.OTO}:
        raise rules.broken_rule(f"{draft.order_class} orders must be entry orders")
    if not is_closing and draft.order_class is OrderClass.OCO:
        raise rules.broken_rule("oco orders must be exit orders")
    if is_closing:
        check_available(state, account, order, ZERO)
    elif order.side is Side.SELL:
        rules.check_short(draft, asset)
        if not funds.may_short(account, funds.equity_of(state, account)):
            raise rules.forbidden("account is not allowed to short")


def _check_exits(state: State, draft: OrderDraft) -> None:
    """Target and stop lie on their sides of the entry, a cent away at least; the stop of the present price too."""
    if draft.order_class is OrderClass.SIMPLE:
        return
    is_pair = draft.order_class is OrderClass.OCO
    exit_side = draft.side if is_pair else draft.side.other
    current = funds.entry_price(state, draft.symbol, exit_side) or ZERO
    base = _target_price(draft) if is_pair else draft.limit_price
    base = base or funds.entry_price(state, draft.symbol, draft.side) or ZERO
    target = None if is_pair else _target_price(draft)
    stop = draft.stop_loss.stop_price if draft.stop_loss else None
    if target is not None and not _is_beyond(target, base, exit_side):
        sign = ">= base_price + 0.01" if exit_side is Side.SELL else "<= base_price - 0.01"
        raise Rejection(422, rules.BROKEN_RULE, f"take_profit.limit_price must be {sign}", {"base_price": plain(base)})
    if stop is not None:
        check_stop(stop, (base, current), exit_side)


def check_stop(stop: Decimal, bases: tuple[Decimal, ...], side: Side) -> None:
    for base in bases:
        if not _is_beyond(base, stop, side):
            sign = "less than base_price - 0.01" if side is Side.SELL else "greater than base_price + 0.01"
            raise Rejection(422, None, f"stop price must be {sign}", {"base_price": plain(base)})


def _is_beyond(target: Decimal, base: Decimal, exit_side: Side) -> bool:
    """Whether an exit on that side would gain at least a cent from `base` to `target`."""
    return target - base >= CENT if exit_side is Side.SELL else base - target >= CENT


def _target_price(draft: OrderDraft) -> Decimal | None:
    if draft.take_profit is not None and draft.take_profit.limit_price is not None:
        return draft.take_profit.limit_price
    return draft.limit_price if draft.order_class is OrderClass.OCO else None


def _wash_reason(order: Order, other: Order) -> str | None:
    if other.type in WITHOUT_LIMIT:
        return f"opposite side {other.type} order exists"
    if order.type in WITHOUT_LIMIT:
        return f"opposite side {other.type} order exists"
    buy, sale = (order, other) if order.side is Side.BUY else (other, order)
    do_cross = (buy.limit_price or ZERO) >= (sale.limit_price or ZERO)
    return f"opposite side {other.type} order exists" if do_cross else None


def _intent(account: Account, draft: OrderDraft) -> str:
    held = account.position_qty(draft.symbol)
    closes = held > 0 if draft.side is Side.SELL else held < 0
    return f"{draft.side}_to_{'close' if closes else 'open'}"


def _order(state: State, account: Account, draft: OrderDraft) -> Order:
    now = state.now
    limit_price = _target_price(draft) if draft.order_class is OrderClass.OCO else draft.limit_price
    order = Order(
        id="",
        client_order_id=draft.client_order_id or "",
        account_id=account.id,
        symbol=draft.symbol,
        side=draft.side,
        type=draft.type,
        time_in_force=draft.time_in_force,
        order_class=draft.order_class,
        qty=draft.qty,
        notional=draft.notional,
        limit_price=limit_price,
        stop_price=draft.stop_price,
        trail_price=draft.trail_price,
        trail_percent=draft.trail_percent,
        extended_hours=draft.extended_hours,
        position_intent=_intent(account, draft),
        status=Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        submitted_at=now,
        expires_at=None,
        sequence=0,
        working_limit=collar_of(draft.side, draft.type, draft.stop_price),
    )
    set_end(state, order)
    return order


def set_end(state: State, order: Order) -> None:
    """Say when the order ends if nothing happens: at its session's close, or after 90 days."""
    order.expires_at = None
    day_end(state, order)
    if order.time_in_force is TimeInForce.GTC:
        order.expires_at = housekeeping_on(new_york_day(state.now) + GTC_DAYS)


def _exits(draft: OrderDraft) -> list[ExitDraft]:
    """The legs: target and stop of a bracket, the one of an oto, the stop of an oco, whose target is the order."""
    target = ExitDraft(limit_price=draft.take_profit.limit_price) if draft.take_profit else None
    wanted = [draft.stop_loss] if draft.order_class is OrderClass.OCO else [target, draft.stop_loss]
    return [each for each in wanted if each is not None]


def _leg(entry: Order, draft: ExitDraft) -> Order:
    side = entry.side if entry.order_class is OrderClass.OCO else entry.side.other
    order_type = _leg_type(draft)
    return replace(
        entry,
        client_order_id="",
        side=side,
        type=order_type,
        limit_price=draft.limit_price,
        stop_price=draft.stop_price,
        position_intent=f"{side}_to_close",
        status=Status.HELD,
        legs=[],
        working_limit=collar_of(side, order_type, draft.stop_price),
    )


def _leg_type(draft: ExitDraft) -> OrderType:
    if draft.stop_price is None:
        return OrderType.LIMIT
    return OrderType.STOP if draft.limit_price is None else OrderType.STOP_LIMIT
