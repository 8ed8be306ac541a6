"""How far a trade went against and for the trader while it was open (MAE, MFE), from bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.positions import Direction, Fill


@dataclass(frozen=True, slots=True)
class Bar:
    """High and low of one bar; `start` is aware."""

    start: datetime
    high: Decimal
    low: Decimal


@dataclass(frozen=True, slots=True)
class Excursions:
    """MAE <= 0 <= MFE in price a unit, in money (cents) and in R (None without a risk), and the bar size."""

    mae_price: Decimal
    mfe_price: Decimal
    mae_money: Decimal
    mfe_money: Decimal
    mae_r: Decimal | None
    mfe_r: Decimal | None
    bar_size: timedelta


def excursions(
    fills: Sequence[Fill],
    bars: Sequence[Bar],
    *,
    direction: Direction,
    multiplier: Decimal,
    initial_risk: Decimal | None,
    bar_size: timedelta,
) -> Excursions | None:
    """Running P&L (realised and open, gross) at its worst and best, from bars between the first and last fill.

    None without such bars: never estimated.
    """
    raise NotImplementedError


def efficiencies(pnl: Decimal, mae: Decimal, mfe: Decimal) -> dict[str, Figure]:
    """entry_efficiency, exit_efficiency and total_efficiency from money figures; undefined when MFE = MAE."""
    raise NotImplementedError
