"""Executions the broker reports become fills: each once, in the trade it belongs to, however often and late it is told.

They are facts of their own: nothing is ever inferred from what an order says it has filled in all.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import TradingAccount
from brokers.base import FillReport
from brokers.models import BrokerConnection
from trades.execution.fill_orders import orders_follow
from trades.execution.fill_streams import NewFill, new_fills
from trades.execution.fill_writing import Booking
from trades.execution.stop_moves import stops_follow
from trades.execution.trade_columns import trades_follow
from trades.models import Order, OrderOrigin
from trenddojo.domain.order_state import OrderState
from trenddojo.statements import models_of, rows_of

log = logging.getLogger(__name__)

_ON_THEIR_WAY = (OrderState.SUBMITTING, OrderState.IN_DOUBT)


@dataclass(slots=True)
class FillsApplied:
    """How many executions were new, and the trades they changed. `waiting` could not be placed yet."""

    booked: int = 0
    trades: set[UUID] = field(default_factory=set)
    waiting: int = 0


def fills_apply(connection: BrokerConnection, fills: Sequence[FillReport], *, now: datetime) -> FillsApplied:
    """Book the executions that are new, oldest first, and move the connection's cursor, all or nothing.

    The number of queries does not depend on how many there are. Executions from before the journal began are read over.
    An execution of an order we do not know waits, with all that follow it, while an order on its way could be it.
    """
    account_id = connection.account_id
    if account_id is None or not fills:
        return FillsApplied()
    with transaction.atomic():
        (account,) = models_of(TradingAccount, "id = %(account)s FOR UPDATE", {"account": account_id})
        told = _in_journal(connection, fills)
        booked = _booked(account, told)
        applied = FillsApplied(trades=_link(account, told, booked, now=now))
        unknown = [fill for fill in told if fill.execution_id not in booked]
        orders = _orders(account, unknown)
        new = _until_unclear(account, unknown, orders)
        applied.waiting = len(unknown) - len(new)
        if new:
            _book(connection, account, new_fills(account, new, orders, broker=connection.broker), applied, now=now)
        _cursor_move(connection, _before(fills, unknown[len(new) :]))
    return applied


_UNKNOWN_ORDERS = """
SELECT told.order_id
FROM unnest(%(executions)s::text[], %(orders)s::text[]) WITH ORDINALITY AS told (execution_id, order_id, place)
WHERE NOT EXISTS (
    SELECT FROM orders
    WHERE account_id = %(account)s AND broker_order_id = told.order_id AND broker_order_id <> ''
) AND NOT EXISTS (
    SELECT FROM fills WHERE account_id = %(account)s AND execution_id = told.execution_id AND execution_id <> ''
)
GROUP BY told.order_id ORDER BY min(told.place)
"""


def orders_unknown(connection: BrokerConnection, fills: Iterable[FillReport]) -> list[str]:
    """The broker's ids of orders in new executions that we have no row of, in the executions' order.

    Ask for them before booking.
    """
    named = {fill.execution_id: fill.broker_order_id for fill in fills if fill.broker_order_id}
    if not named or connection.account_id is None:
        return []
    given = {"account": connection.account_id, "executions": list(named), "orders": list(named.values())}
    return [order for (order,) in rows_of(_UNKNOWN_ORDERS, given)]


def _orders(account: TradingAccount, fills: Iterable[FillReport]) -> dict[str, Order]:
    ids = {fill.broker_order_id for fill in fills} - {""}
    if not ids:
        return {}
    named = "account_id = %(account)s AND broker_order_id = ANY(%(ids)s) AND broker_order_id <> ''"
    known = models_of(Order, named, {"account": account.pk, "ids": list(ids)})
    return {order.broker_order_id: order for order in known}


def _until_unclear(
    account: TradingAccount, fills: Sequence[FillReport], orders: dict[str, Order]
) -> Sequence[FillReport]:
    """The executions up to the first that may be of an order whose id we have not heard yet."""
    if all(fill.broker_order_id in orders for fill in fills):
        return fills
    on_their_way = Order.objects.filter(account=account, broker_order_id="", status__in=_ON_THEIR_WAY)
    unclear = set(on_their_way.values_list("symbol", "side"))
    for place, fill in enumerate(fills):
        if fill.broker_order_id not in orders and (fill.symbol, fill.side.value) in unclear:
            return fills[:place]
    return fills


def _before(fills: Sequence[FillReport], waiting: Sequence[FillReport]) -> Sequence[FillReport]:
    """The executions that are done with: those before the first that waits."""
    if not waiting:
        return fills
    first = next(place for place, fill in enumerate(fills) if fill.execution_id == waiting[0].execution_id)
    return fills[:first]


def _in_journal(connection: BrokerConnection, fills: Iterable[FillReport]) -> list[FillReport]:
    """Those the journal takes, each once. A quantity of nothing is no execution."""
    ours = _ours_before(connection, fills)
    found = {
        fill.execution_id: fill for fill in fills if not _is_before(connection, fill) or fill.broker_order_id in ours
    }
    for fill in found.values():
        if fill.quantity <= 0 or fill.price < 0:
            log.warning("fill.impossible connection=%s execution=%s", connection.pk, fill.execution_id)
    return [fill for fill in found.values() if fill.quantity > 0 and fill.price >= 0]


def _is_before(connection: BrokerConnection, fill: FillReport) -> bool:
    return connection.journal_since is not None and fill.executed_at < connection.journal_since


def _ours_before(connection: BrokerConnection, fills: Iterable[FillReport]) -> set[str]:
    """Orders placed here that seem older than the journal: the broker's clock is behind, or of another week."""
    ids = {fill.broker_order_id for fill in fills if _is_before(connection, fill)} - {""}
    if not ids:
        return set()
    ours = Order.objects.filter(connection=connection, origin=OrderOrigin.DESK, broker_order_id__in=ids)
    return set(ours.values_list("broker_order_id", flat=True))


