"""Keeping what the broker says the account is worth, and telling its trader when nothing may be traded any more."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import NotificationKind
from accounts.services.notifications import notify
from brokers.base import AccountReport
from brokers.models import AccountSnapshot, BrokerConnection
from trenddojo.domain.money import cents

LONGEST_BLOCK = 200


def snapshot_keep(
    connection: BrokerConnection, report: AccountReport, *, at: datetime | None = None
) -> AccountSnapshot:
    """The newest snapshot is the present; older ones are thinned out by the cleaning."""
    moment, block = at or timezone.now(), report.block[:LONGEST_BLOCK]
    with transaction.atomic():
        if block:
            _tell_blocked(connection, block, moment)
        return AccountSnapshot.objects.create(
            connection=connection,
            at=moment,
            currency=report.currency,
            equity=cents(report.equity),
            cash=cents(report.cash),
            buying_power=cents(report.buying_power),
            block=block,
        )


def _tell_blocked(connection: BrokerConnection, block: str, now: datetime) -> None:
    """Once for each time: two processes that read it at once have the same snapshot before it."""
    before = AccountSnapshot.objects.filter(connection=connection, at__lte=now).order_by("-at").first()
    if before is not None and before.block == block:
        return
    notify(
        user=connection.user,
        kind=NotificationKind.CONNECTION,
        key=f"connection:{connection.pk}:blocked:{before.pk if before is not None else 'at once'}",
        title=f"{connection.label}: nothing may be traded",
        text=f"{block} New orders are refused there until that is lifted; what works at the broker goes on.",
        path=f"/connections/{connection.pk}/",
    )
