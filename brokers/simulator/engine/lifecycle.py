"""How an order comes to the market and leaves it, and what that does to the orders tied to it.

Groups. The legs of a bracket or oto are held until their entry has filled completely. Then the target works at the
market, while the stop of a pair stays held and the exchange watches the price for it: when its price is reached the
target is cancelled and the stop goes to the market, so that the pair never trades more than the position. A target that
fills in part shortens its stop. When an order of a group is cancelled, expires or is rejected, everything in the group
that is still open goes with it, also when the entry had filled in part: what it bought is then unprotected, as it is
with Alpaca. With the time in force day the whole group ends at the close.
"""

from decimal import ROUND_HALF_UP, Decimal

from brokers.simulator.engine.sessions import Phase, extended_session_due, session_due
from brokers.simulator.engine.state import State
from brokers.simulator.engine.types import (
    Order,
    OrderClass,
    OrderType,
    Side,
    Status,
    TimeInForce,
    UpdateKind,
)

ENDINGS: dict[Status, tuple[UpdateKind, str]] = {
    Status.CANCELED: (UpdateKind.CANCELED, "canceled_at"),
    Status.EXPIRED: (UpdateKind.EXPIRED, "expired_at"),
    Status.REJECTED: (UpdateKind.REJECTED, "failed_at"),
}
DOLLAR = Decimal(1)
CENT = Decimal("0.01")
FINE_TICK = Decimal("0.0001")


def on_tick(price: Decimal) -> Decimal:
    """The nearest price an order may have: cents, below one dollar hundredths of a cent."""
    return price.quantize(CENT if price >= DOLLAR else FINE_TICK, ROUND_HALF_UP)


def can_trade(state: State, order: Order) -> bool:
    """Whether the hours that run now are hours for this order."""
    if state.phase is Phase.REGULAR:
        return True
    return order.extended_hours and state.phase is not Phase.CLOSED


def enlist(state: State, order: Order) -> None:
    """Put the order on the exchange's lists."""
    account = state.account_of(order)
    state.memory.orders[order.id] = order
    account.order_ids.append(order.id)
    account.open_ids.append(order.id)
    account.client_ids[order.client_order_id] = order.id


def dispatch(state: State, order: Order) -> None:
    """Bring an accepted order to the market now if its market is open, else let it wait for that."""
    if not can_trade(state, order):
        order.status = Status.ACCEPTED
        state.memory.waiting.append(order.id)
        state.tell(order, UpdateKind.ACCEPTED)
        return
    go_live(state, order)


def go_live(state: State, order: Order) -> None:
    """Put the order into its symbol's book."""
    order.status = Status.PARTIALLY_FILLED if order.filled_qty else Status.NEW
    state.book(order.symbol).order_ids.append(order.id)
    state.tell(order, UpdateKind.NEW)
    if order.order_class is OrderClass.OCO:
        for stop in state.legs(order):
            watch_stop(state, stop)


def trail(order: Order, price: Decimal) -> None:
    """Move the stop after a price that is better than any before."""
    is_sale = order.side is Side.SELL
    if order.hwm is not None and (price <= order.hwm if is_sale else price >= order.hwm):
        return
    order.hwm = price
    place_trail(order)


def place_trail(order: Order) -> None:
    """Put a trailing stop at its distance from the best price it has seen."""
    if order.hwm is None or order.type is not OrderType.TRAILING_STOP:
        return
    price = order.hwm
    away = order.trail_price if order.trail_price is not None else price * (order.trail_percent or Decimal(0)) / 100
    order.stop_price = on_tick(price - away if order.side is Side.SELL else price + away)


def end(state: State, order: Order, status: Status) -> None:
    """Take the order from the market for good; its group is left alone."""
    kind, stamp = ENDINGS[status]
    order.status = status
    setattr(order, stamp, state.now)
    leave(state, order)
    state.tell(order, kind)


def finish(state: State, order: Order, status: Status) -> None:
    """End the order, and with it whatever of its group is still open."""
    end(state, order, status)
    for other in group_of(state, order):
        if not other.is_done:
            end(state, other, status)


def leave(state: State, order: Order) -> None:
    """Strike the order off the lists of what is open."""
    state.account_of(order).open_ids.remove(order.id)
    for listed in (state.memory.waiting, state.book(order.symbol).order_ids):
        if order.id in listed:
            listed.remove(order.id)


def group_of(state: State, order: Order) -> list[Order]:
    """The other orders of the order's group."""
    root = state.parent(order) or order
    return [other for other in (root, *state.legs(root)) if other is not order]


def completed(state: State, order: Order) -> None:
    """The order has filled: let its exits work, or call off the other exit."""
    leave(state, order)
    if order.parent_id is None and order.order_class in {OrderClass.BRACKET, OrderClass.OTO}:
        _release_legs(state, order)
        return
    for other in group_of(state, order):
        if not other.is_done:
            end(state, other, Status.CANCELED)


def shortened(state: State, order: Order) -> None:
    """A target filled in part: its stop covers what is left."""
    stop = pair_of(state, order)
    if stop is None or order.qty is None:
        return
    stop.qty = order.qty - order.filled_qty
    state.tell(stop, UpdateKind.RESTATED)


def pair_of(state: State, order: Order) -> Order | None:
    """The other of two exits that exclude each other, as long as it is open; None for the entry of a bracket."""
    if order.order_class not in {OrderClass.BRACKET, OrderClass.OCO}:
        return None
    if order.order_class is OrderClass.BRACKET and order.parent_id is None:
        return None
    root = state.parent(order) or order
    exits = [root, *state.legs(root)] if order.order_class is OrderClass.OCO else state.legs(root)
    return next((other for other in exits if other is not order and not other.is_done), None)


def day_end(state: State, order: Order) -> None:
    """Give a day order the end of the session it trades in."""
    if order.time_in_force is not TimeInForce.DAY:
        return
    if order.extended_hours:
        order.expires_at = extended_session_due(state.sessions, state.now).post
    else:
        order.expires_at = session_due(state.sessions, state.now).close


def watch_stop(state: State, order: Order) -> None:
    """Let the exchange watch the price for the held stop of a pair."""
    state.book(order.symbol).order_ids.append(order.id)


def _release_legs(state: State, entry: Order) -> None:
    legs = [leg for leg in state.legs(entry) if leg.status is Status.HELD]
    for leg in legs:
        day_end(state, leg)
        is_watched = len(legs) > 1 and leg.type is not OrderType.LIMIT
        if is_watched:
            watch_stop(state, leg)
        else:
            go_live(state, leg)
