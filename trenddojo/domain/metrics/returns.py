"""Returns and drawdowns of one account, from one row per trading session."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate

from trenddojo.domain.errors import UndefinedReturnError
from trenddojo.domain.money import ZERO

# An equity that is back at its peak to the cent may miss it by the rounding of floats.
_AT_THE_PEAK = -1e-12


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session: equity at its end, money that came in at its start and went out at its end."""

    day: date
    equity: Decimal
    deposits: Decimal = ZERO
    withdrawals: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of the growth index: depth as a negative ratio; positions are indexes into the returns.

    `peak` is -1 when the fall began at the start, `recovered` is None while it lasts; `sessions` runs from the peak
    to the recovery or to the end.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None
    sessions: int


def daily_returns(rows: Sequence[SessionRow], *, opening_equity: Decimal = ZERO) -> list[float]:
    """(V_t + out_t) / (V_(t-1) + in_t) - 1 for every row; `opening_equity` is V before the first row.

    A session with no money at all returns 0. Raises UndefinedReturnError where money came from nothing or from debt.
    """
    found = []
    before = opening_equity
    for row in rows:
        base = before + row.deposits
        after = row.equity + row.withdrawals
        if base > 0:
            found.append(float(after / base - 1))
        elif base == after == 0:
            found.append(0.0)
        else:
            raise UndefinedReturnError(
                "no_base", f"There was no money in the account on {row.day.isoformat()} to earn a return on.", "rows"
            )
        before = row.equity
    return found


def growth_index(returns: Sequence[float]) -> list[float]:
    """1, then the product of (1 + r) after every session."""
    return list(accumulate(returns, lambda index, r: index * (1 + r), initial=1.0))


def drawdown_curve(returns: Sequence[float]) -> list[float]:
    """E_t / max(E_0..E_t) - 1 after every session, the start included in the maximum."""
    index = growth_index(returns)
    peaks = accumulate(index, max)
    return [value / peak - 1 for value, peak in zip(index, peaks, strict=True)][1:]


def max_drawdown(returns: Sequence[float]) -> Drawdown | None:
    """The deepest drawdown (the first of equals); None when there was none."""
    curve = drawdown_curve(returns)
    if not curve or (depth := min(curve)) >= _AT_THE_PEAK:
        return None
    trough = curve.index(depth)
    peak = next((i for i in range(trough, -1, -1) if curve[i] >= _AT_THE_PEAK), -1)
    recovered = next((i for i in range(trough, len(curve)) if curve[i] >= _AT_THE_PEAK), None)
    end = len(curve) - 1 if recovered is None else recovered
    return Drawdown(depth, peak, trough, recovered, end - peak)
