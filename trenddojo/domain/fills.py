"""The vocabulary of fills and trades: sides, directions, kinds of fill, and what a trade came to."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.errors import FillError
from trenddojo.domain.money import cents, exact


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short: the `s` of METRICS."""
        return 1 if self is Direction.LONG else -1

    @property
    def entry_side(self) -> Side:
        return Side.BUY if self is Direction.LONG else Side.SELL

    @property
    def exit_side(self) -> Side:
        return self.entry_side.opposite

    @property
    def opposite(self) -> "Direction":
        return Direction.SHORT if self is Direction.LONG else Direction.LONG


class FillKind(StrEnum):
    """TRADE is an execution; transfers move a position without a sale; EXPIRY ends an option."""

    TRADE = "trade"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    EXPIRY = "expiry"


class CostMethod(StrEnum):
    """Which entry an exit is matched with: the oldest open one, or the average of what is open."""

    FIFO = "fifo"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `price` is per unit (before the multiplier); `commission` and `fees` are money paid.

    `executed_at` is aware; `sequence` orders fills of the same instant where the source knows their order.
    For TRANSFER_IN the price is the cost basis a unit brought along, zero when it is unknown.
    """

    key: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    fees: Decimal
    executed_at: datetime
    kind: FillKind = FillKind.TRADE
    sequence: int = 0

    @property
    def costs(self) -> Decimal:
        return self.commission + self.fees

    @property
    def signed_quantity(self) -> Decimal:
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True)
class Lot:
    """One entry of a trade, as large as it was filled."""

    fill_key: str
    quantity: Decimal
    price: Decimal
    costs: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class ExitMatch:
    """One exit fill against the entries it closed.

    `entry_price` is the mean price of the matched entries (nine decimals), None when they are missing.
    `gross`, `entry_costs`, `exit_costs` and `net` are cents and gross - entry_costs - exit_costs = net.
    """

    fill_key: str
    quantity: Decimal
    price: Decimal
    entry_price: Decimal | None
    gross: Decimal
    entry_costs: Decimal
    exit_costs: Decimal
    net: Decimal
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class TradeResult:
    """A trade from flat to flat, or as far as it has come.

    Money fields are cents; `gross`, `net` and `costs` are realised, `open_entry_costs` wait for the open rest.
    `open_cost_basis` is price * quantity * multiplier of the open rest, without costs. Quantities are never negative:
    quantity_entered = quantity_exited + quantity_transferred_out + open_quantity (unless entries are missing).
    `is_incomplete` marks a trade whose opening fills or cost basis are missing, or that ended without any sale:
    it is left out of the figures and counted.
    """

    direction: Direction
    entries: tuple[Lot, ...]
    exits: tuple[ExitMatch, ...]
    quantity_entered: Decimal
    quantity_exited: Decimal
    quantity_transferred_out: Decimal
    open_quantity: Decimal
    average_entry: Decimal | None
    average_exit: Decimal | None
    gross: Decimal
    net: Decimal
    costs: Decimal
    open_entry_costs: Decimal
    open_cost_basis: Decimal
    opened_at: datetime
    closed_at: datetime | None
    holding_seconds: int | None
    is_closed: bool
    is_incomplete: bool
    peak_quantity: Decimal


def split_flip(fill: Fill, position: Decimal) -> tuple[Fill, Fill]:
    """Split a fill that takes a signed `position` through zero into its closing and its opening part.

    Commission and fees are split pro rata to the cent, the opening part takes the remainder; both parts keep
    the key of the fill. Raises FillError (not_a_flip) when the fill does not cross zero.
    """
    closing = abs(position)
    if position * fill.side.sign >= 0 or fill.quantity <= closing:
        raise FillError("not_a_flip", "This fill does not take the position through zero.", "quantity")
    with exact():
        commission = cents(fill.commission * closing / fill.quantity)
        fees = cents(fill.fees * closing / fill.quantity)
        first = replace(fill, quantity=closing, commission=commission, fees=fees)
        second = replace(
            fill,
            quantity=fill.quantity - closing,
            commission=fill.commission - commission,
            fees=fill.fees - fees,
        )
    return first, second
