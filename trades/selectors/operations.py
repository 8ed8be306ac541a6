"""How the desk as a whole is doing, for those who operate it: sums over everybody, and no ids.

Each is one statement that reads what is open through its partial index, however many orders are done.
"""

from datetime import datetime
from typing import NamedTuple

from trades.models.order import AT_BROKER, WORKING
from trenddojo.statements import rows_of


class OpenOrders(NamedTuple):
    """Orders of one broker in one state that is not the last, and since when the longest-waiting of them waits.

    Waiting counts where it is for us or the broker to do something: to send, to answer, to find out, to cancel.
    """

    broker: str
    state: str
    count: int
    waits_since: datetime | None


class Connections(NamedTuple):
    """Connections of one broker with one status."""

    broker: str
    status: str
    count: int
    streams_up: int
    oldest_sync: datetime | None
    sync_age_p95: float | None


# An order's legs wait for their parent, and an inactive connection's orders for their trader.
_ORDERS = """
SELECT coalesce(c.broker, 'none'), o.status, count(*), min(CASE
    WHEN o.status = 'in_doubt' THEN o.doubted_at
    WHEN o.status = 'submitting' THEN o.claimed_at
    WHEN o.status = 'cancelling' THEN o.cancel_asked_at
    WHEN o.status = 'new' AND o.parent_id IS NULL AND c.is_active
        AND coalesce(o.send_after, o.created_at) <= %(now)s THEN greatest(o.send_after, o.created_at)
    END)
FROM orders o LEFT JOIN broker_connections c ON c.id = o.connection_id
WHERE o.status IN ({states}) GROUP BY 1, 2 ORDER BY 1, 2
"""
_CONNECTIONS = """
SELECT broker, status, count(*),
    count(*) FILTER (WHERE is_active AND stream_leased_until > %(now)s AND stream_heard_at > %(now)s - interval '40 s'),
    min(coalesce(last_sync, created_at)) FILTER (WHERE is_active),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM %(now)s - coalesce(last_sync, created_at)))
        FILTER (WHERE is_active)
FROM broker_connections GROUP BY 1, 2 ORDER BY 1, 2
"""
# Nobody polls where nothing is open: the turn last set lies behind there, or was never set.
_POLLS = """
SELECT c.broker, min(greatest(c.next_poll_at, o.open_since)) FROM broker_connections c
JOIN (
    SELECT connection_id, min(coalesce(submitted_at, claimed_at, created_at)) AS open_since
    FROM orders WHERE status IN ({states}) GROUP BY 1
) o ON o.connection_id = c.id
WHERE c.is_active AND greatest(c.next_poll_at, o.open_since) <= %(now)s
GROUP BY 1 ORDER BY 1
"""


def _listed(states: list[str]) -> str:
    """Written into the statement: an index for open orders is only used where the planner sees that they are."""
    return ", ".join(f"'{state}'" for state in states)


def open_orders(now: datetime) -> list[OpenOrders]:
    return [OpenOrders(*row) for row in rows_of(_ORDERS.format(states=_listed(WORKING)), {"now": now})]


def connections_standing(now: datetime) -> list[Connections]:
    found = rows_of(_CONNECTIONS, {"now": now})
    return [Connections(*row[:5], None if row[5] is None else float(row[5])) for row in found]


def polls_overdue(now: datetime) -> dict[str, datetime]:
    """By broker: when the poll was due that is waiting longest, where one is overdue."""
    return dict(rows_of(_POLLS.format(states=_listed(AT_BROKER)), {"now": now}))
