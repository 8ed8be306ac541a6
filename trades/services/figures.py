# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Keeps figure_totals, account_days and streak_days true while trades change.

A change is bracketed by ``figures_following``: what the trades contributed before is taken out, what they
contribute after is put in. Both are the same SQL, so the kept sums are always those of the trades.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import TradingAccount
from trades.models import AccountDay, FigureTotal, StreakDay
from trades.selectors.contributions import (
    COUNTED,
    DAY_SUMS,
    DIMENSIONS,
    EXIT_SUMS,
    SUMS,
    closed_days,
    contributions,
    exit_days,
)
from trades.services.streak_days import streaks_renew

BY_IDS = "t.account_id = %s AND t.id = ANY(%s)"
BY_ACCOUNT = "t.account_id = %s"

DayMarks = dict[date, int]


class Following:
    """The trades whose figures follow; ``add`` the ids of trades made inside."""

    def __init__(self, account: TradingAccount, trade_ids: Iterable[UUID]) -> None:
        self.account = account
        self.trade_ids = set(trade_ids)

    def add(self, trade_ids: Iterable[UUID]) -> None:
        self.trade_ids.update(trade_ids)


@contextmanager
def figures_following(account: TradingAccount, trade_ids: Sequence[UUID] = ()) -> Iterator[Following]:
    """Bracket any change of trades of one account that figures depend on.

    That is: computed columns, status, setup, tags, checklist answers, is_override, planned_r, target, and the
    realised columns of fills; making and deleting trades too. The caller is inside a transaction and has locked
    the account row. Existing trades are named at the start, new ones by ``add``. Brackets of one account must not
    overlap on a trade. An exception passes through: the caller's transaction takes everything back.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("figures follow only inside a transaction")
    following = Following(account, trade_ids)
    before = _apply(account, list(following.trade_ids), sign=-1)
    yield following
    after = _apply(account, list(following.trade_ids), sign=1)
    _drop_empty(account)
    streaks_renew(account, [day for day in before.keys() | after.keys() if before.get(day) != after.get(day)])


def figures_rebuild(account: TradingAccount) -> None:
    """Forget the kept figures of an account and add up all its trades again."""
    with transaction.atomic():
        account = TradingAccount.objects.select_for_update().get(pk=account.pk)
        FigureTotal.objects.filter(account=account).delete()
        AccountDay.objects.filter(account=account).delete()
        known = StreakDay.objects.filter(owner_id=account.owner_id, currency=account.currency)
        days = set(known.values_list("day", flat=True))
        StreakDay.objects.filter(account=account).delete()
        with connection.cursor() as cursor:
            _add(cursor, BY_ACCOUNT, [account.pk], sign=1)
            marks = _marks(cursor, BY_ACCOUNT, [account.pk])
        _drop_empty(account)
        streaks_renew(account, days | marks.keys())


def _apply(account: TradingAccount, trade_ids: list[UUID], *, sign: int) -> DayMarks:
    if not trade_ids:
        return {}
    parameters = [account.pk, trade_ids]
    with connection.cursor() as cursor:
        _add(cursor, BY_IDS, parameters, sign=sign)
        return _marks(cursor, BY_IDS, parameters)


def _add(cursor: Any, where: str, parameters: list[Any], *, sign: int) -> None:
    key, day = ("account_id", "dimension", "key"), ("account_id", "day")
    _upsert(cursor, "figure_totals", key, SUMS, contributions(DIMENSIONS, where), parameters, sign)
    _upsert(cursor, "account_days", day, DAY_SUMS, closed_days(where), parameters, sign)
    _upsert(cursor, "account_days", day, EXIT_SUMS, exit_days(where), parameters, sign)


def _upsert(
    cursor: Any, table: str, key: Sequence[str], sums: Collection[str], source: str, parameters: list[Any], sign: int
) -> None:
    """Add the source's sums, times the sign, to the rows of the table; columns not summed start at nothing."""
    others = _other_columns(table, sums)
    columns = ", ".join([*key, *sums, *others])
    values = ", ".join([*key, *(f"{name} * {sign}" for name in sums), *("0" for _ in others)])
    change = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    # The rows are sorted so that the order they are locked in is the same for everyone.
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {values} FROM ({source}) AS made ORDER BY {', '.join(key)} "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {change}"
    )
    cursor.execute(statement, parameters)


def _other_columns(table: str, sums: Collection[str]) -> list[str]:
    if table != "account_days":
        return []
    return [name for name in (*DAY_SUMS, *EXIT_SUMS, "deposits", "withdrawals", "income") if name not in sums]


def _marks(cursor: Any, where: str, parameters: list[Any]) -> DayMarks:
    """A mark for each session these trades closed in, which changes when what streaks are made of changes."""
    cursor.execute(
        "SELECT t.closed_session, sum(hashtextextended(t.id::text || t.outcome || t.exit_date::text, 0)) "
        f"FROM trades t WHERE {COUNTED} AND {where} GROUP BY t.closed_session",
        parameters,
    )
    return dict(cursor.fetchall())


def _drop_empty(account: TradingAccount) -> None:
    """Rows that count nothing are gone, as if they had never been."""
    FigureTotal.objects.filter(account=account, n=0).delete()
    nothing = dict.fromkeys((*DAY_SUMS, *EXIT_SUMS), 0)
    AccountDay.objects.filter(account=account, **nothing).delete()
