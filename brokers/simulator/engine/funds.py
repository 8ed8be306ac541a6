"""What an account is worth and what it may still do.

A margin account of at least 2 000 dollars buys for twice its equity, any other for once. Buying power is
multiplier × equity − market value of all positions, long and short − what working orders would open. A working order
is counted at its limit, a stop at its stop (with the collar of a buy stop), a market order at the ask, a sale that
opens a short at no less than 3 % above the ask; orders that close are counted at nothing. Dividends, interest, margin
calls and settlement are not part of it.
"""

from collections.abc import Iterator
from decimal import Decimal

from brokers.simulator.engine.holdings import Position
from brokers.simulator.engine.ledger import pending_fees
from brokers.simulator.engine.matching import remaining
from brokers.simulator.engine.sessions import new_york_day
from brokers.simulator.engine.state import Account, State
from brokers.simulator.engine.types import (
    ZERO,
    AccountReport,
    Asset,
    Order,
    OrderType,
    PositionReport,
    Side,
    Status,
)

MARGIN_MINIMUM = Decimal(2000)
INITIAL_MARGIN = Decimal("0.5")
MAINTENANCE_MARGIN = Decimal("0.3")
SHORT_BUFFER = Decimal("1.03")
ONE = Decimal(1)
RATIO = Decimal("0.00000001")


def price_of(state: State, symbol: str) -> Decimal | None:
    """The symbol's last trade, else the middle of its quote; None when it was never quoted."""
    trade = state.market.trade_at(symbol, state.now)
    if trade is not None:
        return trade.price
    quote = state.market.quote_at(symbol, state.now)
    return quote.mid if quote is not None and quote.is_tradable else None


def entry_price(state: State, symbol: str, side: Side) -> Decimal | None:
    """What a market order would pay or get now: the quote, or the last trade while the market is closed."""
    quote = state.market.quote_at(symbol, state.now)
    if quote is None or not quote.is_tradable or quote.at <= state.memory.phase_since:
        return price_of(state, symbol)
    return quote.ask if side is Side.BUY else quote.bid


def cost_of(state: State, order: Order) -> Decimal:
    """Dollars of buying power that what is left of the order takes."""
    if order.position_intent.endswith("_to_close"):
        return ZERO
    if order.notional is not None:
        return order.notional - order.filled_value
    return ((order.qty or ZERO) - order.filled_qty) * _counted_price(state, order)


def reserved(state: State, account: Account) -> Decimal:
    return sum((cost_of(state, order) for order in _counted(state, account)), ZERO)


def held_qty(state: State, account: Account, symbol: str) -> Decimal:
    """Shares of the position that working orders are about to close."""
    return held_by_symbol(state, account).get(symbol, ZERO)


def held_by_symbol(state: State, account: Account) -> dict[str, Decimal]:
    """Shares of each position that working orders are about to close."""
    held: dict[str, Decimal] = {}
    for order in _counted(state, account):
        if order.position_intent.endswith("_to_close"):
            price = price_of(state, order.symbol) or ONE if order.qty is None else ONE
            held[order.symbol] = held.get(order.symbol, ZERO) + remaining(order, price)
    return held


def closing_orders(state: State, account: Account, symbol: str) -> list[Order]:
    return [
        order
        for order in _counted(state, account)
        if order.symbol == symbol and order.position_intent.endswith("_to_close")
    ]


def multiplier(account: Account, equity: Decimal) -> int:
    return 2 if account.kind == "margin" and equity >= MARGIN_MINIMUM else 1


def buying_power(state: State, account: Account) -> Decimal:
    long_value, short_value = market_values(state, account)
    return _buying_power(state, account, long_value, short_value)


def equity_of(state: State, account: Account) -> Decimal:
    return account.cash + sum(market_values(state, account))


def market_values(state: State, account: Account) -> tuple[Decimal, Decimal]:
    """What the long and the short positions are worth; the shorts as a negative number."""
    values = [position.qty * current_price(state, position) for position in account.positions.values()]
    return sum((value for value in values if value > 0), ZERO), sum((value for value in values if value < 0), ZERO)


