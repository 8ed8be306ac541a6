"""Whose trades a figure is about. One scope has one currency: money of two is never added up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import TradingAccount
from trades.models import Trade


@dataclass(frozen=True)
class Scope:
    """Accounts of one owner in one currency, at least one, and the filter laid over their trades.

    Without a filter (``trades`` is None) the kept sums answer; with one the same sums are made in SQL.
    """

    currency: str
    accounts: tuple[TradingAccount, ...]
    trades: QuerySet[Trade] | None = None

    @property
    def account_ids(self) -> list[UUID]:
        return [account.pk for account in self.accounts]

    @property
    def is_filtered(self) -> bool:
        return self.trades is not None

    def where(self) -> tuple[str, list[Any]]:
        """A condition on trades ``t`` in SQL, and its parameters."""
        if self.trades is None:
            return "t.account_id = ANY(%s)", [self.account_ids]
        kept, parameters = self.trades.order_by().values("pk").query.sql_with_params()
        return f"t.account_id = ANY(%s) AND t.id IN ({kept})", [self.account_ids, *parameters]

    def closed_trades(self) -> QuerySet[Trade]:
        """The trades the figures are made of, the latest first."""
        trades = Trade.objects.all() if self.trades is None else self.trades
        counted = trades.filter(account_id__in=self.account_ids, status="closed", is_incomplete=False)
        return counted.order_by("-occurred_at", "-id")


def scopes_of(accounts: Iterable[TradingAccount], trades: QuerySet[Trade] | None = None) -> list[Scope]:
    """One scope for each currency, in the order of the first account that has it."""
    by_currency: dict[str, list[TradingAccount]] = {}
    for account in accounts:
        by_currency.setdefault(account.currency, []).append(account)
    return [Scope(currency, tuple(found), trades) for currency, found in by_currency.items()]


def scope_in(scopes: Sequence[Scope], currency: str | None) -> Scope | None:
    """The scope of a currency, the first one when there is no such; None without accounts."""
    wanted = [scope for scope in scopes if scope.currency == currency]
    return (wanted or list(scopes) or [None])[0]
