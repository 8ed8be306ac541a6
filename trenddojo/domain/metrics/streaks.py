"""Longest runs of wins and losses, combinable from summaries of consecutive stretches (a monoid)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trenddojo.domain.metrics.outcomes import Outcome, outcome_of


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
        """Summarise net results in closing order; `band` is the break-even band in money."""
        return cls.of_outcomes(outcome_of(net, band) for net in nets)

    @classmethod
    def of_outcomes(cls, outcomes: Iterable[Outcome]) -> "StreakSummary":
        """Summarise outcomes in closing order."""
        decided = [outcome for outcome in outcomes if outcome is not Outcome.BREAK_EVEN]
        return cls(len(decided), _run_of(decided, Outcome.WIN), _run_of(decided, Outcome.LOSS))

    def __add__(self, later: "StreakSummary") -> "StreakSummary":
        return StreakSummary(
            self.n + later.n,
            _joined(self.wins, self.n, later.wins, later.n),
            _joined(self.losses, self.n, later.losses, later.n),
        )

    @property
    def current_wins(self) -> int:
        """Wins in a row at the end of the stretch."""
        return self.wins.suffix

    @property
    def current_losses(self) -> int:
        """Losses in a row at the end of the stretch."""
        return self.losses.suffix


def _run_of(decided: Iterable[Outcome], kind: Outcome) -> Run:
    prefix = longest = current = 0
    for count, outcome in enumerate(decided, start=1):
        current = current + 1 if outcome is kind else 0
        longest = max(longest, current)
        if current == count:
            prefix = count
    return Run(prefix, current, longest)


def _joined(earlier: Run, earlier_n: int, later: Run, later_n: int) -> Run:
    """A run that fills its whole stretch goes on in the next one."""
    return Run(
        prefix=earlier.prefix + later.prefix if earlier.prefix == earlier_n else earlier.prefix,
        suffix=earlier.suffix + later.suffix if later.suffix == later_n else later.suffix,
        longest=max(earlier.longest, later.longest, earlier.suffix + later.prefix),
    )
