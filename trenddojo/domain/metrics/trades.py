"""Figures over many trades, computed from totals that add and subtract exactly."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.metrics.streaks import StreakSummary


class Outcome(StrEnum):
    WIN = "win"
    LOSS = "loss"
    BREAK_EVEN = "break_even"


@dataclass(frozen=True, slots=True)
class TradeOutcome:
    """What one closed trade came to: money in the account's currency, `r` None where there was no stop."""

    net: Decimal
    r: Decimal | None
    gross: Decimal
    costs: Decimal
    closed_at: datetime


def outcome_of(net: Decimal, band: Decimal = Decimal(0)) -> Outcome:
    """Win, loss, or break-even when |net in cents| <= band (money)."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class TradeTotals:
    """Sums over closed trades; `+` and `-` are exact. Sums of R go over the `r_n` trades that have one."""

    n: int = 0
    wins: int = 0
    losses: int = 0
    break_evens: int = 0
    sum_net: Decimal = Decimal(0)
    sum_gross: Decimal = Decimal(0)
    sum_costs: Decimal = Decimal(0)
    sum_wins: Decimal = Decimal(0)
    sum_losses: Decimal = Decimal(0)
    r_n: int = 0
    r_sum: Decimal = Decimal(0)
    r_sum_squares: Decimal = Decimal(0)

    @classmethod
    def of(cls, outcomes: Iterable[TradeOutcome], band: Decimal = Decimal(0)) -> "TradeTotals":
        """Add up outcomes; `band` is the account's break-even band in money."""
        raise NotImplementedError

    def __add__(self, other: "TradeTotals") -> "TradeTotals":
        raise NotImplementedError

    def __sub__(self, other: "TradeTotals") -> "TradeTotals":
        raise NotImplementedError


def figures(totals: TradeTotals, streaks: StreakSummary | None = None) -> dict[str, Figure]:
    """Every figure over many trades by its key in DEFINITIONS.

    Keys: trade_count, net_pnl, gross_pnl, total_costs, win_rate (with its Wilson interval), expectancy_money,
    expectancy_r, average_win, average_loss, payoff_ratio, profit_factor, sqn (muted below N = 30), kelly_fraction,
    and with `streaks` longest_win_streak and longest_loss_streak.
    """
    raise NotImplementedError
