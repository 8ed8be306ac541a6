# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Keeps figure_totals, account_days and streak_days true while trades change.

A change is bracketed by ``figures_following``: what the trades contributed before is taken out, what they
contribute after is put in. Both are the same SQL, so the kept sums are always those of the trades.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from decimal import Decimal
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
from trenddojo.domain.metrics.streaks import StreakSummary

BY_IDS = "t.account_id = %s AND t.id = ANY(%s)"
BY_ACCOUNT = "t.account_id = %s"
SIGN_OF_OUTCOME = {"win": Decimal(1), "loss": Decimal(-1)}

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
    _streaks_renew(account, [day for day in before.keys() | after.keys() if before.get(day) != after.get(day)])


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
        _streaks_renew(account, days | marks.keys())


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


def _streaks_renew(account: TradingAccount, days: Iterable[date]) -> None:
    """Summarise the runs of these sessions anew, for the account and for all of its currency together.

    Two accounts of one owner may do so at once: a lock that lasts to the end of the transaction puts them in line,
    and the trades are read only under it.
    """
    days = sorted(days)
    if not days:
        return
    scope = f"{account.owner_id}:{account.currency}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [scope])
        cursor.execute(
            "SELECT t.account_id, t.closed_session, t.outcome FROM trades t JOIN accounts a ON a.id = t.account_id "
            f"WHERE a.owner_id = %s AND a.currency = %s AND {COUNTED} AND t.outcome IN ('win', 'loss') "
            "AND t.closed_session = ANY(%s) ORDER BY t.closed_session, t.exit_date, t.id",
            [account.owner_id, account.currency, days],
        )
        outcomes = cursor.fetchall()
    mine, together = _by_day(row for row in outcomes if row[0] == account.pk), _by_day(outcomes)
    known = StreakDay.objects.filter(owner_id=account.owner_id, currency=account.currency, day__in=days)
    known.filter(account=account).delete()
    known.filter(account=None).delete()
    StreakDay.objects.bulk_create(
        [*_streak_rows(account, account, mine), *_streak_rows(account, None, together)], batch_size=2000
    )


def _by_day(outcomes: Iterable[tuple[UUID, date, str]]) -> dict[date, list[Decimal]]:
    found: dict[date, list[Decimal]] = defaultdict(list)
    for _account, day, outcome in outcomes:
        found[day].append(SIGN_OF_OUTCOME[outcome])
    return found


def _streak_rows(
    account: TradingAccount, of: TradingAccount | None, days: dict[date, list[Decimal]]
) -> Iterator[StreakDay]:
    for day, signs in days.items():
        runs = asdict(StreakSummary.of(signs))
        yield StreakDay(owner_id=account.owner_id, account=of, currency=account.currency, day=day, runs=runs)
