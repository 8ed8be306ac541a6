"""How figures are shown: which ones on which page, and in which unit of the templates."""

from trenddojo.domain.definitions import DEFINITIONS, Unit

TRADES: tuple[str, ...] = (
    *("net_pnl", "trade_count", "win_rate", "expectancy_r", "expectancy_money", "profit_factor", "payoff_ratio"),
    *("sqn", "kelly_fraction", "average_win", "average_loss", "gross_pnl", "total_costs", "break_even_count"),
    *("longest_win_streak", "longest_loss_streak"),
)
# TWR and XIRR stand side by side: the first leaves deposits out, the second weighs them by their time.
RETURNS: tuple[str, ...] = (
    *("twr", "xirr", "twr_annualised", "cagr", "volatility", "sharpe", "sortino"),
    *("max_drawdown", "drawdown_sessions", "calmar"),
)
_SIGNED = {"net_pnl", "gross_pnl", "expectancy_money", "average_win", "average_loss"}
_UNSIGNED_PERCENT = {"win_rate", "kelly_fraction", "volatility"}
_BY_UNIT = {Unit.MONEY: "money", Unit.R: "r", Unit.COUNT: "count", Unit.RATIO: "ratio", Unit.DAYS: "count"}


def unit_of(key: str) -> str:
    """The unit of ``{% figure_value %}`` for a figure."""
    if key in _SIGNED:
        return "signed"
    unit = DEFINITIONS[key].unit
    if unit is Unit.PERCENT:
        return "percent" if key in _UNSIGNED_PERCENT else "return"
    return _BY_UNIT[unit]
