"""Figures of one account over time: returns, risk-adjusted ratios and drawdown."""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from trenddojo.domain.errors import UndefinedReturnError
from trenddojo.domain.metrics.figure import Figure, undefined
from trenddojo.domain.metrics.flows import xirr
from trenddojo.domain.metrics.returns import (
    Drawdown,
    SessionRow,
    daily_returns,
    drawdown_curve,
    growth_index,
    max_drawdown,
)
from trenddojo.domain.money import ZERO

__all__ = [
    "MIN_SESSIONS",
    "SESSIONS_A_YEAR",
    "Drawdown",
    "SessionRow",
    "account_xirr",
    "cagr",
    "calmar",
    "daily_returns",
    "drawdown_curve",
    "drawdown_figures",
    "growth_index",
    "max_drawdown",
    "series_figures",
    "sharpe",
    "sortino",
    "twr",
    "twr_annualised",
    "volatility",
]

DAYS_A_YEAR = 365
MIN_SESSIONS = 20
SESSIONS_A_YEAR = 252
# Below this a spread of returns is the rounding of floats, not risk.
_NO_SPREAD = 1e-13

_NO_SESSIONS = "No trading sessions yet."
_TOO_FEW = f"It needs at least {MIN_SESSIONS} trading sessions."
_NO_VARIANCE = "The returns do not vary."
_NO_LOSING_DAY = "There is no losing day."
_NO_DRAWDOWN = "There is no drawdown."


def series_figures(
    rows: Sequence[SessionRow], *, opening_equity: Decimal = ZERO, risk_free: float = 0.0
) -> dict[str, Figure]:
    """Every figure over time by its key in DEFINITIONS; `risk_free` is a yearly rate (0.02 for 2 %).

    Keys: twr, twr_annualised, xirr, cagr, volatility, sharpe, sortino, max_drawdown, drawdown_sessions, calmar.
    """
    money_weighted = {"xirr": account_xirr(rows, opening_equity=opening_equity)}
    try:
        returns = daily_returns(rows, opening_equity=opening_equity)
    except UndefinedReturnError as error:
        return dict.fromkeys(_RETURN_KEYS, undefined(len(rows), error.sentence)) | money_weighted
    days = (rows[-1].day - rows[0].day).days if rows else 0
    found = {
        "twr": twr(returns),
        "twr_annualised": twr_annualised(returns, days=days),
        "cagr": cagr(returns),
        "volatility": volatility(returns),
        "sharpe": sharpe(returns, risk_free=risk_free),
        "sortino": sortino(returns, risk_free=risk_free),
        "calmar": calmar(returns),
    }
    return found | drawdown_figures(returns) | money_weighted


_RETURN_KEYS = (
    "twr",
    "twr_annualised",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "drawdown_sessions",
)


def account_xirr(rows: Sequence[SessionRow], *, opening_equity: Decimal = ZERO) -> Figure:
    """XIRR of an account: what was there and what came in is negative, what went out and what is left positive."""
    if not rows:
        return undefined(0, _NO_SESSIONS)
    flows = [(rows[0].day, -opening_equity)]
    flows += [(row.day, row.withdrawals - row.deposits) for row in rows]
    flows.append((rows[-1].day, rows[-1].equity))
    return xirr(flows)


def twr(returns: Sequence[float]) -> Figure:
    """Time-weighted return: the product of (1 + r), minus 1."""
    if not returns:
        return undefined(0, _NO_SESSIONS)
    return Figure(_growth(returns) - 1, len(returns))


def twr_annualised(returns: Sequence[float], *, days: int) -> Figure:
    """(1 + TWR)^(365 / days) - 1; undefined below one year, where it would only magnify chance."""
    n = len(returns)
    if days < DAYS_A_YEAR:
        return undefined(n, "It needs at least one year.")
    return _power(_growth(returns), DAYS_A_YEAR / days, n)


