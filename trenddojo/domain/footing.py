"""Prices before and after a split, put on the footing of the fills they stand beside.

A journal counts shares. A trader who held over a split has either kept the old count, or typed the new one, or booked
the new shares when they came: which one, the fills' own prices tell.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from trenddojo.domain.fills import Fill, FillKind
from trenddojo.domain.money import exact

ONE = Decimal(1)
# A fill this many times above the high or below the low of its bar was not made in these prices.
FAR = Decimal("1.4")
# A bar of a split's first day that spans nearly the ratio holds prices of both sides: late prints of the day before.
NEARLY = Decimal("0.9")


@dataclass(frozen=True, slots=True)
class Split:
    """`ratio` new shares for one old, from the session on."""

    effective_on: date
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Traded:
    """The range of one bar as it was traded; `start` is aware."""

    start: datetime
    high: Decimal
    low: Decimal


@dataclass(frozen=True, slots=True)
class Footing:
    """`factors` are what each bar's prices are multiplied by, None for a bar that cannot be used; `fits` is whether
    the fills lie where the bars are."""

    factors: list[Decimal | None]
    fits: bool


def footing(fills: Sequence[Fill], bars: Sequence[Traded], splits: Sequence[Split], *, zone: tzinfo) -> Footing:
    """Put bars (oldest first) beside fills: each stretch between two fills counts shares as the first of them does.

    `zone` is the exchange's, whose days splits are effective from.
    """
    if not bars or not fills:
        return Footing([ONE for _ in bars], fits=True)
    with exact():
        ordered = sorted(fills, key=lambda fill: (fill.executed_at, fill.sequence))
        book = _Book(bars, splits, zone)
        levels = [book.level_of(fill) for fill in ordered]
        times = [fill.executed_at for fill in ordered]
        factors = [book.factor(bar, levels[max(0, bisect_right(times, bar.start) - 1)]) for bar in bars]
        fits = all(
            book.misfit(fill, level) < FAR
            for fill, level in zip(ordered, levels, strict=True)
            if fill.kind is FillKind.TRADE
        )
    return Footing(factors, fits=fits)


class _Book:
    """The bars by time, and what one share of the beginning has become."""

    def __init__(self, bars: Sequence[Traded], splits: Sequence[Split], zone: tzinfo) -> None:
        self._bars = bars
        self._starts = [bar.start for bar in bars]
        self._splits = sorted(splits, key=lambda split: split.effective_on)
        self._zone = zone

    def factor(self, bar: Traded, level: Decimal) -> Decimal | None:
        day = bar.start.astimezone(self._zone).date()
        for split in self._splits:
            if split.effective_on == day and bar.high / bar.low >= max(split.ratio, 1 / split.ratio) * NEARLY:
                return None
        return self.shares(bar.start) / level

    def shares(self, at: datetime) -> Decimal:
        day, found = at.astimezone(self._zone).date(), ONE
        for split in self._splits:
            if split.effective_on <= day:
                found *= split.ratio
        return found

    def level_of(self, fill: Fill) -> Decimal:
        """In which count of shares the fill was written: that of its own day, unless another fits its price better."""
        own = self.shares(fill.executed_at)
        if fill.kind is not FillKind.TRADE:
            return own
        return min([own, *self._levels()], key=lambda level: self.misfit(fill, level))

    def _levels(self) -> list[Decimal]:
        found = [ONE]
        for split in self._splits:
            found.append(found[-1] * split.ratio)
        return found

    def misfit(self, fill: Fill, level: Decimal) -> Decimal:
        """How many times the price lies outside the bar it was made in, or the last one before; at least 1."""
        bar = self._bars[max(0, bisect_right(self._starts, fill.executed_at) - 1)]
        factor = self.shares(bar.start) / level
        if fill.price <= 0:
            return ONE
        return max(fill.price / (bar.high * factor), bar.low * factor / fill.price, ONE)
