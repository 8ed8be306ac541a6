"""Time passing: the market's ticks in their order, the turns of the day, and what was put off until later."""

import heapq
from collections.abc import Callable
from datetime import datetime
from functools import partial

from brokers.simulator.engine import changing, corporate, funds
from brokers.simulator.engine.intake import bring
from brokers.simulator.engine.ledger import end_day
from brokers.simulator.engine.lifecycle import finish
from brokers.simulator.engine.market import Tick
from brokers.simulator.engine.matching import auction, band_of, trade
from brokers.simulator.engine.sessions import Moment, Phase, moments_at, next_moment
from brokers.simulator.engine.state import Book, Deed, State, Timer
from brokers.simulator.engine.types import Order, Quote, Session, Status, TimeInForce


def advance(state: State, to: datetime) -> None:
    """Play everything after the present, up to and including `to`."""
    while state.now < to:
        until = min(to, next_moment(state.sessions, state.now), _next_timer(state, to))
        _play(state, until)
        state.memory.now = until
        for moment, session in moments_at(state.sessions, until):
            TURNS[moment](state, session)
        run_timers(state)


def run_timers(state: State) -> None:
    """Do what is due."""
    for timer in state.due():
        DEEDS[timer.deed](state, timer)


def _next_timer(state: State, to: datetime) -> datetime:
    return state.memory.timers[0].at if state.memory.timers else to


def _play(state: State, until: datetime) -> None:
    """Show the ticks of every symbol somebody has an order in or watches."""
    memory = state.memory
    watched = frozenset(memory.watched)
    busy = {symbol for symbol, book in memory.books.items() if book.order_ids}
    streams = [
        state.market.ticks(symbol, memory.now, until)
        if symbol in watched
        else state.market.ticks_outside(symbol, memory.now, until, partial(band_of, state, state.book(symbol)))
        for symbol in sorted(busy | watched)
    ]
    for tick in heapq.merge(*streams, key=lambda each: each.at):
        _show(state, tick, watched)


def _show(state: State, tick: Tick, watched: frozenset[str]) -> None:
    item = tick.item
    state.memory.now = tick.at
    if item.symbol in watched:
        state.outbox.append(item)
    if isinstance(item, Quote):
        book = state.memory.books.get(item.symbol)
        if book is not None:
            book.show(item)
            trade(state, book)


def _begin_pre_market(state: State, session: Session) -> None:
    if session.pre < session.open:
        state.enter(Phase.PRE)
        _release(state, lambda order: order.extended_hours)


def _open(state: State, session: Session) -> None:
    state.enter(Phase.REGULAR)
    _release(state, lambda _: True)
    for symbol in list(state.memory.books):
        auction(state, state.current_book(symbol), TimeInForce.OPG, state.market.opening(symbol, session))


def _close(state: State, session: Session) -> None:
    for symbol in list(state.memory.books):
        auction(state, state.current_book(symbol), TimeInForce.CLS, state.market.closing(symbol, session))
    _expire(state)
    _take_balances(state, session)
    state.enter(Phase.POST if session.close < session.post else Phase.CLOSED)


def _keep_house(state: State, _: Session) -> None:
    _expire(state)


def _end_after_hours(state: State, _: Session) -> None:
    _expire(state)
    for account in state.memory.accounts.values():
        end_day(state, account)
    state.enter(Phase.CLOSED)


def _release(state: State, is_due: Callable[[Order], bool]) -> None:
    """Bring the orders that waited for this moment to the market, oldest first."""
    for order_id in list(state.memory.waiting):
        order = state.memory.orders[order_id]
        if order_id in state.memory.waiting and is_due(order):
            state.memory.waiting.remove(order_id)
            bring(state, order)


def _expire(state: State) -> None:
    """End the orders whose time is over: a day order expires, an older one is cancelled for its age."""
    for account in state.memory.accounts.values():
        for order_id in list(account.open_ids):
            order = state.memory.orders[order_id]
            if not order.is_done and order.expires_at is not None and order.expires_at <= state.now:
                finish(state, order, Status.EXPIRED if order.time_in_force is TimeInForce.DAY else Status.CANCELED)


def _take_balances(state: State, session: Session) -> None:
    """Remember what each account was worth at the close."""
    for account in state.memory.accounts.values():
        long_value, short_value = funds.market_values(state, account)
        account.last_equity = account.cash + long_value + short_value
        account.last_maintenance = funds.maintenance_margin(long_value, short_value)
        account.balance_asof = session.day


def _route(state: State, timer: Timer) -> None:
    order = state.memory.orders[timer.subject]
    if order.status is Status.PENDING_NEW:
        bring(state, order)


def _cancel(state: State, timer: Timer) -> None:
    changing.cancel_pending(state, state.memory.orders[timer.subject])


def _replace(state: State, timer: Timer) -> None:
    changing.replace_pending(state, state.memory.orders[timer.subject])


def _split(state: State, timer: Timer) -> None:
    corporate.split(state, timer.subject, timer.amount)


def _pay_dividend(state: State, timer: Timer) -> None:
    corporate.dividend(state, timer.subject, timer.amount)


def halt(book: Book) -> None:
    book.is_halted = True


def resume(state: State, book: Book) -> None:
    book.is_halted = False
    trade(state, book)


TURNS: dict[Moment, Callable[[State, Session], None]] = {
    Moment.PRE: _begin_pre_market,
    Moment.OPEN: _open,
    Moment.CLOSE: _close,
    Moment.HOUSEKEEPING: _keep_house,
    Moment.POST: _end_after_hours,
}
DEEDS: dict[Deed, Callable[[State, Timer], None]] = {
    Deed.ROUTE: _route,
    Deed.CANCEL: _cancel,
    Deed.REPLACE: _replace,
    Deed.SPLIT: _split,
    Deed.DIVIDEND: _pay_dividend,
}
