"""Which process holds the order stream of a connection: a lease in the row, renewed while its holder lives.

A broker gives one socket a key, so two processes must not both hold one. Another host takes over when the lease of a
dead process has run out.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from brokers.models import BrokerConnection

LEASE = timedelta(seconds=30)


@transaction.atomic
def leases_take(*, owner: str, brokers: Collection[str], now: datetime, limit: int) -> list[UUID]:
    """Take the stream of up to `limit` active connections that nobody holds, the longest without one first."""
    # One that lies much further ahead was written by a clock that was wrong.
    held = Q(stream_leased_until__gt=now, stream_leased_until__lte=now + 3 * LEASE)
    free = Q(stream_leased_until=None) | ~held
    rows = BrokerConnection.objects.filter(free, is_active=True, broker__in=brokers)
    order = rows.order_by("stream_leased_until", "pk").select_for_update(skip_locked=True)
    found = list(order.values_list("pk", flat=True)[:limit])
    if found:
        BrokerConnection.objects.filter(pk__in=found).update(
            stream_owner=owner, stream_leased_until=now + LEASE, stream_heard_at=None
        )
    return found


def leases_renew(*, owner: str, heard: Iterable[UUID], now: datetime) -> set[UUID]:
    """Hold on to every stream of ours for another while; `heard` are those whose socket is alive.

    Returns the connections that are still ours and active: a socket of any other must be closed.
    """
    mine = BrokerConnection.objects.filter(stream_owner=owner, is_active=True, stream_leased_until__gt=now)
    mine.update(stream_leased_until=now + LEASE)
    mine.filter(pk__in=list(heard)).update(stream_heard_at=now)
    return set(mine.values_list("pk", flat=True))


def leases_release(*, owner: str) -> None:
    """Let go of every stream of ours, so that another process need not wait for the lease to run out."""
    BrokerConnection.objects.filter(stream_owner=owner).update(
        stream_owner="", stream_leased_until=None, stream_heard_at=None
    )


def lease_release(*, owner: str, connection_id: UUID) -> None:
    """Let go of one stream of ours."""
    BrokerConnection.objects.filter(pk=connection_id, stream_owner=owner).update(
        stream_owner="", stream_leased_until=None, stream_heard_at=None
    )
