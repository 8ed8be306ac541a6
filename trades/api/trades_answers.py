"""A trade as the API answers it."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from trades.models import AssetClass, BrokerSyncStatus, Direction, FillKind, Side, Trade, TradeStatus
from trades.selectors.trades import WITH_RESULT
from trenddojo.api.fields import Key, Moment, Number, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given


class TextOrNone(Text):
    """A text that is null where there is none."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or None


class WordOrNone(Word):
    """A word that is null where there is none."""

    def get_attribute(self, instance: Any) -> Any:
        return super().get_attribute(instance) or None


class Result(Number):
    """Money that is null before the first fill: the column's 0 is no result."""

    def get_attribute(self, instance: Trade) -> Any:
        return super().get_attribute(instance) if instance.status in WITH_RESULT else None


class Size(Number):
    """What was entered in all; before the first fill what is planned."""

    def get_attribute(self, instance: Trade) -> Any:
        return instance.quantity if instance.status in WITH_RESULT else instance.planned_quantity


class TagKeys(serializers.ListField):
    """The ids of the tags that are on a trade, read before."""

    child = Key()

    def get_attribute(self, instance: Trade) -> Any:
        return [tag.pk for tag in sorted(instance.tags.all(), key=lambda tag: (tag.kind, tag.name))]


class ExecutionGiven(Given):
    id = Key()
    side = Word(choices=Side.choices)
    quantity = Number()
    price = Number(shown=2)
    commission = Number(shown=2)
    fees = Number(shown=2)
    executed_at = Moment()
    broker_execution_id = TextOrNone(source="execution_id", allow_null=True, help_text="Null for what was typed.")
    kind = Word(choices=FillKind.choices)
    has_estimated_costs = Truth()


class TargetGiven(Given):
    price = Number(shown=2)
    portion_percent = Number()


class ChecklistLineGiven(Given):
    criterion = Key(source="criterion_id", allow_null=True, help_text="Null where the setup has it no more.")
    text = Text(help_text="As it was worded when it was answered.")
    is_met = Truth()


class TradeGiven(Given):
    id = Key()
    account = Key(source="account_id")
    symbol = Text()
    asset_class = Word(choices=AssetClass.choices)
    multiplier = Number()
    direction = Word(choices=Direction.choices)
    status = Word(choices=TradeStatus.choices)
    quantity = Size(allow_null=True, help_text="Entered in all; before the first execution what is planned.")
    planned_quantity = Number(allow_null=True)
    open_quantity = Number()
    entry_price = Number(shown=2, allow_null=True, help_text="As planned.")
    stop_loss = Number(shown=2, allow_null=True, help_text="The stop in force.")
    target_price = Number(shown=2, allow_null=True, help_text="The first target.")
    targets = TargetGiven(many=True)
    risk_percent = Number(allow_null=True)
    initial_risk = Number(shown=2, allow_null=True, help_text="1R in money, kept as it was at the start.")
    actual_entry = Number(shown=2, allow_null=True, help_text="Average of the entries.")
    actual_exit = Number(shown=2, allow_null=True, help_text="Average of the exits.")
    entry_date = Moment(allow_null=True)
    exit_date = Moment(allow_null=True, help_text="When it was closed.")
    gross_pnl = Result(shown=2, allow_null=True, help_text="Realised so far; null before the first execution.")
    net_pnl = Result(shown=2, allow_null=True, help_text="The same after commissions and fees.")
    r_multiple = Number(allow_null=True, help_text="The net result in units of the initial risk; null without one.")
    planned_r = Number(allow_null=True)
    mae = Number(shown=2, allow_null=True, help_text="How far it went against the trade, in money; null unmeasured.")
    mfe = Number(shown=2, allow_null=True, help_text="How far it went for the trade.")
    holding_seconds = Whole(allow_null=True)
    setup = Key(source="setup_id", allow_null=True)
    checklist = ChecklistLineGiven(many=True, help_text="The setup's criteria and whether they are met.")
    tags = TagKeys(help_text="Ids of tags, mistakes and emotions.")
    notes = Text(source="notes_after", help_text="What was learned: the notes after the trade.")
    thesis = Text(help_text="Why it was planned.")
    notes_during = Text()
    rating = Whole(allow_null=True)
    is_override = Truth(help_text="Broke a limit with a written reason.")
    broker = TextOrNone(allow_null=True, help_text="Null for a trade kept by hand.")
    broker_order_id = TextOrNone(allow_null=True, help_text="Of the entry order.")
    broker_sync_status = WordOrNone(choices=BrokerSyncStatus.choices, allow_null=True)
    broker_fill_price = Number(shown=2, allow_null=True)
    broker_commission = Number(shown=2, allow_null=True)
    last_sync = Moment(allow_null=True)
    executions = ExecutionGiven(many=True, source="fills", help_text="In the order they happened.")
    created_at = Moment()
    updated_at = Moment()


BOUGHT = {
    "id": "5b6d7a56-2b0a-4be0-8f5f-3f4f0f8b3a11",
    "side": "buy",
    "quantity": "160",
    "price": "187.45",
    "commission": "1.00",
    "fees": "0.00",
    "executed_at": "2026-03-04T15:31:05Z",
    "broker_execution_id": None,
    "kind": "trade",
    "has_estimated_costs": False,
}
TRADE = {
    "id": "0f0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "symbol": "AAPL",
    "asset_class": "stock",
    "multiplier": "1",
    "direction": "long",
    "status": "active",
    "quantity": "160",
    "planned_quantity": "160",
    "open_quantity": "160",
    "entry_price": "187.45",
    "stop_loss": "182.00",
    "target_price": "203.80",
    "targets": [{"price": "203.80", "portion_percent": "100"}],
    "risk_percent": "1",
    "initial_risk": "872.00",
    "actual_entry": "187.45",
    "actual_exit": None,
    "entry_date": "2026-03-04T15:31:05Z",
    "exit_date": None,
    "gross_pnl": "0.00",
    "net_pnl": "-1.00",
    "r_multiple": None,
    "planned_r": "3",
    "mae": None,
    "mfe": None,
    "holding_seconds": None,
    "setup": "d1a5a0c8-7c3b-4f64-9a55-4c8b5c0a6d10",
    "checklist": [
        {"criterion": "b7a1f5de-2f9e-4a86-8d22-f0f8f2a6c7a1", "text": "A base of five weeks", "is_met": True}
    ],
    "tags": [],
    "notes": "",
    "thesis": "A base of five weeks, volume dries up.",
    "notes_during": "",
    "rating": None,
    "is_override": False,
    "broker": None,
    "broker_order_id": None,
    "broker_sync_status": None,
    "broker_fill_price": None,
    "broker_commission": None,
    "last_sync": None,
    "executions": [BOUGHT],
    "created_at": "2026-03-04T15:02:11.120344Z",
    "updated_at": "2026-03-04T15:31:06.503201Z",
}
TRADE_EXAMPLE = OpenApiExample("An open long", TRADE, response_only=True)
EXECUTION_EXAMPLE = OpenApiExample("A purchase", BOUGHT, response_only=True)