def last_close(state: State, symbol: str) -> Decimal | None:
    """The close of the session before today, in today's shares."""
    session = state.sessions.before(new_york_day(state.now))
    price = state.market.closing(symbol, session)
    return None if price is None else price / state.split_factor(symbol, session.close)


def current_price(state: State, position: Position) -> Decimal:
    price = price_of(state, position.symbol)
    return position.avg_entry_price if price is None else price


def maintenance_margin(long_value: Decimal, short_value: Decimal) -> Decimal:
    return (long_value - short_value) * MAINTENANCE_MARGIN


def report_account(state: State, account: Account) -> AccountReport:
    long_value, short_value = market_values(state, account)
    equity = account.cash + long_value + short_value
    power = _buying_power(state, account, long_value, short_value)
    plain = max(ZERO, equity - long_value + short_value - reserved(state, account))
    return AccountReport(
        id=account.id,
        account_number=account.number,
        kind=account.kind,
        created_at=account.created_at,
        multiplier=multiplier(account, equity),
        shorting_enabled=may_short(account, equity),
        trading_blocked=account.is_blocked,
        account_blocked=False,
        cash=account.cash,
        equity=equity,
        last_equity=account.last_equity,
        long_market_value=long_value,
        short_market_value=short_value,
        initial_margin=(long_value - short_value) * INITIAL_MARGIN,
        maintenance_margin=maintenance_margin(long_value, short_value),
        last_maintenance_margin=account.last_maintenance,
        buying_power=power,
        regt_buying_power=power,
        non_marginable_buying_power=plain,
        realized_pl=account.realized_pl,
        pending_fees=sum((amount for _, amount in pending_fees(account)), ZERO),
        balance_asof=account.balance_asof,
    )


def may_short(account: Account, equity: Decimal) -> bool:
    return account.is_shorting and multiplier(account, equity) > 1


def report_position(state: State, position: Position, asset: Asset, held: Decimal) -> PositionReport:
    """The position now, `held` shares of it about to be closed.

    Its profit of the day counts from the last close, or from the entry when it was opened today.
    """
    price = current_price(state, position)
    last = last_close(state, position.symbol) or price
    begun = position.avg_entry_price if position.opened_on == new_york_day(state.now) else last
    value = position.qty * price
    profit, intraday = value - position.cost, position.qty * (price - begun)
    return PositionReport(
        asset=asset,
        qty=position.qty,
        qty_available=position.qty - held if position.qty > 0 else position.qty + held,
        avg_entry_price=position.avg_entry_price,
        cost_basis=position.cost,
        market_value=value,
        current_price=price,
        lastday_price=last,
        change_today=_ratio(price - last, last),
        unrealized_pl=profit,
        unrealized_plpc=_ratio(profit, abs(position.cost)),
        unrealized_intraday_pl=intraday,
        unrealized_intraday_plpc=_ratio(intraday, abs(position.qty * begun)),
    )


def _counted(state: State, account: Account) -> Iterator[Order]:
    """Working orders; in place of one that is being replaced its replacement counts."""
    return (order for order in state.working(account) if order.status is not Status.PENDING_REPLACE)


def _buying_power(state: State, account: Account, long_value: Decimal, short_value: Decimal) -> Decimal:
    equity = account.cash + long_value + short_value
    gross = long_value - short_value
    return max(ZERO, multiplier(account, equity) * equity - gross - reserved(state, account))


def _counted_price(state: State, order: Order) -> Decimal:
    price = _asked_price(order)
    if order.side is Side.BUY:
        return price or entry_price(state, order.symbol, Side.BUY) or ZERO
    ask = entry_price(state, order.symbol, Side.BUY) or ZERO
    return max(price or ZERO, ask * SHORT_BUFFER)


def _asked_price(order: Order) -> Decimal | None:
    if order.type is OrderType.STOP:
        return order.working_limit or order.stop_price
    return order.stop_price if order.type is OrderType.TRAILING_STOP else order.limit_price


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return (part / whole).quantize(RATIO) if whole else ZERO
