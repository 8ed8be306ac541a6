"""What the exchange remembers: accounts, orders, books and what is still to happen."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import prod
from typing import Any
from uuid import UUID, uuid5

from brokers.simulator.engine.holdings import Position
from brokers.simulator.engine.market import Market
from brokers.simulator.engine.sessions import Phase, Sessions
from brokers.simulator.engine.types import (
    LISTED_OPEN,
    ZERO,
    Activity,
    Event,
    Order,
    Quote,
    TradeUpdate,
    UpdateKind,
)

NAMESPACE = UUID("6f1d5f0e-6f0c-4b52-9c8a-0f3f6a2f9b11")


@dataclass(slots=True, kw_only=True)
class Account:
    """An account and its statement. Of its secret only a digest is kept."""

    id: str
    number: str
    key_id: str
    secret_digest: str
    kind: str
    is_shorting: bool
    created_at: datetime
    cash: Decimal = ZERO
    realized_pl: Decimal = ZERO
    is_blocked: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    # Every client order id ever used, and the order it names.
    client_ids: dict[str, str] = field(default_factory=dict)
    order_ids: list[str] = field(default_factory=list)
    # Those of them that are not done, held legs included.
    open_ids: list[str] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    # What fees of the running day are worked out from: shares traded, and shares and dollars sold.
    traded_shares: Decimal = ZERO
    sold_shares: Decimal = ZERO
    sold_value: Decimal = ZERO
    last_equity: Decimal = ZERO
    last_maintenance: Decimal = ZERO
    balance_asof: date

    def position_qty(self, symbol: str) -> Decimal:
        position = self.positions.get(symbol)
        return position.qty if position else ZERO


@dataclass(slots=True, kw_only=True)
class Book:
    """The orders of one symbol that are at the market, and what is left of the quote they trade against."""

    symbol: str
    quote: Quote | None = None
    bid_left: Decimal = ZERO
    ask_left: Decimal = ZERO
    is_halted: bool = False
    order_ids: list[str] = field(default_factory=list)

    def show(self, quote: Quote) -> None:
        """A new quote brings its full sizes; the same quote again brings nothing."""
        if quote == self.quote:
            return
        self.quote = quote
        self.bid_left = quote.bid_size
        self.ask_left = quote.ask_size


class Deed(StrEnum):
    """What a timer can be set for."""

    ROUTE = "route"
    CANCEL = "cancel"
    REPLACE = "replace"
    SPLIT = "split"
    DIVIDEND = "dividend"


@dataclass(slots=True, order=True)
class Timer:
    """Something that happens later; `subject` is an order's id or a symbol, `amount` a ratio or dollars a share."""

    at: datetime
    sequence: int
    deed: Deed = field(compare=False)
    subject: str = field(compare=False)
    amount: Decimal = field(compare=False, default=ZERO)


@dataclass(slots=True, kw_only=True)
class Scaling:
    """From `at` on the symbol has `factor` times as many shares; `is_split` when the holders got them."""

    symbol: str
    factor: Decimal
    at: datetime
    is_split: bool


@dataclass(slots=True, kw_only=True)
class Payout:
    """At `at` whoever held the symbol was paid `amount` dollars a share."""

    symbol: str
    amount: Decimal
    at: datetime


@dataclass(slots=True, kw_only=True)
class Delays:
    route: timedelta = timedelta(0)
    cancel: timedelta = timedelta(0)
    replace: timedelta = timedelta(0)


@dataclass(slots=True, kw_only=True)
class Memory:
    """The part of the state that is kept when the exchange is dumped."""

    now: datetime
    seed: str
    phase: Phase
    phase_since: datetime
    counter: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    # Orders that wait for their session to begin.
    waiting: list[str] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    scalings: list[Scaling] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    delays: Delays = field(default_factory=Delays)


class State:
    """The memory, the market and calendar around it, and the outbox of what happened."""

    def __init__(self, memory: Memory, market: Market, sessions: Sessions) -> None:
        self.memory = memory
        self.market = market
        self.sessions = sessions
        self.outbox: list[Event] = []

    @property
    def now(self) -> datetime:
        return self.memory.now

    def count(self) -> int:
        self.memory.counter += 1
        return self.memory.counter

    def identity(self, kind: str) -> str:
        """A new id, of which no other exchange with another seed has one."""
        return str(uuid5(NAMESPACE, f"{self.memory.seed}/{kind}/{self.count()}"))

    def book(self, symbol: str) -> Book:
        """The symbol's book as it was left."""
        book = self.memory.books.get(symbol)
        if book is None:
            book = self.memory.books[symbol] = Book(symbol=symbol)
        return book

    def current_book(self, symbol: str) -> Book:
        """The symbol's book with the quote of this moment."""
        book = self.book(symbol)
        quote = self.market.quote_at(symbol, self.now)
        if quote is not None:
            book.show(quote)
        return book

    @property
    def phase(self) -> Phase:
        return self.memory.phase

    def enter(self, phase: Phase) -> None:
        """Begin a phase of the day now; only quotes made later are traded on in it."""
        self.memory.phase = phase
        self.memory.phase_since = self.now

    def split_factor(self, symbol: str, since: datetime) -> Decimal:
        """How many of today's shares one share of `since` has become."""
        splits = (
            s.factor for s in self.memory.scalings if s.is_split and s.symbol == symbol and since < s.at <= self.now
        )
        return prod(splits, start=Decimal(1))

    def account_of(self, order: Order) -> Account:
        return self.memory.accounts[order.account_id]

    def working(self, account: Account) -> Iterator[Order]:
        """The account's orders that are open and could still trade; held legs are not among them."""
        for order_id in account.open_ids:
            order = self.memory.orders[order_id]
            if order.status in LISTED_OPEN:
                yield order

    def parent(self, order: Order) -> Order | None:
        return self.memory.orders[order.parent_id] if order.parent_id else None

    def legs(self, order: Order) -> list[Order]:
        return [self.memory.orders[leg] for leg in order.legs]

    def tell(self, order: Order, kind: UpdateKind, **execution: Any) -> None:
        """Put an update about the order, as it is now, into the outbox."""
        order.updated_at = self.now
        held = self.account_of(order).position_qty(order.symbol)
        self.outbox.append(
            TradeUpdate(
                account_id=order.account_id,
                kind=kind,
                order=snapshot(order),
                at=self.now,
                event_id=f"{self.count():026d}",
                position_qty=held,
                **execution,
            )
        )

    def set_timer(self, at: datetime, deed: Deed, subject: str, amount: Decimal = ZERO) -> None:
        heapq.heappush(self.memory.timers, Timer(at, self.count(), deed, subject, amount))

    def due(self) -> Iterator[Timer]:
        """The timers whose time has come, each taken out as it is handed over."""
        while self.memory.timers and self.memory.timers[0].at <= self.now:
            yield heapq.heappop(self.memory.timers)


def snapshot(order: Order) -> Order:
    return replace(order, legs=list(order.legs))


def snapshots(orders: Iterable[Order]) -> list[Order]:
    return [snapshot(order) for order in orders]
