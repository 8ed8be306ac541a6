# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""Keeps the runs of wins and losses of each session, for an account and for all of its currency together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import TradingAccount
from trades.models import StreakDay
from trades.selectors.contributions import CLOSING_ORDER, COUNTED
from trenddojo.domain.metrics.outcomes import Outcome
from trenddojo.domain.metrics.streaks import StreakSummary

OUTCOMES = {outcome.value: outcome for outcome in Outcome}

_OUTCOMES = f"""
SELECT t.account_id, t.closed_session, t.outcome FROM trades t JOIN accounts a ON a.id = t.account_id
WHERE a.owner_id = %s AND a.currency = %s AND {COUNTED} AND t.outcome IN ('win', 'loss') AND t.closed_session = ANY(%s)
ORDER BY {CLOSING_ORDER}
"""
_SESSIONS = f"""
SELECT DISTINCT t.closed_session FROM trades t JOIN accounts a ON a.id = t.account_id
WHERE a.owner_id = %s AND a.currency = %s AND {COUNTED}
"""
# The runs over all accounts count as many trades as the accounts do.
_DIFFERENCE = """
SELECT (SELECT coalesce(sum((runs ->> 'n')::int), 0) FROM streak_days
        WHERE owner_id = %s AND currency = %s AND account_id IS NULL)
    - (SELECT coalesce(sum(f.wins + f.losses), 0) FROM figure_totals f JOIN accounts a ON a.id = f.account_id
        WHERE a.owner_id = %s AND a.currency = %s AND f.dimension = 'all')
"""


def streaks_renew(account: TradingAccount, days: Iterable[date]) -> None:
    """Summarise the runs of these sessions anew. The account's totals are written already.

    Two accounts of one owner may do so at once: a lock that lasts to the end of the transaction puts them in line,
    and the trades are read only under it.
    """
    changed = sorted(days)
    if not changed:
        return
    scope = [account.owner_id, account.currency]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [":".join(map(str, scope))])
        _write(account, changed)
        cursor.execute(_DIFFERENCE, scope + scope)
        if cursor.fetchone() != (0,):
            # An account was deleted since: its trades are still in the runs over all accounts.
            cursor.execute(_SESSIONS, scope)
            _write(account, sorted({day for (day,) in cursor.fetchall()} | _known_days(account)))


def _known_days(account: TradingAccount) -> set[date]:
    known = StreakDay.objects.filter(owner_id=account.owner_id, currency=account.currency)
    return set(known.values_list("day", flat=True))


def _write(account: TradingAccount, days: list[date]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [account.owner_id, account.currency, days])
        outcomes = cursor.fetchall()
    own = [row for row in outcomes if row[0] == account.pk]
    mine = _runs(own)
    together = mine if len(own) == len(outcomes) else _runs(outcomes)
    known = StreakDay.objects.filter(owner_id=account.owner_id, currency=account.currency, day__in=days)
    known.filter(account=account).delete()
    known.filter(account=None).delete()
    StreakDay.objects.bulk_create([*_rows(account, account, mine), *_rows(account, None, together)], batch_size=2000)


def _runs(outcomes: Iterable[tuple[UUID, date, str]]) -> dict[date, dict[str, Any]]:
    found: dict[date, list[Outcome]] = defaultdict(list)
    for _account, day, outcome in outcomes:
        found[day].append(OUTCOMES[outcome])
    return {day: asdict(StreakSummary.of_outcomes(decided)) for day, decided in found.items()}


def _rows(account: TradingAccount, of: TradingAccount | None, runs: dict[date, dict[str, Any]]) -> Iterator[StreakDay]:
    for day, found in runs.items():
        yield StreakDay(owner_id=account.owner_id, account=of, currency=account.currency, day=day, runs=found)
