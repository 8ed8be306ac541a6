# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Results by session of one month, kept or, under a filter, from the same sums made in SQL."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from trades.selectors.contributions import day_changes, exit_days, rows
from trades.selectors.scope import Scope

FIRST_YEAR, LAST_YEAR = 1970, 2199
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a session's exits realised net of costs, and the trades closed in it."""

    day: date
    net: Decimal = ZERO
    n: int = 0
    wins: int = 0
    losses: int = 0
    r_n: int = 0
    r_sum: Decimal = ZERO


def month_of(text: str, today: date) -> date:
    """The first day of a month written 2026-11; of today's for anything else."""
    year, _, month = text.partition("-")
    if len(year) == 4 and len(month) == 2 and year.isdecimal() and month.isdecimal():  # noqa: PLR2004 - 2026-11
        number = int(year)
        if FIRST_YEAR <= number <= LAST_YEAR and 1 <= int(month) <= 12:  # noqa: PLR2004 - months
            return date(number, int(month), 1)
    return today.replace(day=1)


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


_KEPT = """
SELECT day, sum(realised_net) AS net, sum(n) AS n, sum(wins) AS wins, sum(losses) AS losses, sum(r_n) AS r_n,
    sum(r_sum) AS r_sum
FROM account_days WHERE account_id = ANY(%s) AND day >= %s AND day < %s GROUP BY day ORDER BY day
"""


def day_results(scope: Scope, month: date) -> list[DayResult]:
    """The sessions of a month in which something was realised or closed, in order."""
    span = [month, next_month(month)]
    if scope.trades is None:
        return _results(_KEPT, [scope.account_ids, *span])
    where, parameters = scope.where()
    changes = day_changes(where)
    statement = (
        "SELECT day, realised_net AS net, n, wins, losses, r_n, r_sum FROM ("
        f"SELECT day, sum(realised_net) AS realised_net, sum(n) AS n, sum(wins) AS wins, sum(losses) AS losses, "
        f"sum(r_n) AS r_n, sum(r_sum) AS r_sum FROM ({changes}) AS changes GROUP BY day) AS days "
        "WHERE day >= %s AND day < %s ORDER BY day"
    )
    return _results(statement, [*parameters, *parameters, *span])


def _results(statement: str, parameters: list[Any]) -> list[DayResult]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [
            DayResult(
                row["day"],
                row["net"],
                *(int(row[name]) for name in ("n", "wins", "losses", "r_n")),
                r_sum=row["r_sum"],
            )
            for row in rows(cursor)
        ]


def filtered_results(scope: Scope) -> list[tuple[date, Decimal]]:
    """What the exits of a filter's trades realised, by session: their own curve."""
    where, parameters = scope.where()
    statement = f"SELECT day, sum(realised_net) FROM ({exit_days(where)}) AS exits GROUP BY day ORDER BY day"
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
