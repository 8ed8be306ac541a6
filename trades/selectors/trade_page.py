"""Everything one trade's page shows, in a number of queries that does not grow with the trade."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.http import Http404

from accounts.models import User
from brokers.services.bars import BAR_SIZES
from trades.models import Fill, StopMove, Trade, TradeTarget
from trades.selectors.history import HistoryLine, trade_history
from trenddojo.domain.fills import Direction
from trenddojo.domain.metrics.excursions import efficiencies
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.risk import planned_r, r_multiple

LATEST = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of plan versus outcome; `unit` says how both are shown (price, quantity, money, r), or the plan alone
    where what happened is of another one (average)."""

    name: str
    unit: str
    planned: Decimal | None
    actual: Decimal | None
    note: str = ""
    actual_unit: str = ""


@dataclass(frozen=True, slots=True)
class TargetLine:
    target: TradeTarget
    r: Decimal | None


@dataclass(frozen=True, slots=True)
class Overridden:
    """Limits overridden at once: one reason, and what each of them said."""

    reason: str
    who: str
    at: datetime
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Excursions:
    """MAE and MFE in units of the initial risk, how much of the way between them was taken, and the bars in words."""

    bar_size: str
    mae_r: Decimal | None
    mfe_r: Decimal | None
    entry_efficiency: Figure
    exit_efficiency: Figure
    total_efficiency: Figure


@dataclass(frozen=True, slots=True)
class TradePage:
    """`open_r` is the open risk in units of the initial risk; None where R is undefined."""

    trade: Trade
    fills: list[Fill]
    stops: list[StopMove]
    targets: list[TargetLine]
    overrides: list[Overridden]
    comparisons: list[Comparison]
    open_r: Decimal | None
    history: list[HistoryLine]

    @property
    def currency(self) -> str:
        return self.trade.account.currency

    @property
    def excursions(self) -> Excursions | None:
        """How far the price went against and for the trade; None while that is not measured."""
        trade = self.trade
        if trade.mae is None or trade.mfe is None:
            return None
        shares = efficiencies(trade.gross_pnl, trade.mae, trade.mfe)
        risk = trade.initial_risk
        bar_size = BAR_SIZES.get(trade.excursion_bar, trade.excursion_bar)
        return Excursions(bar_size, r_multiple(trade.mae, risk), r_multiple(trade.mfe, risk), **shares)


def trade_for(owner: User, pk: UUID) -> Trade:
    """The owner's trade with its account and setup. Raises Http404."""
    found = Trade.objects.select_related("account__connection", "setup").defer("search")
    trade = found.filter(owner=owner, pk=pk).first()
    if trade is None:
        raise Http404
    return trade


def fill_for(owner: User, pk: UUID) -> Fill:
    """The owner's fill with its trade and account. Raises Http404."""
    found = Fill.objects.select_related("trade__account", "trade__setup").defer("trade__search")
    fill = found.filter(account__owner=owner, pk=pk).first()
    if fill is None:
        raise Http404
    return fill


def trade_page(owner: User, pk: UUID) -> TradePage:
    """Read a trade with all its parts. Raises Http404."""
    trade = trade_for(owner, pk)
    return TradePage(
        trade=trade,
        fills=list(trade.fills.all()),
        stops=list(trade.stop_moves.all()),
        targets=[TargetLine(target, _target_r(trade, target.price)) for target in trade.targets.all()],
        overrides=_overridden(trade),
        comparisons=comparisons(trade),
        open_r=r_multiple(trade.open_risk, trade.initial_risk) if trade.stop_loss is not None else None,
        history=trade_history(trade, limit=LATEST),
    )


def comparisons(trade: Trade) -> list[Comparison]:
    """Plan versus outcome, line by line; empty for a trade that was never planned."""
    if trade.entry_price is None:
        return []
    is_filled = trade.actual_entry is not None
    plan_risk = None
    if trade.initial_stop is not None and trade.planned_quantity is not None:
        plan_risk = abs(trade.entry_price - trade.initial_stop) * trade.planned_quantity * trade.multiplier
    return [
        Comparison("Entry", "price", trade.entry_price, trade.actual_entry, "average", "average"),
        Comparison("Quantity", "quantity", trade.planned_quantity, trade.quantity if is_filled else None),
        Comparison("Stop", "price", trade.initial_stop, trade.stop_loss if is_filled else None, "in force"),
        Comparison("Exit", "price", trade.target_price, trade.actual_exit, "first target, average", "average"),
        Comparison("Initial risk (1R)", "money", plan_risk, trade.initial_risk if is_filled else None),
        Comparison("R", "r", trade.planned_r, trade.r_multiple),
    ]


def _overridden(trade: Trade) -> list[Overridden]:
    found = trade.overrides.select_related("actor")
    return [
        Overridden(reason, who, same[0].created_at, [override.sentence for override in same])
        for (reason, who), same in (
            (key, list(group))
            for key, group in groupby(found, lambda each: (each.reason, each.actor.username if each.actor else ""))
        )
    ]


def _target_r(trade: Trade, price: Decimal) -> Decimal | None:
    if trade.entry_price is None or trade.initial_stop is None:
        return None
    return planned_r(Direction(trade.direction), entry=trade.entry_price, stop=trade.initial_stop, target=price)
