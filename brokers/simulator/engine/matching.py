"""Orders against the quote.

Every quote brings its displayed sizes; buys take from the ask, sales from the bid, at exactly that price and for no
more than is left of the size. Orders of all accounts share it: the better limit first, market orders before limits,
then the older order. What is left of a size when a later order arrives is there for it until the next quote. Nothing
trades while a symbol is halted, on a quote with a missing side or a bid above its ask, or on one made before the hours
that run now began; outside regular hours only extended-hours orders trade.

A sale's stop is reached when the bid is at or below it, a buy's when the ask is at or above it, in regular hours only;
it then trades on that same quote: a sale's stop as a market order, a buy's stop as a limit order 4 % above the stop
(2.5 % from 50 dollars on), which is what Alpaca makes of it, a stop-limit at its limit, a trailing stop as a market
order. A trailing stop follows the best bid (sale) or ask (buy) since it came to the market.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal

from brokers.simulator.engine.ledger import execute
from brokers.simulator.engine.lifecycle import completed, end, pair_of, shortened, trail
from brokers.simulator.engine.market import NOWHERE, Band
from brokers.simulator.engine.sessions import Phase
from brokers.simulator.engine.state import Book, State
from brokers.simulator.engine.types import (
    ZERO,
    Order,
    OrderType,
    Quote,
    Side,
    Status,
    TimeInForce,
    UpdateKind,
)

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
AT_MARKET = frozenset({Status.NEW, Status.PARTIALLY_FILLED, Status.PENDING_CANCEL, Status.PENDING_REPLACE})
AUCTION_ONLY = frozenset({TimeInForce.OPG, TimeInForce.CLS})
SMALLEST_QTY = Decimal("0.000000001")
WHOLE = Decimal(1)


def trade(state: State, book: Book) -> None:
    """Match the book against its quote until nothing more happens."""
    if not book.order_ids or not is_trading(state, book):
        return
    while _round(state, book):
        pass


def arrive(state: State, book: Book, order: Order) -> None:
    """Match an order that has just come to the book: what was there before it has had what it could of this quote."""
    quote = book.quote
    # The stop of an oco comes with it.
    if quote is not None and any(_may_act(each, quote) for each in (order, *state.legs(order))):
        trade(state, book)


def is_trading(state: State, book: Book) -> bool:
    quote = book.quote
    if quote is None or book.is_halted or not quote.is_tradable or state.phase is Phase.CLOSED:
        return False
    return quote.at > state.memory.phase_since


def available(state: State, book: Book, order: Order) -> Decimal:
    """How many shares the order could have of the standing quote right now."""
    if not is_trading(state, book) or book.quote is None or not _is_marketable(order, book.quote):
        return ZERO
    return book.ask_left if order.side is Side.BUY else book.bid_left


def auction(state: State, book: Book, time_in_force: TimeInForce, price: Decimal | None) -> None:
    """Fill this auction's orders completely at its price; cancel those it does not fill."""
    orders = [state.memory.orders[order_id] for order_id in book.order_ids]
    for order in sorted((o for o in orders if o.time_in_force is time_in_force), key=lambda o: o.sequence):
        if price is not None and not book.is_halted and _accepts(order, price):
            _fill(state, order, remaining(order, price), price)
        else:
            end(state, order, Status.CANCELED)


def remaining(order: Order, price: Decimal) -> Decimal:
    """Shares still wanted; for an order in dollars as many as they buy at `price`, down to a billionth."""
    if order.qty is not None:
        return order.qty - order.filled_qty
    dollars = (order.notional or ZERO) - order.filled_value
    return (dollars / price).quantize(SMALLEST_QTY, ROUND_DOWN)


def band_of(state: State, book: Book) -> Band:
    """The prices between which nothing can happen to the book; nowhere when every quote counts."""
    lows: list[Decimal] = [ZERO]
    highs: list[Decimal] = []
    for order in _listed(state, book):
        if order.time_in_force in AUCTION_ONLY:
            continue
        low, high = _reach(order)
        if low is None and high is None:
            return NOWHERE
        lows += [low] if low is not None else []
        highs += [high] if high is not None else []
    return Band(max(lows), min(highs, default=None))


def _reach(order: Order) -> tuple[Decimal | None, Decimal | None]:
    """The prices below and above which a quote matters to the order; neither when each does."""
    is_sale, is_waiting = order.side is Side.SELL, order.type in STOPS and not order.is_triggered
    if is_waiting and order.type is OrderType.TRAILING_STOP:
        return (order.stop_price, order.hwm) if is_sale else (order.hwm, order.stop_price)
    price = order.stop_price if is_waiting else limit_of(order)
    # A sale's stop and a buy's limit are met from above, a buy's stop and a sale's limit from below.
    return (price, None) if is_sale == is_waiting else (None, price)


