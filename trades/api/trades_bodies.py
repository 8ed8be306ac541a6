"""What a program says of a trade: a plan, a trade that happened, a change; in the services' words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from trades.api.executions_bodies import ExecutionNew, fill_input
from trades.models import AssetClass, Direction, TradeStatus
from trades.models.order import TIMES_IN_FORCE
from trades.services.plan_input import MOST_TARGETS, PlanInput, Target
from trades.services.recording import MOST_FILLS, RecordInput
from trades.services.tags import MOST_NAMES
from trades.services.trade_changes import TradeChange
from trenddojo.api.errors import invalid
from trenddojo.api.fields import Key, NumberIn, Text, Whole, Word
from trenddojo.api.serializers import Taken
from trenddojo.domain.orders import OrderType, TimeInForce

LONGEST_NOTE = 20_000
# The services' names of fields to the API's.
NAMES = {
    "entry": "entry_price",
    "stop": "stop_loss",
    "price": "stop_loss",
    "moved_at": "stop_loss",
    "reason": "override_reason",
    "setup_id": "setup",
    "trade": "",
}
PLAN_FIELDS = {
    "symbol": "symbol",
    "asset_class": "asset_class",
    "multiplier": "multiplier",
    "direction": "direction",
    "entry_price": "entry",
    "stop_loss": "stop",
    "quantity": "quantity",
    "risk_percent": "risk_percent",
    "setup": "setup_id",
}
WORDS = {
    "notes": "notes_after",
    "thesis": "thesis",
    "notes_during": "notes_during",
    "rating": "rating",
    "tags": "tag_ids",
    "criteria": "criteria",
}
ENTRY_TYPES = [
    (each.value, each.value) for each in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
]


class TargetTaken(Taken):
    price = NumberIn()
    portion_percent = NumberIn(
        max_digits=5,
        decimal_places=2,
        min_value=Decimal("0.01"),
        required=False,
        allow_null=True,
        help_text="Null shares the rest.",
    )


def _note(help_text: str = "") -> Text:
    return Text(max_length=LONGEST_NOTE, required=False, allow_blank=True, help_text=help_text)


class _Words(Taken):
    """What may be said of every trade, at any time."""

    multiplier = NumberIn(max_digits=12, decimal_places=4, required=False, allow_null=True)
    setup = Key(required=False, allow_null=True)
    tags = serializers.ListField(
        child=Key(), required=False, max_length=3 * MOST_NAMES, help_text="Ids of tags: all that are to be on it."
    )
    criteria = serializers.ListField(
        child=Key(), required=False, max_length=100, help_text="Ids of the setup's criteria: all that are met."
    )
    notes = _note("The notes after the trade.")
    thesis = _note("Why it is planned.")
    notes_during = _note()
    rating = Whole(min_value=1, max_value=5, required=False, allow_null=True)


class _PlanWords(_Words):
    """What may be said of a plan."""

    target_price = NumberIn(required=False, allow_null=True, help_text="One target for all of it.")
    targets = TargetTaken(many=True, required=False, help_text="Several targets, in place of target_price.")
    quantity = NumberIn(required=False, allow_null=True, help_text="Null: what the risk and the limits allow.")
    risk_percent = NumberIn(
        max_digits=5, decimal_places=2, required=False, allow_null=True, help_text="Of equity; null: the account's."
    )
    override_reason = Text(
        max_length=1000, required=False, allow_null=True, help_text="Keeps a plan that breaks a limit; it is kept too."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("target_price") is not None and "targets" in attrs:
            raise invalid("one_of_two", "Give either target_price or targets.", "targets")
        if len(attrs.get("targets", ())) > MOST_TARGETS:
            raise invalid("too_many_targets", f"A plan has at most {MOST_TARGETS} targets.", "targets")
        return attrs


class TradePlanned(_PlanWords):
    """A plan: its entry and its stop at least."""

    account = Key()
    symbol = Text(max_length=64)
    asset_class = Word(choices=AssetClass.choices, default=AssetClass.STOCK)
    direction = Word(choices=Direction.choices)
    entry_price = NumberIn()
    stop_loss = NumberIn()


class TradeRecorded(_Words):
    """A trade that happened already, told by its executions."""

    account = Key()
    symbol = Text(max_length=64)
    asset_class = Word(choices=AssetClass.choices, default=AssetClass.STOCK)
    direction = Word(choices=Direction.choices)
    stop_loss = NumberIn(required=False, allow_null=True, help_text="The stop it was opened with.")
    executions = ExecutionNew(many=True, help_text=f"1 to {MOST_FILLS}, from flat to flat or still open.")

    def validate_executions(self, value: list[Any]) -> list[Any]:
        if not 1 <= len(value) <= MOST_FILLS:
            raise serializers.ValidationError(f"Give 1 to {MOST_FILLS} executions.", "wrong_number")
        return value


def new_body(sent: Mapping[str, Any]) -> type[Taken]:
    """What a new trade's body keeps to: executions make it one that happened."""
    return TradeRecorded if "executions" in sent else TradePlanned


