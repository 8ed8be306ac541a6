"""Pulling executions: what is new since the cursor, with the orders they belong to."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from brokers.base import BrokerAdapter, FillReport, OrderRef
from brokers.models import BrokerConnection
from trades.execution.fills import FillsApplied, fills_apply, orders_unknown
from trades.execution.track import reports_apply
from trades.models import OrderOrigin
from trenddojo.statements import rows_of

# Orders made elsewhere that one pull asks for one by one; their executions wait for the next.
MOST_ASKED = 20
# A little before an order was taken, by the broker's own clock.
BEFORE = timedelta(minutes=1)


def fills_pull(connection: BrokerConnection, adapter: BrokerAdapter, *, source: str) -> FillsApplied:
    """Read the executions since the cursor and book those that are new. Raises the broker's errors."""
    now = timezone.now()
    fills = adapter.fills(since=_since(connection, now), cursor=connection.fills_cursor)
    left = _orders_learn(connection, adapter, fills, source=source)
    return fills_apply(connection, _before(fills, left), now=timezone.now())


_FIRST = """
SELECT min(submitted_at) FROM orders
WHERE connection_id = %(connection)s AND origin = %(desk)s AND submitted_at < %(began)s
"""


def _since(connection: BrokerConnection, now: datetime) -> datetime:
    """When the journal began; an order placed here may be older to a broker whose clock is behind."""
    began: datetime = connection.journal_since or connection.created_at or now
    if connection.fills_cursor:
        return began
    ((first,),) = rows_of(_FIRST, {"connection": connection.pk, "desk": OrderOrigin.DESK.value, "began": began})
    return began if first is None else first - BEFORE


def _before(fills: Sequence[FillReport], left: Collection[str]) -> Sequence[FillReport]:
    """The executions up to the first whose order has yet to be asked for: the next pull goes on from there."""
    place = next((place for place, fill in enumerate(fills) if fill.broker_order_id in left), len(fills))
    return fills[:place]


def _orders_learn(
    connection: BrokerConnection, adapter: BrokerAdapter, fills: Sequence[FillReport], *, source: str
) -> set[str]:
    """An execution is booked to its order: orders we have not heard of are asked for first. Returns those left out."""
    unknown = orders_unknown(connection, fills)
    found = [adapter.order(OrderRef(broker_order_id=one)) for one in unknown[:MOST_ASKED]]
    reports = [report for report in found if report is not None]
    if reports:
        reports_apply(connection, reports, source=source, now=timezone.now())
    return set(unknown[MOST_ASKED:])
