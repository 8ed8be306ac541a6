"""Closing everything: of an account, or of all accounts of a trader. What cannot be closed keeps nothing else open."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import TradingAccount, User
from brokers.models import BrokerPosition
from trades.execution.changing import cancel_try
from trades.execution.desks import Desk, desk_locked, desk_of
from trades.execution.positions import position_close
from trades.models import Order, Trade, TradeStatus
from trades.models.order import WORKING
from trenddojo.domain.errors import DomainError
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderError

# Nothing is left to do there.
_DONE = frozenset({"nothing_held", "closing"})


@dataclass(frozen=True, slots=True)
class Unclosed:
    """What could not be closed, and why; without a symbol everything in the account."""

    account: TradingAccount
    symbol: str
    code: str
    sentence: str


@dataclass(slots=True)
class Flattened:
    """The orders that close what is held, and what none could be written for."""

    orders: list[Order] = field(default_factory=list)
    unclosed: list[Unclosed] = field(default_factory=list)


def trader_flatten(*, owner: User, creation_key: UUID, now: datetime) -> Flattened:
    """Close every position in every connected account of a trader; the same key closes once. Passes every halt."""
    found = Flattened()
    for account in TradingAccount.objects.filter(owner=owner, is_archived=False, connection__isnull=False):
        key = uuid5(creation_key, str(account.pk))
        try:
            _flatten(found, desk_of(owner, account.pk), key=key, now=now)
        except DomainError as refusal:
            found.unclosed.append(Unclosed(account, "", refusal.code, refusal.sentence))
    return found


def account_flatten(*, owner: User, account_id: UUID, creation_key: UUID, now: datetime) -> Flattened:
    """Cancel every entry of an account and close every position; the same key closes once.

    What is being closed already is left alone. Raises Http404, and OrderError where no order can leave at all.
    """
    found = Flattened()
    _flatten(found, desk_of(owner, account_id), key=creation_key, now=now)
    return found


def positions_close_all(*, owner: User, account_id: UUID, creation_key: UUID, now: datetime) -> list[Order]:
    """As account_flatten; raises the first reason why something was not closed, after everything else is."""
    found = account_flatten(owner=owner, account_id=account_id, creation_key=creation_key, now=now)
    for unclosed in found.unclosed:
        if unclosed.code != OrderState.DENIED:
            raise OrderError(unclosed.code, unclosed.sentence)
    return found.orders


def _flatten(found: Flattened, desk: Desk, *, key: UUID, now: datetime) -> None:
    owner, account = desk.account.owner, desk.account
    with transaction.atomic():
        desk_locked(owner, account.pk)
        for order in _entries(desk):
            cancel_try(order, now=now, reason="close_all")
    for symbol in _symbols(desk):
        try:
            order = position_close(
                owner=owner, account_id=account.pk, symbol=symbol, creation_key=uuid5(key, symbol), now=now
            )
        except DomainError as refusal:
            if refusal.code not in _DONE:
                found.unclosed.append(Unclosed(account, symbol, refusal.code, refusal.sentence))
            continue
        found.orders.append(order)
        found.unclosed += _denied(account, order)


def _denied(account: TradingAccount, order: Order) -> Iterator[Unclosed]:
    if order.status == OrderState.DENIED:
        yield Unclosed(account, order.symbol, OrderState.DENIED, order.reason_detail)


def _entries(desk: Desk) -> QuerySet[Order]:
    found = Order.objects.filter(account=desk.account, parent=None, is_reducing=False, status__in=WORKING)
    return found.filter(cancel_asked_at=None).select_related("owner")


def _symbols(desk: Desk) -> list[str]:
    """Every symbol the broker or the journal holds."""
    journal = Trade.objects.filter(account=desk.account, status=TradeStatus.ACTIVE).order_by()
    broker = BrokerPosition.objects.filter(connection=desk.connection).order_by()
    return sorted({*journal.values_list("symbol", flat=True), *broker.values_list("symbol", flat=True)})
