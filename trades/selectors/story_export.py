"""The story of an order for programs and files: complete, exact, in UTC, and without any key."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from trades.models import Order
from trades.selectors.order_story import Story, StoryEntry, plain
from trades.spreadsheet import safe_cell

ORDER_COLUMNS = (
    *("id", "parent_id", "replaces_id", "origin", "role", "client_order_id", "broker_order_id"),
    *("symbol", "asset_class", "multiplier", "side", "type", "quantity", "limit_price", "stop_price", "trail_percent"),
    *("trail_price", "time_in_force", "extended_hours", "order_class", "is_reducing", "status", "raw_status"),
    *("reason_code", "reason_detail", "filled_quantity", "filled_average_price", "commission", "send_after"),
    *("send_before", "cancel_asked_at", "submitted_at", "filled_at", "done_at", "reported_at", "created_at"),
)
ENTRY_COLUMNS = (
    *("at", "kind", "what", "order_id", "source", "broker_at", "until", "from_status", "to_status", "answer"),
    *("status", "code", "sentence", "request_id", "ref", "times", "figures"),
)
# What the desk has no word for is null, as in the rest of the API.
_NAMES = {"parent_id": "parent", "replaces_id": "replaces", "order_id": "order", "status": "broker_status"}


def story_told(story: Story) -> dict[str, Any]:
    """The story as plain values: decimals, moments, ids and text."""
    order = story.order
    return {
        "order": order.pk,
        "trader": order.owner.get_username(),
        "account": order.account_id,
        "connection": order.connection_id,
        "trade": order.trade_id,
        "read_at": story.read_at,
        "orders": [_order_told(one) for one in story.family],
        "entries": [_entry_told(one) for one in story.entries],
    }


def story_json(story: Story) -> str:
    """As the API answers it."""
    return json.dumps(story_told(story), default=_written, ensure_ascii=False, indent=2)


def story_csv(story: Story) -> Iterator[str]:
    """A line an entry, after its head; texts are such that a spreadsheet runs nothing of them."""
    told = [_entry_told(one) for one in story.entries]
    names = [_entry_name(name) for name in ENTRY_COLUMNS]
    yield _line(names)
    for entry in told:
        yield _line([_cell(entry[name]) for name in names])


def _order_told(order: Order) -> dict[str, Any]:
    return {_NAMES.get(name, name) if name != "status" else name: _or_none(order, name) for name in ORDER_COLUMNS}


def _entry_told(entry: StoryEntry) -> dict[str, Any]:
    return {_entry_name(name): _or_none(entry, name) for name in ENTRY_COLUMNS}


def _entry_name(name: str) -> str:
    return _NAMES.get(name, name)


def _or_none(row: Any, name: str) -> Any:
    value = getattr(row, name)
    return None if value == "" else value


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = json.dumps(value, default=_written, ensure_ascii=False) if value else ""
    text = str(value if isinstance(value, str | int) else _written(value))
    return safe_cell(text)


def _line(cells: list[str]) -> str:
    sink = io.StringIO()
    csv.writer(sink).writerow(cells)
    return sink.getvalue()
