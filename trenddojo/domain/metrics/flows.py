"""The money-weighted return (XIRR)."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from trenddojo.domain.metrics.figure import Figure, undefined

_DAYS_A_YEAR = 365
_FIRST_STEP = 0.05
_STEP_GROWTH = 1.1
# exp() of this is the last that a float holds with room to spare.
_FARTHEST = 700.0


def xirr(flows: Sequence[tuple[date, Decimal]]) -> Figure:
    """The yearly rate r with sum of CF_i / (1 + r)^((d_i - d_0) / 365) = 0; paid in is negative, taken out positive.

    Of several roots the one nearest to zero is taken, measured in ln(1 + r).
    Undefined without both signs, within one day, or without a root.
    """
    moved = [(day, float(amount)) for day, amount in flows if amount]
    n = len(moved)
    if not any(amount < 0 for _, amount in moved) or not any(amount > 0 for _, amount in moved):
        return undefined(n, "It needs money paid in and money taken out or still there.")
    first = min(day for day, _ in moved)
    years = [(day - first).days / _DAYS_A_YEAR for day, _ in moved]
    if max(years) == 0:
        return undefined(n, "It needs more than one day between the first and the last flow.")
    largest = max(abs(amount) for _, amount in moved)
    root = _nearest_root(_present_value([amount / largest for _, amount in moved], years))
    if root is None:
        return undefined(n, "No rate brings these deposits and withdrawals to zero.")
    return Figure(math.expm1(root), n)


def _present_value(amounts: Sequence[float], years: Sequence[float]) -> Callable[[float], float]:
    """The sum of the flows discounted by exp(-x t), scaled by a positive factor that keeps every exponent <= 0."""
    longest = max(years)

    def value(x: float) -> float:
        since = longest if x < 0 else 0.0
        return math.fsum(amount * math.exp(-x * (year - since)) for amount, year in zip(amounts, years, strict=True))

    return value


def _nearest_root(value: Callable[[float], float]) -> float | None:
    """Look for a change of sign outwards from zero, on both sides at once; then halve."""
    for near, far in _rings():
        for left, right in ((near, far), (-far, -near)):
            if (value(left) < 0) != (value(right) < 0):
                return _halved(value, left, right)
    return None


def _rings() -> Iterator[tuple[float, float]]:
    near, step = 0.0, _FIRST_STEP
    while near < _FARTHEST:
        far = min(near + step, _FARTHEST)
        yield near, far
        near, step = far, step * _STEP_GROWTH


def _halved(value: Callable[[float], float], left: float, right: float) -> float:
    """Halve a bracket until floats cannot; zero counts as positive, as in the search."""
    is_negative = value(left) < 0
    while left < (middle := (left + right) / 2) < right:
        if (value(middle) < 0) == is_negative:
            left = middle
        else:
            right = middle
    return min(left, right, key=lambda x: abs(value(x)))
