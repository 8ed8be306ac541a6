"""Performance as a whole: every figure over the trades of a scope and, where no filter is laid over them, over time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.utils import timezone

from accounts.calendars import exchange_timezone
from trades.selectors.calendar import DayResult, filtered_results
from trades.selectors.equity import EquityDay, changes, equity_days
from trades.selectors.figures import KeyTotals, left_out, streaks, together, totals_by_key, trade_figures
from trades.selectors.scope import Scope
from trenddojo.domain.errors import UndefinedReturnError
from trenddojo.domain.metrics.figure import Figure, undefined
from trenddojo.domain.metrics.returns import daily_returns, drawdown_curve
from trenddojo.domain.metrics.series import drawdown_recovered_on, series_figures
from trenddojo.domain.metrics.streaks import StreakSummary

ZERO = Decimal(0)
OF_WHOLE_ACCOUNTS = "It is a figure of whole accounts: leave the filter out."


@dataclass(frozen=True, slots=True)
class Performance:
    """Every figure by its key; `left_out` trades lack their opening fills and count in none."""

    figures: dict[str, Figure] = field(default_factory=dict)
    left_out: int = 0
    # The session in which the deepest drawdown was made up for; None while it lasts, and where there was none.
    recovered_on: date | None = None


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One session. Of filtered trades only what they realised is known; `drawdown` is a ratio, zero at the top."""

    day: date
    realised: Decimal
    cumulative: Decimal
    equity: Decimal | None = None
    deposits: Decimal | None = None
    withdrawals: Decimal | None = None
    income: Decimal | None = None
    drawdown: float | None = None


@dataclass(frozen=True, slots=True)
class ResultSum:
    """What several sessions came to; `r` is None where no trade had an R, `up` and `down` count sessions."""

    net: Decimal
    n: int
    wins: int
    losses: int
    r: Decimal | None
    up: int
    down: int


def today_of(scope: Scope) -> date:
    """Today where the scope's exchanges are, the latest of them."""
    now = timezone.now()
    return max(now.astimezone(exchange_timezone(account.exchange)).date() for account in scope.accounts)


def session_rows(scope: Scope) -> list[EquityDay]:
    """What the scope's accounts were worth, session by session until today."""
    return equity_days(scope.accounts, changes(scope.accounts), until=today_of(scope))


def performance_of(scope: Scope | None) -> Performance:
    """Every figure of METRICS over the trades and over time; without any account each says why it has no value."""
    if scope is None:
        return Performance(_over_trades(KeyTotals(""), [], StreakSummary()) | series_figures([]))
    found = totals_by_key(scope, ["all", "r"])
    whole = together(found["all"])
    figures = _over_trades(whole, found["r"], streaks(scope, whole.totals))
    if scope.is_filtered:
        over_time = {key: undefined(0, OF_WHOLE_ACCOUNTS) for key in series_figures([])}
        return Performance(figures | over_time, left_out(scope))
    sessions = [day.row for day in session_rows(scope)]
    return Performance(figures | series_figures(sessions), left_out(scope), drawdown_recovered_on(sessions))


def curve_rows(scope: Scope) -> list[CurveRow]:
    """Session by session what was realised and what the accounts were worth, the oldest first."""
    if scope.is_filtered:
        return _added_up(filtered_results(scope))
    days = session_rows(scope)
    rows, total = [], ZERO
    for day, fall in zip(days, _falls(days), strict=True):
        total += day.realised
        rows.append(CurveRow(day.day, day.realised, total, day.equity, day.deposits, day.withdrawals, day.income, fall))
    return rows


def sum_of(results: Sequence[DayResult]) -> ResultSum:
    """Several sessions together."""
    has_r = any(result.r_n for result in results)
    return ResultSum(
        net=sum((result.net for result in results), ZERO),
        n=sum(result.n for result in results),
        wins=sum(result.wins for result in results),
        losses=sum(result.losses for result in results),
        r=sum((result.r_sum for result in results), ZERO) if has_r else None,
        up=sum(result.net > 0 for result in results),
        down=sum(result.net < 0 for result in results),
    )


def _over_trades(whole: KeyTotals, buckets: Sequence[KeyTotals], runs: StreakSummary) -> dict[str, Figure]:
    n = whole.totals.n
    return trade_figures(whole.totals, buckets, runs) | {
        "current_win_streak": Figure(Decimal(runs.current_wins), n),
        "current_loss_streak": Figure(Decimal(runs.current_losses), n),
        "mean_holding_seconds": _seconds(whole.mean_holding_seconds, n),
    }


def _seconds(seconds: int | None, n: int) -> Figure:
    return undefined(0, "No closed trade yet.") if seconds is None else Figure(Decimal(seconds), n)


def _added_up(results: Sequence[tuple[date, Decimal]]) -> list[CurveRow]:
    rows, total = [], ZERO
    for day, net in results:
        total += net
        rows.append(CurveRow(day, net, total))
    return rows


def _falls(days: Sequence[EquityDay]) -> Sequence[float | None]:
    """The drawdown after every session; none where returns are undefined."""
    try:
        return drawdown_curve(daily_returns([day.row for day in days]))
    except UndefinedReturnError:
        return [None] * len(days)
