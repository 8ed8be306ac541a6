"""Cancelling and replacing orders.

Both take effect at once, or after the delay that is set for them; until then the order is pending_cancel or
pending_replace and may still fill. A replacement is an order of its own with a new id and a new place in the queue. It
takes over what the old one had filled: its quantity is the whole, as with the old one, and must be more than that.
"""

from dataclasses import replace

from brokers.simulator.engine import rules
from brokers.simulator.engine.intake import (
    check_client_id_unused,
    check_replacement_funds,
    check_stop,
    check_wash_trade,
    collar_of,
    number,
    set_end,
)
from brokers.simulator.engine.ledger import execute
from brokers.simulator.engine.lifecycle import end, enlist, finish, leave, pair_of, place_trail
from brokers.simulator.engine.matching import trade
from brokers.simulator.engine.state import Account, Deed, State, snapshot
from brokers.simulator.engine.types import (
    Order,
    OrderChanges,
    OrderClass,
    OrderType,
    Outcome,
    Rejection,
    Status,
    TimeInForce,
    UpdateKind,
)

REPLACEABLE = frozenset({Status.NEW, Status.PARTIALLY_FILLED, Status.HELD})
CANCELLABLE = REPLACEABLE | {Status.ACCEPTED, Status.PENDING_NEW}
# Orders that are not at the market yet: nothing has to be waited for to cancel them.
NOT_THERE = frozenset({Status.ACCEPTED, Status.PENDING_NEW, Status.HELD})
# Which types have which price; a trail is price or percent, as the order has it.
PRICED = {
    "limit_price": frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT}),
    "stop_price": frozenset({OrderType.STOP, OrderType.STOP_LIMIT}),
    "trail": frozenset({OrderType.TRAILING_STOP}),
}


def own_order(state: State, account: Account, order_id: str) -> Order:
    order = state.memory.orders.get(order_id)
    if order is None or order.account_id != account.id:
        raise rules.not_found(f"order not found for {order_id}")
    return order


def cancel(state: State, order: Order) -> None:
    if order.status not in CANCELLABLE:
        raise rules.broken_rule("order is not cancelable")
    if order.status in NOT_THERE or not state.memory.delays.cancel:
        finish(state, order, Status.CANCELED)
        return
    order.status = Status.PENDING_CANCEL
    state.tell(order, UpdateKind.PENDING_CANCEL)
    state.set_timer(state.now + state.memory.delays.cancel, Deed.CANCEL, order.id)


def cancel_pending(state: State, order: Order) -> None:
    """The cancellation arrives; it comes too late for an order that is done for another reason."""
    if not order.is_done:
        finish(state, order, Status.CANCELED)
    elif order.status is not Status.CANCELED:
        state.tell(order, UpdateKind.CANCEL_REJECTED)


def fill_late(state: State, order: Order) -> None:
    """A cancelled order had filled before the cancellation reached the market, which is told only now.

    So both of two exits that exclude each other may fill. Raises Rejection for an order that was not cancelled.
    """
    price = order.limit_price or order.stop_price
    if order.status is not Status.CANCELED or order.qty is None or price is None:
        raise rules.broken_rule("only a cancelled order with a price can fill late")
    order.status = Status.FILLED
    order.canceled_at = None
    execute(state, order, order.qty - order.filled_qty, price)


def cancel_all(state: State, account: Account) -> list[Outcome]:
    """Ask to cancel every open order. Those that go with another of their group are not named twice."""
    outcomes = []
    for order in list(state.working(account)):
        try:
            if not order.is_done:
                cancel(state, order)
                outcomes.append(Outcome(order.id, order.symbol, 200, snapshot(order)))
        except Rejection as rejection:
            outcomes.append(Outcome(order.id, order.symbol, rejection.http_status, snapshot(order), rejection))
    return outcomes


def replace_order(state: State, account: Account, old: Order, changes: OrderChanges) -> Order:
    """Accept a replacement and return it. Raises Rejection, changing nothing."""
    _check_changes(old, changes)
    check_client_id_unused(account, changes.client_order_id)
    new = _replacement(state, old, changes)
    if not _differs(old, new):
        raise rules.broken_rule("order parameters are not changed")
    _check_relations(state, old, new)
    if old.status is not Status.HELD:
        check_replacement_funds(state, account, new, old)
        check_wash_trade(state, account, new, besides=old.id)
    number(state, new)
    enlist(state, new)
    answer = snapshot(new)
    _begin(state, old, new)
    return answer


def replace_pending(state: State, new: Order) -> None:
    """The replacement arrives; it is refused when the old order is done or the replacement itself was cancelled."""
    old = state.memory.orders[new.replaces or ""]
    if new.is_done:
        _resume(old)
    elif old.is_done:
        state.tell(old, UpdateKind.REPLACE_REJECTED)
        end(state, new, Status.REJECTED)
    else:
        _swap(state, old, new)