def cagr(returns: Sequence[float]) -> Figure:
    """(product of (1 + r))^(252 / N) - 1."""
    n = len(returns)
    if n < MIN_SESSIONS:
        return undefined(n, _TOO_FEW)
    return _power(_growth(returns), SESSIONS_A_YEAR / n, n)


def volatility(returns: Sequence[float]) -> Figure:
    """stdev(r, ddof=1) * sqrt(252)."""
    n = len(returns)
    if n < MIN_SESSIONS:
        return undefined(n, _TOO_FEW)
    return Figure(_stdev(returns) * math.sqrt(SESSIONS_A_YEAR), n)


def sharpe(returns: Sequence[float], *, risk_free: float = 0.0) -> Figure:
    """mean(r - rf_d) / stdev(r - rf_d, ddof=1) * sqrt(252), rf_d = (1 + rf)^(1/252) - 1."""
    n = len(returns)
    if n < MIN_SESSIONS:
        return undefined(n, _TOO_FEW)
    excess = _excess(returns, risk_free)
    spread = _stdev(excess)
    if spread <= _NO_SPREAD:
        return undefined(n, _NO_VARIANCE)
    return Figure(_mean(excess) / spread * math.sqrt(SESSIONS_A_YEAR), n)


def sortino(returns: Sequence[float], *, risk_free: float = 0.0) -> Figure:
    """mean(r - rf_d) / sqrt(mean(min(r - rf_d, 0)^2)) * sqrt(252), all N sessions in the denominator."""
    n = len(returns)
    if n < MIN_SESSIONS:
        return undefined(n, _TOO_FEW)
    excess = _excess(returns, risk_free)
    downside = math.sqrt(_mean([min(r, 0.0) ** 2 for r in excess]))
    if downside <= _NO_SPREAD:
        return undefined(n, _NO_LOSING_DAY)
    return Figure(_mean(excess) / downside * math.sqrt(SESSIONS_A_YEAR), n)


def drawdown_figures(returns: Sequence[float]) -> dict[str, Figure]:
    """max_drawdown as a negative ratio (0 when there was none) and drawdown_sessions, its length."""
    n = len(returns)
    if not returns:
        return dict.fromkeys(("max_drawdown", "drawdown_sessions"), undefined(0, _NO_SESSIONS))
    worst = max_drawdown(returns)
    if worst is None:
        return {"max_drawdown": Figure(0.0, n), "drawdown_sessions": undefined(n, _NO_DRAWDOWN)}
    return {"max_drawdown": Figure(worst.depth, n), "drawdown_sessions": Figure(Decimal(worst.sessions), n)}


def drawdown_recovered_on(rows: Sequence[SessionRow], *, opening_equity: Decimal = ZERO) -> date | None:
    """The session in which the deepest drawdown was made up for; None while it lasts, and where there was none."""
    try:
        worst = max_drawdown(daily_returns(rows, opening_equity=opening_equity))
    except UndefinedReturnError:
        return None
    return None if worst is None or worst.recovered is None else rows[worst.recovered].day


def calmar(returns: Sequence[float]) -> Figure:
    """CAGR / |max drawdown|."""
    growth = cagr(returns)
    if growth.value is None:
        return growth
    worst = max_drawdown(returns)
    if worst is None:
        return undefined(growth.n, _NO_DRAWDOWN)
    return Figure(float(growth.value) / -worst.depth, growth.n)


def _growth(returns: Sequence[float]) -> float:
    return math.prod(1 + r for r in returns)


def _power(growth: float, exponent: float, n: int) -> Figure:
    """growth^exponent - 1 as a rate of n sessions."""
    if growth < 0:
        return undefined(n, "More than everything was lost.")
    try:
        found = growth**exponent - 1
    except OverflowError:
        found = math.inf
    return Figure(found, n) if math.isfinite(found) else undefined(n, "The rate is too large to be told.")


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _stdev(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _excess(returns: Sequence[float], risk_free: float) -> list[float]:
    daily = (1 + risk_free) ** (1 / SESSIONS_A_YEAR) - 1
    return [r - daily for r in returns]
