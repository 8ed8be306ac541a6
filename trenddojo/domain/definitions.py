"""The one table of what every figure means: pages, exports and docs/metrics.md all read it."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    MONEY = "money"
    RATIO = "ratio"
    PERCENT = "percent"
    R = "r"
    COUNT = "count"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure's name for people, its formula as text, the convention it follows and the unit it is shown in.

    PERCENT figures are ratios (0.05) shown as percents (5 %), unless the convention says they already are percents.
    """

    key: str
    title: str
    formula: str
    convention: str
    unit: Unit


_SHORT_SERIES = "Undefined below 20 sessions"

ONE_TRADE: tuple[Definition, ...] = (
    Definition(
        "gross_pnl",
        "Gross P&L",
        "s · (exit − matched entry) · quantity · multiplier",
        "s is +1 for long and −1 for short. Entries are matched first in, first out, or at average cost where the "
        "account says so. A transfer is no sale.",
        Unit.MONEY,
    ),
    Definition(
        "total_costs",
        "Costs",
        "exit costs + entry costs · (quantity exited / quantity entered)",
        "Commission and fees. At a partial exit the entry costs still carried are shared by quantity.",
        Unit.MONEY,
    ),
    Definition(
        "net_pnl",
        "Net P&L",
        "gross P&L − costs",
        "To the cent, at every partial exit; halves of a cent round away from zero.",
        Unit.MONEY,
    ),
    Definition(
        "initial_risk",
        "Initial risk (1R)",
        "|entry − initial stop| · quantity · multiplier",
        "Frozen at the plan, or at the first fill without one. Moving the stop later never rewrites it; a scale-in "
        "adds its own risk at the stop in force. Undefined without a stop.",
        Unit.MONEY,
    ),
    Definition(
        "r_multiple",
        "R-multiple",
        "net P&L / initial risk",
        "Gross R, from gross P&L, is offered beside it.",
        Unit.R,
    ),
    Definition(
        "gross_r_multiple", "Gross R-multiple", "gross P&L / initial risk", "The R-multiple before costs.", Unit.R
    ),
    Definition(
        "planned_r",
        "Planned R",
        "s · (target − entry) / |entry − stop|",
        "What the plan stands to win for each unit of risk. Undefined without a target.",
        Unit.R,
    ),
    Definition(
        "open_risk",
        "Open risk",
        "max(0, s · (average entry − stop in force) · open quantity · multiplier)",
        "Zero once the stop locks in a profit. Undefined without a stop.",
        Unit.MONEY,
    ),
    Definition(
        "mae",
        "Maximum adverse excursion (MAE)",
        "lowest running P&L while open, at most 0",
        "From bars between the first and the last fill, in price, money and R; the bar size is stored. Undefined "
        "without bars, never estimated.",
        Unit.MONEY,
    ),
    Definition(
        "mfe",
        "Maximum favourable excursion (MFE)",
        "highest running P&L while open, at least 0",
        "As for MAE.",
        Unit.MONEY,
    ),
    Definition(
        "entry_efficiency",
        "Entry efficiency",
        "MFE / (MFE − MAE)",
        "How near the entry was to the best price. Undefined when the price did not move.",
        Unit.PERCENT,
    ),
    Definition(
        "exit_efficiency",
        "Exit efficiency",
        "(P&L − MAE) / (MFE − MAE)",
        "How near the exit was to the best price; P&L before costs, as MAE and MFE are. Undefined when the price did "
        "not move.",
        Unit.PERCENT,
    ),
    Definition(
        "total_efficiency",
        "Total efficiency",
        "P&L / (MFE − MAE)",
        "How much of the range the trade kept. Undefined when the price did not move.",
        Unit.PERCENT,
    ),
    Definition(
        "holding_time", "Holding time", "last fill − first fill", "Also counted in trading sessions.", Unit.DAYS
    ),
)

