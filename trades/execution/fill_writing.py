"""Executions into trades: streams are built anew from their first new execution on, with the pieces imports use."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.calendars import session_for
from accounts.models import TradingAccount
from brokers.models import BrokerConnection
from trades.execution.fill_orders import StandIn, orders_follow, stand_in_orders
from trades.execution.fill_streams import Journal, NewFill, Place, fill_id
from trades.imports.booking import NoPlan
from trades.imports.building import BuiltTrade, Piece, build
from trades.imports.identity import Identities, kept_rows, trades_without_fills
from trades.imports.streams import Stream, instants_of
from trades.models import AuditEntry, BrokerSyncStatus, Fill, StopMove, Trade, TradeStatus
from trades.services.audit import snapshot
from trades.services.bulk import rows_update
from trades.services.columns import NOT_REALISED, realised_by_fill, trade_columns
from trades.services.figures import figures_following
from trenddojo.domain.orders import OrderRole
from trenddojo.domain.positions import CostMethod
from trenddojo.log_context import NOBODY

log = logging.getLogger(__name__)

FILL_CHANGED = ("trade_id", "part", "quantity", "commission", "fees", *NOT_REALISED)
ENTRY = OrderRole.ENTRY.value
BOOKED = "fill.booked"


@dataclass(slots=True)
class _Writes:
    """What a booking comes to, before any of it is written."""

    new_trades: list[Trade] = field(default_factory=list)
    changed_trades: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    new_fills: list[Fill] = field(default_factory=list)
    changed_fills: list[Fill] = field(default_factory=list)
    merged_fills: list[UUID] = field(default_factory=list)
    stops: list[StopMove] = field(default_factory=list)


class Booking:
    """Books executions into one account; the caller holds its lock."""

    def __init__(self, connection: BrokerConnection, account: TradingAccount, *, now: datetime) -> None:
        self.connection = connection
        self.account = account
        self.now = now
        self.writes = _Writes()

    def book(self, new: Sequence[NewFill]) -> set[UUID]:
        """Write the executions with all that follows from them; returns the ids of the trades they changed."""
        self.new = {str(one.id): one for one in new}
        self.journal = Journal(self.account, new)
        self.identities = Identities(self.journal.affected, {})
        self.used: set[UUID] = set()
        self.stand_ins = stand_in_orders(new)
        with figures_following(self.account, list(self.journal.trades)) as following:
            for place, fills in _by_place(new).items():
                self._stream(place, fills)
            self._write()
            touched = {trade.pk for trade in self.writes.new_trades} | set(self.writes.changed_trades)
            touched |= orders_follow(touched)
            gone = self._clear_away()
            following.add(trade.pk for trade in self.writes.new_trades)
        return touched - gone

    def _stream(self, place: Place, new: Sequence[NewFill]) -> None:
        stream = Stream(place.symbol, new[0].asset_class, new[0].multiplier)
        instants = instants_of(stream, self.journal.rows(stream, new))
        for batch in build(instants, multiplier=stream.multiplier, method=CostMethod(self.account.cost_method)):
            for built in batch:
                self._trade(built, stream)

    def _trade(self, built: BuiltTrade, stream: Stream) -> None:
        known = self._known(built)
        trade = known or self._new_trade(built, stream)
        self.used.add(trade.pk)
        if known is None:
            self.writes.new_trades.append(trade)
        else:
            self.writes.changed_trades[trade.pk] = self._columns(built, trade, self.journal.stops[trade.pk])
        realised = realised_by_fill(built.result)
        for piece in built.pieces:
            self._piece(piece, trade, realised.get(piece.fill.key))

    def _known(self, built: BuiltTrade) -> Trade | None:
        """The trade there is for what was built: the plan whose order was filled first, or who held these fills."""
        planned = self._planned(built)
        if planned is not None:
            self.identities.taken.add(planned.pk)
            return planned
        found, is_known = self.identities.choose(built)
        return self.journal.trades[found] if is_known and found not in self.used else None

    def _planned(self, built: BuiltTrade) -> Trade | None:
        first = built.pieces[0]
        new = self.new.get(str(first.origin.first.id)) if first.origin.first.trade_id is None else None
        if new is None or new.order is None or new.order.role != ENTRY or first.part:
            return None
        trade = self.journal.trades.get(new.order.trade_id) if new.order.trade_id else None
        if trade is None or trade.pk in self.used or trade.direction != built.result.direction:
            return None
        is_waiting = trade.status not in (TradeStatus.ACTIVE, TradeStatus.CLOSED)
        return trade if is_waiting or trade.pk in self.journal.affected else None

    def _new_trade(self, built: BuiltTrade, stream: Stream) -> Trade:
        new = self.new.get(str(built.pieces[0].origin.first.id))
        planned = self.stand_ins.get(new.order.pk) if new and new.order else None
        plan: NoPlan | StandIn = planned or NoPlan(stream.multiplier)
        trade_id, opened_at = uuid4(), built.result.opened_at
        stops = []
        if planned is not None and planned.stop_loss is not None:
            stops = [StopMove(trade_id=trade_id, moved_at=opened_at, from_price=None, to_price=planned.stop_loss)]
            self.writes.stops += stops
        columns = self._columns(built, plan, stops)
        return Trade(
            id=trade_id,
            owner_id=self.account.owner_id,
            account=self.account,
            symbol=stream.symbol,
            asset_class=stream.asset_class,
            multiplier=stream.multiplier,
            stop_loss=plan.stop_loss,
            target_price=planned.target_price if planned else None,
            broker=self.connection.broker,
            broker_sync_status=BrokerSyncStatus.IMPORTED,
            broker_fill_price=columns["actual_entry"],
            broker_commission=sum((piece.fill.commission for piece in built.pieces), Decimal(0)),
            last_sync=self.now,
            **columns,
        )

    def _columns(self, built: BuiltTrade, plan: Any, stops: Sequence[StopMove]) -> dict[str, Any]:
        columns = trade_columns(built.result, account=self.account, plan_of=plan, stops=stops)
        columns["has_estimated_costs"] = any(piece.origin.first.has_estimated_costs for piece in built.pieces)
        return columns

    def _piece(self, piece: Piece, trade: Trade, realised: tuple[Decimal, Decimal, Decimal] | None) -> None:
        rows = kept_rows(piece)
        fill = self.journal.fills[rows[0].id] if rows else self._new_fill(piece)
        wanted: dict[str, Any] = {
            "trade_id": trade.pk,
            "part": piece.part,
            "quantity": piece.fill.quantity,
            "commission": piece.fill.commission,
            "fees": piece.fill.fees,
            **_realised_columns(realised),
        }
        is_other = any(getattr(fill, name) != value for name, value in wanted.items())
        for name, value in wanted.items():
            setattr(fill, name, value)
        self.writes.merged_fills += [row.id for row in rows[1:]]
        if not rows:
            self.writes.new_fills.append(fill)
        elif is_other:
            self.writes.changed_fills.append(fill)

    def _new_fill(self, piece: Piece) -> Fill:
        """A row for an execution, or for the other part of one that is kept already."""
        first = piece.origin.first
        key = fill_id(self.account, first.execution_id, piece.part) if first.execution_id else uuid4()
        new = self.new.get(str(first.id))
        kept = self.journal.fills.get(first.id)
        return Fill(
            id=key,
            creation_key=key,
            account=self.account,
            order_id=kept.order_id if kept else (new.order.pk if new and new.order else None),
            kind=first.kind,
            side=first.side,
            price=first.price,
            has_estimated_costs=first.has_estimated_costs,
            only_closes=first.only_closes,
            executed_at=first.executed_at,
            execution_id=first.execution_id,
            content_key=first.content_key,
            content_number=first.content_number,
            source_id=first.source_id,
            session=session_for(self.account.exchange, first.executed_at),
        )

    def _write(self) -> None:
        """Write it all, in a number of queries that does not depend on how much it is."""
        writes = self.writes
        self._positions_set_aside()
        if writes.merged_fills:
            Fill.objects.filter(pk__in=writes.merged_fills).delete()
        # What is closed now makes room for what was opened.
        _trades_change(writes.changed_trades)
        Trade.objects.bulk_create(writes.new_trades)
        StopMove.objects.bulk_create(writes.stops)
        if writes.changed_fills:
            Fill.objects.bulk_update(writes.changed_fills, FILL_CHANGED, batch_size=500)
        Fill.objects.bulk_create(writes.new_fills)
        AuditEntry.objects.bulk_create(self._audit(fill) for fill in writes.new_fills)
        if log.isEnabledFor(logging.INFO):
            transaction.on_commit(partial(_fills_log, writes.new_fills), robust=True)

    def _emptied(self) -> set[UUID]:
        return self.identities.affected - self.identities.taken - self.used

    def _clear_away(self) -> set[UUID]:
        """Delete the trades that nothing is left of, and return them; those with the trader's words are kept."""
        gone = self._emptied()
        if not gone:
            return set()
        trades_without_fills(self.account, list(gone), now=self.now)
        return gone - set(Trade.objects.filter(pk__in=gone).values_list("pk", flat=True))

    def _positions_set_aside(self) -> None:
        """Free the one open position an instrument may have, where more than one trade of it changes."""
        trades = [self.journal.trades[pk] for pk in [*self.writes.changed_trades, *self._emptied()]]
        held = [trade.pk for trade in trades if trade.status == TradeStatus.ACTIVE]
        if held and len(trades) + len(self.writes.new_trades) > len({(one.symbol, one.asset_class) for one in trades}):
            Trade.objects.filter(pk__in=held).update(status=TradeStatus.CANCELLED, open_quantity=0)

    def _audit(self, fill: Fill) -> AuditEntry:
        return AuditEntry(
            account=self.account, action=BOOKED, subject_id=fill.pk, after=snapshot(fill), trade_id=fill.trade_id
        )


