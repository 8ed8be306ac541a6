"""Longest runs of wins and losses, combinable from summaries of consecutive stretches (a monoid)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Run:
    """Runs of one kind in a stretch: at its start, at its end, and the longest anywhere."""

    prefix: int = 0
    suffix: int = 0
    longest: int = 0


@dataclass(frozen=True, slots=True)
class StreakSummary:
    """The streaks of a stretch of trades in closing order; earlier + later = the whole, break-evens end neither.

    `n` counts wins and losses only.
    """

    n: int = 0
    wins: Run = Run()
    losses: Run = Run()

    @classmethod
    def of(cls, nets: Iterable[Decimal], band: Decimal = Decimal(0)) -> "StreakSummary":
        """Summarise net results in closing order."""
        raise NotImplementedError

    def __add__(self, later: "StreakSummary") -> "StreakSummary":
        raise NotImplementedError

    @property
    def current_wins(self) -> int:
        return self.wins.suffix

    @property
    def current_losses(self) -> int:
        return self.losses.suffix
