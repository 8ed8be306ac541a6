"""Fills into trades: matching exits with entries."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from trenddojo.domain.positions import CostMethod, Fill, TradeResult


def build(
    fills: Sequence[Fill], *, multiplier: Decimal, method: CostMethod, opening_missing: Collection[str]
) -> list[TradeResult]:
    """See `trenddojo.domain.positions.build_trades`."""
    raise NotImplementedError
