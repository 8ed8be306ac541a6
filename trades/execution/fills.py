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
from trades.execution.fill_streams import NewFill, new_fills
from trades.execution.fill_writing import Booking
from trades.execution.stop_moves import stops_follow
from trades.execution.trade_columns import trades_follow
from trades.models import Fill, Order, OrderOrigin
from trenddojo.domain.order_state import OrderState

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
        account = TradingAccount.objects.select_for_update().get(pk=account_id)
        unknown = _unknown(account, _in_journal(connection, fills))
        orders = _orders(account, unknown)
        new = _until_unclear(account, unknown, orders)
        applied = FillsApplied(waiting=len(unknown) - len(new))
        if new:
            _book(connection, account, new_fills(account, new, orders, broker=connection.broker), applied, now=now)
        _cursor_move(connection, _before(fills, unknown[len(new) :]))
    return applied


def orders_unknown(connection: BrokerConnection, fills: Iterable[FillReport]) -> list[str]:
    """The broker's ids of orders in new executions that we have no row of, in the executions' order.

    Ask for them before booking.
    """
    named = {fill.execution_id: fill.broker_order_id for fill in fills if fill.broker_order_id}
    if not named or connection.account_id is None:
        return []
    orders = Order.objects.filter(account_id=connection.account_id, broker_order_id__in=set(named.values()))
    known = set(orders.values_list("broker_order_id", flat=True))
    open_ones = {execution: order for execution, order in named.items() if order not in known}
    if not open_ones:
        return []
    booked = Fill.objects.filter(account_id=connection.account_id, execution_id__in=open_ones)
    for execution in booked.values_list("execution_id", flat=True):
        open_ones.pop(execution)
    return list(dict.fromkeys(open_ones.values()))


def _orders(account: TradingAccount, fills: Iterable[FillReport]) -> dict[str, Order]:
    ids = {fill.broker_order_id for fill in fills} - {""}
    if not ids:
        return {}
    known = Order.objects.filter(account=account, broker_order_id__in=ids)
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


def _unknown(account: TradingAccount, fills: Sequence[FillReport]) -> list[FillReport]:
    ids = [fill.execution_id for fill in fills]
    known = set()
    if ids:
        rows = Fill.objects.filter(account=account, execution_id__in=ids).exclude(execution_id="")
        known = set(rows.values_list("execution_id", flat=True))
    return [fill for fill in fills if fill.execution_id not in known]


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
    applied.trades = changed


def _cursor_move(connection: BrokerConnection, fills: Sequence[FillReport]) -> None:
    """Go on reading after the last execution, unless somebody else has read on meanwhile."""
    cursor = next((fill.cursor for fill in reversed(fills) if fill.cursor), "")
    if not cursor or cursor == connection.fills_cursor:
        return
    same = BrokerConnection.objects.filter(pk=connection.pk, fills_cursor=connection.fills_cursor)
    if same.update(fills_cursor=cursor):
        connection.fills_cursor = cursor
