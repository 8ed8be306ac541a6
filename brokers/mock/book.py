"""What a mock broker knows: its orders, fills and positions, and what it is told to do next.

One book a connection, in the memory of this process: two processes see two books, and a restart begins a new one.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from threading import RLock
from typing import Final

from brokers.base import CashReport, FillReport, OrderReport, OrderRequest, PositionReport
from brokers.mock import config
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import TERMINAL, OrderState
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType

S = OrderState
ZERO: Final = Decimal(0)
# These have a price to trade at; a stop waits for the market, which does not move here.
FILLED_AT_ONCE: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
RAW_STATUS: Final = {S.ACCEPTED: "new", S.CANCELLED: "canceled", S.CANCELLING: "pending_cancel"}


class Outcome(StrEnum):
    """What the mock broker does with a call when it is told to."""

    FILL = "fill"
    ACCEPT = "accept"
    PARTIAL = "partial"  # half of it fills
    REJECT = "reject"  # refused at once, with figures
    REJECT_LATER = "reject_later"  # taken, then rejected
    CLOSED = "closed"
    UNKNOWN_STATUS = "unknown_status"
    TIMEOUT_BEFORE = "timeout_before"  # no answer, and nothing was done
    TIMEOUT_AFTER = "timeout_after"  # no answer, and it was done
    RATE_LIMITED = "rate_limited"
    BAD_KEY = "bad_key"
    UNREACHABLE = "unreachable"
    NOT_FOUND_YET = "not_found_yet"


@dataclass
class Book:
    """The state of one mock account. Tests and demos script it; the adapter reads and writes it."""

    orders: dict[str, OrderReport] = field(default_factory=dict)
    fills: list[FillReport] = field(default_factory=list)
    cash: list[CashReport] = field(default_factory=list)
    shown: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    is_open: bool = True
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: RLock = field(default_factory=RLock)
    # How often each verb was called: a test counts what was sent.
    calls: list[str] = field(default_factory=list)
    _script: dict[str, deque[Outcome]] = field(default_factory=lambda: defaultdict(deque))

    # -- told from outside --------------------------------------------------------------------------------------------

    def script(self, verb: str, *outcomes: Outcome) -> None:
        """What the next calls of this verb of the interface come to, one each; after them the default holds again."""
        self._script[verb].extend(outcomes)

    def unscript(self, verb: str) -> None:
        self._script[verb].clear()

    def next_outcome(self, verb: str) -> Outcome | None:
        self.calls.append(verb)
        return self._script[verb].popleft() if self._script[verb] else None

    def show(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """The quote from now on. Nothing trades because of it."""
        self.shown[symbol] = (bid, ask)

    def place_external(self, terms: OrderTerms, asset_class: AssetClass = AssetClass.STOCK) -> OrderReport:
        """An order made elsewhere on the account: its id is none of ours, and it works."""
        return self.add(OrderRequest(f"external-{len(self.orders) + 1}", terms, asset_class))

    def fill(self, broker_order_id: str, quantity: Decimal | None = None, price: Decimal | None = None) -> OrderReport:
        """Execute an order wholly, or by this quantity; its twin goes, its legs begin to work."""
        order = self.orders[broker_order_id]
        open_quantity = (order.quantity or ZERO) - order.filled_quantity
        quantity = min(open_quantity if quantity is None else quantity, open_quantity)
        if order.state in TERMINAL or quantity <= 0:
            return order
        price = price or order.limit_price or order.stop_price or self.price(order.symbol)
        self._execute(order, quantity, price)
        filled = order.filled_quantity + quantity
        value = (order.filled_average_price or ZERO) * order.filled_quantity + price * quantity
        state = S.FILLED if filled == order.quantity else S.PARTIALLY_FILLED
        order = self._keep(order, state, filled_quantity=filled, filled_average_price=value / filled)
        if state is S.FILLED:
            self._group_after_fill(order)
        return self.orders[broker_order_id]

    def end(self, broker_order_id: str, state: OrderState) -> OrderReport:
        """Cancel, expire or reject an order with its legs; what is done already stays as it is."""
        order = self.orders[broker_order_id]
        for leg in order.legs:
            self.end(leg.broker_order_id, S.CANCELLED)
        return order if order.state in TERMINAL else self._keep(order, state)

    # -- asked by the adapter -----------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Bid and ask: what was shown, or a cent around 100."""
        return self.shown.get(symbol, (config.PRICE - config.HALF_SPREAD, config.PRICE + config.HALF_SPREAD))

    def price(self, symbol: str) -> Decimal:
        return sum(self.quote(symbol), ZERO) / 2

    def by_client_id(self, client_order_id: str) -> OrderReport | None:
        return next((order for order in self.orders.values() if order.client_order_id == client_order_id), None)

    def whole(self, order: OrderReport) -> OrderReport:
        """The order with its legs as they are now."""
        return replace(order, legs=tuple(self.orders[leg.broker_order_id] for leg in order.legs))

    def parents(self) -> Iterator[OrderReport]:
        legs = {leg.broker_order_id for order in self.orders.values() for leg in order.legs}
        return (self.whole(order) for key, order in self.orders.items() if key not in legs)

    def add(self, request: OrderRequest, *, replaces: str = "") -> OrderReport:
        """Take an order with its legs; nothing fills yet."""
        terms = request.terms
        order = self._new(request, terms, request.client_order_id, replaces=replaces)
        if terms.order_class is OrderClass.OCO and terms.take_profit:
            order = self._keep(order, S.ACCEPTED, limit_price=terms.take_profit.limit_price)
        legs = [self._new(request, leg, f"{request.client_order_id}-{leg.type}") for leg in _legs(terms)]
        return self._keep(order, S.ACCEPTED, legs=tuple(legs))

    def supersede(self, order: OrderReport, new: OrderReport) -> None:
        """The old order is replaced by the new one, which takes its legs and what was filled."""
        self._keep(order, S.REPLACED, replaced_by=new.broker_order_id, legs=())
        self._keep(
            new,
            order.state or S.ACCEPTED,
            legs=order.legs,
            filled_quantity=order.filled_quantity,
            filled_average_price=order.filled_average_price,
        )

    def mystify(self, order: OrderReport) -> None:
        """Give the order a status that nobody knows."""
        self._keep(order, None, raw_status="under_consideration")

    def positions(self) -> list[PositionReport]:
        """What the fills come to."""
        held: dict[tuple[str, AssetClass], Decimal] = defaultdict(Decimal)
        last: dict[tuple[str, AssetClass], Decimal] = {}
        for fill in self.fills:
            key = (fill.symbol, fill.asset_class)
            before, change = held[key], fill.side.sign * fill.quantity
            held[key] = before + change
            last[key] = _average(last.get(key, ZERO), before, change, fill.price)
        return [self._position(*key, quantity, last[key]) for key, quantity in held.items() if quantity]

    # -- how ----------------------------------------------------------------------------------------------------------

    def _position(self, symbol: str, asset_class: AssetClass, quantity: Decimal, average: Decimal) -> PositionReport:
        price = self.price(symbol)
        return PositionReport(
            symbol, asset_class, quantity, average, price, price * quantity, (price - average) * quantity
        )

    def _new(
        self, request: OrderRequest, terms: OrderTerms, client_order_id: str, *, replaces: str = ""
    ) -> OrderReport:
        order = OrderReport(
            broker_order_id=f"mock-{len(self.orders) + 1}",
            client_order_id=client_order_id,
            symbol=terms.symbol,
            asset_class=request.asset_class,
            side=terms.side,
            type=terms.type,
            time_in_force=terms.time_in_force,
            order_class=terms.order_class,
            quantity=terms.quantity,
            filled_quantity=ZERO,
            filled_average_price=None,
            state=S.ACCEPTED,
            raw_status="new",
            limit_price=terms.limit_price,
            stop_price=terms.stop_price,
            trail_percent=terms.trail_percent,
            trail_price=terms.trail_price,
            extended_hours=terms.extended_hours,
            submitted_at=self.now(),
            updated_at=self.now(),
            replaces=replaces,
        )
        self.orders[order.broker_order_id] = order
        return order

    def _keep(self, order: OrderReport, state: OrderState | None, **changes: object) -> OrderReport:
        words = {"raw_status": RAW_STATUS.get(state, state.value)} if state else {}
        times = {"updated_at": self.now()} | ({"filled_at": self.now()} if state is S.FILLED else {})
        kept = replace(order, state=state, **(words | times | changes))  # type: ignore[arg-type]
        self.orders[order.broker_order_id] = kept
        return kept

    def _execute(self, order: OrderReport, quantity: Decimal, price: Decimal) -> None:
        number = f"{len(self.fills) + 1:09d}"
        self.fills.append(
            FillReport(
                execution_id=f"mock-fill-{number}",
                broker_order_id=order.broker_order_id,
                symbol=order.symbol,
                asset_class=order.asset_class,
                side=side_of(order),
                quantity=quantity,
                price=price,
                executed_at=self.now(),
                commission=ZERO,
                fees=ZERO,
                cursor=number,
            )
        )

    def _group_after_fill(self, order: OrderReport) -> None:
        """One of two exits is done: the other goes. An OCO's parent is its target."""
        if order.order_class is OrderClass.OCO:
            for leg in order.legs:
                self.end(leg.broker_order_id, S.CANCELLED)
        for parent in list(self.orders.values()):
            ids = [leg.broker_order_id for leg in parent.legs]
            if order.broker_order_id in ids:
                twins = [*ids, parent.broker_order_id] if parent.order_class is OrderClass.OCO else ids
                for twin in twins:
                    if self.orders[twin].state not in TERMINAL:
                        self._keep(self.orders[twin], S.CANCELLED)


