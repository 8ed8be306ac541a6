"""The money-weighted return (XIRR)."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from trenddojo.domain.metrics.figure import Figure


def xirr(flows: Sequence[tuple[date, Decimal]]) -> Figure:
    """The yearly rate r with sum of CF_i / (1 + r)^((d_i - d_0) / 365) = 0; paid in is negative, taken out positive.

    Of several roots the one nearest to zero is taken. Undefined without both signs, within one day, or without a root.
    """
    raise NotImplementedError
