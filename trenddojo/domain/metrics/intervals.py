"""95 % confidence intervals: Wilson for the win rate, bootstrap for the mean R."""

from collections.abc import Sequence
from decimal import Decimal

Interval = tuple[float, float]


def wilson(wins: int, n: int) -> Interval | None:
    """Wilson score interval of wins / n as ratios; None for n = 0."""
    raise NotImplementedError


def bootstrap_mean(
    buckets: Sequence[tuple[Decimal | float, int]], *, seed: int, resamples: int = 1000
) -> Interval | None:
    """Percentile bootstrap interval of the mean from (sum of R, count) buckets; a list of R is buckets of count 1.

    The same buckets and seed give the same interval. None below two values.
    """
    raise NotImplementedError
