"""What happens to a company's shares, and to cash, without an order.

A split multiplies the shares of every position at once and leaves its cost; fractions stay fractions, cash in lieu is
not paid. Open orders are restated: as many times the shares, prices divided and put on their tick; an order that
would no longer be for whole shares, or whose price would fall below the smallest tick, is cancelled. A dividend is paid
at once, at its moment, to whoever holds the share then; whoever is short pays it. Orders keep their prices.
"""

from decimal import Decimal

from brokers.simulator.engine.holdings import Position
from brokers.simulator.engine.ledger import pay, record
from brokers.simulator.engine.lifecycle import finish, on_tick
from brokers.simulator.engine.state import Payout, Scaling, State
from brokers.simulator.engine.types import ZERO, Order, Status, UpdateKind

CENT = Decimal("0.01")
PRICES = ("limit_price", "stop_price", "trail_price", "hwm", "working_limit")


def split(state: State, symbol: str, ratio: Decimal) -> None:
    """`ratio` new shares for one old, from this moment on."""
    state.memory.scalings.append(Scaling(symbol=symbol, factor=ratio, at=state.now, is_split=True))
    state.market.scale(symbol, ratio, state.now)
    for account in state.memory.accounts.values():
        position = account.positions.get(symbol)
        if position is not None:
            _split_position(state, account.id, position, ratio)
        for order_id in list(account.open_ids):
            order = state.memory.orders[order_id]
            if order.symbol == symbol and not order.is_done:
                _split_order(state, order, ratio)


def move(state: State, symbol: str, factor: Decimal) -> None:
    """Put the symbol's price at `factor` times what it would be, from this moment on, as news would."""
    shares = 1 / factor
    state.memory.scalings.append(Scaling(symbol=symbol, factor=shares, at=state.now, is_split=False))
    state.market.scale(symbol, shares, state.now)


def dividend(state: State, symbol: str, amount: Decimal) -> None:
    """Pay `amount` dollars for every share held at this moment, to the cent."""
    state.memory.payouts.append(Payout(symbol=symbol, amount=amount, at=state.now))
    for account in state.memory.accounts.values():
        qty = account.position_qty(symbol)
        if qty:
            total = (qty * amount).quantize(CENT)
            pay(state, account, "DIV", total, symbol=symbol, qty=qty, per_share_amount=amount)


def _split_position(state: State, account_id: str, position: Position, ratio: Decimal) -> None:
    before = position.qty
    position.split(ratio)
    record(
        state,
        state.memory.accounts[account_id],
        "SPLIT",
        symbol=position.symbol,
        qty=position.qty - before,
        price=position.avg_entry_price,
        net_amount=ZERO,
        description=f"{ratio.normalize():f} for 1 split",
    )


def _split_order(state: State, order: Order, ratio: Decimal) -> None:
    was_whole = order.qty is not None and order.qty % 1 == 0
    if order.qty is not None:
        order.qty *= ratio
    order.filled_qty *= ratio
    if order.filled_avg_price is not None:
        order.filled_avg_price = order.filled_value / order.filled_qty
    for name in PRICES:
        price = getattr(order, name)
        if price is not None:
            setattr(order, name, on_tick(price / ratio))
    if (was_whole and order.qty is not None and order.qty % 1) or order.limit_price == 0 or order.stop_price == 0:
        finish(state, order, Status.CANCELED)
    else:
        state.tell(order, UpdateKind.RESTATED)
