"""What we keep held against what the broker says: which order to ask about, which executions are missing, and which
positions differ. Nothing is guessed: an order that a listing leaves out is asked for by its id before anything is said.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.money import ZERO
from trenddojo.domain.order_state import AT_BROKER, OrderState


class OrderVerdict(StrEnum):
    SAME = "same"
    ASK = "ask"  # it should be listed and is not: a listing proves nothing, a question does
    PULL_FILLS = "pull_fills"  # the broker filled more than we have executions of
    OVERBOOKED = "overbooked"  # we have executions of more than the broker filled


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order as we keep it. `booked` is what its executions come to, `touched_at` when we last heard or wrote."""

    key: str
    broker_order_id: str
    state: OrderState
    filled: Decimal
    booked: Decimal
    touched_at: datetime


def order_verdict(order: OwnOrder, listed: Collection[str], *, quiet_since: datetime) -> OrderVerdict:
    """What to do about one order after the broker listed the orders `listed`, by its own ids.

    What was touched after `quiet_since` may have changed while we looked: it is left for the next time.
    """
    if order.touched_at > quiet_since:
        return OrderVerdict.SAME
    if order.filled > order.booked:
        return OrderVerdict.PULL_FILLS
    if order.filled < order.booked:
        return OrderVerdict.OVERBOOKED
    is_missing = order.state in AT_BROKER and bool(order.broker_order_id) and order.broker_order_id not in listed
    return OrderVerdict.ASK if is_missing else OrderVerdict.SAME


def order_verdicts(
    orders: Iterable[OwnOrder], listed: Collection[str], *, quiet_since: datetime
) -> dict[OrderVerdict, list[str]]:
    """The keys of the orders by verdict; each verdict is there, `same` included."""
    found: dict[OrderVerdict, list[str]] = {verdict: [] for verdict in OrderVerdict}
    for order in orders:
        found[order_verdict(order, listed, quiet_since=quiet_since)].append(order.key)
    return found


class PositionState(StrEnum):
    """`external`: held at the broker, not in the journal. `unprotected`: in step, but not covered by a working stop."""

    MATCHED = "matched"
    DRIFT = "drift"
    EXTERNAL = "external"
    UNPROTECTED = "unprotected"


@dataclass(frozen=True, slots=True)
class PositionDifference:
    """Signed quantities, negative when short; `difference` is what the journal lacks."""

    symbol: str
    journal: Decimal
    broker: Decimal
    state: PositionState

    @property
    def difference(self) -> Decimal:
        return self.broker - self.journal


def position_state(journal: Decimal, broker: Decimal | None, *, covered: Decimal) -> PositionState:
    """How a position stands. `broker` is None where nobody tells, `covered` the quantity that working stops would end.

    Signed quantities; `covered` is not negative.
    """
    if broker is not None and broker != journal:
        return PositionState.DRIFT if journal else PositionState.EXTERNAL
    return PositionState.MATCHED if covered >= abs(journal) else PositionState.UNPROTECTED


def position_differences(
    journal: Mapping[str, Decimal], broker: Mapping[str, Decimal], *, unsettled: Collection[str]
) -> list[PositionDifference]:
    """The symbols in which the two differ, in order; those in `unsettled` moved while we looked and are left out."""
    found = []
    for symbol in sorted(journal.keys() | broker.keys()):
        ours, theirs = journal.get(symbol, ZERO), broker.get(symbol, ZERO)
        if ours != theirs and symbol not in unsettled:
            state = position_state(ours, theirs, covered=ZERO)
            found.append(PositionDifference(symbol, ours, theirs, state))
    return found