class TradeChanged(_PlanWords):
    """Whatever is not named stays as it is."""

    symbol = Text(max_length=64, required=False)
    asset_class = Word(choices=AssetClass.choices, required=False)
    direction = Word(choices=Direction.choices, required=False)
    entry_price = NumberIn(required=False)
    stop_loss = NumberIn(
        required=False, help_text="Of an open trade: the stop moves; at a broker by an order, sent by itself."
    )
    status = Word(
        choices=[(each, each) for each in (TradeStatus.PLANNED, TradeStatus.PENDING, TradeStatus.CANCELLED)],
        required=False,
        help_text="Drops a plan, takes it up again, or says that its order was placed elsewhere.",
    )


class SubmitTaken(Taken):
    """How the planned entry is sent; nothing needs to be said."""

    type = Word(choices=ENTRY_TYPES, default=OrderType.LIMIT, help_text="At the planned price, but for market.")
    quantity = NumberIn(required=False, allow_null=True, help_text="Null: as planned.")
    time_in_force = Word(choices=TIMES_IN_FORCE, default=TimeInForce.GTC)


def trade_input(given: Mapping[str, Any]) -> PlanInput | RecordInput:
    """What is to be kept."""
    common = {
        "account_id": given["account"],
        "symbol": given["symbol"],
        "asset_class": given["asset_class"],
        "direction": given["direction"],
        "multiplier": given.get("multiplier"),
        "setup_id": given.get("setup"),
    }
    if "executions" in given:
        fills = tuple(fill_input(said) for said in given["executions"])
        return RecordInput(**common, fills=fills, stop=given.get("stop_loss"))
    return PlanInput(
        **common,
        entry=given["entry_price"],
        stop=given["stop_loss"],
        targets=targets_said(given) or (),
        thesis=given.get("thesis", ""),
        risk_percent=given.get("risk_percent"),
        quantity=given.get("quantity"),
        override_reason=given.get("override_reason"),
    )


def targets_said(given: Mapping[str, Any]) -> tuple[Target, ...] | None:
    """The targets, by either name; None where neither is named."""
    if "targets" in given:
        return tuple(Target(said["price"], said.get("portion_percent")) for said in given["targets"])
    if "target_price" in given:
        return () if given["target_price"] is None else (Target(given["target_price"]),)
    return None


def words_said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {WORDS[name]: value for name, value in given.items() if name in WORDS}


def change_said(given: Mapping[str, Any], *, tags_seen: frozenset[Any]) -> TradeChange:
    plan = {PLAN_FIELDS[name]: value for name, value in given.items() if name in PLAN_FIELDS}
    targets = targets_said(given)
    if targets is not None:
        plan["targets"] = targets
    return TradeChange(
        plan=plan,
        words=words_said(given),
        status=given.get("status", ""),
        override_reason=given.get("override_reason"),
        tags_seen=tags_seen,
    )


def attr_names(body: Mapping[str, Any]) -> dict[str, str]:
    """The services' field names to those the request used."""
    several = isinstance(body.get("targets"), list)
    targets = {f"target_{n}": f"targets.{n - 1}.price" if several else "target_price" for n in range(1, 7)}
    return {**NAMES, **targets, "portion_1": "targets" if several else "target_price"}


PLAN_EXAMPLE = OpenApiExample(
    "A plan",
    {
        "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
        "symbol": "AAPL",
        "direction": "long",
        "entry_price": "187.45",
        "stop_loss": "182.00",
        "target_price": "203.80",
        "thesis": "A base of five weeks, volume dries up.",
    },
    request_only=True,
)
RECORD_EXAMPLE = OpenApiExample(
    "A trade that happened",
    {
        "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
        "symbol": "NVDA",
        "direction": "long",
        "stop_loss": "118.00",
        "executions": [
            {"side": "buy", "quantity": "100", "price": "120.10", "executed_at": "2026-03-02T15:01:00Z"},
            {"side": "sell", "quantity": "100", "price": "126.30", "executed_at": "2026-03-04T19:40:00Z"},
        ],
    },
    request_only=True,
)
CHANGE_EXAMPLE = OpenApiExample("The stop trails", {"stop_loss": "187.45"}, request_only=True)
