# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Taking hold of a trade before writing: the account row is locked first, then the trade's version is compared."""

from typing import Any
from uuid import UUID

from django.db.models import F, GeneratedField
from django.db.models.functions import Now
from django.http import Http404

from accounts.models import TradingAccount, User
from trades.models import Trade
from trades.services.errors import StaleVersion

# Written out: every change begins with these two, and making them from querysets takes longer than running them.
_ACCOUNT = """
SELECT * FROM accounts WHERE owner_id = %(owner)s
    AND id = (SELECT account_id FROM trades WHERE id = %(trade)s AND owner_id = %(owner)s) FOR UPDATE
"""
_TRADE_COLUMNS = [field.column for field in Trade._meta.concrete_fields if not isinstance(field, GeneratedField)]
_TRADE = f"SELECT {', '.join(_TRADE_COLUMNS)} FROM trades WHERE id = %(trade)s AND owner_id = %(owner)s"


def trade_locked(*, owner: User, trade_id: UUID, version: int | None = None) -> Trade:
    """Read a trade under its account's lock; with a version also refuse a write over somebody else's.

    Raises Http404 for another's trade and StaleVersion when the version is not the one given.
    """
    these = {"owner": owner.pk, "trade": trade_id}
    account = next(iter(TradingAccount.objects.raw(_ACCOUNT, these)), None)
    # The trade is read in a statement of its own: one that waited for the lock would still see what was before it.
    trade = next(iter(Trade.objects.raw(_TRADE, these)), None) if account else None
    if account is None or trade is None:
        raise Http404
    trade.account = account
    if version is not None and trade.version != version:
        raise StaleVersion(trade)
    return trade


def trade_write(trade: Trade, columns: dict[str, Any]) -> Trade:
    """Write columns when nobody wrote the trade since it was read, and raise its version."""
    written = Trade.objects.filter(pk=trade.pk, version=trade.version).update(
        **columns, version=F("version") + 1, updated_at=Now()
    )
    if not written:
        raise StaleVersion(Trade.objects.filter(pk=trade.pk).first())
    for name, value in columns.items():
        setattr(trade, name, value)
    trade.version += 1
    return trade
