"""Our orders, executions and positions held against the broker's, from full pulls: what is certain is corrected, the
rest is shown to the trader. An order that a listing leaves out is asked for before anything is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from brokers.base import BrokerAdapter, OrderRef, OrderReport
from brokers.errors import CredentialsInvalid
from brokers.models import BrokerConnection
from trades.execution.booked import with_booked
from trades.execution.differences import differences_tell
from trades.execution.evidence import asked
from trades.execution.fills import fills_apply
from trades.execution.gone import RECONCILE, gone_note
from trades.execution.matching import flattened
from trades.execution.pulls import fills_pull
from trades.execution.standing import positions_write, snapshot_write
from trades.execution.track import Applied, reports_apply
from trades.models import CallVerb, Order, OrderOrigin
from trades.models.order import AT_BROKER
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.reconciliation import OrderVerdict, OwnOrder, PositionDifference, order_verdicts

# What was written to so shortly ago may have changed while the broker was asked.
QUIET = timedelta(seconds=5)
# Orders are listed again from so long before the last sync: a listing may lag behind.
OVERLAP = timedelta(minutes=10)
# Executions of orders that changed no longer ago are held against what the orders say.
CHECKED_FOR = timedelta(days=3)
# Orders asked for one by one in one reconciliation; the rest have their turn in the next.
MOST_ASKED = 25
PAUSE = timedelta(seconds=20)
# What the comparison with the broker looks at.
_COMPARED = (
    "broker_order_id",
    "client_order_id",
    "status",
    "filled_quantity",
    "asked_count",
    "asked_at",
    "updated_at",
    "replaces",
    "submitted_at",
    "created_at",
)


@dataclass(slots=True)
class ReconcileResult:
    """What a reconciliation came to; `differences` are left for the trader to resolve."""

    changed: set[UUID] = field(default_factory=set)
    adopted: list[UUID] = field(default_factory=list)
    booked: int = 0
    asked: int = 0
    differences: list[PositionDifference] = field(default_factory=list)

    def add(self, applied: Applied) -> None:
        self.changed |= applied.changed
        self.adopted += applied.adopted


def connection_reconcile(connection: BrokerConnection, adapter: BrokerAdapter, *, now: datetime) -> ReconcileResult:
    """Pull everything and bring our side in line; the caller holds the connection. Raises the broker's errors.

    A fixed number of requests, pages aside, and one for each order that is missing without a reason.
    """
    result = ReconcileResult()
    _account_check(connection, adapter, now)
    reports = adapter.orders(since=_orders_since(connection, now))
    result.add(reports_apply(connection, reports, source=RECONCILE, now=now))
    result.booked += fills_pull(connection, adapter, source=RECONCILE).booked
    positions_write(connection, adapter.positions(), as_of=now)
    _orders_check(connection, adapter, reports, result, now)
    result.differences = differences_tell(connection, now=now)
    return result


def _account_check(connection: BrokerConnection, adapter: BrokerAdapter, now: datetime) -> None:
    """The keys must open the account they opened before: another one's orders and fills are none of ours."""
    account = adapter.account()
    expected = connection.broker_account_id
    if expected and account.broker_account_id != expected:
        sentence = "These keys open another account at the broker. Connect it as a connection of its own."
        raise CredentialsInvalid(sentence, code="other_account")
    snapshot_write(connection, account, at=now)


def _orders_since(connection: BrokerConnection, now: datetime) -> datetime:
    """From the last sync on; a clock that was ahead may have dated it after the present."""
    return min(connection.last_sync or connection.journal_since or connection.created_at, now) - OVERLAP


def _orders_check(
    connection: BrokerConnection,
    adapter: BrokerAdapter,
    reports: Sequence[OrderReport],
    result: ReconcileResult,
    now: datetime,
) -> None:
    orders = {str(order.pk): order for order in _orders_of(connection, now)}
    listed = {one.report.broker_order_id for one in flattened(reports)}
    found = order_verdicts(map(_own, orders.values()), listed, quiet_since=now - QUIET)
    # More executions than the order tells of: its own word is what is missing.
    _ask(connection, adapter, _turn(found[OrderVerdict.OVERBOOKED] + found[OrderVerdict.ASK], now), result, now)
    unequal = [orders[key] for key in found[OrderVerdict.PULL_FILLS]]
    if unequal:
        since = min(order.submitted_at or order.created_at for order in unequal) - OVERLAP
        result.booked += fills_apply(connection, adapter.fills(since=since), now=now).booked


def _turn(keys: Sequence[str], now: datetime) -> Sequence[str]:
    """Whose turn it is this minute: those whose answer changes nothing do not keep the others waiting for ever."""
    start = int(now.timestamp()) // 60 * MOST_ASKED % max(len(keys), 1)
    return [*keys[start:], *keys[:start]][:MOST_ASKED]


def _orders_of(connection: BrokerConnection, now: datetime) -> Sequence[Order]:
    """Orders at the broker, and those that changed lately and say something else than their executions; one query."""
    orders = with_booked(Order.objects.filter(connection=connection))
    # Executions from before the journal are not booked; and brokers differ in whether a replacement counts what the
    # order before it had filled.
    in_journal = Q(submitted_at__gte=connection.journal_since or connection.created_at) | Q(origin=OrderOrigin.DESK)
    counted = Q(updated_at__gte=now - CHECKED_FOR) & in_journal
    unequal = counted & ~Q(filled_quantity=F("booked")) & Q(replaces=None)
    found = orders.filter(Q(status__in=AT_BROKER) | unequal)
    return list(found.only(*_COMPARED).order_by("reported_at", "created_at"))


def _own(order: Order) -> OwnOrder:
    is_counted = order.replaces_id is None and order.submitted_at is not None
    booked = order.booked if is_counted else order.filled_quantity
    touched = order.updated_at if order.asked_count == 0 else (order.asked_at or order.updated_at)
    return OwnOrder(
        str(order.pk), order.broker_order_id, OrderState(order.status), order.filled_quantity, booked, touched
    )


def _ask(
    connection: BrokerConnection,
    adapter: BrokerAdapter,
    keys: Sequence[str],
    result: ReconcileResult,
    now: datetime,
) -> None:
    """Ask for orders that should be listed and are not."""
    if not keys:
        return
    answers, orders = [], Order.objects.select_related("connection", "owner").in_bulk(keys)
    for order in orders.values():
        if order.asked_at is not None and order.asked_at > now - PAUSE:
            continue
        result.asked += 1
        ref = order.broker_order_id or order.client_order_id
        with asked(order, CallVerb.LOOK, ref=ref, now=now, by=RECONCILE) as answer:
            report = answer.found(adapter.order(OrderRef(order.broker_order_id, order.client_order_id)))
        if report is None:
            gone_note(order, now=now)
        else:
            answers.append(report)
    if answers:
        applied = reports_apply(connection, answers, source=RECONCILE, now=now)
        result.add(applied)
        if applied.wants_pull:
            result.booked += fills_pull(connection, adapter, source=RECONCILE).booked
