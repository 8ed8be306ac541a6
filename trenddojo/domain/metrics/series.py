"""Figures of one account over time, from one row per trading session."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trenddojo.domain.metrics.figure import Figure

MIN_SESSIONS = 20
SESSIONS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session: equity at its end, money that came in before it and went out after it."""

    day: date
    equity: Decimal
    deposits: Decimal = Decimal(0)
    withdrawals: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of the growth index: depth as a negative ratio; positions are indexes into the returns.

    `peak` is -1 when the fall began at the start, `recovered` None while it lasts; `sessions` runs from the peak to the
    recovery or to the end.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None
    sessions: int


def daily_returns(
    rows: Sequence[SessionRow], *, opening_equity: Decimal = Decimal(0)
) -> list[float]:
    """(V_t + out_t) / (V_(t-1) + in_t) - 1 for every row; `opening_equity` is V before the first row.

    A session with no money at all returns 0. Raises UndefinedReturn where money came from nothing.
    """
    raise NotImplementedError


def growth_index(returns: Sequence[float]) -> list[float]:
    """1, then the product of (1 + r) after every session."""
    raise NotImplementedError


def drawdown_curve(returns: Sequence[float]) -> list[float]:
    """E_t / max(E_0..E_t) - 1 after every session, the start included in the maximum."""
    raise NotImplementedError


def max_drawdown(returns: Sequence[float]) -> Drawdown | None:
    """The deepest drawdown; None when there was none."""
    raise NotImplementedError


def series_figures(
    rows: Sequence[SessionRow], *, opening_equity: Decimal = Decimal(0), risk_free: float = 0.0
) -> dict[str, Figure]:
    """Every figure over time by its key in DEFINITIONS; `risk_free` is a yearly rate.

    Keys: twr, twr_annualised, xirr, cagr, volatility, sharpe, sortino, max_drawdown, drawdown_sessions, calmar.
    """
    raise NotImplementedError
