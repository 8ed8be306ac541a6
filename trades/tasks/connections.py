"""Keeping in step with brokers: whose turn it is, and the pull itself."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from brokers.services.nudges import poll_nudge, sync_nudge
from brokers.services.schedule import CLAIM, claimed, polls_take, sync_soon, syncs_take
from trades.execution.poll import connection_poll, connections_with_open_orders
from trades.execution.sync import connection_sync
from trades.services.live_prices import live_prices_refresh

# Turns that are taken at once, and how often in one tick: what comes due in it with ten thousand connections that all
# have open orders and no stream. docs/scale.md plays that through.
MOST_TURNS, MOST_TAKES = 1000, 10
# Seconds: over before somebody else may take the connection.
WITHIN_CLAIM = {"soft_time_limit": CLAIM.seconds - 20, "time_limit": CLAIM.seconds - 10}


@shared_task(name="trades.connections_poll")
def connections_poll_task() -> None:
    """Hand out the polls that are due; connections without an open order are not asked."""
    _hand_out(partial(polls_take, connections_with_open_orders()), poll_nudge)


@shared_task(name="trades.connections_sync")
def connections_sync_task() -> None:
    _hand_out(syncs_take, sync_nudge)


def _hand_out(take: Callable[..., list[UUID]], nudge: Callable[[UUID], None]) -> None:
    """Until fewer are due than are taken at once; what is left after that is the next tick's."""
    for _ in range(MOST_TAKES):
        taken = take(now=timezone.now(), limit=MOST_TURNS)
        for connection_id in taken:
            nudge(connection_id)
        if len(taken) < MOST_TURNS:
            return


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
