"""Executions on the books: cash, positions and the statement.

What a fill closes is realised against the cost it takes off the position; what goes beyond opens the other side at the
fill's price. Cash + cost of positions − realised profit − fees and other bookings is always what was paid in.
"""

from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from brokers.simulator.engine.holdings import Position
from brokers.simulator.engine.sessions import new_york_day
from brokers.simulator.engine.state import Account, State
from brokers.simulator.engine.types import (
    ZERO,
    Activity,
    Order,
    Side,
    Status,
    UpdateKind,
)

CENT = Decimal("0.01")
AVERAGE = Decimal("0.000000001")


class Fee(NamedTuple):
    """A regulator's charge: `rate` on each dollar or share, buys too or sells only."""

    name: str
    rate: Decimal
    basis: str


# The account is charged at the end of the day, on the day's total, rounded up to the cent, as Alpaca does it.
FEES = (
    Fee("REG", Decimal("0.0000278"), "sold_value"),
    Fee("TAF", Decimal("0.000166"), "sold_shares"),
    Fee("CAT", Decimal("0.000046"), "traded_shares"),
)


def execute(state: State, order: Order, qty: Decimal, price: Decimal) -> None:
    """Book one execution of an order and tell it. Whether the order is done with it is for the caller to say."""
    account = state.account_of(order)
    order.filled_qty += qty
    order.filled_value += qty * price
    order.filled_avg_price = (order.filled_value / order.filled_qty).quantize(AVERAGE)
    _trade(state, account, order, qty, price)
    _meter(account, order.side, qty, price)
    is_filled = order.status is Status.FILLED
    kind = UpdateKind.FILL if is_filled else UpdateKind.PARTIAL_FILL
    if is_filled:
        order.filled_at = state.now
    execution_id = state.identity("execution")
    state.tell(order, kind, execution_id=execution_id, price=price, qty=qty)
    record(
        state,
        account,
        "FILL",
        symbol=order.symbol,
        qty=qty,
        price=price,
        side=order.side,
        fill_kind=kind,
        leaves_qty=ZERO if is_filled or order.qty is None else order.qty - order.filled_qty,
        cum_qty=order.filled_qty,
        order_id=order.id,
        order_status=order.status,
        execution_id=execution_id,
    )


def record(state: State, account: Account, kind: str, **fields: object) -> Activity:
    """Add a line to the account's statement."""
    stamp = state.now.strftime("%Y%m%d%H%M%S") + f"{state.now.microsecond // 1000:03d}"
    activity = Activity(
        id=f"{stamp}::{state.identity('activity')}",
        account_id=account.id,
        type=kind,
        at=state.now,
        **fields,  # type: ignore[arg-type]
    )
    account.activities.append(activity)
    return activity


def pay(state: State, account: Account, kind: str, amount: Decimal, **fields: object) -> Activity:
    """Book cash that comes in, or goes out when negative, with its line on the statement."""
    account.cash += amount
    return record(state, account, kind, net_amount=amount, **fields)


def pending_fees(account: Account) -> list[tuple[Fee, Decimal]]:
    """What the running day has come to, fee by fee, in whole cents; those of nothing left out."""
    due = [(fee, (fee.rate * getattr(account, fee.basis)).quantize(CENT, ROUND_UP)) for fee in FEES]
    return [(fee, amount) for fee, amount in due if amount]


def end_day(state: State, account: Account) -> None:
    """Charge the day's fees, and tell the cost of positions by their lots."""
    charge_fees(state, account)
    for position in account.positions.values():
        account.realized_pl += position.end_day()


def charge_fees(state: State, account: Account) -> None:
    """Book the day's fees and begin a new day."""
    for fee, amount in pending_fees(account):
        pay(state, account, "FEE", -amount, description=f"{fee.name} fee")
    account.traded_shares = account.sold_shares = account.sold_value = ZERO


def _trade(state: State, account: Account, order: Order, qty: Decimal, price: Decimal) -> None:
    signed = qty if order.side is Side.BUY else -qty
    account.cash -= signed * price
    position = account.positions.setdefault(order.symbol, Position(order.symbol))
    if position.qty * signed < 0:
        signed = _close(account, position, signed, price)
    if signed:
        position.enter(signed, price, new_york_day(state.now))
    if not position.qty:
        del account.positions[order.symbol]


def _close(account: Account, position: Position, signed: Decimal, price: Decimal) -> Decimal:
    """Take off the position what the fill closes; returns what is left of the fill."""
    closed = min(abs(signed), abs(position.qty)).copy_sign(signed)
    account.realized_pl += -closed * price - position.leave(abs(closed))
    return signed - closed


def _meter(account: Account, side: Side, qty: Decimal, price: Decimal) -> None:
    account.traded_shares += qty
    if side is Side.SELL:
        account.sold_shares += qty
        account.sold_value += qty * price
