"""Positions that differ from the journal, or have no stop, are shown to the trader: once for each state of things."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from accounts.models import NotificationKind, User
from accounts.services.notifications import notify
from brokers.models import BrokerConnection
from trades.models import Order
from trades.selectors.matters import is_bare
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.reconciliation import PositionDifference, position_differences

MOST_NAMED = 8
_ON_THEIR_WAY = (OrderState.SUBMITTING, OrderState.IN_DOUBT)


def differences_tell(connection: BrokerConnection, *, now: datetime) -> list[PositionDifference]:
    """Compare the positions just pulled with the journal and tell the trader what needs their eyes.

    Returns the differences; symbols with an order on its way are left for the next time.
    """
    if connection.account is None:
        return []
    lines = positions_compared(connection.user, connection.account, now=now)
    found = position_differences(
        {line.symbol: line.journal_quantity for line in lines},
        {line.symbol: line.quantity for line in lines},
        unsettled=_unsettled(connection, lines),
    )
    if found:
        _tell(connection, "differ", _count(found, "differs from the journal", "differ from the journal"), _told(found))
    bare = [line for line in lines if is_bare(line, now)]
    if bare:
        names = [f"{line.symbol} {line.quantity.normalize():f}" for line in bare]
        _tell(connection, "bare", _count(bare, "has no working stop", "have no working stop"), names)
    return found


def _unsettled(connection: BrokerConnection, lines: Iterable[PositionLine]) -> set[str]:
    on_their_way = Order.objects.filter(connection=connection, status__in=_ON_THEIR_WAY)
    moving = {line.symbol for line in lines if not line.is_settled}
    return moving | set(on_their_way.values_list("symbol", flat=True))


def _told(found: Iterable[PositionDifference]) -> list[str]:
    return [f"{one.symbol}: broker {one.broker.normalize():f}, journal {one.journal.normalize():f}" for one in found]


def _count(things: Sequence[object], one: str, many: str) -> str:
    return f"A position {one}" if len(things) == 1 else f"{len(things)} positions {many}"


def _tell(connection: BrokerConnection, word: str, title: str, names: Sequence[str]) -> None:
    digest = hashlib.sha256("|".join(names).encode()).hexdigest()[:16]
    named = "; ".join(names[:MOST_NAMED]) + ("; …" if len(names) > MOST_NAMED else "")
    user: User = connection.user
    notify(
        user=user,
        kind=NotificationKind.POSITION,
        key=f"positions:{connection.pk}:{word}:{digest}",
        title=f"{connection.label}: {title[0].lower()}{title[1:]}",
        text=named,
        path="/positions/",
    )
