"""How old what the desk knows of each broker is: pages of orders and positions say when they show the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import TradingAccount
from brokers.models import BrokerConnection

# A cycle may be missed once, and its work takes its time.
LATE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Heard:
    """When a connection last brought anything, by stream or by pull."""

    connection: BrokerConnection
    at: datetime | None
    is_stale: bool

    @property
    def needs_you(self) -> bool:
        return not self.connection.is_active


def connections_heard(accounts: Sequence[TradingAccount], *, now: datetime) -> list[Heard]:
    """The connections of these accounts, each with when it was last heard of. One query."""
    found = BrokerConnection.objects.filter(account_id__in=[account.pk for account in accounts])
    oldest = now - 2 * timedelta(seconds=settings.SYNC_SECONDS) - LATE
    return [_heard(connection, oldest) for connection in found.select_related("account").order_by("label", "id")]


def connections_stale(accounts: Sequence[TradingAccount], *, now: datetime) -> list[Heard]:
    """Those whose news is old, or whose connection is switched off."""
    return [heard for heard in connections_heard(accounts, now=now) if heard.is_stale or heard.needs_you]


def _heard(connection: BrokerConnection, oldest: datetime) -> Heard:
    times = [at for at in (connection.last_sync, connection.stream_heard_at) if at is not None]
    latest = max(times, default=None)
    return Heard(connection, latest, is_stale=latest is None or latest < oldest)
