"""Which connection's turn it is. Turns are spread evenly over the cycle; one worker at a time holds a connection.

The row is the job: a turn is taken by moving its time on, and a connection is held by a claim that runs out by itself,
so that a killed worker's connection is free again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from brokers.models import BrokerConnection

# Longer than a whole pull of a large account, shorter than a trader's patience after a worker was killed.
CLAIM = timedelta(seconds=120)
# A turn lies a cycle ahead at most, a claim its own length. What lies much further was written by a wrong clock, and
# nobody waits for it.
FAR_AHEAD = 3
# A stream that said nothing for this long does not count as up: its process says so much more often.
STREAM_SILENCE = timedelta(seconds=40)


class Turn(Protocol):
    """When a connection comes next, after `now`."""

    def __call__(self, connection_id: UUID, *, cycle: int, now: datetime) -> datetime: ...


def syncs_take(*, now: datetime, limit: int) -> list[UUID]:
    """Connections whose portfolio sync is due, the longest waiting first; their next turn is set."""
    due = BrokerConnection.objects.filter(_is_due("next_sync_at", settings.SYNC_SECONDS, now))
    return _take("next_sync_at", due, next_turn, cycle=settings.SYNC_SECONDS, now=now, limit=limit)


def polls_take(due: QuerySet[BrokerConnection], *, now: datetime, limit: int) -> list[UUID]:
    """Connections among `due` whose orders should be asked for: soon where no stream is up, else now and then."""
    longest = max(settings.POLL_SECONDS, settings.POLL_SECONDS_WITH_STREAM)
    due = due.filter(_is_due("next_poll_at", longest, now))
    streams = Q(stream_leased_until__gt=now, stream_heard_at__gt=now - STREAM_SILENCE)
    beside, alone = settings.POLL_SECONDS_WITH_STREAM, settings.POLL_SECONDS
    found = _take("next_poll_at", due.filter(streams), next_poll, cycle=beside, now=now, limit=limit)
    return found + _take("next_poll_at", due.exclude(streams), next_poll, cycle=alone, now=now, limit=limit)


def sync_soon(connection_id: UUID) -> None:
    """Make a sync due at once: for `sync now`, and after a reconnect."""
    BrokerConnection.objects.filter(pk=connection_id, is_active=True).update(next_sync_at=None)


def next_turn(connection_id: UUID, *, cycle: int, now: datetime) -> datetime:
    """The connection's next place in the cycle (seconds), after `now`: ids are random, so places are spread evenly."""
    place = connection_id.int % (cycle * 1000) / 1000
    wait = cycle - (now.timestamp() - place) % cycle
    return now + timedelta(seconds=wait)


def next_poll(connection_id: UUID, *, cycle: int, now: datetime) -> datetime:
    """Half a cycle beside the place of syncs: both at once would find the connection held, and pull it twice."""
    half = timedelta(seconds=cycle / 2)
    return next_turn(connection_id, cycle=cycle, now=now - half) + half


@contextmanager
def claimed(connection_id: UUID) -> Iterator[BrokerConnection | None]:
    """Hold a connection: yields it, or None when it is inactive or somebody else holds it."""
    mine, now = uuid4(), timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_until__gt=now + FAR_AHEAD * CLAIM)
    taken = BrokerConnection.objects.filter(free, pk=connection_id, is_active=True).update(
        claimed_by=mine, claimed_until=now + CLAIM
    )
    if not taken:
        yield None
        return
    try:
        yield BrokerConnection.objects.select_related("account", "user").get(pk=connection_id)
    finally:
        BrokerConnection.objects.filter(pk=connection_id, claimed_by=mine).update(claimed_by=None, claimed_until=None)


def _is_due(column: str, cycle: int, now: datetime) -> Q:
    too_far = now + timedelta(seconds=FAR_AHEAD * cycle)
    return Q(**{column: None}) | Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": too_far})


@transaction.atomic
def _take(
    column: str, due: QuerySet[BrokerConnection], turn: Turn, *, cycle: int, now: datetime, limit: int
) -> list[UUID]:
    oldest = due.filter(is_active=True).order_by(F(column).asc(nulls_first=True))
    found = list(oldest.select_for_update(skip_locked=True, of=("self",)).only("pk")[:limit])
    for connection in found:
        setattr(connection, column, turn(connection.pk, cycle=cycle, now=now))
    if found:
        BrokerConnection.objects.bulk_update(found, [column])
    return [connection.pk for connection in found]
