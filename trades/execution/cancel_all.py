"""Every working order taken back, as far as each of them still can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import TradingAccount, User
from trades.execution.changing import order_cancel
from trades.selectors.orders import working_ids
from trenddojo.domain.errors import DomainError


@dataclass(frozen=True, slots=True)
class Uncancelled:
    """An order that goes on working, and why."""

    order_id: UUID
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of each: orders and legs that were asked to go, and those that could not be."""

    asked: Sequence[UUID]
    uncancelled: Sequence[Uncancelled]


def orders_cancel(*, owner: User, accounts: Sequence[TradingAccount], now: datetime, symbol: str = "") -> Cancelled:
    """Take back whatever works in these accounts, or there in one symbol, stops and targets too.

    Each by itself, as order_cancel does: one that cannot go keeps no other, and whoever is stopped halfway asks again.
    """
    asked: list[UUID] = []
    uncancelled: list[Uncancelled] = []
    for key in working_ids(accounts, symbol=symbol):
        try:
            order_cancel(owner=owner, order_id=key, now=now)
        except DomainError as refusal:
            uncancelled.append(Uncancelled(key, refusal.code, refusal.sentence))
        else:
            asked.append(key)
    return Cancelled(asked, uncancelled)
