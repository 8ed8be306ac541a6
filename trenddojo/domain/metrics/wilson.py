"""The Wilson score interval of a win rate."""

import math

# The 97.5 % quantile of the normal distribution, for a two-sided 95 % interval.
_Z = 1.959963984540054


def wilson(wins: int, n: int) -> tuple[float, float] | None:
    """95 % interval of wins / n as ratios in 0..1 (Wilson 1927); None for n = 0."""
    if n == 0:
        return None
    p = wins / n
    spread = _Z * _Z / n
    centre = (p + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
