"""Reading imports, always through their owner."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from accounts.models import User
from trades.imports.identity import HAS_WORDS
from trades.imports.mapping import Mapping
from trades.models import FillImport


def imports_of(user: User) -> QuerySet[FillImport]:
    """The user's imports with their accounts, the newest first."""
    return FillImport.objects.filter(owner=user).select_related("account")


def mapping_of(fill_import: FillImport) -> Mapping:
    """How the file's columns are read; nothing is chosen yet in one that was not read."""
    return Mapping.from_json(fill_import.mapping, columns=len(fill_import.header)) or Mapping()


@dataclass(frozen=True, slots=True)
class UndoConsequences:
    """What undoing an import would take away: fills, the trades made of nothing else, and those with words on them."""

    fills: int
    trades: int
    trades_with_words: int
    trades_shared: int


def undo_consequences(fill_import: FillImport) -> UndoConsequences:
    statement = f"""
        WITH touched AS (
            SELECT trade_id, count(*) AS mine FROM fills WHERE source_id = %s AND account_id = %s GROUP BY 1
        ), judged AS (
            SELECT t.id, touched.mine = (SELECT count(*) FROM fills f WHERE f.trade_id = t.id) AS is_emptied,
                {HAS_WORDS} AS has_words
            FROM touched JOIN trades t ON t.id = touched.trade_id
        )
        SELECT (SELECT count(*) FROM fills WHERE source_id = %s AND account_id = %s AND part = 0),
            count(*) FILTER (WHERE is_emptied), count(*) FILTER (WHERE is_emptied AND has_words),
            count(*) FILTER (WHERE NOT is_emptied)
        FROM judged
    """  # noqa: S608 - put together from constants; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(statement, [fill_import.pk, fill_import.account_id] * 2)
        return UndoConsequences(*cursor.fetchone())
