"""Which trade a rebuilt trade is: the one whose first fill it holds.

A trade's journal, plan and screenshots stay with its first fill. A trade whose first fill now belongs to an earlier
trade has been absorbed: without words of the trader it is deleted, with them it is kept without fills. Either way the
import remembers its first fill, and undoing the import gives it back.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection

from accounts.models import TradingAccount
from trades.imports.building import BuiltTrade, Piece
from trades.imports.streams import Row
from trades.models import StopMove, Trade

# What a trader leaves on a trade besides its fills.
HAS_WORDS = """(t.thesis <> '' OR t.notes_during <> '' OR t.notes_after <> '' OR t.rating IS NOT NULL
    OR t.setup_id IS NOT NULL OR t.entry_price IS NOT NULL OR t.stop_loss IS NOT NULL OR t.target_price IS NOT NULL
    OR t.planned_quantity IS NOT NULL OR t.is_override
    OR EXISTS (SELECT 1 FROM trade_tags x WHERE x.trade_id = t.id)
    OR EXISTS (SELECT 1 FROM screenshots x WHERE x.trade_id = t.id)
    OR EXISTS (SELECT 1 FROM checklist_answers x WHERE x.trade_id = t.id)
    OR EXISTS (SELECT 1 FROM stop_moves x WHERE x.trade_id = t.id)
    OR EXISTS (SELECT 1 FROM trade_targets x WHERE x.trade_id = t.id)
    OR EXISTS (SELECT 1 FROM limit_overrides x WHERE x.trade_id = t.id))"""

# Orders are where their executions are; those without any belong to no trade when theirs is deleted.
_ORDERS_GO_ALONG = f"""
UPDATE orders o SET trade_id = (
    SELECT f.trade_id FROM fills f WHERE f.order_id = o.id ORDER BY f.executed_at, f.part, f.id LIMIT 1
), version = o.version + 1
WHERE o.trade_id IN (SELECT t.id FROM trades t WHERE t.account_id = %s AND t.id = ANY(%s) AND NOT {HAS_WORDS})
"""  # noqa: S608 - put together from constants


def kept_rows(piece: Piece) -> list[Row]:
    """The rows of the account this piece stands for; none for what a file brings."""
    rows = piece.origin.rows
    if rows[0].trade_id is None:
        return []
    return [row for row in rows if row.part == piece.part] if piece.is_split else rows


def _told_by(piece: Piece, built: BuiltTrade) -> list[Row]:
    """The rows whose trades this piece names, the likeliest first: the part of a flip that did what it does now."""
    rows = piece.origin.rows
    if rows[0].trade_id is not None and piece.is_split and len(rows) == 1:
        part = 0 if rows[0].is_exit else 1
        return rows if part == piece.part else []
    is_entry = piece.fill.side is built.result.direction.entry_side
    return kept_rows(piece)[::-1] if is_entry else kept_rows(piece)


def _place(piece: Piece, part: int) -> str:
    """A fill by what survives a split and its merging: the row of its first part, and which part it is."""
    return f"{piece.origin.first.id}:{part}"


class Identities:
    """Gives every rebuilt trade its identity; `taken` are the existing trades that live on.

    `firsts` tells which trade had its first fill where before; an undoing import gives `before`, what it told then.
    """

    def __init__(self, affected: Iterable[UUID], before: dict[str, str]) -> None:
        self.affected = set(affected)
        self.taken: set[UUID] = set()
        self.firsts: dict[str, str] = {}
        self._before = before
        self._given_back = {UUID(trade_id) for trade_id in before.values()}

    def choose(self, built: BuiltTrade) -> tuple[UUID, bool]:
        """The id of a rebuilt trade and whether the account has a row with it."""
        found = [trade_id for trade_id in self._firsts_in(built) if trade_id not in self._given_back]
        first = built.pieces[0]
        known = self._before.get(_place(first, first.part))
        if known is not None and UUID(known) not in self.taken:
            return self._give_back(UUID(known))
        if not found:
            return uuid4(), False
        self.taken.add(found[0])
        return found[0], True

    def unchanged(self, built: BuiltTrade) -> None:
        """Forget a trade that is what it was: there will be nothing to give back."""
        self.firsts.pop(_place(built.pieces[0], built.pieces[0].part), None)

    def _firsts_in(self, built: BuiltTrade) -> list[UUID]:
        """The trades whose first fill this one holds, the earliest first."""
        found = []
        for piece in built.pieces:
            for row in _told_by(piece, built):
                if row.is_first and row.trade_id is not None:
                    self.firsts[_place(piece, row.part)] = str(row.trade_id)
                    found.append(row.trade_id)
        return found

    def _give_back(self, trade_id: UUID) -> tuple[UUID, bool]:
        self.taken.add(trade_id)
        return trade_id, trade_id in self.affected or Trade.objects.filter(pk=trade_id).exists()

    def gone(self) -> list[UUID]:
        """Affected trades that hold no fill any more."""
        return list(self.affected - self.taken)


def plans_of(trade_ids: Iterable[UUID]) -> tuple[dict[UUID, Trade], dict[UUID, list[StopMove]]]:
    """The trades with the plans and stops their figures depend on."""
    ids = list(trade_ids)
    if not ids:
        return {}, {}
    stops: dict[UUID, list[StopMove]] = defaultdict(list)
    for move in StopMove.objects.filter(trade_id__in=ids).order_by("moved_at", "created_at"):
        stops[move.trade_id].append(move)
    return Trade.objects.defer("search", "thesis", "notes_during", "notes_after").in_bulk(ids), stops


def trades_without_fills(account: TradingAccount, trade_ids: list[UUID], *, now: datetime) -> int:
    """Delete emptied trades, but keep those that carry the trader's words; return how many were kept.

    One with a plan is a plan again, any other is cancelled.
    """
    if not trade_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS_GO_ALONG, [account.pk, trade_ids])
        cursor.execute(
            f"DELETE FROM trades t WHERE t.account_id = %s AND t.id = ANY(%s) AND NOT {HAS_WORDS}",  # noqa: S608 - a constant
            [account.pk, trade_ids],
        )
        cursor.execute(
            "UPDATE trades SET status = CASE WHEN entry_price IS NULL OR planned_quantity IS NULL THEN 'cancelled'"
            " ELSE 'planned' END, open_value = 0, quantity = 0, open_quantity = 0, gross_pnl = 0, costs = 0,"
            " net_pnl = 0, open_risk = 0, actual_entry = NULL, actual_exit = NULL, entry_date = NULL, exit_date = NULL,"
            " r_multiple = NULL, gross_r = NULL, holding_seconds = NULL, holding_sessions = NULL,"
            " closed_session = NULL, entry_weekday = NULL, entry_hour = NULL, outcome = '',"
            " has_estimated_costs = FALSE, is_incomplete = FALSE, occurred_at = created_at, version = version + 1,"
            " updated_at = %s WHERE account_id = %s AND id = ANY(%s)",
            [now, account.pk, trade_ids],
        )
        return cursor.rowcount