def _begin(state: State, old: Order, new: Order) -> None:
    delay = state.memory.delays.replace
    if not delay or old.status is Status.HELD:
        _swap(state, old, new)
        return
    old.status = Status.PENDING_REPLACE
    state.tell(old, UpdateKind.PENDING_REPLACE)
    state.set_timer(state.now + delay, Deed.REPLACE, new.id)


def _resume(old: Order) -> None:
    if old.status is Status.PENDING_REPLACE:
        old.status = Status.PARTIALLY_FILLED if old.filled_qty else Status.NEW


def _check_changes(old: Order, changes: OrderChanges) -> None:
    if old.status not in REPLACEABLE:
        raise rules.broken_rule(f"cannot replace order in {old.status} status")
    if old.notional is not None:
        raise rules.broken_rule("notional orders cannot be replaced")
    rules.check_client_id(changes.client_order_id)
    for name, types in PRICED.items():
        price = getattr(changes, name)
        if price is None:
            continue
        if old.type not in types:
            raise rules.malformed(f"{old.type} orders require no {name}")
        rules.check_price(name, price)
    _check_qty(old, changes)
    _check_time_in_force(old, changes)


def _check_qty(old: Order, changes: OrderChanges) -> None:
    if changes.qty is None or changes.qty == old.qty:
        return
    rules.check_qty(changes.qty)
    if changes.qty % 1 or (old.qty is not None and old.qty % 1):
        raise rules.broken_rule("qty of fractional orders cannot be replaced")
    if changes.qty <= old.filled_qty:
        raise rules.broken_rule("qty must be > filled_qty")
    if _is_paired(old):
        raise rules.broken_rule("qty of take_profit and stop_loss orders cannot be replaced")


def _is_paired(order: Order) -> bool:
    return order.parent_id is not None or order.order_class is OrderClass.OCO


def _check_time_in_force(old: Order, changes: OrderChanges) -> None:
    if changes.time_in_force in {None, old.time_in_force}:
        return
    if old.order_class is not OrderClass.SIMPLE:
        raise rules.broken_rule("time_in_force of complex orders cannot be replaced")
    if {changes.time_in_force, old.time_in_force} - {TimeInForce.DAY, TimeInForce.GTC}:
        raise rules.broken_rule("time_in_force can only be replaced by day or gtc")
    if old.extended_hours or (old.qty is not None and old.qty % 1):
        raise rules.broken_rule("time_in_force of this order must be day")


def _check_relations(state: State, old: Order, new: Order) -> None:
    """A target and a stop that exclude each other stay a cent apart."""
    other = pair_of(state, old)
    if other is None:
        return
    target, stop = (new, other) if new.type is OrderType.LIMIT else (other, new)
    if target.limit_price is not None and stop.stop_price is not None:
        check_stop(stop.stop_price, (target.limit_price,), new.side)


def _replacement(state: State, old: Order, changes: OrderChanges) -> Order:
    given = {name: value for name in FIELDS if (value := getattr(changes, name)) is not None}
    if changes.trail is not None:
        given["trail_price" if old.trail_price is not None else "trail_percent"] = changes.trail
    new = replace(
        old,
        client_order_id=changes.client_order_id or "",
        status=Status.PENDING_NEW,
        created_at=state.now,
        updated_at=state.now,
        submitted_at=state.now,
        replaces=old.id,
        legs=[],
        **given,
    )
    if changes.time_in_force is not None:
        set_end(state, new)
    if changes.stop_price is not None:
        new.working_limit = collar_of(new.side, new.type, new.stop_price)
    return new


FIELDS = ("qty", "time_in_force", "limit_price", "stop_price")
COMPARED = (*FIELDS, "trail_price", "trail_percent")


def _differs(old: Order, new: Order) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in COMPARED)


def _swap(state: State, old: Order, new: Order) -> None:
    """Put the new order in the old one's place: at the market and in its group."""
    was_held, book = old.status is Status.HELD, state.current_book(old.symbol)
    was_booked = old.id in book.order_ids
    new.filled_qty, new.filled_value, new.filled_avg_price = old.filled_qty, old.filled_value, old.filled_avg_price
    new.hwm, new.is_triggered, new.legs = old.hwm, old.is_triggered, old.legs
    place_trail(new)
    _take_place(state, old, new)
    leave(state, old)
    old.status, old.replaced_at, old.replaced_by, old.legs = Status.REPLACED, state.now, new.id, []
    state.tell(old, UpdateKind.REPLACED)
    if was_booked:
        book.order_ids.append(new.id)
    if was_held:
        new.status = Status.HELD
    else:
        new.status = Status.PARTIALLY_FILLED if new.filled_qty else Status.NEW
        state.tell(new, UpdateKind.NEW)
    trade(state, book)


def _take_place(state: State, old: Order, new: Order) -> None:
    for leg in state.legs(new):
        leg.parent_id = new.id
        if new.order_class is not OrderClass.OCO:
            leg.qty = new.qty
    parent = state.parent(new)
    if parent is not None:
        parent.legs = [new.id if leg == old.id else leg for leg in parent.legs]
