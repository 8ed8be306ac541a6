"""How far the closing of everything has come, read anew each time: nothing is remembered of who asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import TradingAccount, User
from trades.models import Order
from trades.models.order import WORKING
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.domain.orders import OrderRole, OrderType

BY_HAND = "It is kept by hand: close it where you hold it, and record the fill."
DISABLED = "The connection is disabled: reconnect it, or close the position at the broker."
NOTHING = "No order closes it."


@dataclass(frozen=True, slots=True)
class Closing:
    """A position that is held, the newest order that closes it, and why it does not go on where it does not."""

    line: PositionLine
    order: Order | None
    problem: str


@dataclass(frozen=True, slots=True)
class Flattening:
    lines: Sequence[Closing]
    working_entries: int

    @property
    def is_flat(self) -> bool:
        """Nothing is held through a broker, and no entry works that could change it."""
        return not self.working_entries and all(closing.line.connection is None for closing in self.lines)

    @property
    def is_stuck(self) -> bool:
        """Something is held that no order closes and one could."""
        return any(closing.problem and closing.line.connection is not None for closing in self.lines)


def flattening_of(owner: User, account: TradingAccount | None, *, now: datetime) -> Flattening:
    """Every position of the trader, or of one account, with what closes it; two queries more than the positions."""
    lines = [line for line in positions_compared(owner, account, now=now) if line.quantity]
    orders = _closing_orders(owner, lines)
    entries = Order.objects.filter(owner=owner, parent=None, is_reducing=False, status__in=WORKING)
    entries = entries.filter(account=account) if account else entries
    found = [_closing(line, orders.get((line.account.pk, line.symbol))) for line in lines]
    return Flattening(found, entries.count())


def _closing_orders(owner: User, lines: Sequence[PositionLine]) -> dict[tuple[UUID, str], Order]:
    """The newest market exit of each position."""
    symbols = {line.symbol for line in lines}
    found = Order.objects.filter(owner=owner, symbol__in=symbols, role=OrderRole.EXIT, type=OrderType.MARKET)
    return {(order.account_id, order.symbol): order for order in found.order_by("created_at", "id")}


def _closing(line: PositionLine, order: Order | None) -> Closing:
    if line.connection is None:
        return Closing(line, None, BY_HAND)
    if not line.connection.is_active:
        return Closing(line, order, DISABLED)
    if order is None or (order.status not in WORKING and not order.reason_detail):
        return Closing(line, order, NOTHING)
    return Closing(line, order, "" if order.status in WORKING else order.reason_detail)
