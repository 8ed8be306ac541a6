"""Orders the broker once had and says it does not know any more, as after a paper account was reset."""

from datetime import datetime

from django.db.models import F

from accounts.models import NotificationKind
from trades.execution.notices import describe, order_tell
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.order_state import AT_BROKER, OrderFact

PROOF = 3
RECONCILE = "reconcile"


def gone_note(order: Order, *, now: datetime) -> bool:
    """Count one answer “I do not know it”; so many of them end the order. Returns whether it ended.

    The caller asks with pauses. A report of the order in between begins the count anew.
    """
    kept = Order.objects.filter(pk=order.pk, version=order.version, status__in=AT_BROKER)
    if not kept.update(asked_count=F("asked_count") + 1, asked_at=now) or order.asked_count + 1 < PROOF:
        return False
    sentence = "The broker does not know this order any more. Look at your position there."
    # Should it show the order after all, that counts, even when nothing happened to it since it last did.
    reason = {"reason_code": "gone", "reason_detail": sentence, "asked_count": 0, "reported_at": None}
    if not transition(order, OrderFact.CANCEL, source=RECONCILE, at=now, **reason):
        return False
    title, text = f"{order.symbol}: order gone at the broker", f"{describe(order)}. {sentence}"
    order_tell(order, NotificationKind.ORDER_REJECTED, "gone", title=title, text=text)
    return True
