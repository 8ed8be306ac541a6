"""Pulling executions: what is new since the cursor, with the orders they belong to."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from brokers.base import BrokerAdapter, FillReport, OrderRef
from brokers.models import BrokerConnection
from trades.execution.fills import FillsApplied, fills_apply, orders_unknown
from trades.execution.track import reports_apply

# Orders made elsewhere that one pull asks for one by one; more come with the next reconciliation.
MOST_ASKED = 20


def fills_pull(connection: BrokerConnection, adapter: BrokerAdapter, *, source: str) -> FillsApplied:
    """Read the executions since the cursor and book those that are new. Raises the broker's errors."""
    now = timezone.now()
    fills = adapter.fills(since=_since(connection, now), cursor=connection.fills_cursor)
    _orders_learn(connection, adapter, fills, source=source)
    return fills_apply(connection, fills, now=timezone.now())


def _since(connection: BrokerConnection, now: datetime) -> datetime:
    return connection.journal_since or connection.created_at or now


def _orders_learn(
    connection: BrokerConnection, adapter: BrokerAdapter, fills: Sequence[FillReport], *, source: str
) -> None:
    """An execution is booked to its order: orders we have not heard of are asked for first."""
    unknown = orders_unknown(connection, fills)[:MOST_ASKED]
    found = [adapter.order(OrderRef(broker_order_id=one)) for one in unknown]
    reports = [report for report in found if report is not None]
    if reports:
        reports_apply(connection, reports, source=source, now=timezone.now())
