"""How far a trade went against and for the trader while it was open (MAE, MFE), from bars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from trenddojo.domain.fills import Direction, Fill, FillKind
from trenddojo.domain.metrics.figure import Figure, undefined
from trenddojo.domain.money import ZERO, cents, exact, rounded_price
from trenddojo.domain.risk import r_multiple

# The price of a transfer is a cost basis, and often unknown.
_AT_A_PRICE = (FillKind.TRADE, FillKind.EXPIRY)
_NO_RANGE = "The price did not move while the trade was open."


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


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The position between two neighbouring fills, and the price at which it ended; None where that was no market's.

    `cash` is what all fills so far paid (negative) or brought in, before the multiplier.
    """

    since: datetime
    until: datetime
    quantity: Decimal
    cash: Decimal
    average: Decimal
    end_price: Decimal | None

    def running(self, price: Decimal) -> Decimal:
        return self.cash + self.quantity * price


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

    A bar counts when it lies wholly between two neighbouring fills, so that its high and low were prices of this
    position; the fills' own prices count too, but not what transfers carry. In price: the move a unit against and for
    the average entry in force. None without such bars: never estimated.
    """
    with exact():
        stretches = list(_stretches(fills, direction))
        seen = [
            (stretch, bar)
            for stretch in stretches
            for bar in bars
            if stretch.since <= bar.start and bar.start + bar_size <= stretch.until
        ]
        if not seen:
            return None
        prices = [(stretch, price) for stretch, bar in seen for price in (bar.low, bar.high)]
        prices += [(stretch, stretch.end_price) for stretch in stretches if stretch.end_price is not None]
        moves = [direction.sign * (price - stretch.average) for stretch, price in prices]
        money = [stretch.running(price) * multiplier for stretch, price in prices]
        mae, mfe = cents(min(ZERO, *money)), cents(max(ZERO, *money))
        return Excursions(
            mae_price=rounded_price(min(ZERO, *moves)),
            mfe_price=rounded_price(max(ZERO, *moves)),
            mae_money=mae,
            mfe_money=mfe,
            mae_r=r_multiple(mae, initial_risk),
            mfe_r=r_multiple(mfe, initial_risk),
            bar_size=bar_size,
        )


def _stretches(fills: Sequence[Fill], direction: Direction) -> Iterator[_Stretch]:
    """The open position between each two neighbouring fills, at average entry."""
    quantity = cash = average = ZERO
    ordered = sorted(fills, key=lambda fill: (fill.executed_at, fill.sequence))
    for fill, following in pairwise(ordered):
        cash -= fill.signed_quantity * fill.price
        if fill.side is direction.entry_side:
            average = (average * abs(quantity) + fill.price * fill.quantity) / (abs(quantity) + fill.quantity)
        quantity += fill.signed_quantity
        if quantity:
            end_price = following.price if following.kind in _AT_A_PRICE else None
            yield _Stretch(fill.executed_at, following.executed_at, quantity, cash, average, end_price)


def efficiencies(pnl: Decimal, mae: Decimal, mfe: Decimal) -> dict[str, Figure]:
    """entry_efficiency MFE/(MFE-MAE), exit_efficiency (P&L-MAE)/(MFE-MAE) and total_efficiency P&L/(MFE-MAE).

    All three in the same money, MAE <= 0 <= MFE; undefined when the range is zero.
    """
    with exact():
        span = mfe - mae
        if span == 0:
            return dict.fromkeys(("entry_efficiency", "exit_efficiency", "total_efficiency"), undefined(1, _NO_RANGE))
        return {
            "entry_efficiency": Figure(mfe / span, 1),
            "exit_efficiency": Figure((pnl - mae) / span, 1),
            "total_efficiency": Figure(pnl / span, 1),
        }
