"""The one place that writes computed columns: fills are the truth, trades are computed from them.

Callers of ``trade_recompute`` hold the account's row lock and stand inside ``figures_following``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Count, F, QuerySet, Value, When
from django.db.models.functions import Now

from accounts.models import TradingAccount
from trades.models import Fill, Outcome, StopMove, Trade, TradeStatus
from trades.services.bulk import rows_update
from trades.services.claims import trade_write
from trades.services.columns import (
    NOT_REALISED,
    UNMEASURED,
    WITHOUT_FILLS,
    domain_fill,
    fill_columns,
    has_plan,
    risk_columns,
    trade_columns,
)
from trades.services.errors import TradeError
from trades.services.figures import figures_rebuild
from trenddojo.domain import positions
from trenddojo.domain.errors import FillError

__all__ = ["account_recompute", "fill_columns", "result_of", "trade_columns", "trade_recompute"]

CHUNK = 2000
FILL_COLUMNS = (*NOT_REALISED, "session")
# What its excursions hang on; whatever else is written, they stand until they are measured again.
MEASURED_OVER = ("status", "direction", "quantity", "actual_entry", "actual_exit", "entry_date", "exit_date")
# The rules of an account that results hang on.
RULES = ("cost_method", "exchange", "break_even_band")
# What a recompute of many needs of a fill and of a trade.
_SAID = ("id", "side", "kind", "quantity", "price", "commission", "fees", "executed_at")
_PLANNED = (
    *("direction", "multiplier", "is_incomplete", "planned_quantity", "entry_price", "initial_stop"),
    *("stop_loss", "status"),
)
_FILLED = (TradeStatus.ACTIVE, TradeStatus.CLOSED)
_STOPS = "SELECT * FROM stop_moves WHERE trade_id = %s ORDER BY moved_at, created_at"


def trade_recompute(trade: Trade, fills: Iterable[Fill] | None = None) -> Trade:
    """Compute the trade and its fills anew, and raise its version.

    `fills` are all the trade's fills where the caller has read them under the account's lock already; those that are
    not saved yet are added. Without them they are read. Raises FillError when the fills are not one trade from flat to
    flat, StaleVersion when it was written meanwhile.
    """
    fills = list(trade.fills.all()) if fills is None else sorted(fills, key=attrgetter("executed_at"))
    stops = list(StopMove.objects.raw(_STOPS, [trade.pk]))
    if not fills:
        return _back_to_plan(trade)
    _plan_stop_before(trade, fills[0], stops)
    known = [domain_fill(fill) for fill in fills]
    result = result_of(trade, known, account=trade.account)
    columns = trade_columns(result, account=trade.account, plan_of=trade, stops=stops)
    columns["has_estimated_costs"] = any(fill.has_estimated_costs for fill in fills)
    if any(getattr(trade, name) != columns[name] for name in MEASURED_OVER):
        columns |= UNMEASURED
    # Whoever holds the position already is its only holder: the database sees to that.
    if columns["status"] == TradeStatus.ACTIVE != trade.status:
        refuse_second_position(trade)
    _write_fills(fills, fill_columns(result, known, account=trade.account))
    return trade_write(trade, columns)


def refuse_second_position(trade: Trade) -> None:
    """Raise TradeError when the account holds another position in this instrument; the caller has its lock."""
    held = Trade.objects.filter(account_id=trade.account_id, symbol=trade.symbol, asset_class=trade.asset_class)
    if held.filter(status=TradeStatus.ACTIVE).exclude(pk=trade.pk).exists():
        raise TradeError(
            "position_exists",
            f"This account already holds a position in {trade.symbol}: add the fill to that trade.",
            "symbol",
        )


def result_of(trade: Trade, known: Sequence[positions.Fill], *, account: TradingAccount) -> positions.TradeResult:
    """What the fills of one trade come to; raises FillError when they are more than one trade."""
    exit_side = positions.Direction(trade.direction).exit_side
    results = positions.build_trades(
        known,
        multiplier=trade.multiplier,
        method=positions.CostMethod(account.cost_method),
        opening_missing={fill.key for fill in known if fill.side is exit_side} if trade.is_incomplete else frozenset(),
    )
    if len(results) != 1:
        raise FillError(
            "flat_between",
            "The position would be flat in between, which makes two trades: record the later part as a trade of its "
            "own.",
            "executed_at",
        )
    return results[0]


def _back_to_plan(trade: Trade) -> Trade:
    """A trade that lost its last fill is a plan again, with the plan's stop: no position is left to have moved it."""
    columns = {**WITHOUT_FILLS, "status": trade.status, "occurred_at": trade.created_at}
    if trade.status in _FILLED:
        columns["status"] = TradeStatus.PLANNED
        StopMove.objects.filter(trade=trade).exclude(from_price=None).delete()
        if has_plan(trade):
            columns["stop_loss"] = trade.initial_stop
    return trade_write(trade, {**columns, **risk_columns(None, plan_of=trade)})


