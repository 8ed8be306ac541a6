"""Fills become trades: a position is followed from flat to flat and its exits are matched with its entries.

Rounding: gross, entry costs and exit costs of a trade are each added up exactly and rounded to cents as running
totals; an exit gets the step of the total. So gross - costs = net holds to the cent at every exit, the parts add up
to the rounded whole, and splitting a fill changes no total.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from trenddojo.domain.fill_checks import validate_fill, validate_fills
from trenddojo.domain.fills import (
    CostMethod,
    Direction,
    ExitMatch,
    Fill,
    FillKind,
    Lot,
    Side,
    TradeResult,
    split_flip,
)
from trenddojo.domain.money import NO_MONEY, ZERO, cents, exact, rounded_price

__all__ = [
    "CostMethod",
    "Direction",
    "ExitMatch",
    "Fill",
    "FillKind",
    "Lot",
    "Side",
    "TradeResult",
    "build_trades",
    "split_flip",
    "validate_fill",
    "validate_fills",
]

_ONLY_CLOSES = frozenset({FillKind.TRANSFER_OUT, FillKind.EXPIRY})
# The rest of an average-cost position is kept to 18 decimals, so that later sums are exact.
_BASIS_QUANTUM = Decimal("1e-18")


def build_trades(
    fills: Iterable[Fill],
    *,
    multiplier: Decimal = Decimal(1),
    method: CostMethod = CostMethod.FIFO,
    opening_missing: Collection[str] = frozenset(),
) -> list[TradeResult]:
    """Turn the fills of one instrument in one account into its trades, oldest first; the last may be open.

    Fills may come in any order. At equal time and sequence, what adds to the position comes before what reduces it
    (from flat: the larger side first, then buys), lower prices first.
    `opening_missing` names the keys of fills that are known to close: what they close beyond the position marks the
    trade as incomplete instead of opening the other way. Transfers out and expiries never open a position either.
    A transfer out takes its share of the entry costs along; what the transfer itself cost is no cost of the trade.
    """
    with exact():
        book = _Book(multiplier, method, opening_missing)
        for fill in _in_order(fills, book):
            book.apply(fill)
        return book.results()


def _in_order(fills: Iterable[Fill], book: "_Book") -> Iterator[Fill]:
    """Yield fills in canonical order; the order inside a group depends on the position `book` holds by then."""
    ordered = sorted(fills, key=attrgetter("executed_at", "sequence", "price", "key"))
    for _, same in groupby(ordered, key=attrgetter("executed_at", "sequence")):
        group = list(same)
        if len(group) > 1:
            first = book.open.direction.entry_side if book.open else _larger_side(group)
            group.sort(key=lambda fill: _rank(fill, first))
        yield from group


def _larger_side(group: Sequence[Fill]) -> Side:
    balance = sum((fill.signed_quantity for fill in group), ZERO)
    return Side.BUY if balance >= 0 else Side.SELL


def _rank(fill: Fill, first: Side) -> int:
    if fill.kind is FillKind.TRANSFER_IN:
        return 0
    if fill.kind in _ONLY_CLOSES:
        return 3
    return 1 if fill.side is first else 2


class _Book:
    """The finished trades of a stream and the open one."""

    def __init__(self, multiplier: Decimal, method: CostMethod, opening_missing: Collection[str]) -> None:
        self.multiplier = multiplier
        self.method = method
        self.opening_missing = opening_missing
        self.open: _OpenTrade | None = None
        self.done: list[TradeResult] = []

    def apply(self, fill: Fill) -> None:
        only_closes = fill.kind in _ONLY_CLOSES or fill.key in self.opening_missing
        trade = self.open
        if trade is None or fill.side is trade.direction.entry_side:
            self._close_missing(fill) if only_closes else self._enter(fill)
        elif fill.quantity <= trade.open_quantity:
            self._reduce(trade, fill)
        else:
            closing, rest = split_flip(fill, trade.open_quantity * trade.direction.sign)
            if only_closes:
                trade.leave_unmatched(rest)
            self._reduce(trade, closing)
            if not only_closes:
                self._enter(rest)

    def results(self) -> list[TradeResult]:
        found = [*self.done, self.open.result()] if self.open else self.done
        return sorted(found, key=attrgetter("opened_at")) if len(found) > 1 else found

    def _enter(self, fill: Fill) -> None:
        if self.open is None:
            self.open = self._trade(Direction.LONG if fill.side is Side.BUY else Direction.SHORT, fill.executed_at)
        self.open.enter(fill)

    def _reduce(self, trade: "_OpenTrade", fill: Fill) -> None:
        trade.reduce(fill)
        if trade.open_quantity == 0:
            self.done.append(trade.result())
            self.open = None

    def _close_missing(self, fill: Fill) -> None:
        trade = self._trade(Direction.SHORT if fill.side is Side.BUY else Direction.LONG, fill.executed_at)
        trade.leave_unmatched(fill)
        self.done.append(trade.result())

    def _trade(self, direction: Direction, opened_at: datetime) -> "_OpenTrade":
        return _OpenTrade(direction, opened_at, self.multiplier, self.method)


class _OpenTrade:
    """A trade in progress.

    Since the last entry, `left` of the `pool_quantity` units have gone; they took that share of the pooled entry
    costs (and, at average cost, of the pooled entry value) with them.
    """

    def __init__(self, direction: Direction, opened_at: datetime, multiplier: Decimal, method: CostMethod) -> None:
        self.direction = direction
        self.opened_at = opened_at
        self.last_at = opened_at
        self.signed_multiplier = multiplier * direction.sign
        self.multiplier = multiplier
        self.method = method
        self.entries: list[Lot] = []
        self.exits: list[ExitMatch] = []
        self.queue: list[tuple[Decimal, Decimal]] = []
        self.queue_head = 0
        self.open_quantity = self.peak = self.entered = self.exited = self.transferred = ZERO
        self.pool_quantity = self.left = self.pool_costs = self.pool_value = ZERO
        self.entry_value = self.exit_value = self.open_value = ZERO
        self.gross_exact = self.exit_costs_exact = ZERO
        self.gross = self.exit_costs = self.entry_costs = NO_MONEY
        self.is_incomplete = False

    def enter(self, fill: Fill) -> None:
        value = fill.quantity * fill.price
        self._rebase()
        self.pool_quantity += fill.quantity
        self.pool_costs += fill.costs
        self.pool_value += value
        self.entry_value += value
        self.open_value += value
        self.entered += fill.quantity
        self.open_quantity += fill.quantity
        self.peak = max(self.peak, self.open_quantity)
        self.last_at = fill.executed_at
        self.queue.append((fill.quantity, fill.price))
        self.entries.append(Lot(fill.key, fill.quantity, fill.price, fill.costs, fill.executed_at))
        if fill.kind is FillKind.TRANSFER_IN and fill.price == 0:
            self.is_incomplete = True

    def reduce(self, fill: Fill) -> None:
        """Take up to the open quantity away: a sale for a trade or an expiry, none for a transfer."""
        matched = self._match_average(fill.quantity) if self._averages else self._match_fifo(fill.quantity)
        entry_costs = self._costs_after(self.left + fill.quantity) - self._costs_after(self.left)
        self.left += fill.quantity
        self.open_quantity -= fill.quantity
        self.open_value -= matched
        self.last_at = fill.executed_at
        if fill.kind in (FillKind.TRANSFER_IN, FillKind.TRANSFER_OUT):
            self.transferred += fill.quantity
            return
        self.gross_exact += (fill.quantity * fill.price - matched) * self.signed_multiplier
        self._record_exit(fill, rounded_price(matched / fill.quantity), entry_costs)

    def leave_unmatched(self, fill: Fill) -> None:
        """Note an exit whose entries are missing."""
        self.is_incomplete = True
        self.last_at = fill.executed_at
        if fill.kind is FillKind.TRANSFER_OUT:
            self.transferred += fill.quantity
        else:
            self._record_exit(fill, None, NO_MONEY)

    def result(self) -> TradeResult:
        is_closed = self.open_quantity == 0
        costs = self.entry_costs + self.exit_costs
        return TradeResult(
            direction=self.direction,
            entries=tuple(self.entries),
            exits=tuple(self.exits),
            quantity_entered=self.entered,
            quantity_exited=self.exited,
            quantity_transferred_out=self.transferred,
            open_quantity=self.open_quantity,
            average_entry=rounded_price(self.entry_value / self.entered) if self.entered else None,
            average_exit=rounded_price(self.exit_value / self.exited) if self.exited else None,
            gross=self.gross,
            net=self.gross - costs,
            costs=costs,
            open_entry_costs=cents(self.pool_costs - self._costs_after(self.left)),
            open_cost_basis=cents(self.open_value * self.multiplier),
            opened_at=self.opened_at,
            closed_at=self.last_at if is_closed else None,
            holding_seconds=int((self.last_at - self.opened_at).total_seconds()) if is_closed else None,
            is_closed=is_closed,
            is_incomplete=self.is_incomplete or (is_closed and not self.exits),
            peak_quantity=self.peak,
        )

    @property
    def _averages(self) -> bool:
        return self.method is CostMethod.AVERAGE

    def _rebase(self) -> None:
        """Start the pools anew from what is left of them."""
        if self.left:
            self.pool_costs -= self._costs_after(self.left)
            self.pool_value = (self.pool_value - self._value_after(self.left)).quantize(_BASIS_QUANTUM)
            self.pool_quantity -= self.left
            self.left = ZERO

    def _costs_after(self, left: Decimal) -> Decimal:
        return cents(self.pool_costs * left / self.pool_quantity) if left else NO_MONEY

    def _value_after(self, left: Decimal) -> Decimal:
        return self.pool_value * left / self.pool_quantity

    def _match_average(self, quantity: Decimal) -> Decimal:
        return self._value_after(self.left + quantity) - self._value_after(self.left)

    def _match_fifo(self, quantity: Decimal) -> Decimal:
        """Take `quantity` from the oldest lots; return its entry value (price * quantity)."""
        value = ZERO
        while quantity:
            available, price = self.queue[self.queue_head]
            taken = min(available, quantity)
            value += taken * price
            quantity -= taken
            if taken == available:
                self.queue_head += 1
            else:
                self.queue[self.queue_head] = (available - taken, price)
        return value

    def _record_exit(self, fill: Fill, entry_price: Decimal | None, entry_costs: Decimal) -> None:
        self.exited += fill.quantity
        self.exit_value += fill.quantity * fill.price
        self.exit_costs_exact += fill.costs
        gross = cents(self.gross_exact) - self.gross
        exit_costs = cents(self.exit_costs_exact) - self.exit_costs
        self.gross += gross
        self.exit_costs += exit_costs
        self.entry_costs += entry_costs
        net = gross - entry_costs - exit_costs
        self.exits.append(
            ExitMatch(
                fill.key, fill.quantity, fill.price, entry_price, gross, entry_costs, exit_costs, net, fill.executed_at
            )
        )
