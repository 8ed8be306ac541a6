"""What requests and answers say of performance."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field

from trades.models import Direction
from trades.selectors.breakdowns import BREAKDOWNS
from trades.selectors.calendar import FIRST_YEAR, LAST_YEAR, DayResult
from trenddojo.api.fields import Day, Key, Number, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.definitions import DEFINITIONS

MONEY: dict[str, Any] = {"shown": 2}
PLACES = 12
OVER_TRADES = (
    *("net_pnl", "trade_count", "win_rate", "expectancy_r", "expectancy_money", "profit_factor", "payoff_ratio"),
    *("sqn", "kelly_fraction", "average_win", "average_loss", "gross_pnl", "total_costs", "break_even_count"),
)
STREAKS = ("longest_win_streak", "longest_loss_streak")
NOW = ("current_win_streak", "current_loss_streak", "mean_holding_seconds")
OVER_TIME = (
    *("twr", "xirr", "twr_annualised", "cagr", "volatility", "sharpe", "sortino"),
    *("max_drawdown", "drawdown_sessions", "calmar"),
)
HELP = {
    "current_win_streak": "Wins in a row until now.",
    "current_loss_streak": "Losses in a row until now.",
    "mean_holding_seconds": "From the first fill to the last, on average.",
    "mean_planned_r": "Mean planned R of the trades that had a stop and a target.",
}


@extend_schema_field({"type": "string", "pattern": r"^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])$"})
class Month(Text):
    """A month as 2026-11."""

    default_error_messages = {"month": "Write the month as year and month, such as 2026-11."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        year, _, month = text.partition("-")
        is_one = len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdecimal()  # noqa: PLR2004
        if not is_one or not FIRST_YEAR <= int(year) <= LAST_YEAR or not 1 <= int(month) <= 12:  # noqa: PLR2004
            self.fail("month")
        return text


class Ratio(Number):
    """A number of any size, as a string, to twelve decimals: further ones say nothing about any account."""

    def to_representation(self, value: Any) -> str:
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
        places = exact.as_tuple().exponent
        is_long = isinstance(places, int) and places < -PLACES
        return super().to_representation(round(exact, PLACES) if is_long else exact)


class FigureGiven(Given):
    """A figure, or the reason why there is none. Ratios: 0.05 is five percent."""

    value = Ratio(allow_null=True, help_text="Null exactly when `reason` says why.")
    n = Whole(help_text="How many trades, or sessions, it stands on.")
    reason = Text(allow_null=True)
    low = Ratio(allow_null=True, help_text="Of the 95 % interval, where there is one.")
    high = Ratio(allow_null=True)
    is_muted = Truth(help_text="The sample is too small to lean on the figure.")


def with_figures(name: str, keys: tuple[str, ...], doc: str, **others: Any) -> type[Given]:
    told = {key: FigureGiven(help_text=HELP.get(key) or DEFINITIONS[key].formula) for key in keys}
    return type(name, (Given,), {"__doc__": doc, "__module__": __name__, **others, **told})


class PerformanceFilters(Taken):
    account = Key(required=False, help_text="All of your accounts in one currency without it.")
    currency = Text(
        required=False, max_length=3, help_text="Where your accounts have several; without it the first account's."
    )
    to = Day(required=False, help_text="Trades closed in the session of this day or earlier.")
    setup = Key(required=False)
    tag = Key(required=False)
    symbol = Text(max_length=32, required=False)
    direction = Word(choices=Direction.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        """With “from”, which is no name of the language."""
        begun = Day(required=False, help_text="Trades closed in the session of this day or later.")
        return {"from": begun, **super().get_fields()}


class EquityFilters(PerformanceFilters):
    """The same; `from` and `to` choose sessions here."""


class BreakdownAsked(PerformanceFilters):
    by = Word(choices=list(BREAKDOWNS))


class CalendarAsked(PerformanceFilters):
    month = Month(required=False, help_text="As 2026-11; without it this month.")


PerformanceGiven = with_figures(
    "PerformanceGiven",
    (*OVER_TRADES, *STREAKS, *NOW, *OVER_TIME),
    "Every figure by its name. Figures over time are those of whole accounts: a filter over trades leaves them out.",
    currency=Text(allow_null=True, help_text="Of all money here; null without any account."),
    left_out=Whole(help_text="Trades whose opening fills are missing: no figure counts them."),
    max_drawdown_recovered_on=Day(
        source="recovered_on",
        allow_null=True,
        help_text="The session in which the deepest drawdown was made up for; null while it lasts, and without one.",
    ),
)

BreakdownRow = with_figures(
    "BreakdownRow",
    (*OVER_TRADES, "mean_planned_r"),
    "The figures of the trades that share a key.",
    key=Text(allow_blank=True, help_text="An id, a word or a number; empty for trades that have none."),
    label=Text(help_text="The key for people."),
    mean_holding_seconds=Whole(allow_null=True),
)


class EquityRow(Given):
    """One session of the accounts together; of filtered trades only what they realised is known."""

    day = Day()
    realized_pnl = Number(**MONEY, source="realised", help_text="Net of costs, by the session of each exit.")
    cumulative_pnl = Number(**MONEY, source="cumulative")
    equity = Number(**MONEY, allow_null=True, help_text="At the session's end; open positions count at what they cost.")
    deposits = Number(**MONEY, allow_null=True)
    withdrawals = Number(**MONEY, allow_null=True)
    income = Number(**MONEY, allow_null=True, help_text="Dividends and interest less charges.")
    drawdown = Ratio(allow_null=True, help_text="From the highest point so far, deposits aside: -0.05 is five percent.")


class SumOfR(Number):
    """Null where no trade of the session had an R."""

    def get_attribute(self, instance: DayResult) -> Any:
        return super().get_attribute(instance) if instance.r_n else None


class CalendarDay(Given):
    day = Day()
    net_pnl = Number(**MONEY, source="net", help_text="What the session's exits realised, net of costs.")
    trades = Whole(source="n", help_text="Closed in the session.")
    wins = Whole()
    losses = Whole()
    r = SumOfR(source="r_sum", allow_null=True, help_text="The sum of R; null where no trade had one.")


class CalendarSum(Given):
    net_pnl = Number(**MONEY, source="net")
    trades = Whole(source="n")
    wins = Whole()
    losses = Whole()
    r = Number(allow_null=True)
    days_up = Whole(source="up")
    days_down = Whole(source="down")


class CalendarGiven(Given):
    month = Text()
    currency = Text(allow_null=True)
    days = CalendarDay(many=True, help_text="Sessions in which something was realised or closed.")
    total = CalendarSum()


FIGURE = {"value": "0.5625", "n": 48, "reason": None, "low": "0.4228", "high": "0.6930", "is_muted": False}
NONE_YET = {"value": None, "n": 3, "reason": "It needs at least 20 trading sessions.", "low": None, "high": None}
_ALL = dict.fromkeys((*OVER_TRADES, *STREAKS, *NOW), FIGURE) | {
    key: {**NONE_YET, "is_muted": False} for key in OVER_TIME
}
PERFORMANCE = OpenApiExample(
    "Figures over trades, and none over time yet",
    {"currency": "USD", "left_out": 0, "max_drawdown_recovered_on": None, **_ALL},
    response_only=True,
)
ROW = OpenApiExample(
    "One setup",
    {
        "key": "0f0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
        "label": "Breakout",
        "mean_holding_seconds": 5400,
        **dict.fromkeys((*OVER_TRADES, "mean_planned_r"), FIGURE),
    },
    response_only=True,
)
SESSION = OpenApiExample(
    "One session",
    {
        "day": "2026-11-20", "realized_pnl": "412.50", "cumulative_pnl": "2412.50", "equity": "102412.50",
        "deposits": "0.00", "withdrawals": "0.00", "income": "0.00", "drawdown": "0",
    },
    response_only=True,
)  # fmt: skip
CALENDAR = OpenApiExample(
    "A month with one session",
    {
        "month": "2026-11",
        "currency": "USD",
        "days": [{"day": "2026-11-20", "net_pnl": "412.50", "trades": 2, "wins": 2, "losses": 0, "r": "1.65"}],
        "total": {
            "net_pnl": "412.50", "trades": 2, "wins": 2, "losses": 0, "r": "1.65", "days_up": 1, "days_down": 0,
        },
    },
    response_only=True,
)  # fmt: skip
