"""What accounts are worth, session by session.

A manual account knows no market prices: its equity is the starting balance, deposits less withdrawals, income
(dividends and interest less charges) and what exits realised after costs. Open positions count at what they cost.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from accounts.calendars import sessions_between
from accounts.models import CashMovementKind, TradingAccount
from accounts.selectors import cash_total
from trades.models import AccountDay
from trenddojo.domain.metrics.returns import SessionRow

ZERO = Decimal(0)


def account_equity(account: TradingAccount, *, on: date | None = None) -> Decimal:
    """The account's equity now, or at the end of a day of its exchange; open positions at cost."""
    days = AccountDay.objects.filter(account=account)
    if on is not None:
        days = days.filter(day__lte=on)
    realised = days.aggregate(total=Sum("realised_net"))["total"] or ZERO
    start = account.starting_balance if on is None or account.opened_on <= on else ZERO
    return start + cash_total(account, on=on) + realised


@dataclass(frozen=True, slots=True)
class Change:
    """What one day did to one account; ``closed`` counts the trades closed that day."""

    account_id: UUID
    day: date
    realised: Decimal = ZERO
    deposits: Decimal = ZERO
    withdrawals: Decimal = ZERO
    income: Decimal = ZERO
    closed: int = 0

    @property
    def amount(self) -> Decimal:
        return self.realised + self.deposits - self.withdrawals + self.income


@dataclass(frozen=True, slots=True)
class EquityDay:
    """One session of one or several accounts together: equity at its end and what changed it."""

    day: date
    equity: Decimal
    deposits: Decimal
    withdrawals: Decimal
    income: Decimal
    realised: Decimal

    @property
    def row(self) -> SessionRow:
        return SessionRow(self.day, self.equity, self.deposits, self.withdrawals)


_CHANGES = """
SELECT account_id, greatest(day, %s), 'result', sum(realised_net), sum(n) FROM account_days
WHERE account_id = ANY(%s) GROUP BY 1, 2
UNION ALL
SELECT account_id, greatest(moved_on, %s), kind, sum(amount), 0 FROM cash_movements
WHERE account_id = ANY(%s) GROUP BY 1, 2, 3
"""


def changes(accounts: Sequence[TradingAccount], *, since: date = date.min) -> list[Change]:
    """All changes of these accounts by day, the starting balances as deposits; one query.

    What happened before ``since`` counts on ``since``, so that a page about the last weeks reads few rows.
    """
    keys = [account.pk for account in accounts]
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, [since, keys, since, keys])
        found = [_change(*row) for row in cursor.fetchall()]
    first = {account.pk: max(account.opened_on, since) for account in accounts}
    for change in found:
        first[change.account_id] = min(first[change.account_id], change.day)
    moved = {change.account_id for change in found}
    # An account that began empty begins with its first money: idle sessions before would dilute every ratio.
    started = [account for account in accounts if account.starting_balance or account.pk not in moved]
    return found + [Change(account.pk, first[account.pk], deposits=account.starting_balance) for account in started]


def _change(account_id: UUID, day: date, kind: str, amount: Decimal, closed: int) -> Change:
    if kind == "result":
        return Change(account_id, day, realised=amount, closed=int(closed))
    if kind == CashMovementKind.DEPOSIT:
        return Change(account_id, day, deposits=amount)
    if kind == CashMovementKind.WITHDRAWAL:
        return Change(account_id, day, withdrawals=amount)
    return Change(account_id, day, income=-amount if kind == CashMovementKind.CHARGE else amount)


def equity_by_account(found: Iterable[Change]) -> dict[UUID, Decimal]:
    """What each account is worth after all its changes."""
    equity: dict[UUID, Decimal] = {}
    for change in found:
        equity[change.account_id] = equity.get(change.account_id, ZERO) + change.amount
    return equity


def equity_days(accounts: Sequence[TradingAccount], found: Iterable[Change], *, until: date) -> list[EquityDay]:
    """One row for every session from the first change to ``until``, quiet sessions included.

    The sessions are those of all the accounts' exchanges. Money that moved between sessions counts in the next one;
    after the last one its own day becomes a row. The accounts share one currency.
    """
    found = list(found)
    if not found:
        return []
    days = _session_days(accounts, found, until)
    sums = [[ZERO, ZERO, ZERO, ZERO] for _ in days]
    for change in found:
        at = sums[bisect_left(days, change.day)]
        for place, amount in enumerate((change.deposits, change.withdrawals, change.income, change.realised)):
            at[place] += amount
    equity, made = ZERO, []
    for day, (deposits, withdrawals, income, realised) in zip(days, sums, strict=True):
        equity += deposits - withdrawals + income + realised
        made.append(EquityDay(day, equity, deposits, withdrawals, income, realised))
    return made


def _session_days(accounts: Iterable[TradingAccount], found: Sequence[Change], until: date) -> list[date]:
    first, last = min(change.day for change in found), max(change.day for change in found)
    days: set[date] = set()
    for exchange in {account.exchange for account in accounts}:
        days.update(sessions_between(exchange, first, until))
    if not days or last > max(days):
        days.update(change.day for change in found if not days or change.day > max(days))
    return sorted(days)
