"""Taking away what nobody reads any more, a little at a time."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.db.models.functions import TruncDay

from accounts.services.events import events_clean
from accounts.services.idempotency import idempotency_clean
from accounts.services.retention import (
    deliveries_clean,
    kept_since,
    notifications_clean,
    rows_delete,
    sessions_clean,
)
from accounts.services.tokens import tokens_clean
from brokers.models import AccountSnapshot, Bar, BarSpan, BrokerCall, Quote

# Every snapshot of the last days is kept; of older days the last one.
SNAPSHOTS_WHOLE = timedelta(days=7)
QUOTES_KEPT = timedelta(days=30)
# After the last failure of a kind.
CALLS_KEPT = timedelta(days=30)
MOST_SPANS = 2_000
# Bars that are built from others, or few: they are kept.
LONG_BARS = ("1Day",)


def records_clean(*, now: datetime) -> dict[str, int]:
    """Delete what is old, a bounded part of each in one turn; how many of each. docs/deploy.md has the table."""
    return {
        "snapshots": rows_delete(_superfluous_snapshots(now)),
        "calls": rows_delete(BrokerCall.objects.filter(last_at__lt=now - CALLS_KEPT)),
        "quotes": rows_delete(Quote.objects.filter(received_at__lt=now - QUOTES_KEPT)),
        "bars": _delete_bars(now),
        "notifications": notifications_clean(now=now),
        "deliveries": deliveries_clean(now=now),
        "sessions": sessions_clean(now=now),
        "events": events_clean(now=now),
        "idempotency_keys": idempotency_clean(now=now),
        "tokens": tokens_clean(now=now),
    }


def _superfluous_snapshots(now: datetime) -> QuerySet[AccountSnapshot]:
    old = AccountSnapshot.objects.filter(at__lt=_midnight(now - SNAPSHOTS_WHOLE))
    last_of_day = old.order_by().values("connection", day=TruncDay("at")).annotate(last=Max("id")).values("last")
    return old.exclude(pk__in=last_of_day)


def _delete_bars(now: datetime) -> int:
    """Bars of minutes and hours that a feed gave: who looks at such a day again has them fetched again.

    What is known to be whole ends first, so that no gap is ever taken for quiet minutes.
    """
    since = kept_since("KEEP_BARS_DAYS", now)
    if since is None:
        return 0
    spans = BarSpan.objects.exclude(timeframe__in=LONG_BARS)
    rows_delete(spans.filter(end__lte=since))
    for span in spans.filter(start__lt=since)[:MOST_SPANS]:
        _shorten(span, since)
    known = BarSpan.objects.filter(
        feed=OuterRef("feed"), symbol=OuterRef("symbol"), timeframe=OuterRef("timeframe"), start__lt=since
    )
    old = Bar.objects.exclude(timeframe__in=LONG_BARS).filter(start__lt=since)
    return rows_delete(old.filter(~Exists(known)))


def _shorten(span: BarSpan, since: datetime) -> None:
    """Let it begin later, unless somebody changed it meanwhile or another begins there."""
    with suppress(IntegrityError), transaction.atomic():
        BarSpan.objects.filter(pk=span.pk, start=span.start, end=span.end).update(start=since)


def _midnight(at: datetime) -> datetime:
    """Whole days only: the last snapshot of a day that is half old is not known yet."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