def _plan_stop_before(trade: Trade, first: Fill, stops: list[StopMove]) -> None:
    """A plan typed after its first fill had its stop in force from that fill on: moves come after it."""
    for move in stops:
        if move.from_price is None and move.moved_at > first.executed_at and has_plan(trade):
            move.moved_at = first.executed_at
            move.save(update_fields=["moved_at"])
    stops.sort(key=attrgetter("moved_at", "created_at"))


def _write_fills(fills: Sequence[Fill], columns: dict[str, dict[str, Any]]) -> None:
    changed = []
    for fill in fills:
        wanted = columns[str(fill.pk)]
        is_other = any(getattr(fill, name) != value for name, value in wanted.items())
        for name, value in wanted.items():
            setattr(fill, name, value)
        if fill.created_at is None:  # not saved yet
            fill.save(force_insert=True)
        elif is_other:
            changed.append(fill)
    if changed:
        Fill.objects.bulk_update(changed, list(columns[str(changed[0].pk)]), batch_size=500)


@transaction.atomic
def account_recompute(account: TradingAccount, changed: Collection[str] = RULES) -> int:
    """Compute anew the trades with fills that `changed` rules of the account can change, then the kept figures.

    Returns how many trades were looked at. Locks the account; the version of every trade that changes is raised.
    """
    account = TradingAccount.objects.select_for_update().get(pk=account.pk)
    trades = Trade.objects.filter(account=account, status__in=_FILLED)
    if set(changed) <= {"break_even_band"}:
        done = _outcomes_renew(trades.filter(status=TradeStatus.CLOSED), account.break_even_band)
    else:
        if set(changed) <= {"break_even_band", "cost_method"}:
            _outcomes_renew(trades.filter(status=TradeStatus.CLOSED), account.break_even_band)
            # One entry, or one exit of everything, costs the same by every method.
            trades = trades.annotate(fill_count=Count("fills")).filter(fill_count__gt=2)
        done = _trades_renew(account, trades)
    figures_rebuild(account)
    return done


def _outcomes_renew(trades: QuerySet[Trade], band: Decimal) -> int:
    """Win, loss or break-even by another band; the rule is the domain's outcome_of."""
    outcome = Case(
        When(net_pnl__range=(-band, band), then=Value(Outcome.BREAK_EVEN)),
        When(net_pnl__gt=0, then=Value(Outcome.WIN)),
        default=Value(Outcome.LOSS),
    )
    trades.exclude(outcome=outcome).update(outcome=outcome, version=F("version") + 1, updated_at=Now())
    return trades.count()


def _trades_renew(account: TradingAccount, trades: QuerySet[Trade]) -> int:
    ids = list(trades.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        _recompute_chunk(account, ids[start : start + CHUNK])
    return len(ids)


def _recompute_chunk(account: TradingAccount, ids: list[UUID]) -> None:
    fills: dict[UUID, list[positions.Fill]] = defaultdict(list)
    for trade_id, *said in Fill.objects.filter(trade_id__in=ids).order_by().values_list("trade_id", *_SAID):
        fills[trade_id].append(_domain_fill(*said))
    stops = _by_trade(StopMove.objects.filter(trade_id__in=ids).order_by("moved_at", "created_at"))
    trade_rows: list[tuple[UUID, dict[str, Any]]] = []
    fill_rows: list[tuple[str, dict[str, Any]]] = []
    for trade in Trade.objects.filter(pk__in=list(fills)).only(*_PLANNED):
        known = fills[trade.pk]
        result = result_of(trade, known, account=account)
        trade_rows.append((trade.pk, trade_columns(result, account=account, plan_of=trade, stops=stops[trade.pk])))
        fill_rows.extend(fill_columns(result, known, account=account).items())
    if trade_rows:
        names = tuple(trade_rows[0][1])
        rows = ((pk, *(columns[name] for name in names)) for pk, columns in trade_rows)
        rows_update(Trade, names, rows, counter="version")
    rows_update(Fill, FILL_COLUMNS, ((pk, *(row[name] for name in FILL_COLUMNS)) for pk, row in fill_rows))


def _domain_fill(pk: UUID, side: str, kind: str, *said: Any) -> positions.Fill:
    quantity, price, commission, fees, executed_at = said
    return positions.Fill(
        str(pk), positions.Side(side), quantity, price, commission, fees, executed_at, positions.FillKind(kind)
    )


def _by_trade(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.trade_id].append(row)
    return found
