"""Deleting what is old: a few rows at a time, so that nobody waits, and again from where it was ended."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import DeliveryState, Notification, WebhookDelivery

# Rows of one delete, which is a transaction of its own: a long one would hold up those who write.
BATCH = 2_000
# Seconds one table may take in one turn; the next turn goes on where this one ended.
PATIENCE = 20.0

DELIVERIES_KEPT = timedelta(days=30)
# Of notifications that were never read.
UNREAD_KEPT = timedelta(days=730)
# Sign-ins are listed to their owner; those of sessions that are over are not. A new one is written beside its session.
_SIGN_INS = """
DELETE FROM usersessions_usersession WHERE id IN (
    SELECT u.id FROM usersessions_usersession u
    WHERE u.created_at < %s AND NOT EXISTS (SELECT FROM django_session s WHERE s.session_key = u.session_key)
    ORDER BY u.id LIMIT %s
)
"""


def rows_delete(rows: QuerySet[Any]) -> int:
    """Delete these rows, the oldest keys first, as long as a turn may take; how many."""
    ends, gone = time.monotonic() + PATIENCE, 0
    while time.monotonic() < ends:
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if keys:
            # Asked again: what has changed since does not go.
            gone += rows.filter(pk__in=keys).order_by().delete()[0]
        if len(keys) < BATCH:
            break
    return gone


def kept_since(name: str, now: datetime) -> datetime | None:
    """The moment a setting in days reaches back to; None where everything is kept."""
    days = getattr(settings, name)
    return now - timedelta(days=days) if days else None


def notifications_clean(*, now: datetime) -> int:
    """Delete notifications that were read, and after two years the others; how many."""
    since = kept_since("KEEP_NOTIFICATIONS_DAYS", now)
    read = Q(read_at__isnull=False, created_at__lt=since) if since else Q(pk__in=[])
    return rows_delete(Notification.objects.filter(read | Q(created_at__lt=now - UNREAD_KEPT)))


def deliveries_clean(*, now: datetime) -> int:
    """Delete messages to webhooks that were sent, or given up, a while ago; how many."""
    old = WebhookDelivery.objects.filter(created_at__lt=now - DELIVERIES_KEPT)
    return rows_delete(old.exclude(state=DeliveryState.WAITING))


def sessions_clean(*, now: datetime) -> int:
    """Delete sessions that are over, with the sign-ins that made them; how many sessions."""
    gone = rows_delete(Session.objects.filter(expire_date__lt=now))
    with connection.cursor() as cursor:
        cursor.execute(_SIGN_INS, [now - timedelta(days=1), BATCH])
    return gone
