"""What a broker executed is a fact: it can be corrected in words, not taken away."""

from uuid import UUID

from django.db.models import QuerySet

from trades.models import AuditEntry, Fill

# The audit trail's word for a fill that the broker told of.
BOOKED = "fill.booked"


def are_told_by_broker(fills: "QuerySet[Fill]", *, account_id: UUID) -> bool:
    """Whether a broker told of any of these fills of an account."""
    fills = fills.order_by()
    told = AuditEntry.objects.filter(account_id=account_id, action=BOOKED, subject_id__in=fills.values("pk"))
    return fills.filter(order__isnull=False).exists() or told.exists()