MANY_TRADES: tuple[Definition, ...] = (
    Definition(
        "trade_count",
        "Trades",
        "number of closed trades",
        "Trades whose opening fills are missing are left out, and how many is said.",
        Unit.COUNT,
    ),
    Definition(
        "break_even_count",
        "Break-evens",
        "number of trades with |net P&L| ≤ break-even band",
        "Net P&L rounded to cents; the band is set per account and is 0 unless it says otherwise.",
        Unit.COUNT,
    ),
    Definition(
        "win_rate",
        "Win rate",
        "wins / (wins + losses)",
        "Break-evens are counted apart. With its 95 % Wilson interval.",
        Unit.PERCENT,
    ),
    Definition(
        "expectancy_money",
        "Expectancy (money)",
        "average win · P(win) + average loss · P(loss) = mean net P&L",
        "Over all trades, break-evens included.",
        Unit.MONEY,
    ),
    Definition(
        "expectancy_r",
        "Expectancy (R)",
        "mean of R",
        "Over the trades that have an R; their number is shown. With its 95 % bootstrap interval.",
        Unit.R,
    ),
    Definition("average_win", "Average win", "Σ wins / number of wins", "Undefined without a win.", Unit.MONEY),
    Definition("average_loss", "Average loss", "Σ losses / number of losses", "Undefined without a loss.", Unit.MONEY),
    Definition(
        "payoff_ratio",
        "Payoff ratio",
        "mean win / |mean loss|",
        "Undefined without a win or without a loss.",
        Unit.RATIO,
    ),
    Definition("profit_factor", "Profit factor", "Σ wins / |Σ losses|", "Undefined without a loss.", Unit.RATIO),
    Definition(
        "sqn",
        "System quality number (SQN)",
        "√N · mean(R) / stdev(R)",
        "Sample standard deviation (ddof = 1). Muted below N = 30; undefined below two trades or without spread.",
        Unit.RATIO,
    ),
    Definition(
        "kelly_fraction",
        "Kelly fraction",
        "p − (1 − p) / payoff ratio",
        "p is the win rate. For display only; nothing is sized by it.",
        Unit.PERCENT,
    ),
    Definition(
        "longest_win_streak",
        "Longest winning streak",
        "longest run of wins",
        "In closing order; break-evens end no streak.",
        Unit.COUNT,
    ),
    Definition(
        "longest_loss_streak",
        "Longest losing streak",
        "longest run of losses",
        "In closing order; break-evens end no streak.",
        Unit.COUNT,
    ),
)

ONE_ACCOUNT: tuple[Definition, ...] = (
    Definition(
        "equity",
        "Equity",
        "cash + value of open positions",
        "One row per trading session of the account's exchange calendar, sessions without trades included.",
        Unit.MONEY,
    ),
    Definition(
        "heat",
        "Heat",
        "Σ open risk / equity",
        "What all open trades lose together if every stop is hit. Already a percent of equity.",
        Unit.PERCENT,
    ),
    Definition(
        "daily_return",
        "Daily return",
        "(V_t + out_t) / (V_(t−1) + in_t) − 1",
        "Deposits count at the start of the day, withdrawals at its end.",
        Unit.PERCENT,
    ),
    Definition(
        "twr", "Time-weighted return", "Π(1 + r_t) − 1", "Deposits and withdrawals change nothing.", Unit.PERCENT
    ),
    Definition(
        "twr_annualised",
        "Time-weighted return a year",
        "(1 + TWR)^(365 / days) − 1",
        "From one year on; undefined before.",
        Unit.PERCENT,
    ),
    Definition(
        "xirr",
        "Money-weighted return (XIRR)",
        "the r with Σ CF_i / (1 + r)^((d_i − d_0) / 365) = 0",
        "A yearly rate that weighs each day by the money then at work. Of several such rates the one nearest to zero. "
        "Undefined within one day and where no rate fits.",
        Unit.PERCENT,
    ),
    Definition("cagr", "CAGR", "(Π(1 + r))^(252 / N) − 1", f"{_SHORT_SERIES}.", Unit.PERCENT),
    Definition("volatility", "Volatility", "stdev(r, ddof=1) · √252", f"{_SHORT_SERIES}.", Unit.PERCENT),
    Definition(
        "sharpe",
        "Sharpe ratio",
        "mean(r − rf_d) / stdev(r − rf_d, ddof=1) · √252",
        f"rf_d = (1 + rf)^(1/252) − 1. {_SHORT_SERIES} or when the returns do not vary.",
        Unit.RATIO,
    ),
    Definition(
        "sortino",
        "Sortino ratio",
        "mean(r − rf_d) / √(mean(min(r − rf_d, 0)²)) · √252",
        f"All N sessions in the denominator. {_SHORT_SERIES} or without a losing day.",
        Unit.RATIO,
    ),
    Definition(
        "max_drawdown",
        "Maximum drawdown",
        "min_t(E_t / max(E_0..E_t) − 1)",
        "E grows with the daily returns, so deposits hide nothing; the start counts as a peak. Beside it stands the "
        "session in which it was made up for.",
        Unit.PERCENT,
    ),
    Definition(
        "drawdown_sessions",
        "Length of the maximum drawdown",
        "sessions from the peak to the recovery",
        "To the last session while it has not recovered. Undefined without a drawdown.",
        Unit.COUNT,
    ),
    Definition(
        "calmar",
        "Calmar ratio",
        "CAGR / |max drawdown|",
        f"{_SHORT_SERIES} or without a drawdown.",
        Unit.RATIO,
    ),
)

DEFINITIONS: dict[str, Definition] = {
    definition.key: definition for definition in (*ONE_TRADE, *MANY_TRADES, *ONE_ACCOUNT)
}
