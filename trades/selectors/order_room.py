"""What working orders take of an account's room: their unfilled rest, in money, and the units that exits hold.

An order for a plan stands in for the plan: what the plan reserves is given back while its order works.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from accounts.models import TradingAccount
from brokers.models import AccountSnapshot
from trades.models.order import WORKING, OrderOrigin
from trenddojo.domain.money import cents
from trenddojo.domain.order_state import TERMINAL
from trenddojo.statements import rows_of

ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)
# How far back the broker's last word on the account is held against orders.
LONGEST_BACK = timedelta(days=1)
WORKING_NAMES = list(WORKING)
DONE = sorted(TERMINAL)


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
    that do not, with their legs. One query: a day's orders are summed where they are."""
    since = max(snapshot.at if snapshot else now, now - LONGEST_BACK)
    given = {
        "account": account.pk,
        "symbol": symbol,
        "without": without,
        "left_out": list(without_orders),
        "working": WORKING_NAMES,
        "told_at": snapshot.at if snapshot else None,
        "minute": now - MINUTE,
        "since": since,
        "desk": OrderOrigin.DESK.value,
        "done": DONE,
    }
    ((*sums, last_minute, spent),) = rows_of(_ROOM, given)
    found = _Sums(*sums)
    return OrderRoom(
        value=cents(found.value),
        risk=cents(found.risk),
        symbol_value=cents(found.symbol_value),
        positions=found.positions,
        plans=found.plans,
        plans_value=found.plans_value,
        plans_risk=found.plans_risk,
        plans_symbol_value=found.plans_symbol_value,
        unseen=cents(found.unseen + spent),
        buying=found.buying,
        selling=found.selling,
        has_entry=found.has_entry,
        last_minute=last_minute,
    )


class _Sums(NamedTuple):
    """Of the working orders, in the order of `_ROOM`; money before it is rounded."""

    value: Decimal
    risk: Decimal
    symbol_value: Decimal
    unseen: Decimal
    positions: int
    has_entry: bool
    plans: int
    plans_value: Decimal
    plans_risk: Decimal
    plans_symbol_value: Decimal
    buying: Decimal
    selling: Decimal


# `value` is what a whole order takes: one placed elsewhere reserved nothing and counts at its price, and a change that
# the broker was asked for counts where it is more; so does `risk`. Of both the unfilled share is summed up, divided to
# twenty places so that the sum is exact to the cent.
# A leg `holds` what its entry has filled, and of the exits of one group one cancels the other: they hold it once.
_ROOM = """
WITH working AS (
    SELECT o.symbol, o.symbol = %(symbol)s AS is_here, o.side, o.trade_id, t.status AS trade_status,
        t.entry_price * t.planned_quantity * t.multiplier AS plan_value, t.initial_risk AS plan_risk,
        o.parent_id IS NULL AND NOT o.is_reducing
            AND (%(without)s::uuid IS NULL OR o.trade_id IS DISTINCT FROM %(without)s::uuid) AS is_entry,
        coalesce(o.parent_id, o.id) AS of_group, greatest(o.quantity - o.filled_quantity, 0) AS unfilled,
        o.quantity,
        least(greatest(o.quantity - o.filled_quantity, 0),
            CASE WHEN p.role = 'entry' THEN p.filled_quantity END) AS holds,
        greatest(
            coalesce(nullif(o.reserved_value, 0), coalesce(o.limit_price, o.stop_price, 0) * o.quantity * o.multiplier),
            (o.pending_change ->> 'reserved_value')::numeric
        ) AS value,
        greatest(o.reserved_risk, (o.pending_change ->> 'reserved_risk')::numeric) AS risk,
        %(told_at)s::timestamptz IS NULL OR o.broker_order_id = '' OR o.submitted_at IS NULL
            OR o.submitted_at > %(told_at)s::timestamptz AS is_unseen
    FROM orders o LEFT JOIN orders p ON p.id = o.parent_id LEFT JOIN trades t ON t.id = o.trade_id
    WHERE o.account_id = %(account)s AND o.status = ANY(%(working)s)
        AND (o.parent_id IS NULL OR o.symbol = %(symbol)s)
        AND o.id <> ALL(%(left_out)s::uuid[])
        AND (o.parent_id IS NULL OR o.parent_id <> ALL(%(left_out)s::uuid[]))
)
SELECT entries.*, plans.*, held.*, lately.* FROM (
    SELECT coalesce(sum(value_left), 0), coalesce(sum(risk_left), 0),
        coalesce(sum(value_left) FILTER (WHERE is_here), 0), coalesce(sum(value) FILTER (WHERE is_unseen), 0),
        count(DISTINCT symbol) FILTER (WHERE trade_status IS DISTINCT FROM 'active'), coalesce(bool_or(is_here), false)
    FROM (
        SELECT *, (value * unfilled)::numeric(60, 20) / nullif(quantity, 0) AS value_left,
            (risk * unfilled)::numeric(60, 20) / nullif(quantity, 0) AS risk_left
        FROM working WHERE is_entry
    ) shares
) entries, (
    SELECT count(*), coalesce(sum(plan_value), 0), coalesce(sum(plan_risk), 0),
        coalesce(sum(plan_value) FILTER (WHERE is_here), 0)
    FROM (
        SELECT DISTINCT ON (trade_id) plan_value, plan_risk, is_here
        FROM working WHERE is_entry AND trade_status IN ('planned', 'pending')
    ) plan
) plans, (
    SELECT coalesce(sum(units) FILTER (WHERE side = 'buy'), 0), coalesce(sum(units) FILTER (WHERE side = 'sell'), 0)
    FROM (SELECT side, max(holds) AS units FROM working WHERE is_here GROUP BY side, of_group) exits
) held, (
    SELECT count(*) FILTER (WHERE created_at > %(minute)s AND origin = %(desk)s),
        coalesce(sum(reserved_value * filled_quantity / quantity) FILTER (
            WHERE created_at > %(since)s AND NOT is_reducing AND status = ANY(%(done)s) AND filled_quantity > 0
        ), 0)
    FROM orders
    WHERE account_id = %(account)s AND parent_id IS NULL AND created_at > least(%(since)s, %(minute)s)
) lately
"""
