"""Figures over many trades, computed from totals that add and subtract exactly."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from trenddojo.domain.metrics.figure import Figure, undefined
from trenddojo.domain.metrics.outcomes import Outcome, TradeOutcome, outcome_of
from trenddojo.domain.metrics.streaks import StreakSummary
from trenddojo.domain.metrics.wilson import wilson
from trenddojo.domain.money import EXACT, ZERO, cents, exact

__all__ = ["Outcome", "TradeOutcome", "TradeTotals", "figures", "outcome_of"]

SQN_MIN_TRADES = 30
_SPREAD_MIN_TRADES = 2

_NO_TRADES = "No closed trades."
_NO_DECIDED = "No wins or losses yet."
_NO_WINS = "No winning trades."
_NO_LOSSES = "No losing trades."
_NO_R = "No trade has an initial risk: R needs a stop."


@dataclass(frozen=True, slots=True)
class TradeTotals:
    """Sums over closed trades; `+` and `-` are exact. Sums of R go over the `r_n` trades that have one.

    Money sums are in the account's currency; `sum_losses` is negative. Totals that are added up share one band.
    """

    n: int = 0
    wins: int = 0
    losses: int = 0
    break_evens: int = 0
    sum_net: Decimal = ZERO
    sum_gross: Decimal = ZERO
    sum_costs: Decimal = ZERO
    sum_wins: Decimal = ZERO
    sum_losses: Decimal = ZERO
    r_n: int = 0
    r_sum: Decimal = ZERO
    r_sum_squares: Decimal = ZERO

    @classmethod
    def of(cls, outcomes: Iterable[TradeOutcome], band: Decimal = ZERO) -> "TradeTotals":
        """Add up outcomes; `band` is the account's break-even band in money."""
        ones = [_one(outcome, band) for outcome in outcomes]
        with exact():
            return cls(*(sum(column) for column in zip(*ones, strict=True)))

    def __add__(self, other: "TradeTotals") -> "TradeTotals":
        with exact():
            return TradeTotals(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __sub__(self, other: "TradeTotals") -> "TradeTotals":
        with exact():
            return TradeTotals(*(getattr(self, name) - getattr(other, name) for name in _NAMES))


_NAMES = tuple(field.name for field in fields(TradeTotals))


def _one(trade: TradeOutcome, band: Decimal) -> tuple[int | Decimal, ...]:
    """The totals of one trade, in the order of TradeTotals."""
    kind = outcome_of(trade.net, band)
    net = cents(trade.net)
    has_r = trade.r is not None
    r = trade.r or ZERO
    return (
        1,
        int(kind is Outcome.WIN),
        int(kind is Outcome.LOSS),
        int(kind is Outcome.BREAK_EVEN),
        net,
        trade.gross,
        trade.costs,
        net if kind is Outcome.WIN else ZERO,
        net if kind is Outcome.LOSS else ZERO,
        int(has_r),
        r,
        EXACT.multiply(r, r),
    )


def figures(totals: TradeTotals, streaks: StreakSummary | None = None) -> dict[str, Figure]:
    """Every figure over many trades by its key in DEFINITIONS.

    Keys: trade_count, break_even_count, net_pnl, gross_pnl, total_costs, win_rate (with its Wilson interval),
    expectancy_money, expectancy_r, average_win, average_loss, payoff_ratio, profit_factor, sqn (muted below N = 30),
    kelly_fraction, and with `streaks` longest_win_streak and longest_loss_streak.
    Money is Decimal in cents (averages too); ratios and R are Decimal, unrounded.
    """
    n = totals.n
    with exact():
        found = {
            "trade_count": Figure(Decimal(n), n),
            "break_even_count": Figure(Decimal(totals.break_evens), n),
            "net_pnl": Figure(cents(totals.sum_net), n),
            "gross_pnl": Figure(cents(totals.sum_gross), n),
            "total_costs": Figure(cents(totals.sum_costs), n),
            "win_rate": _win_rate(totals),
            "expectancy_money": _mean_money(totals.sum_net, n, _NO_TRADES),
            "expectancy_r": Figure(totals.r_sum / totals.r_n, totals.r_n) if totals.r_n else undefined(0, _NO_R),
            "average_win": _mean_money(totals.sum_wins, totals.wins, _NO_WINS),
            "average_loss": _mean_money(totals.sum_losses, totals.losses, _NO_LOSSES),
            "payoff_ratio": _payoff(totals),
            "profit_factor": _profit_factor(totals),
            "sqn": _sqn(totals),
            "kelly_fraction": _kelly(totals),
        }
    if streaks is not None:
        found["longest_win_streak"] = Figure(Decimal(streaks.wins.longest), streaks.n)
        found["longest_loss_streak"] = Figure(Decimal(streaks.losses.longest), streaks.n)
    return found


def _mean_money(total: Decimal, n: int, reason: str) -> Figure:
    return Figure(cents(total / n), n) if n else undefined(0, reason)


def _win_rate(totals: TradeTotals) -> Figure:
    decided = totals.wins + totals.losses
    interval = wilson(totals.wins, decided)
    if interval is None:
        return undefined(0, _NO_DECIDED)
    return Figure(Decimal(totals.wins) / decided, decided, None, *interval)


def _payoff(totals: TradeTotals) -> Figure:
    decided = totals.wins + totals.losses
    if not totals.losses:
        return undefined(decided, _NO_LOSSES)
    if not totals.wins:
        return undefined(decided, _NO_WINS)
    return Figure(-(totals.sum_wins / totals.wins) / (totals.sum_losses / totals.losses), decided)


def _profit_factor(totals: TradeTotals) -> Figure:
    decided = totals.wins + totals.losses
    if not totals.losses:
        return undefined(decided, _NO_LOSSES)
    return Figure(totals.sum_wins / -totals.sum_losses, decided)


def _sqn(totals: TradeTotals) -> Figure:
    n = totals.r_n
    if n < _SPREAD_MIN_TRADES:
        return undefined(n, "It needs at least two trades with an R." if n else _NO_R)
    variance = (totals.r_sum_squares - totals.r_sum * totals.r_sum / n) / (n - 1)
    # A mean that does not terminate leaves a rest far below any real spread.
    if variance <= Decimal("1e-40"):
        return undefined(n, "All trades have the same R, so there is no spread to compare with.")
    value = Decimal(n).sqrt() * (totals.r_sum / n) / variance.sqrt()
    return Figure(value, n, is_muted=n < SQN_MIN_TRADES)


def _kelly(totals: TradeTotals) -> Figure:
    payoff = _payoff(totals)
    if payoff.value is None:
        return payoff
    p = Decimal(totals.wins) / payoff.n
    return Figure(p - (1 - p) / Decimal(payoff.value), payoff.n)
