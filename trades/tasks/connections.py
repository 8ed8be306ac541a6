"""Keeping in step with brokers: whose turn it is, and the pull itself."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from brokers.services.nudges import poll_nudge, sync_nudge
from brokers.services.schedule import CLAIM, claimed, polls_take, sync_soon, syncs_take
from trades.execution.poll import connection_poll, connections_with_open_orders
from trades.execution.sync import connection_sync
from trades.services.live_prices import live_prices_refresh

# Turns that one tick hands out: more than come due in it with ten thousand connections.
MOST_TURNS = 1000
# Seconds: over before somebody else may take the connection.
WITHIN_CLAIM = {"soft_time_limit": CLAIM.seconds - 20, "time_limit": CLAIM.seconds - 10}


@shared_task(name="trades.connections_poll")
def connections_poll_task() -> None:
    """Hand out the polls that are due; connections without an open order are not asked."""
    for connection_id in polls_take(connections_with_open_orders(), now=timezone.now(), limit=MOST_TURNS):
        poll_nudge(connection_id)


@shared_task(name="trades.connections_sync")
def connections_sync_task() -> None:
    for connection_id in syncs_take(now=timezone.now(), limit=MOST_TURNS):
        sync_nudge(connection_id)


@shared_task(name="brokers.connection_poll", **WITHIN_CLAIM)
def connection_poll_task(connection_id: str) -> None:
    """Ask how the open orders stand. Whoever holds the connection may have asked too early: it is due again."""
    with claimed(UUID(connection_id)) as connection:
        if connection is not None:
            connection_poll(connection)
            return
    sync_soon(UUID(connection_id))


@shared_task(name="brokers.connection_sync", **WITHIN_CLAIM)
def connection_sync_task(connection_id: str) -> None:
    """Pull everything. Asked for while somebody holds the connection, it comes due again at once."""
    with claimed(UUID(connection_id)) as connection:
        if connection is not None:
            connection_sync(connection)
            return
    sync_soon(UUID(connection_id))


@shared_task(name="trades.quotes_refresh")
def quotes_refresh_task() -> None:
    live_prices_refresh(now=timezone.now())
