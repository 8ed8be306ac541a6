# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Keeps figure_totals, account_days and streak_days true while trades change.

A change is bracketed by ``figures_following``: what the trades contributed before is taken out, what they
contribute after is put in. Both are the same SQL, so the kept sums are always those of the trades.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import TradingAccount
from trades.models import AccountDay, FigureTotal, Fill, StreakDay, Trade
from trades.selectors.contributions import (
    COLUMNS,
    COUNTED,
    DAY_SUMS,
    DIMENSIONS,
    EXIT_SUMS,
    SUMS,
    contributions,
    day_changes,
)
from trades.services.open_exits import ExitDays, exits_of, open_exits, open_exits_change
from trades.services.streak_days import streaks_renew

BY_IDS = "account_id = %s AND id = ANY(%s)"
BY_ACCOUNT = "account_id = %s"

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
    was = open_exits(account, list(following.trade_ids))
    marks = _apply(account, list(following.trade_ids), sign=-1) if was is None else {}
    yield following
    ids = list(following.trade_ids)
    _put_in(account, ids, marks, was=was, now=None if was is None else open_exits(account, ids))


@contextmanager
def fills_following(trade: Trade, fills: Iterable[Fill], *, was: ExitDays | None) -> Iterator[None]:
    """Bracket a change of one trade whose fills were read under the account's lock, without reading them again.

    `was` is what ``exits_of`` said before anything changed; `fills` are all the trade has when the bracket closes,
    with their realised columns. Otherwise as ``figures_following``.
    """
    marks = _apply(trade.account, [trade.pk], sign=-1) if was is None else {}
    yield
    _put_in(trade.account, [trade.pk], marks, was=was, now=exits_of(trade, fills))


def _put_in(
    account: TradingAccount, trade_ids: list[UUID], marks: DayMarks, *, was: ExitDays | None, now: ExitDays | None
) -> None:
    """Put in what the trades contribute now; `marks` are those of the sessions they were taken out of."""
    if was is None or now is None:
        open_exits_change(account, was or {}, {})
        after = _apply(account, trade_ids, sign=1)
        _drop_empty(account)
        streaks_renew(account, [day for day in marks.keys() | after.keys() if marks.get(day) != after.get(day)])
        return
    open_exits_change(account, was, now)
    if was.keys() - now.keys() or not all(map(any, now.values())):
        _drop_empty(account)


def figures_rebuild(account: TradingAccount) -> None:
    """Forget the kept figures of an account and add up all its trades again."""
    with transaction.atomic():
        account = TradingAccount.objects.select_for_update().get(pk=account.pk)
        FigureTotal.objects.filter(account=account).delete()
        AccountDay.objects.filter(account=account).delete()
        known = StreakDay.objects.filter(owner_id=account.owner_id, currency=account.currency)
        days = set(known.values_list("day", flat=True))
        StreakDay.objects.filter(account=account).delete()
        marks = _add(BY_ACCOUNT, [account.pk], sign=1)
        _drop_empty(account)
        streaks_renew(account, days | marks.keys())


def _apply(account: TradingAccount, trade_ids: list[UUID], *, sign: int) -> DayMarks:
    return _add(BY_IDS, [account.pk, trade_ids], sign=sign) if trade_ids else {}


def _add(where: str, parameters: list[Any], *, sign: int) -> DayMarks:
    """Add what the trades contribute, times the sign, in one statement; returns their marks."""
    with connection.cursor() as cursor:
        cursor.execute(_addition(where, sign), parameters)
        return dict(cursor.fetchall())


@cache
def _addition(where: str, sign: int) -> str:
    return (
        f"WITH picked AS MATERIALIZED (SELECT {', '.join(COLUMNS)} FROM trades WHERE {where}), "
        f"totals AS ({_upsert('figure_totals', contributions(DIMENSIONS, 'TRUE', table='picked'), sign)}), "
        f"days AS ({_upsert('account_days', day_changes('TRUE', table='picked'), sign)}) {_MARKS}"
    )


# A mark for each session these trades closed in, which changes when what streaks are made of changes.
_MARKS = (
    "SELECT t.closed_session, sum(hashtextextended(concat(t.id, t.outcome, t.exit_date, t.entry_date, t.symbol), 0)) "
    f"FROM picked t WHERE {COUNTED} GROUP BY t.closed_session"
)
# Table → its key, the sums added, and the columns that start at nothing.
_KEPT: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "figure_totals": (("account_id", "dimension", "key"), tuple(SUMS), ()),
    "account_days": (("account_id", "day"), (*DAY_SUMS, *EXIT_SUMS), ("deposits", "withdrawals", "income")),
}


def _upsert(table: str, source: str, sign: int) -> str:
    """INSERT … ON CONFLICT that adds the source's sums, times the sign, to the rows of the table."""
    key, sums, others = _KEPT[table]
    values = ", ".join([*key, *(f"{name} * {sign}" for name in sums), *("0" for _ in others)])
    change = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    # The rows are sorted so that the order they are locked in is the same for everyone.
    return (
        f"INSERT INTO {table} ({', '.join([*key, *sums, *others])}) SELECT {values} FROM ({source}) AS made "
        f"ORDER BY {', '.join(key)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {change}"
    )


_DROP_EMPTY = f"""
WITH totals AS (DELETE FROM figure_totals WHERE account_id = %s AND n = 0)
DELETE FROM account_days WHERE account_id = %s AND ({", ".join((*DAY_SUMS, *EXIT_SUMS))}) = (
    {", ".join("0" for _ in (*DAY_SUMS, *EXIT_SUMS))})
"""


def _drop_empty(account: TradingAccount) -> None:
    """Rows that count nothing are gone, as if they had never been."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP_EMPTY, [account.pk, account.pk])
