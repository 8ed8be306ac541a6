"""Reading connections and what brokers last said, always through the owner."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.http import Http404

from accounts.models import Broker, TradingAccount, User
from accounts.selectors import accounts_in_use
from brokers.models import AccountSnapshot, BrokerCall, BrokerConnection, BrokerPosition, Quote
from trenddojo.domain.order_state import WORKING
from trenddojo.statements import models_of


class Block(NamedTuple):
    """Why nothing may be traded through a connection, when the broker last said so, and when it last said nothing."""

    sentence: str
    said_at: datetime
    free_at: datetime | None


def connections_of(user: User) -> QuerySet[BrokerConnection]:
    """The user's connections with their accounts, the oldest first."""
    return BrokerConnection.objects.filter(user=user).select_related("account").order_by("created_at")


def connection_for(user: User, pk: UUID) -> BrokerConnection:
    """The user's connection with its account. Raises Http404."""
    found = connections_of(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def connection_of_account(account: TradingAccount) -> BrokerConnection | None:
    """The connection this account follows."""
    return BrokerConnection.objects.filter(account=account, user=account.owner_id).select_related("account").first()


def connection_has_working_orders(connection: BrokerConnection) -> bool:
    """Whether orders are not done yet: at the broker, or on their way to it."""
    # Orders are met by the name of their relation alone: brokers may not import them.
    return connection.orders.filter(status__in=WORKING).exists()


def accounts_to_link(user: User, broker: str) -> QuerySet[TradingAccount]:
    """Accounts in use without a connection, of this broker or kept by hand until now."""
    linked = BrokerConnection.objects.filter(account=OuterRef("pk"))
    return accounts_in_use(user).filter(~Exists(linked), broker__in=[broker, Broker.MANUAL])


def account_snapshot(connection: BrokerConnection) -> AccountSnapshot | None:
    """What the broker last said the account is worth."""
    return AccountSnapshot.objects.filter(connection=connection).order_by("-at").first()


def blocks_of(connections: Iterable[UUID]) -> dict[UUID, Block]:
    """Those of the connections in use whose account the broker has blocked, as it last said. One query."""
    newest = AccountSnapshot.objects.filter(connection=OuterRef("pk")).order_by("-at")
    free = newest.filter(block="")
    found = (
        BrokerConnection.objects.filter(pk__in=list(connections), is_active=True)
        .annotate(block=Subquery(newest.values("block")[:1]), said_at=Subquery(newest.values("at")[:1]))
        .filter(block__gt="")
        .annotate(free_at=Subquery(free.values("at")[:1]))
    )
    return {key: Block(*row) for key, *row in found.order_by().values_list("pk", "block", "said_at", "free_at")}


def calls_failed(connections: Iterable[UUID]) -> dict[UUID, list[BrokerCall]]:
    """The calls of each connection that failed lately, what fails now before what is past, the newest first."""
    found: dict[UUID, list[BrokerCall]] = {}
    calls = BrokerCall.objects.filter(connection__in=list(connections))
    for call in calls.order_by(F("ended_at").desc(nulls_first=True), "-last_at", "-id"):
        found.setdefault(call.connection_id, []).append(call)
    return found


def broker_positions(connection: BrokerConnection) -> QuerySet[BrokerPosition]:
    """What the broker holds, as of the last sync."""
    return BrokerPosition.objects.filter(connection=connection).order_by("symbol")


def quote_latest(feed: str, symbol: str) -> Quote | None:
    """The newest usable quote of a feed, however old."""
    found = models_of(Quote, "feed = %(feed)s AND symbol = %(symbol)s", {"feed": feed, "symbol": symbol})
    return next(iter(found), None)
