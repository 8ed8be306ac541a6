"""Asking a broker how the open orders stand: all of them at once, never one by one.

That is one request as long as orders and their legs are fewer than a page of the broker's (500 at Alpaca); from there
on one for each page, and one that shows that the list has ended.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from brokers.base import BrokerAdapter, OrderRef, OrderReport
from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.rate_limits import Priority
from brokers.registry import adapter_for
from brokers.services.connections import connection_failed, connection_succeeded
from trades.execution.booked import with_booked
from trades.execution.pulls import fills_pull
from trades.execution.track import reports_apply
from trades.models import Order
from trades.models.order import AT_BROKER
from trenddojo.domain.order_state import TERMINAL, OrderState

DONE = sorted(TERMINAL)
SHOWN = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.CANCELLING)
# An order may be younger than the broker's list of open orders.
LIST_LAG = timedelta(seconds=3)
# Open orders of ours that the list does not show are asked for one by one, so many in one poll.
MOST_ASKED = 10
# Executions that do not come for this long are the reconciliation's to look into.
UNBOOKED_FOR = timedelta(minutes=2)


def connections_with_open_orders() -> QuerySet[BrokerConnection]:
    """Only these are polled."""
    orders = Order.objects.filter(connection=OuterRef("pk"), status__in=AT_BROKER)
    return BrokerConnection.objects.filter(Exists(orders))


def connection_poll(connection: BrokerConnection, *, source: str = "poll") -> set[UUID]:
    """Bring the open orders in line with the broker and book what filled; returns the orders that changed.

    What goes wrong at the broker is recorded with the connection and leaves everything as it was.
    """
    try:
        changed = _poll(connection, adapter_for(connection, reads=Priority.POLL), source)
    except BrokerError as error:
        connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
        return set()
    connection_succeeded(connection_id=connection.pk)
    return changed


def _poll(connection: BrokerConnection, adapter: BrokerAdapter, source: str) -> set[UUID]:
    asked_at = timezone.now()
    reports = adapter.orders()
    applied = reports_apply(connection, reports, source=source, now=timezone.now())
    changed, wants_pull = applied.changed | set(applied.adopted), applied.wants_pull
    gone = _unlisted(connection, reports).filter(
        Q(reported_at=None) | Q(reported_at__lt=asked_at - LIST_LAG), submitted_at__lt=asked_at - LIST_LAG
    )
    found = [adapter.order(OrderRef(order.broker_order_id, order.client_order_id)) for order in gone[:MOST_ASKED]]
    # An order the broker does not know stays as it is: the reconciliation looks into that.
    answers = [report for report in found if report is not None]
    if answers:
        applied = reports_apply(connection, answers, source=source, now=timezone.now())
        changed, wants_pull = changed | applied.changed, wants_pull or applied.wants_pull
    if wants_pull or _unbooked(connection).exists():
        fills_pull(connection, adapter, source=source)
    return changed


def _unbooked(connection: BrokerConnection) -> QuerySet[Order]:
    """Orders that lately filled more than their executions say: those are still to be read."""
    lately = Order.objects.filter(
        connection=connection, filled_quantity__gt=0, updated_at__gte=timezone.now() - UNBOOKED_FOR, replaces=None
    )
    return with_booked(lately).filter(filled_quantity__gt=F("booked"))


def _unlisted(connection: BrokerConnection, reports: Sequence[OrderReport]) -> QuerySet[Order]:
    """Orders we take for open and the broker's list of open orders does not show: done, most likely.

    A leg is not listed while it is held; it is done when nothing of its group is listed, or when it was replaced.
    """
    listed = {report.broker_order_id for report in _with_legs(reports)}
    orders = Order.objects.filter(connection=connection)
    alive = orders.filter(broker_order_id__in=listed, parent__isnull=False).values("parent_id")
    is_done = Q(parent=None) | Q(replaced_by__isnull=False) | (Q(parent__status__in=DONE) & ~Q(parent_id__in=alive))
    ours = orders.filter(is_done, status__in=SHOWN).exclude(broker_order_id="")
    return ours.exclude(broker_order_id__in=listed).order_by("reported_at")


def _with_legs(reports: Iterable[OrderReport]) -> Iterable[OrderReport]:
    for report in reports:
        yield report
        yield from _with_legs(report.legs)
