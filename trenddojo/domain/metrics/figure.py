"""A figure: a value with its sample size, or the reason why there is none."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is None exactly when `reason` says why; `low` and `high` are the 95 % interval where there is one.

    `is_muted` marks a figure whose sample is too small to lean on.
    """

    value: Decimal | float | None
    n: int
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    is_muted: bool = False


def undefined(n: int, reason: str) -> Figure:
    """A figure without a value, and why."""
    return Figure(None, n, reason)