def side_of(order: OrderReport) -> Side:
    """The book keeps what was placed, and nothing is placed without a side."""
    if order.side is None:
        raise ValueError(f"Order {order.broker_order_id} has no side.")
    return order.side


def _legs(terms: OrderTerms) -> list[OrderTerms]:
    """The exits as orders of their own: opposite side for an entry, the same for an OCO, whose target is its parent."""
    is_oco = terms.order_class is OrderClass.OCO
    plain = OrderTerms(
        terms.symbol,
        terms.side if is_oco else terms.side.opposite,
        OrderType.LIMIT,
        terms.quantity,
        time_in_force=terms.time_in_force,
        order_class=terms.order_class,
    )
    legs = []
    if terms.take_profit and not is_oco:
        legs.append(replace(plain, limit_price=terms.take_profit.limit_price))
    if terms.stop_loss:
        kind = OrderType.STOP_LIMIT if terms.stop_loss.limit_price else OrderType.STOP
        stop, limit = terms.stop_loss.stop_price, terms.stop_loss.limit_price
        legs.append(replace(plain, type=kind, stop_price=stop, limit_price=limit))
    return legs


def _average(average: Decimal, before: Decimal, change: Decimal, price: Decimal) -> Decimal:
    """The average price after a fill: of what adds to the position; a fill through zero starts anew."""
    after = before + change
    if before * change >= 0:
        return (average * before + price * change) / after
    return price if before * after < 0 else average


_books: dict[str, Book] = {}
_opening = RLock()


def book_of(connection_id: str) -> Book:
    """The book of a connection in this process."""
    with _opening:
        return _books.setdefault(connection_id, Book())


def forget(connection_id: str) -> None:
    with _opening:
        _books.pop(connection_id, None)
