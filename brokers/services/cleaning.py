"""Taking away what nobody reads any more, a little at a time."""

from datetime import datetime, timedelta

from django.db.models import Max
from django.db.models.functions import TruncDay

from accounts.models import Notification
from accounts.services.events import events_clean
from accounts.services.idempotency import idempotency_clean
from accounts.services.tokens import tokens_clean
from brokers.models import AccountSnapshot, Quote

# Every snapshot of the last days is kept; of older days the last one.
SNAPSHOTS_WHOLE = timedelta(days=7)
QUOTES_KEPT = timedelta(days=30)
NOTIFICATIONS_KEPT = timedelta(days=180)
# Rows of one delete: a long one would hold up those who write.
BATCH = 10_000


def records_clean(*, now: datetime) -> dict[str, int]:
    """Delete what is old: snapshots but one a day, quotes nobody asked for, notifications that were read, events,
    answers to requests that may be repeated, and tokens that open nothing."""
    return {
        "snapshots": _delete_snapshots(now),
        "quotes": Quote.objects.filter(received_at__lt=now - QUOTES_KEPT).delete()[0],
        "notifications": Notification.objects.filter(
            created_at__lt=now - NOTIFICATIONS_KEPT, read_at__isnull=False
        ).delete()[0],
        "events": events_clean(now=now),
        "idempotency_keys": idempotency_clean(now=now),
        "tokens": tokens_clean(now=now),
    }


def _delete_snapshots(now: datetime) -> int:
    old = AccountSnapshot.objects.filter(at__lt=_midnight(now - SNAPSHOTS_WHOLE))
    last_of_day = old.values("connection", day=TruncDay("at")).annotate(last=Max("id")).values("last")
    superfluous = old.exclude(pk__in=last_of_day).order_by("pk").values_list("pk", flat=True)[:BATCH]
    return AccountSnapshot.objects.filter(pk__in=list(superfluous)).delete()[0]


def _midnight(at: datetime) -> datetime:
    """Whole days only: the last snapshot of a day that is half old is not known yet."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
