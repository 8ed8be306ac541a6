"""Positions that differ from the journal, or have no stop, are shown to the trader: once when that begins or changes,
and again when it begins anew."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import NotificationKind
from accounts.services.occasions import occasions_begin, occasions_end, occasions_open
from brokers.models import BrokerConnection
from trades.models import Order
from trades.selectors.matters import is_bare
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.reconciliation import PositionDifference, position_differences

MOST_NAMED = 8
# What is said of one position, and of several.
DIFFER = ("differ", "a position differs from the journal", "{} positions differ from the journal")
BARE = ("bare", "a position has no working stop", "{} positions have no working stop")
_ON_THEIR_WAY = (OrderState.SUBMITTING, OrderState.IN_DOUBT)


def differences_tell(connection: BrokerConnection, *, now: datetime) -> list[PositionDifference]:
    """Compare the positions just pulled with the journal and tell the trader what needs their eyes.

    Returns the differences; symbols with an order on its way are left for the next time.
    """
    if connection.account is None:
        return []
    lines = positions_compared(connection.user, connection.account, now=now)
    unsettled = _unsettled(connection, lines)
    found = position_differences(
        {line.symbol: line.journal_quantity for line in lines},
        {line.symbol: line.quantity for line in lines},
        unsettled=unsettled,
    )
    _tell(connection, DIFFER, {one.symbol: _differing(one) for one in found}, unsettled)
    bare = [line for line in lines if is_bare(line, now)]
    _tell(connection, BARE, {line.symbol: f"{line.symbol} {line.quantity.normalize():f}" for line in bare}, unsettled)
    return found


def _unsettled(connection: BrokerConnection, lines: Iterable[PositionLine]) -> set[str]:
    on_their_way = Order.objects.filter(connection=connection, status__in=_ON_THEIR_WAY)
    moving = {line.symbol for line in lines if not line.is_settled}
    return moving | set(on_their_way.values_list("symbol", flat=True))


def _differing(one: PositionDifference) -> str:
    return f"{one.symbol}: broker {one.broker.normalize():f}, journal {one.journal.normalize():f}"


def _tell(
    connection: BrokerConnection, words: tuple[str, str, str], standing: Mapping[str, str], unsettled: Collection[str]
) -> None:
    """Tell of what begins now, and end what lasts no longer; symbols that moved while we looked stay as they are.

    `standing` says by symbol how each position stands: what stands otherwise than before begins anew.
    """
    word, one, many = words
    about = f"positions:{connection.pk}:{word}"
    names = {f"{symbol}:{_digest(text)}": text for symbol, text in standing.items()}
    if not _changed(occasions_open(connection.user, about), names, unsettled):
        return
    with transaction.atomic():
        # One at a time: two that look at once would both find the same beginning.
        BrokerConnection.objects.select_for_update(no_key=True).filter(pk=connection.pk).first()
        known = occasions_open(connection.user, about)
        changed = _changed(known, names, unsettled)
        occasions_end(user=connection.user, about=about, names=changed & known)
        begun = [name for name in names if name in changed]
        texts = [names[name] for name in begun]
        occasions_begin(
            user=connection.user,
            kind=NotificationKind.POSITION,
            about=about,
            names=begun,
            title=f"{connection.label}: {one if len(begun) == 1 else many.format(len(begun))}",
            text="; ".join(texts[:MOST_NAMED]) + ("; …" if len(texts) > MOST_NAMED else ""),
            path="/positions/",
        )


def _changed(known: set[str], names: Collection[str], unsettled: Collection[str]) -> set[str]:
    """What was told and is so no longer, and what is so and was not told."""
    over = {name for name in known - set(names) if name.rpartition(":")[0] not in unsettled}
    return over | (set(names) - known)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
