"""What an account holds of one symbol, and what it paid.

Within a day the cost is carried at the weighted average of the entries: an entry adds to it, an exit takes it off in
proportion. At the end of the day it is told anew the way Alpaca does, by compressed first-in first-out: a day's entries
are one lot at their average, and what the day closed came off the oldest lots. A position that was entered on one day
only has the same average both ways.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from brokers.simulator.engine.types import ZERO


@dataclass(slots=True)
class Lot:
    """The entries of a day; quantity and cost carry the position's sign."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(slots=True)
class Position:
    """`qty` is negative when it is short, `cost` is in dollars and carries the same sign."""

    symbol: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    # The day in New York on which it was opened, or turned from long to short or back.
    opened_on: date | None = None
    # The lots of the days before, the oldest first; today's entries, and how many shares today closed.
    lots: list[Lot] = field(default_factory=list)
    today: Lot = field(default_factory=Lot)
    closed_today: Decimal = ZERO

    @property
    def avg_entry_price(self) -> Decimal:
        return self.cost / self.qty if self.qty else ZERO

    def enter(self, signed: Decimal, price: Decimal, day: date) -> None:
        """Add shares on the position's own side, or begin it."""
        if not self.qty:
            self.opened_on = day
        self.qty += signed
        self.cost += signed * price
        self.today.qty += signed
        self.today.cost += signed * price

    def leave(self, shares: Decimal) -> Decimal:
        """Take off so many shares, no more than there are; returns the cost they had, with the position's sign."""
        if shares == abs(self.qty):
            cost = self.cost
            self.qty, self.cost, self.lots, self.today, self.closed_today = ZERO, ZERO, [], Lot(), ZERO
            return cost
        cost = self.cost * shares / abs(self.qty)
        self.qty -= shares.copy_sign(self.qty)
        self.cost -= cost
        self.closed_today += shares
        return cost

    def end_day(self) -> Decimal:
        """Tell the cost by lots and begin a new day; returns by how much the cost changed."""
        lots = [*self.lots, self.today] if self.today.qty else self.lots
        self.lots = _without(lots, self.closed_today)
        self.today, self.closed_today = Lot(), ZERO
        before, self.cost = self.cost, sum((lot.cost for lot in self.lots), ZERO)
        return self.cost - before

    def split(self, ratio: Decimal) -> None:
        self.qty *= ratio
        self.closed_today *= ratio
        for lot in (*self.lots, self.today):
            lot.qty *= ratio


def _without(lots: list[Lot], shares: Decimal) -> list[Lot]:
    """What is left of the lots when so many shares come off the oldest."""
    left = []
    for lot in lots:
        taken = min(shares, abs(lot.qty))
        shares -= taken
        rest = abs(lot.qty) - taken
        if rest:
            left.append(Lot(rest.copy_sign(lot.qty), lot.cost * rest / abs(lot.qty) if taken else lot.cost))
    return left
