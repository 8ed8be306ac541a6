"""How old what the desk knows of each broker is: pages that show it say when they show the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min, OuterRef, Subquery
from django.db.models.functions import Coalesce

from accounts.models import TradingAccount
from brokers.models import BrokerConnection, ConnectionStatus
from trades.models import Order
from trades.models.order import AT_BROKER

# One turn may be missed; this long the next one takes to be handed out and done.
LATE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Heard:
    """Until when everything about a connection is known, and whether that is too long ago."""

    connection: BrokerConnection
    at: datetime | None
    is_stale: bool

    @property
    def needs_you(self) -> bool:
        return not self.connection.is_active

    @property
    def is_failing(self) -> bool:
        """The broker could not be used when it was last asked."""
        return self.connection.status == ConnectionStatus.NEEDS_ATTENTION


def connections_heard(accounts: Sequence[TradingAccount], *, now: datetime) -> list[Heard]:
    """The connections of these accounts, each with how well it is known. One query."""
    found = BrokerConnection.objects.filter(account_id__in=[account.pk for account in accounts])
    return [_heard(connection, now) for connection in found.annotate(open_since=_open_since()).order_by("label", "id")]


def connections_stale(accounts: Sequence[TradingAccount], *, now: datetime) -> list[Heard]:
    """Those whose news is old, that do not answer, or that are switched off."""
    return told(connections_heard(accounts, now=now))


def told(heard: Sequence[Heard]) -> list[Heard]:
    """Those of them that a page has to tell of."""
    return [each for each in heard if each.is_stale or each.is_failing or each.needs_you]


def _heard(connection: BrokerConnection, now: datetime) -> Heard:
    """Two turns missed is too old: of the pull of everything, or, while orders are open, of asking for them.

    A stream tells of orders only, and a pull of everything is due as often with one.
    """
    synced, missed = connection.last_sync, _poll_missed(connection, now)
    is_stale = synced is None or now - synced > 2 * timedelta(seconds=settings.SYNC_SECONDS) + LATE
    return Heard(connection, min(filter(None, (synced, missed)), default=None), is_stale or missed is not None)


def _poll_missed(connection: BrokerConnection, now: datetime) -> datetime | None:
    """The moment from which on nobody asked for the open orders, where that is too long ago.

    Without open orders nobody asks: the turn that was last set lies behind, or none was ever set.
    """
    if connection.open_since is None:
        return None
    due = max(filter(None, (connection.next_poll_at, connection.open_since)))
    return due if now - due > timedelta(seconds=settings.POLL_SECONDS) + LATE else None


def _open_since() -> Subquery:
    """When the first of a connection's open orders was sent."""
    at_broker = Order.objects.filter(connection=OuterRef("pk"), status__in=AT_BROKER).order_by()
    sent = Coalesce("submitted_at", "claimed_at", "created_at")
    return Subquery(at_broker.values("connection").annotate(first=Min(sent)).values("first"))
