"""Keeping what the broker says the account is worth."""

from django.utils import timezone

from brokers.base import AccountReport
from brokers.models import AccountSnapshot, BrokerConnection

LONGEST_BLOCK = 200


def snapshot_keep(connection: BrokerConnection, report: AccountReport) -> AccountSnapshot:
    """The newest snapshot is the present; older ones are thinned out by the cleaning."""
    return AccountSnapshot.objects.create(
        connection=connection,
        at=timezone.now(),
        currency=report.currency,
        equity=report.equity,
        cash=report.cash,
        buying_power=report.buying_power,
        block=report.block[:LONGEST_BLOCK],
    )
