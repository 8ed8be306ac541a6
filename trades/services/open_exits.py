# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""The exits of trades that are still open: all they add to the figures is what they realised on their days.

Saving a fill of an open trade is what traders do all day, and needs none of the sums over closed trades.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from operator import add
from uuid import UUID

from django.db import connection

from accounts.models import TradingAccount
from trades.models import Fill, Trade, TradeStatus
from trades.selectors.contributions import COUNTED, DAY_SUMS, EXIT_SUMS, exit_days

# More trades than these at once are no fill being saved.
FEW = 20

# Day → what was realised on it: gross, costs, net.
ExitDays = dict[date, tuple[Decimal, ...]]
NOTHING = (Decimal(0),) * len(EXIT_SUMS)

_THESE = "t.account_id = %s AND t.id = ANY(%s)"
_EXITS = f"""
SELECT NULL::date AS day, count(*), 0, 0 FROM trades t WHERE {COUNTED} AND {_THESE}
UNION ALL SELECT day, {", ".join(EXIT_SUMS)} FROM ({exit_days(_THESE)}) AS exits
"""
_REST = (*DAY_SUMS, "deposits", "withdrawals", "income")
_SUMMED = ", ".join(f"{name} = account_days.{name} + excluded.{name}" for name in EXIT_SUMS)
_CHANGE = f"""
INSERT INTO account_days (account_id, day, {", ".join((*EXIT_SUMS, *_REST))})
SELECT %s, *, {", ".join("0" for _ in _REST)}
FROM unnest(%s::date[], {", ".join("%s::numeric[]" for _ in EXIT_SUMS)}) AS changed(day) ORDER BY day
ON CONFLICT (account_id, day) DO UPDATE SET {_SUMMED}
"""


def open_exits(account: TradingAccount, trade_ids: Sequence[UUID]) -> ExitDays | None:
    """What these trades realised by day; None when one of them is counted as closed, or when they are many."""
    if len(trade_ids) > FEW:
        return None
    if not trade_ids:
        return {}
    these = [account.pk, list(trade_ids)]
    with connection.cursor() as cursor:
        cursor.execute(_EXITS, these * 2)
        found = {day: tuple(sums) for day, *sums in cursor.fetchall()}
    closed, *_ = found.pop(None)
    return None if closed else found


def exits_of(trade: Trade, fills: Iterable[Fill]) -> ExitDays | None:
    """The same for one trade from all its fills, read already; None when the trade is counted as closed."""
    if trade.is_incomplete:
        return {}
    if trade.status == TradeStatus.CLOSED:
        return None
    found: ExitDays = {}
    for fill in fills:
        if fill.is_exit:
            sums = (fill.realised_gross, fill.realised_costs, fill.realised_net)
            found[fill.session] = tuple(map(add, found.get(fill.session, NOTHING), sums))
    return found


def open_exits_change(account: TradingAccount, before: ExitDays, after: ExitDays) -> None:
    """Put on each day what differs."""
    changes = []
    for day in before.keys() | after.keys():
        old, new = before.get(day, NOTHING), after.get(day, NOTHING)
        if old != new:
            changes.append((day, *(now - then for now, then in zip(new, old, strict=True))))
    if changes:
        with connection.cursor() as cursor:
            cursor.execute(_CHANGE, [account.pk, *map(list, zip(*changes, strict=True))])
