"""What answers say of plans and what they came to, and of overridden limits and what they cost."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from trades.api.base import limit_code
from trades.api.performance_fields import (
    FIGURE,
    MONEY,
    OVER_TRADES,
    ROW,
    BreakdownRow,
    PerformanceFilters,
    with_figures,
)
from trades.models import LimitOverride, TradeStatus
from trades.selectors.breakdown_names import CHECKLIST_LABELS, EXIT_LABELS, PLANNED_LABELS
from trenddojo.api.fields import Key, Moment, Number, Text, Whole, Word
from trenddojo.api.paging import KeysetPagination
from trenddojo.api.serializers import Given

GroupGiven = with_figures(
    "GroupGiven",
    (*OVER_TRADES, "mean_planned_r"),
    "The figures of some trades together.",
    mean_holding_seconds=Whole(allow_null=True),
)


def _keys(labels: dict[str, str]) -> str:
    return f"Those there are, in this order: {', '.join(f'`{key}` {label}' for key, label in labels.items())}."


class PlanGiven(Given):
    currency = Text(allow_null=True, help_text="Of all money here; null without any account.")
    with_plan = GroupGiven(help_text="The trades that had a target and a stop, together.")
    by_planned_r = BreakdownRow(many=True, help_text=_keys(PLANNED_LABELS))
    by_exit = BreakdownRow(many=True, help_text=_keys(EXIT_LABELS))
    by_checklist = BreakdownRow(many=True, help_text=_keys(CHECKLIST_LABELS))


class LimitCode(Text):
    """A limit's code as refusals say it."""

    def to_representation(self, value: str) -> str:
        return limit_code(value)


class LimitCostGiven(Given):
    code = LimitCode(help_text="The limit, by the code of its refusals.")
    label = Text(help_text="The limit for people.")
    n = Whole(help_text="Closed trades that broke it.")
    net_pnl = Number(**MONEY, source="net")


class ClosedResult(Number):
    """Null until the trade is closed."""

    def get_attribute(self, instance: LimitOverride) -> Any:
        return super().get_attribute(instance) if instance.trade.status == TradeStatus.CLOSED else None


class OverrideGiven(Given):
    id = Key()
    trade = Key(source="trade_id")
    symbol = Text(source="trade.symbol")
    status = Word(source="trade.status", choices=TradeStatus.choices)
    code = LimitCode()
    detail = Text(source="sentence", help_text="What was broken.")
    reason = Text(help_text="Why the trader went on.")
    net_pnl = ClosedResult(**MONEY, source="trade.net_pnl", allow_null=True, help_text="Null until it is closed.")
    created_at = Moment()


class OverridesGiven(Given):
    currency = Text(allow_null=True, help_text="Of all money here; null without any account.")
    cost = Number(
        **MONEY,
        allow_null=True,
        help_text="What trades with an overridden limit made less than as many others at their mean: negative where "
        "they made more, null where there are none of either.",
    )
    overridden = GroupGiven(help_text="Closed trades that broke a limit.")
    others = GroupGiven(help_text="Closed trades within all limits.")
    limits = LimitCostGiven(many=True, help_text="The most often overridden first.")
    latest = OverrideGiven(many=True, help_text="One page of all, of trades that are not closed too.")
    next = Text(allow_null=True, help_text="The address of the page of `latest` that follows.")
    previous = Text(allow_null=True, help_text="The address of the page of `latest` before.")


# The answer itself is no list: what pages `latest` is named here.
OVERRIDES_ASKED = [
    PerformanceFilters,
    *(
        OpenApiParameter(each["name"], each["schema"], description=f"Of `latest`. {each['description']}")
        for each in KeysetPagination().get_schema_operation_parameters(None)
    ),
]
_GROUP = {"mean_holding_seconds": 5400, **dict.fromkeys((*OVER_TRADES, "mean_planned_r"), FIGURE)}
PLAN = OpenApiExample(
    "One exit at its target",
    {
        "currency": "USD",
        "with_plan": _GROUP,
        "by_planned_r": [{**ROW.value, "key": "2", "label": PLANNED_LABELS["2"]}],
        "by_exit": [{**ROW.value, "key": "target", "label": EXIT_LABELS["target"]}],
        "by_checklist": [{**ROW.value, "key": "met", "label": CHECKLIST_LABELS["met"]}],
    },
    response_only=True,
)
OVERRIDES = OpenApiExample(
    "One limit, overridden once",
    {
        "currency": "USD",
        "cost": "200.00",
        "overridden": _GROUP,
        "others": _GROUP,
        "limits": [{"code": "max_position", "label": "Max position", "n": 1, "net_pnl": "-50.00"}],
        "latest": [
            {
                "id": "4a4f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
                "trade": "9b2f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
                "symbol": "AAPL",
                "status": "closed",
                "code": "max_position",
                "detail": "The position is 45 % of the equity, more than 30 %.",
                "reason": "The gap closes today.",
                "net_pnl": "-50.00",
                "created_at": "2026-03-05T14:30:00Z",
            }
        ],
        "next": None,
        "previous": None,
    },
    response_only=True,
)