def _realised_columns(realised: tuple[Decimal, Decimal, Decimal] | None) -> dict[str, Any]:
    if realised is None:
        return NOT_REALISED
    gross, costs, net = realised
    return {"is_exit": True, "realised_gross": gross, "realised_costs": costs, "realised_net": net}


def _fills_log(fills: Iterable[Fill]) -> None:
    """Which execution is booked where. How much of what, and at which price, is its trader's matter."""
    for fill in fills:
        told = (fill.order_id or NOBODY, fill.trade_id, fill.execution_id)
        log.info("fill.booked order=%s trade=%s execution=%s", *told)


def _by_place(new: Iterable[NewFill]) -> dict[Place, list[NewFill]]:
    found: dict[Place, list[NewFill]] = defaultdict(list)
    for one in new:
        found[one.place].append(one)
    return found


def _trades_change(changed: dict[UUID, dict[str, Any]]) -> None:
    if len(changed) == 1:
        (trade_id, columns), *_ = changed.items()
        Trade.objects.filter(pk=trade_id).update(**columns, version=F("version") + 1, updated_at=Now())
    elif changed:
        names = tuple(next(iter(changed.values())))
        rows = ((trade_id, *(columns[name] for name in names)) for trade_id, columns in changed.items())
        rows_update(Trade, names, rows, counter="version")
