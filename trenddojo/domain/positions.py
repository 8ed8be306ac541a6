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

from trenddojo.domain.fill_checks import validate_exits, validate_fill, validate_fills
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
from trenddojo.domain.money import ZERO, exact
from trenddojo.domain.open_trade import OpenTrade

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
    "validate_exits",
    "validate_fill",
    "validate_fills",
]

_ONLY_CLOSES = frozenset({FillKind.TRANSFER_OUT, FillKind.EXPIRY})


def build_trades(
    fills: Iterable[Fill],
    *,
    multiplier: Decimal = Decimal(1),
    method: CostMethod = CostMethod.FIFO,
    opening_missing: Collection[str] = frozenset(),
) -> list[TradeResult]:
    """Turn the fills of one instrument in one account into its trades, oldest first; the last may be open.

    Fills may come in any order. At equal time and sequence, what adds to the position comes before what reduces it
    (from flat: the larger side first, then buys), what is known to close before what may open the other way, lower
    prices first.
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
            group.sort(key=lambda fill: _rank(fill, first, book.opening_missing))
        yield from group


def _larger_side(group: Sequence[Fill]) -> Side:
    balance = sum((fill.signed_quantity for fill in group), ZERO)
    return Side.BUY if balance >= 0 else Side.SELL


def _rank(fill: Fill, first: Side, opening_missing: Collection[str]) -> int:
    """What can only close comes before what may open the other way: keys, which say nothing, decide nothing."""
    if fill.kind is FillKind.TRANSFER_IN:
        return 0
    if fill.kind in _ONLY_CLOSES:
        return 4
    if fill.key in opening_missing:
        return 2
    return 1 if fill.side is first else 3


class _Book:
    """The finished trades of a stream and the open one."""

    def __init__(self, multiplier: Decimal, method: CostMethod, opening_missing: Collection[str]) -> None:
        self.multiplier = multiplier
        self.method = method
        self.opening_missing = opening_missing
        self.open: OpenTrade | None = None
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

    def _reduce(self, trade: "OpenTrade", fill: Fill) -> None:
        trade.reduce(fill)
        if trade.open_quantity == 0:
            self.done.append(trade.result())
            self.open = None

    def _close_missing(self, fill: Fill) -> None:
        trade = self._trade(Direction.SHORT if fill.side is Side.BUY else Direction.LONG, fill.executed_at)
        trade.leave_unmatched(fill)
        self.done.append(trade.result())

    def _trade(self, direction: Direction, opened_at: datetime) -> "OpenTrade":
        return OpenTrade(direction, opened_at, self.multiplier, self.method)
