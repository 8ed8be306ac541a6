"""Booking: the new lines become fills and trades in one transaction, or nothing does. Undoing is the same, backwards.

The caller is inside a transaction, holds the account's lock and has staged and compared the lines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from accounts.calendars import session_for
from accounts.models import TradingAccount
from trades.imports.building import BuiltTrade, Piece, build
from trades.imports.identity import Identities, kept_rows, plans_of, trades_without_fills
from trades.imports.refusals import FileRefused
from trades.imports.streams import (
    Stream,
    active_before,
    merged,
    positions_set_aside,
    streams_prepare,
    streams_prepare_without,
)
from trades.imports.writing import Writer
from trades.models import FillImport, Trade
from trades.services.columns import realised_by_fill, trade_columns
from trades.services.figures import figures_following
from trenddojo.domain.errors import DomainError
from trenddojo.domain.positions import CostMethod

NOT_AN_EXIT = "f\t0\t0\t0"


@dataclass(frozen=True, slots=True)
class Booked:
    """What a booking or an undoing came to."""

    executions: int
    trades_created: int
    trades_changed: int
    incomplete: int
    trades_kept: int
    firsts: dict[str, str]


@dataclass(slots=True)
class NoPlan:
    """Stands for the plan of a trade that comes from a file: there was none."""

    multiplier: Decimal
    planned_quantity: None = None
    entry_price: None = None
    initial_stop: None = None
    stop_loss: None = None


def book(fill_import: FillImport, account: TradingAccount, *, now: datetime, each: Callable[[int], None]) -> Booked:
    """Write the new lines as fills and trades; raises FileRefused where they make no trades."""
    affected = streams_prepare(fill_import)
    return _Booking(fill_import, account, affected, now=now, each=each).run()


def unbook(fill_import: FillImport, account: TradingAccount, *, now: datetime, each: Callable[[int], None]) -> Booked:
    """Take away the fills the import brought; raises FileRefused when later fills depend on them."""
    affected = streams_prepare_without(fill_import)
    booking = _Booking(fill_import, account, affected, now=now, each=each)
    booking.undoes = True
    return booking.run()


class _Booking:
    def __init__(
        self,
        fill_import: FillImport,
        account: TradingAccount,
        affected: list[UUID],
        *,
        now: datetime,
        each: Callable[[int], None],
    ) -> None:
        self.fill_import = fill_import
        self.account = account
        self.affected = affected
        self.now = now
        self.each = each
        self.undoes = False
        self.method = CostMethod(account.cost_method)
        self.identities = Identities(affected, fill_import.settings.get("firsts", {}))
        self.session = cache(lambda at: session_for(account.exchange, at))
        self.incomplete = self.done = 0
        self.dependent: set[str] = set()

    def run(self) -> Booked:
        with figures_following(self.account, self.affected) as following:
            self.was_active = active_before()
            positions_set_aside()
            self.writer = Writer(self.account, source=self.fill_import.pk, now=self.now)
            for stream, instants in merged(self.fill_import):
                self._stream(stream, instants)
            self._refuse_dependent()
            self.writer.finish()
            kept = self._clear_away()
            following.add(self.writer.new_trade_ids)
            following.add(self.identities.taken)
        return Booked(
            self.writer.executions,
            self.writer.new_trades.count,
            self.writer.changed_trades.count,
            self.incomplete,
            kept,
            self.identities.firsts,
        )

    def _clear_away(self) -> int:
        if self.undoes:
            with connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM fills WHERE source_id = %s AND account_id = %s",
                    [self.fill_import.pk, self.account.pk],
                )
        return trades_without_fills(self.account, self.identities.gone(), now=self.now)

    def _stream(self, stream: Stream, instants: Any) -> None:
        plan = NoPlan(stream.multiplier)
        try:
            for batch in build(instants, multiplier=stream.multiplier, method=self.method):
                self._batch(batch, stream, plan)
        except DomainError as problem:
            raise FileRefused(problem.code, f"{stream.symbol}: {problem.sentence}") from None

    def _batch(self, batch: list[BuiltTrade], stream: Stream, plan: NoPlan) -> None:
        chosen = [(built, *self.identities.choose(built)) for built in batch]
        changed = [one for one in chosen if not self._is_unchanged(*one)]
        plans, stops = plans_of(trade_id for _, trade_id, is_known in changed if is_known)
        for built, trade_id, is_known in changed:
            own_plan: Any = plans[trade_id] if is_known else plan
            columns = self._columns(built, own_plan, stops.get(trade_id, ()))
            if is_known:
                self.writer.trade_change(trade_id, columns)
            else:
                self.writer.trade_add(trade_id, columns, (stream.symbol, stream.asset_class, stream.multiplier))
            self._fills(built, str(trade_id))
        self.done += sum(len(built.pieces) for built in batch)
        self.each(self.done)

    def _is_unchanged(self, built: BuiltTrade, trade_id: UUID, is_known: bool) -> bool:  # noqa: FBT001 - a tuple's parts
        """Whether the trade is made of the very rows it was made of before."""
        if not is_known or trade_id in self.was_active or len(built.pieces) != built.pieces[0].origin.first.trade_fills:
            return False
        for piece in built.pieces:
            rows = kept_rows(piece)
            if len(rows) != 1 or rows[0].trade_id != trade_id or rows[0].quantity != piece.fill.quantity:
                return False
        self.identities.unchanged(built)
        return True

    def _columns(self, built: BuiltTrade, plan: Trade, stops: Any) -> dict[str, Any]:
        columns = trade_columns(built.result, account=self.account, plan_of=plan, stops=stops)
        columns["has_estimated_costs"] = any(piece.origin.first.has_estimated_costs for piece in built.pieces)
        self.incomplete += built.result.is_incomplete
        return columns

    def _fills(self, built: BuiltTrade, trade_id: str) -> None:
        realised = realised_by_fill(built.result)
        writer = self.writer
        for piece in built.pieces:
            key = piece.fill.key
            is_exit = key in realised
            mine = _columns_text(realised[key]) if is_exit else NOT_AN_EXIT
            rows = kept_rows(piece)
            if rows:
                self._note_dependence(piece, is_exit=is_exit)
                writer.fill_change(rows[0].id, trade_id, mine, piece)
                writer.merged_fills.extend(row.id for row in rows[1:])
            else:
                fill_id = str(uuid4()) if piece.part else key
                writer.fill_add(fill_id, trade_id, mine, self._session(piece.fill.executed_at), piece)

    def _session(self, at: datetime) -> date:
        # Sessions are days in zones of whole quarters of an hour: one question for each is enough.
        return self.session(at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0))

    def _note_dependence(self, piece: Piece, *, is_exit: bool) -> None:
        """A fill recorded after the import that changes its meaning without it depends on it."""
        finished = self.fill_import.finished_at
        if not self.undoes or finished is None:
            return
        for row in kept_rows(piece):
            if row.created_at is not None and row.created_at > finished and row.is_exit != is_exit:
                self.dependent.add(row.symbol)

    def _refuse_dependent(self) -> None:
        if self.dependent:
            names = ", ".join(sorted(self.dependent)[:5])
            raise FileRefused(
                "later_fills_depend",
                f"Fills recorded later close positions that this import opened, or the other way round ({names})."
                " Undo or delete those first.",
            )


def _columns_text(realised: tuple[Decimal, Decimal, Decimal]) -> str:
    """is_exit and the realised columns, as COPY reads them."""
    return f"t\t{realised[0]}\t{realised[1]}\t{realised[2]}"
