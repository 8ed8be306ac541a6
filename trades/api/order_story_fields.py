"""What answers say of an order's story."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from trades.api.order_fields import PRICE, QUANTITY, EventDetail, TextOrNull
from trades.models import AssetClass, CallAnswer, OrderOrigin, Side
from trades.models.order import ORDER_CLASSES, ORDER_ROLES, ORDER_STATES, ORDER_TYPES, TIMES_IN_FORCE
from trenddojo.api.fields import Key, Moment, Number, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given

KINDS = ["step", "call", "fill", "notification"]
SOURCES = ["trader", "worker", "poll", "stream", "reconcile", "broker", "desk"]


class StoryOrder(Given):
    """An order of the story as it stands now."""

    id = Key()
    parent = Key(allow_null=True)
    replaces = Key(allow_null=True)
    origin = Word(choices=OrderOrigin.choices)
    role = Word(choices=ORDER_ROLES)
    client_order_id = TextOrNull(allow_null=True)
    broker_order_id = TextOrNull(allow_null=True)
    symbol = Text()
    asset_class = Word(choices=AssetClass.choices)
    multiplier = Number()
    side = Word(choices=Side.choices)
    type = Word(choices=ORDER_TYPES)
    quantity = Number(**QUANTITY)
    limit_price = Number(**PRICE, allow_null=True)
    stop_price = Number(**PRICE, allow_null=True)
    trail_percent = Number(**PRICE, allow_null=True)
    trail_price = Number(**PRICE, allow_null=True)
    time_in_force = Word(choices=TIMES_IN_FORCE)
    extended_hours = Truth()
    order_class = Word(choices=ORDER_CLASSES)
    is_reducing = Truth(help_text="It only made a position smaller: no limit was asked about it.")
    status = Word(choices=ORDER_STATES)
    raw_status = TextOrNull(allow_null=True, help_text="The broker's own word.")
    reason_code = TextOrNull(allow_null=True)
    reason_detail = TextOrNull(allow_null=True)
    filled_quantity = Number(**QUANTITY)
    filled_average_price = Number(**PRICE, allow_null=True)
    commission = Number()
    send_after = Moment(allow_null=True)
    send_before = Moment(allow_null=True)
    cancel_asked_at = Moment(allow_null=True)
    submitted_at = Moment(allow_null=True)
    filled_at = Moment(allow_null=True)
    done_at = Moment(allow_null=True)
    reported_at = Moment(allow_null=True)
    created_at = Moment()


class StoryEntryGiven(Given):
    """One thing that happened. A `step` changed the order or said something new of it, a `call` was made to the broker,
    a `fill` was executed, a `notification` told the trader."""

    at = Moment(help_text="Our time; of a fill the broker's.")
    kind = Word(choices=KINDS)
    what = Text(help_text="The fact of a step, the verb of a call, the kind of a fill or a notification.")
    order = Key(help_text="The order of the story it belongs to.")
    source = Word(choices=SOURCES, help_text="Who did it or said so; “trader” is the owner.")
    broker_at = Moment(allow_null=True, help_text="When the broker says it happened.")
    until = Moment(allow_null=True, help_text="When the answer to a call was there; of repeated ones the last asking.")
    from_status = Word(choices=ORDER_STATES, allow_null=True)
    to_status = Word(choices=ORDER_STATES, allow_null=True)
    answer = Word(choices=CallAnswer.choices, allow_null=True, help_text="Of a call; null where none was recorded.")
    broker_status = Text(allow_null=True, help_text="The broker's own word.")
    code = Text(allow_null=True)
    sentence = Text(allow_null=True)
    request_id = Text(allow_null=True, help_text="The broker's number of the call.")
    ref = Text(allow_null=True, help_text="The id a call asked by, or the execution's id.")
    times = Whole(help_text="How often a call was made with the same answer in a row.")
    figures = EventDetail(help_text="What is known besides; numbers are exact and written as text.")


class OrderStoryGiven(Given):
    """Everything that happened to an order, its legs and its replacements, as it happened."""

    order = Key()
    trader = Text()
    account = Key()
    connection = Key(allow_null=True)
    trade = Key(allow_null=True)
    read_at = Moment()
    orders = StoryOrder(many=True)
    entries = StoryEntryGiven(many=True)


def _entry(**changes: Any) -> dict[str, Any]:
    names = ("broker_at", "until", "from_status", "to_status", "answer", "broker_status", "code", "sentence")
    nothing = dict.fromkeys((*names, "request_id", "ref"))
    return {
        "at": "2026-11-20T15:04:05.123456Z",
        "kind": "step",
        "what": "intend",
        "order": "5f8f1d0e-6c56-4f0c-9d55-0c7a3a7f5a10",
        "source": "trader",
        **nothing,
        "times": 1,
        "figures": {},
        **changes,
    }


STORY = OpenApiExample(
    "An order in doubt, asked for",
    {
        "order": "5f8f1d0e-6c56-4f0c-9d55-0c7a3a7f5a10",
        "trader": "alice",
        "account": "2b1c8a52-7df4-4a0e-9c0e-1f5f6f7a8b90",
        "connection": "904837e3-3b76-47ec-b432-046db621571b",
        "trade": None,
        "read_at": "2026-11-20T15:05:00Z",
        "orders": [
            {
                **dict.fromkeys(
                    ("parent", "replaces", "broker_order_id", "limit_price", "stop_price", "trail_percent")
                ),
                **dict.fromkeys(("trail_price", "raw_status", "reason_code", "reason_detail", "filled_average_price")),
                **dict.fromkeys(
                    ("send_after", "send_before", "cancel_asked_at", "submitted_at", "filled_at", "done_at")
                ),
                "reported_at": None,
                "id": "5f8f1d0e-6c56-4f0c-9d55-0c7a3a7f5a10",
                "origin": "desk",
                "role": "entry",
                "client_order_id": "td-5f8f1d0e6c564f0c9d550c7a3a7f5a10",
                "symbol": "AAPL",
                "asset_class": "stock",
                "multiplier": "1",
                "side": "buy",
                "type": "market",
                "quantity": "10",
                "time_in_force": "day",
                "extended_hours": False,
                "order_class": "simple",
                "is_reducing": False,
                "status": "in_doubt",
                "filled_quantity": "0",
                "commission": "0",
                "created_at": "2026-11-20T15:04:05.123456Z",
            }
        ],
        "entries": [
            _entry(to_status="new", figures={"limits": [{"code": "max_position", "limit": "30", "actual": "1.87"}]}),
            _entry(
                what="doubt",
                source="worker",
                from_status="submitting",
                to_status="in_doubt",
                code="status_504",
                request_id="b1f6ecb1a0ff4d7f9a2e",
            ),
            _entry(
                kind="call",
                what="look",
                source="worker",
                until="2026-11-20T15:04:07.481516Z",
                answer="unknown",
                ref="td-5f8f1d0e6c564f0c9d550c7a3a7f5a10",
            ),
        ],
    },
    response_only=True,
)
