"""The 95 % bootstrap interval of a mean, from a histogram so that its cost does not grow with the trades."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from trenddojo.domain.metrics.wilson import wilson
from trenddojo.domain.money import EXACT, ZERO

__all__ = ["bootstrap_mean", "histogram", "wilson"]

MIN_VALUES = 2

_CELLS_AT_ONCE = 500_000


def histogram(values: Iterable[Decimal], width: Decimal = Decimal("0.1")) -> list[tuple[Decimal, int]]:
    """Group values into (sum, count) buckets of a width, lowest first; the sum of each bucket is exact."""
    sums: dict[Decimal, Decimal] = defaultdict(lambda: ZERO)
    counts: dict[Decimal, int] = defaultdict(int)
    for value in values:
        place = EXACT.divide(value, width).to_integral_value(rounding=ROUND_FLOOR)
        sums[place] = EXACT.add(sums[place], value)
        counts[place] += 1
    return [(sums[place], counts[place]) for place in sorted(sums)]


def bootstrap_mean(
    buckets: Sequence[tuple[Decimal | float, int]], *, seed: int, resamples: int = 1000
) -> tuple[float, float] | None:
    """Percentile bootstrap interval (2.5 % to 97.5 %) of the mean from (sum, count) buckets.

    A list of values is the case of buckets with count 1; thousands of trades belong into a `histogram` first.
    The same buckets and seed give the same interval. None below two values.
    """
    filled = [(float(total), count) for total, count in buckets if count]
    n = sum(count for _, count in filled)
    if n < MIN_VALUES:
        return None
    means = np.array([total / count for total, count in filled])
    shares = np.array([count / n for _, count in filled])
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(filled))
    drawn: list[float] = []
    while len(drawn) < resamples:
        counts = generator.multinomial(n, shares / shares.sum(), size=min(at_once, resamples - len(drawn)))
        drawn.extend((counts @ means / n).tolist())
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