def limit_of(order: Order) -> Decimal | None:
    """The worst price the order takes, None for any."""
    if order.type in LIMITED:
        return order.limit_price
    return order.working_limit if order.is_triggered else None


def _round(state: State, book: Book) -> bool:
    """Trail and trigger the stops, then let each side take what the quote has. Says whether anything happened."""
    has_triggered = state.phase is Phase.REGULAR and _trigger_stops(state, book)
    has_bought = _take(state, book, Side.BUY)
    has_sold = _take(state, book, Side.SELL)
    return has_triggered or has_bought or has_sold


def _trigger_stops(state: State, book: Book) -> bool:
    quote = book.quote
    found = False
    for order in [order for order in _listed(state, book) if order.type in STOPS and not order.is_triggered]:
        if quote is None or order.is_done:
            continue
        price = _price_for(order, quote)
        if order.type is OrderType.TRAILING_STOP:
            trail(order, price)
        if _is_reached(order, price):
            _trigger(state, order)
            found = True
    return found


def _is_reached(order: Order, price: Decimal) -> bool:
    if order.stop_price is None:
        return False
    return price <= order.stop_price if order.side is Side.SELL else price >= order.stop_price


def _trigger(state: State, order: Order) -> None:
    order.is_triggered = True
    if order.status is not Status.HELD:
        return
    target = pair_of(state, order)
    if target is not None:
        end(state, target, Status.CANCELED)
    order.status = Status.NEW
    state.tell(order, UpdateKind.NEW)


def _take(state: State, book: Book, side: Side) -> bool:
    quote = book.quote
    if quote is None:
        return False
    price = quote.ask if side is Side.BUY else quote.bid
    found = False
    # Most of a book is away from the quote: that is asked first of all.
    near = [order for order in _listed(state, book) if order.side is side and _accepts(order, price)]
    for order in sorted((order for order in near if _is_taker(state, order)), key=_priority):
        left = book.ask_left if side is Side.BUY else book.bid_left
        qty = min(_whole(order, left), _wanted(state, order, price))
        if qty <= 0 or order.is_done:
            continue
        if side is Side.BUY:
            book.ask_left -= qty
        else:
            book.bid_left -= qty
        _fill(state, order, qty, price)
        found = True
    return found


def _listed(state: State, book: Book) -> Iterator[Order]:
    return map(state.memory.orders.__getitem__, book.order_ids)


def _may_act(order: Order, quote: Quote) -> bool:
    """Whether the order does anything on this quote, in hours that are its own."""
    if order.type not in STOPS or order.is_triggered:
        return _is_marketable(order, quote)
    # A trailing stop that comes to the market begins to follow.
    return order.type is OrderType.TRAILING_STOP or _is_reached(order, _price_for(order, quote))


def _price_for(order: Order, quote: Quote) -> Decimal:
    return quote.bid if order.side is Side.SELL else quote.ask


def _is_taker(state: State, order: Order) -> bool:
    if order.status not in AT_MARKET or order.time_in_force in AUCTION_ONLY:
        return False
    if order.type in STOPS and not order.is_triggered:
        return False
    return order.extended_hours or state.phase is Phase.REGULAR


def _wanted(state: State, order: Order, price: Decimal) -> Decimal:
    """What the order still asks for; a sale in dollars never asks for more than there is of the position."""
    wanted = remaining(order, price)
    if order.notional is None or order.side is Side.BUY:
        return wanted
    return min(wanted, max(ZERO, state.account_of(order).position_qty(order.symbol)))


def _priority(order: Order) -> tuple[Decimal, int]:
    """Orders by what they are willing to give: market orders first, the older first among equals."""
    limit = limit_of(order)
    if limit is None:
        return Decimal("-Infinity"), order.sequence
    return (-limit if order.side is Side.BUY else limit), order.sequence


def _is_marketable(order: Order, quote: Quote) -> bool:
    return _accepts(order, _price_for(order, quote))


def _accepts(order: Order, price: Decimal) -> bool:
    limit = limit_of(order)
    if limit is None:
        return True
    return price <= limit if order.side is Side.BUY else price >= limit


def _whole(order: Order, size: Decimal) -> Decimal:
    """An order in whole shares is not filled with fractions that another left of a size."""
    is_whole = order.qty is not None and order.qty % 1 == 0
    return size.quantize(WHOLE, ROUND_FLOOR) if is_whole else size


def _fill(state: State, order: Order, qty: Decimal, price: Decimal) -> None:
    is_complete = qty == _wanted(state, order, price)
    if is_complete:
        order.status = Status.FILLED
    elif order.status is Status.NEW:
        order.status = Status.PARTIALLY_FILLED
    execute(state, order, qty, price)
    if is_complete:
        completed(state, order)
    else:
        shortened(state, order)
