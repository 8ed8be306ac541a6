"""Executions in the journal's terms: whose order, which instrument, what it cost, and what they follow."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid5

from accounts.calendars import exchange_timezone
from accounts.models import TradingAccount
from brokers.base import FillReport
from trades.execution.symbols import family, held_trades, multiplier_of
from trades.imports.streams import Row, Stream
from trades.models import Fill, FillKind, Order, StopMove, Trade, TradeStatus
from trenddojo.domain import commission
from trenddojo.domain.instruments import AssetClass
from trenddojo.statements import models_of

NOTHING = Decimal(0)
_WAITING = (TradeStatus.PLANNED, TradeStatus.PENDING, TradeStatus.CANCELLED)


class Place(NamedTuple):
    """What an execution belongs to besides its account; the class is the broker's, where ETFs are stocks."""

    symbol: str
    family: str


@dataclass(frozen=True, slots=True)
class NewFill:
    """An execution that has no row yet. Costs the broker did not tell are estimated."""

    id: UUID
    report: FillReport
    order: Order | None
    asset_class: str
    multiplier: Decimal
    commission: Decimal
    fees: Decimal
    has_estimated_costs: bool

    @property
    def place(self) -> Place:
        return Place(self.report.symbol, family(self.asset_class))


def fill_id(account: TradingAccount, execution_id: str, part: int = 0) -> UUID:
    """The same execution gets the same id whoever books it, and whenever."""
    return uuid5(account.pk, f"fill:{execution_id}:{part}")


def new_fills(
    account: TradingAccount, reports: Sequence[FillReport], orders: dict[str, Order], *, broker: str
) -> list[NewFill]:
    """The reports in the journal's terms; one query."""
    held = held_trades(account.pk, {report.symbol for report in reports})
    found = []
    for report in reports:
        order = orders.get(report.broker_order_id)
        model: Order | Trade | None = held.get((report.symbol, family(report.asset_class))) or order
        asset_class = model.asset_class if model else report.asset_class.value
        multiplier = model.multiplier if model else multiplier_of(report.asset_class)
        found.append(_new_fill(account, report, order, asset_class, multiplier, broker=broker))
    return found


def _new_fill(
    account: TradingAccount,
    report: FillReport,
    order: Order | None,
    asset_class: str,
    multiplier: Decimal,
    *,
    broker: str,
) -> NewFill:
    estimate = commission.estimate(
        broker,
        AssetClass(asset_class),
        side=report.side,
        quantity=report.quantity,
        price=report.price,
        multiplier=multiplier,
        on=report.executed_at.astimezone(exchange_timezone(account.exchange)).date(),
    )
    return NewFill(
        id=fill_id(account, report.execution_id),
        report=report,
        order=order,
        asset_class=asset_class,
        multiplier=multiplier,
        commission=estimate.commission if report.commission is None else report.commission,
        fees=estimate.fees if report.fees is None else report.fees,
        has_estimated_costs=bool(estimate.schedule_name) and None in (report.commission, report.fees),
    )


_STOPS = "trade_id = ANY(%(trades)s) ORDER BY moved_at, created_at"
_FILLS = "trade_id = ANY(%(trades)s) ORDER BY executed_at, created_at, part, id"
_TRADES = """
account_id = %(account)s AND (id = ANY(%(linked)s) OR symbol = ANY(%(symbols)s) AND (
    status = 'active' OR status = 'closed' AND exit_date >= %(since)s
)) ORDER BY created_at, id
"""


class Journal:
    """What the new executions meet: trades still open or closed after the first of them, and plans of their orders."""

    def __init__(self, account: TradingAccount, new: Sequence[NewFill]) -> None:
        since = _since(new)
        trades = list(_trades(account, new, since))
        self.trades = {trade.pk: trade for trade in trades}
        # Those whose fills are looked at anew.
        self.affected = {trade.pk for trade in trades if _is_affected(trade, since)}
        self.stops: dict[UUID, list[StopMove]] = defaultdict(list)
        for move in models_of(StopMove, _STOPS, {"trades": list(self.trades)}):
            self.stops[move.trade_id].append(move)
        self.fills = {fill.pk: fill for fill in models_of(Fill, _FILLS, {"trades": list(self.affected)})}

    def rows(self, stream: Stream, new: Iterable[NewFill]) -> Iterator[Row]:
        """The stream's executions, old and new, in time order."""
        counts: dict[UUID, int] = defaultdict(int)
        for fill in self.fills.values():
            counts[fill.trade_id] += 1
        seen: set[UUID] = set()
        kept = []
        for fill in self.fills.values():
            trade = self.trades[fill.trade_id]
            if (trade.symbol, family(trade.asset_class)) == (stream.symbol, family(stream.asset_class)):
                kept.append(_kept_row(stream, fill, counts[fill.trade_id], is_first=fill.trade_id not in seen))
                seen.add(fill.trade_id)
        fresh = [_new_row(stream, one, line) for line, one in enumerate(new)]
        return iter(sorted([*kept, *fresh], key=_moment))


def _since(new: Iterable[NewFill]) -> dict[Place, datetime]:
    found: dict[Place, datetime] = {}
    for one in new:
        at = one.report.executed_at
        found[one.place] = min(at, found.get(one.place, at))
    return found


def _trades(account: TradingAccount, new: Sequence[NewFill], since: dict[Place, datetime]) -> Iterable[Trade]:
    given = {
        "account": account.pk,
        "linked": list({one.order.trade_id for one in new if one.order and one.order.trade_id}),
        "symbols": list({place.symbol for place in since}),
        "since": min(since.values()),
    }
    return models_of(Trade, _TRADES, given)


def _is_affected(trade: Trade, since: dict[Place, datetime]) -> bool:
    start = since.get(Place(trade.symbol, family(trade.asset_class)))
    if start is None or trade.status in _WAITING:
        return False
    return trade.status == TradeStatus.ACTIVE or (trade.exit_date is not None and trade.exit_date >= start)


def _moment(row: Row) -> tuple[datetime, bool, int, int, str]:
    return row.executed_at, row.trade_id is None, row.line, row.part, str(row.id)


def _kept_row(stream: Stream, fill: Fill, trade_fills: int, *, is_first: bool) -> Row:
    return Row(
        *(stream.symbol, stream.asset_class, stream.multiplier, fill.executed_at, fill.pk, fill.trade_id, fill.kind),
        *(fill.side, fill.quantity, fill.price, fill.commission, fill.fees, fill.has_estimated_costs),
        *(fill.execution_id, fill.content_key, fill.content_number, fill.part, fill.only_closes, fill.is_exit),
        *(trade_fills, fill.created_at, 0, fill.source_id, is_first),
    )


def _new_row(stream: Stream, one: NewFill, line: int) -> Row:
    report = one.report
    return Row(
        *(stream.symbol, stream.asset_class, stream.multiplier, report.executed_at, one.id, None, FillKind.TRADE.value),
        *(report.side.value, report.quantity, report.price, one.commission, one.fees, one.has_estimated_costs),
        *(report.execution_id, "", 0, 0, False, False, 0, None, line, None, False),
    )