_BOOKED = """
SELECT execution_id, bool_or(order_id IS NULL) FROM fills
WHERE account_id = %(account)s AND execution_id = ANY(%(ids)s) AND execution_id <> ''
GROUP BY execution_id
"""
_LINK = """
UPDATE fills f SET order_id = o.id
FROM unnest(%(executions)s::text[], %(orders)s::text[]) AS told (execution_id, order_id)
JOIN orders o ON o.account_id = %(account)s AND o.broker_order_id = told.order_id AND o.broker_order_id <> ''
WHERE f.account_id = %(account)s AND f.execution_id = told.execution_id AND f.execution_id <> '' AND f.order_id IS NULL
RETURNING f.trade_id
"""


def _booked(account: TradingAccount, fills: Sequence[FillReport]) -> dict[str, bool]:
    """Which of the executions are fills already, each with whether its order was not known when it was booked."""
    if not fills:
        return {}
    return dict(rows_of(_BOOKED, {"account": account.pk, "ids": [fill.execution_id for fill in fills]}))


def _link(account: TradingAccount, fills: Sequence[FillReport], booked: dict[str, bool], *, now: datetime) -> set[UUID]:
    """Executions find their order when the broker did not show it as they were booked; returns their trades."""
    bare = {fill.execution_id: fill.broker_order_id for fill in fills if booked.get(fill.execution_id)}
    named = {execution: order for execution, order in bare.items() if order}
    if not named:
        return set()
    given = {"account": account.pk, "executions": list(named), "orders": list(named.values())}
    trades = {trade_id for (trade_id,) in rows_of(_LINK, given)}
    if trades:
        trades |= orders_follow(trades)
        trades_follow(trades, at=now)
        stops_follow(trades, at=now)
    return trades


def _book(
    connection: BrokerConnection,
    account: TradingAccount,
    new: Sequence[NewFill],
    applied: FillsApplied,
    *,
    now: datetime,
) -> None:
    booking = Booking(connection, account, now=now)
    changed = booking.book(new)
    trades_follow(changed, at=now)
    stops_follow(changed, at=now)
    applied.booked = len(new)
    applied.trades |= changed


def _cursor_move(connection: BrokerConnection, fills: Sequence[FillReport]) -> None:
    """Go on reading after the last execution, unless somebody else has read on meanwhile."""
    cursor = next((fill.cursor for fill in reversed(fills) if fill.cursor), "")
    if not cursor or cursor == connection.fills_cursor:
        return
    same = BrokerConnection.objects.filter(pk=connection.pk, fills_cursor=connection.fills_cursor)
    if same.update(fills_cursor=cursor):
        connection.fills_cursor = cursor
