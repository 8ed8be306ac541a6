"""What the kept figures must be, worked out in Python from the trades alone."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import TradingAccount, User
from trades.models import AccountDay, FigureTotal, Fill, Trade
from trades.selectors.contributions import DAY_SUMS, EXIT_SUMS, HOLDING_BOUNDS, SUMS
from trades.selectors.figures import _kept_streaks
from trades.selectors.scope import Scope
from trenddojo.domain.metrics.streaks import StreakSummary
from trenddojo.domain.metrics.trades import TradeOutcome, TradeTotals

NEW_YORK = ZoneInfo("America/New_York")
CLOSING_ORDER = ("closed_session", "exit_date", "entry_date", "symbol", "id")


def _keys(trade: Trade) -> dict[str, list[str]]:
    """The keys of a trade by dimension, worked out in Python from what the trade says."""
    entry = trade.entry_date.astimezone(NEW_YORK)
    sign = 1 if trade.direction == "long" else -1
    answers = [answer.is_met for answer in trade.checklist.all()]
    keys = {
        "all": [""],
        "setup": [str(trade.setup_id or "")],
        "tag": [str(tag.pk) for tag in trade.tags.all()] or [""],
        "symbol": [trade.symbol],
        "direction": [trade.direction],
        "weekday": [str(entry.weekday())],
        "hour": [f"{entry.hour:02d}"],
        "holding": [str(sum(trade.holding_seconds >= bound for bound in HOLDING_BOUNDS))],
        "month": [f"{trade.closed_session:%Y-%m}"],
        "override": ["yes" if trade.is_override else "no"],
        "planned": ["none" if trade.planned_r is None else str(min(int(trade.planned_r), 3))],
        "checklist": ["none" if not answers else "met" if all(answers) else "missed"],
        "exit": [_exit_key(trade, sign)],
    }
    if trade.r_multiple is not None:
        bucket = (trade.r_multiple / Decimal("0.05")).to_integral_value(ROUND_FLOOR)
        keys["r"] = [str(min(max(int(bucket), -200), 400))]
    return keys


def _exit_key(trade: Trade, sign: int) -> str:
    if trade.initial_stop is None and trade.target_price is None:
        return "unplanned"
    if trade.target_price is not None and (trade.actual_exit - trade.target_price) * sign >= 0:
        return "target"
    if trade.initial_stop is not None and (trade.actual_exit - trade.initial_stop) * sign <= 0:
        return "stop"
    return "between"


def _totals(trades: Iterable[Trade], band: Decimal) -> dict[str, Any]:
    trades = list(trades)
    outcomes = [TradeOutcome(t.net_pnl, t.r_multiple, t.gross_pnl, t.costs, t.exit_date) for t in trades]
    totals = TradeTotals.of(outcomes, band)
    planned = [t.planned_r for t in trades if t.planned_r is not None]
    return {name: getattr(totals, name) for name in TradeTotals.__dataclass_fields__} | {
        "planned_r_n": len(planned),
        "planned_r_sum": sum(planned, Decimal(0)),
        "sum_holding_seconds": sum(t.holding_seconds for t in trades),
    }


def _counted(account: TradingAccount) -> list[Trade]:
    found = Trade.objects.filter(account=account, status="closed", is_incomplete=False)
    return list(found.prefetch_related("tags", "checklist").order_by(*CLOSING_ORDER))


def _totals_from_trades(account: TradingAccount) -> dict[tuple[str, str], dict[str, Any]]:
    groups: dict[tuple[str, str], list[Trade]] = defaultdict(list)
    for trade in _counted(account):
        for dimension, keys in _keys(trade).items():
            for key in keys:
                groups[dimension, key].append(trade)
    return {key: _totals(trades, account.break_even_band) for key, trades in groups.items()}


def _days_from_trades(account: TradingAccount) -> dict[date, dict[str, Any]]:
    days: dict[date, dict[str, Any]] = defaultdict(lambda: dict.fromkeys((*DAY_SUMS, *EXIT_SUMS), Decimal(0)))
    for fill in Fill.objects.filter(account=account, is_exit=True, trade__is_incomplete=False):
        for name in EXIT_SUMS:
            days[fill.session][name] += getattr(fill, name)
    closed: dict[date, list[Trade]] = defaultdict(list)
    for trade in _counted(account):
        closed[trade.closed_session].append(trade)
    for day, trades in closed.items():
        totals = _totals(trades, account.break_even_band)
        days[day] |= {name: totals["sum_net" if name == "closed_net" else name] for name in DAY_SUMS}
    return {day: sums for day, sums in days.items() if any(sums.values())}


def _streaks_from_trades(accounts: list[TradingAccount]) -> StreakSummary:
    trades = sorted(
        ((t, a.break_even_band) for a in accounts for t in _counted(a)),
        key=lambda row: attrgetter(*CLOSING_ORDER)(row[0]),
    )
    whole = StreakSummary()
    for trade, band in trades:
        whole += StreakSummary.of([trade.net_pnl], band)
    return whole


def kept_streaks(owner: User, account: TradingAccount | None) -> StreakSummary:
    accounts = (account,) if account else tuple(TradingAccount.objects.filter(owner=owner))
    return _kept_streaks(Scope("USD", accounts))


def assert_kept(owner: User) -> None:
    """The kept rows are exactly those that follow from the trades; no more, no less."""
    accounts = list(TradingAccount.objects.filter(owner=owner))
    for account in accounts:
        kept = {
            (row.pop("dimension"), row.pop("key")): row
            for row in FigureTotal.objects.filter(account=account).values("dimension", "key", *SUMS)
        }
        assert kept == _totals_from_trades(account)
        days = {
            row.pop("day"): row
            for row in AccountDay.objects.filter(account=account).values("day", *DAY_SUMS, *EXIT_SUMS)
        }
        assert days == _days_from_trades(account)
        assert kept_streaks(owner, account) == _streaks_from_trades([account])
    if len(accounts) > 1:
        assert kept_streaks(owner, None) == _streaks_from_trades(accounts)
