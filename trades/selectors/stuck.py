"""Orders that need somebody's eyes, said once: the page and the sweep that tells of them look for the same."""

from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Case, CharField, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from trades.models import Order, OrderEvent
from trades.models.order import ENDED_ODDLY, WORKING
from trenddojo.domain.order_state import OrderState

# What usually takes seconds, has taken unusually long after so much more.
SENT_WITHIN = timedelta(minutes=2)
LEAVES_WITHIN = timedelta(minutes=1)
ANSWERED_WITHIN = timedelta(minutes=1)
# At the open quotes come one by one; sooner is not unusual.
RELEASED_WITHIN = timedelta(minutes=3)
# An order that came to such an end is shown for so long, or until it was looked at.
SHOWN_FOR = timedelta(days=7)
_ASKABLE = (OrderState.CANCELLING, OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
_MOMENT = DateTimeField()


class OrderMatter(StrEnum):
    """Why an order needs eyes, the most pressing first."""

    IN_DOUBT = "in_doubt"
    SENDING = "sending"
    CANCEL = "cancel"
    CHANGE = "change"
    UNKNOWN_STATUS = "unknown_status"
    UNSENT = "unsent"
    QUEUED = "queued"
    # Over, by an end that nobody asked for.
    ID_TAKEN = "id_taken"
    GONE = "gone"
    NEVER_ARRIVED = "never_arrived"
    LAPSED = "lapsed"
    DENIED = "denied"


def orders_working_oddly(now: datetime) -> QuerySet[Order]:
    """Working orders that need eyes, as `matter`: in doubt, or stuck for unusually long."""
    return _classified(_at_work(), _working(now))


def orders_stuck(now: datetime) -> QuerySet[Order]:
    """Those of them that nothing else tells of: everybody's, so that a sweep may."""
    told_elsewhere = {OrderMatter.IN_DOUBT, OrderMatter.UNKNOWN_STATUS}
    return _classified(_at_work(), {name: rule for name, rule in _working(now).items() if name not in told_elsewhere})


def orders_ended_oddly(now: datetime) -> QuerySet[Order]:
    """Orders that came lately to an end nobody asked for, as `matter`."""
    is_odd = Q(reason_code__in=ENDED_ODDLY) | Q(status=OrderState.DENIED, done_at__gt=F("created_at"))
    return _classified(Order.objects.filter(is_odd, done_at__gte=now - SHOWN_FOR, parent=None), _ended())


def _at_work() -> QuerySet[Order]:
    asked_at = Cast(KeyTextTransform("asked_at", "pending_change"), _MOMENT)
    return Order.objects.filter(status__in=WORKING).annotate(change_asked_at=asked_at)


def _working(now: datetime) -> dict[OrderMatter, Q]:
    is_unknown = ~Q(raw_status="") & Exists(_unknown_word())
    was_tried = Q(claimed_at__isnull=False, created_at__lte=now - SENT_WITHIN)
    is_idle = Q(updated_at__lte=now - LEAVES_WITHIN) & (Q(send_after=None) | Q(send_after__lte=now - LEAVES_WITHIN))
    return {
        OrderMatter.IN_DOUBT: Q(status=OrderState.IN_DOUBT),
        OrderMatter.SENDING: Q(status=OrderState.SUBMITTING, claimed_at__lte=now - SENT_WITHIN),
        OrderMatter.CANCEL: Q(status__in=_ASKABLE, cancel_asked_at__lte=now - ANSWERED_WITHIN),
        OrderMatter.CHANGE: Q(change_asked_at__lte=now - ANSWERED_WITHIN),
        OrderMatter.UNKNOWN_STATUS: Q(status__in=_ASKABLE) & is_unknown,
        OrderMatter.UNSENT: Q(status=OrderState.NEW, parent=None) & (was_tried | is_idle),
        OrderMatter.QUEUED: Q(
            status=OrderState.QUEUED,
            parent=None,
            send_after__lte=now - RELEASED_WITHIN,
            updated_at__lte=now - LEAVES_WITHIN,
        ),
    }


def _unknown_word() -> QuerySet[OrderEvent]:
    """Steps that told the order's present word as one nobody here knows."""
    said = KeyTextTransform("status", "detail")
    plain = OrderEvent.objects.filter(order=OuterRef("pk"), fact="unknown_status")
    return plain.annotate(said=said).filter(said=OuterRef("raw_status"))


def _ended() -> dict[OrderMatter, Q]:
    by_reason = {OrderMatter(code): Q(reason_code=code) for code in ENDED_ODDLY}
    return {**by_reason, OrderMatter.DENIED: Q(status=OrderState.DENIED)}


def _classified(orders: QuerySet[Order], rules: dict[OrderMatter, Q]) -> QuerySet[Order]:
    """The first rule that fits names the matter; orders without one are left out."""
    whens = [When(rule, then=Value(matter.value)) for matter, rule in rules.items()]
    return orders.annotate(matter=Case(*whens, default=Value(""), output_field=CharField())).exclude(matter="")
