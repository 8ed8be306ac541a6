"""How long stories of orders, the trail of changes and what held orders back are kept, where a business ends them."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Halt, Silence
from accounts.services.retention import kept_since, rows_delete
from trades.models import AuditEntry, MatterLook, Order, OrderCall, OrderEvent, Trade, TradeStatus
from trades.models.order import WORKING

OPEN = (TradeStatus.PLANNED, TradeStatus.PENDING, TradeStatus.ACTIVE)


def trails_clean(*, now: datetime) -> dict[str, int]:
    """Delete steps and calls of orders, halts and silences that were over long ago, and old entries; how many of each.

    Orders, executions, trades and journal stay. Nothing goes that belongs to a trade that is open, or to an order in
    whose symbol the account has another one working: that may be its leg, its twin or its replacement. A halt that
    nobody lifted and a silence that has no end stand, however old they are.
    """
    stories, audit = kept_since("KEEP_ORDER_STORIES_DAYS", now), kept_since("KEEP_AUDIT_DAYS", now)
    return {
        "order_events": rows_delete(_of_over(OrderEvent.objects.all(), stories)) if stories else 0,
        "order_calls": rows_delete(_of_over(OrderCall.objects.all(), stories)) if stories else 0,
        "audit_entries": rows_delete(_audit(audit)) if audit else 0,
        "halts": rows_delete(Halt.objects.filter(resumed_at__lt=audit)) if audit else 0,
        "silences": rows_delete(Silence.objects.filter(ended_at__lt=audit)) if audit else 0,
        "looks": rows_delete(MatterLook.objects.filter(at__lt=stories)) if stories else 0,
    }


def _of_over(rows: QuerySet, since: datetime) -> QuerySet:
    works = Order.objects.filter(
        account=OuterRef("order__account"), symbol=OuterRef("order__symbol"), status__in=WORKING
    )
    over = Q(order__trade=None) | ~Q(order__trade__status__in=OPEN)
    return rows.filter(over, ~Exists(works), order__done_at__lt=since)


def _audit(since: datetime) -> QuerySet:
    open_trades = Trade.objects.filter(pk=OuterRef("trade_id"), status__in=OPEN)
    return AuditEntry.objects.filter(~Exists(open_trades), at__lt=since)
