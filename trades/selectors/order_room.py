"""What working orders take of an account's room: their unfilled rest, in money, and the units that exits hold.

An order for a plan stands in for the plan: what the plan reserves is given back while its order works.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import TradingAccount
from brokers.models import AccountSnapshot
from trades.models import TradeStatus
from trades.models.order import WORKING, OrderOrigin
from trades.selectors.statements import rows_of
from trenddojo.domain.money import cents
from trenddojo.domain.order_state import TERMINAL
from trenddojo.domain.orders import OrderRole

ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)
# How far back the broker's last word on the account is held against orders.
LONGEST_BACK = timedelta(days=1)
PLANS = (TradeStatus.PLANNED, TradeStatus.PENDING)
DONE = sorted(TERMINAL)


class _Row(NamedTuple):
    """A working order with what is needed of its trade and its parent, in the order of `_WORKING`."""

    id: UUID
    parent_id: UUID | None
    trade_id: UUID | None
    symbol: str
    side: str
    is_reducing: bool
    quantity: Decimal
    filled_quantity: Decimal
    price: Decimal | None
    multiplier: Decimal
    reserved_value: Decimal
    reserved_risk: Decimal
    broker_order_id: str
    submitted_at: datetime | None
    parent_role: str | None
    parent_filled: Decimal | None
    trade_status: str | None
    plan_value: Decimal | None
    plan_risk: Decimal | None
    wished_value: Decimal
    wished_risk: Decimal

    @property
    def unfilled(self) -> Decimal:
        return max(self.quantity - self.filled_quantity, ZERO)

    @property
    def whole_value(self) -> Decimal:
        """What the whole order takes; one placed elsewhere reserved nothing and counts at its price."""
        return max(self.reserved_value or (self.price or ZERO) * self.quantity * self.multiplier, self.wished_value)

    @property
    def whole_risk(self) -> Decimal:
        """With what a change that the broker was asked for would risk."""
        return max(self.reserved_risk, self.wished_risk)

    def rest_of(self, amount: Decimal) -> Decimal:
        return amount * self.unfilled / self.quantity if self.quantity else ZERO

    @property
    def holds(self) -> Decimal:
        """Units of the position it keeps from being sold otherwise; a leg holds what its entry has filled."""
        if self.parent_role == OrderRole.ENTRY:
            return min(self.unfilled, self.parent_filled or ZERO)
        return self.unfilled


@dataclass(frozen=True, slots=True)
class OrderRoom:
    """Money of the account; what names a symbol is about the one asked for.

    `plans…` is what plans reserve whose orders work. `unseen` is the value of entries that the broker's last word on
    the buying power does not count yet. `buying` and `selling` are the unfilled units that work in the symbol.
    """

    value: Decimal = ZERO
    risk: Decimal = ZERO
    symbol_value: Decimal = ZERO
    positions: int = 0
    plans: int = 0
    plans_value: Decimal = ZERO
    plans_risk: Decimal = ZERO
    plans_symbol_value: Decimal = ZERO
    unseen: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO
    has_entry: bool = False
    last_minute: int = 0


NO_ORDERS = OrderRoom()


def order_room(
    account: TradingAccount,
    *,
    now: datetime,
    symbol: str = "",
    snapshot: AccountSnapshot | None = None,
    without: UUID | None = None,
    without_orders: Collection[UUID] = (),
) -> OrderRoom:
    """Sum up the account's working orders. `without` names a trade whose entries do not count, `without_orders` orders
    that do not, with their legs. Two queries."""
    left_out = set(without_orders)
    rows = [row for row in _working(account, symbol) if row.id not in left_out and row.parent_id not in left_out]
    entries = [row for row in rows if row.parent_id is None and not row.is_reducing]
    if without is not None:
        entries = [row for row in entries if row.trade_id != without]
    plans = {row.trade_id: row for row in entries if row.trade_status in PLANS}.values()
    here = [row for row in entries if row.symbol == symbol]
    last_minute, spent = _lately(account, now=now, since=snapshot.at if snapshot else now)
    return OrderRoom(
        value=cents(sum((row.rest_of(row.whole_value) for row in entries), ZERO)),
        risk=cents(sum((row.rest_of(row.whole_risk) for row in entries), ZERO)),
        symbol_value=cents(sum((row.rest_of(row.whole_value) for row in here), ZERO)),
        positions=len({row.symbol for row in entries if row.trade_status != TradeStatus.ACTIVE}),
        plans=len(plans),
        plans_value=sum((row.plan_value or ZERO for row in plans), ZERO),
        plans_risk=sum((row.plan_risk or ZERO for row in plans), ZERO),
        plans_symbol_value=sum((row.plan_value or ZERO for row in plans if row.symbol == symbol), ZERO),
        unseen=cents(spent + sum((row.whole_value for row in entries if _is_unseen(row, snapshot)), ZERO)),
        buying=_held(rows, symbol, "buy"),
        selling=_held(rows, symbol, "sell"),
        has_entry=bool(here),
        last_minute=last_minute,
    )


_WORKING = """
SELECT o.id, o.parent_id, o.trade_id, o.symbol, o.side, o.is_reducing, o.quantity, o.filled_quantity,
    coalesce(o.limit_price, o.stop_price), o.multiplier, o.reserved_value, o.reserved_risk,
    o.broker_order_id, o.submitted_at, p.role, p.filled_quantity,
    t.status, t.entry_price * t.planned_quantity * t.multiplier, t.initial_risk,
    coalesce((o.pending_change ->> 'reserved_value')::numeric, 0),
    coalesce((o.pending_change ->> 'reserved_risk')::numeric, 0)
FROM orders o LEFT JOIN orders p ON p.id = o.parent_id LEFT JOIN trades t ON t.id = o.trade_id
WHERE o.account_id = %(account)s AND o.status = ANY(%(working)s) AND (o.parent_id IS NULL OR o.symbol = %(symbol)s)
"""


def _working(account: TradingAccount, symbol: str) -> Iterable[_Row]:
    given = {"account": account.pk, "symbol": symbol, "working": list(WORKING)}
    return (_Row(*row) for row in rows_of(_WORKING, given))


def _is_unseen(row: _Row, snapshot: AccountSnapshot | None) -> bool:
    if snapshot is None or not row.broker_order_id or row.submitted_at is None:
        return True
    return row.submitted_at > snapshot.at


def _held(rows: Iterable[_Row], symbol: str, side: str) -> Decimal:
    """Of the exits of one group one cancels the other: they hold their units once."""
    groups: dict[Any, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.symbol == symbol and row.side == side:
            key = row.parent_id or row.id
            groups[key] = max(groups[key], row.holds)
    return sum(groups.values(), ZERO)


_LATELY = """
SELECT count(*) FILTER (WHERE created_at > %(minute)s AND origin = %(desk)s),
    coalesce(sum(reserved_value * filled_quantity / quantity) FILTER (
        WHERE created_at > %(since)s AND NOT is_reducing AND status = ANY(%(done)s) AND filled_quantity > 0
    ), 0)
FROM orders WHERE account_id = %(account)s AND parent_id IS NULL AND created_at > least(%(since)s, %(minute)s)
"""


def _lately(account: TradingAccount, *, now: datetime, since: datetime) -> tuple[int, Decimal]:
    """How many orders the trader gave within the last minute, and what entries given after `since` have bought."""
    given = {
        "account": account.pk,
        "minute": now - MINUTE,
        "since": max(since, now - LONGEST_BACK),
        "desk": OrderOrigin.DESK.value,
        "done": DONE,
    }
    ((count, spent),) = rows_of(_LATELY, given)
    return count, spent
