"""From what clients send to the words of the exchange. Numbers may come as strings or as JSON numbers."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from brokers.simulator.engine.types import (
    ActivityQuery,
    ExitDraft,
    OrderChanges,
    OrderClass,
    OrderDraft,
    OrderQuery,
    OrderType,
    Side,
    TimeInForce,
)
from brokers.simulator.errors import ApiError, malformed

Given = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)
LONGEST_CLIENT_ORDER_ID = 128
MOST_ORDERS, MOST_ACTIVITIES = 500, 100
# "True" is what Python's repr makes of a flag, and what alpaca-py sends.
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})


def json_body(text: bytes) -> dict[str, Any]:
    """The fields of a request's body; numbers keep every digit that was written."""
    try:
        body = json.loads(text or b"{}", parse_float=Decimal, parse_int=Decimal)
    except ValueError as problem:
        raise ApiError(400, 40010000, "request body format is invalid") from problem
    if not isinstance(body, dict):
        raise ApiError(400, 40010000, "request body format is invalid")
    return body


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """The body as it can be kept: exact numbers become text."""
    return {name: plain(value) if isinstance(value, dict) else _plain(value) for name, value in body.items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | None) else str(value)


def decimal(given: Given, name: str) -> Decimal | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation as problem:
        raise malformed(f"invalid {name}: {value}") from problem
    if not number.is_finite() or isinstance(value, bool):
        raise malformed(f"invalid {name}: {value}")
    return number


def word(kind: type[Word], given: Given, name: str, otherwise: Word | None = None) -> Word:
    value = given.get(name)
    if (value is None or value == "") and otherwise is not None:
        return otherwise
    try:
        return kind(str(value))
    except ValueError as problem:
        raise malformed(f"invalid {name}" if value else f"{name} is required") from problem


def flag(given: Given, name: str) -> bool:
    value = str(given.get(name) or "").lower()
    if value not in TRUE | FALSE:
        raise malformed(f"invalid {name}")
    return value in TRUE


def moment(given: Given, name: str) -> datetime | None:
    """A time as RFC 3339 with up to nine decimals, or a date, which begins at midnight UTC."""
    text = str(given.get(name) or "").strip()
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a blank.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as problem:
        raise malformed(f"invalid {name}: {text}") from problem
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def day(given: Given, name: str) -> date | None:
    text = str(given.get(name) or "").strip()
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError as problem:
        raise malformed(f"invalid {name}: {text}") from problem


def whole(given: Given, name: str, otherwise: int, highest: int) -> int:
    text = str(given.get(name) or otherwise)
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= highest:
        raise malformed(f"invalid {name}: {text}")
    return int(text)


# --- orders -------------------------------------------------------------------------------------------------------


def order_draft(body: Given) -> OrderDraft:
    """Raises ApiError for what is no order at all; whether it may be placed the exchange decides."""
    qty, notional = decimal(body, "qty"), decimal(body, "notional")
    if qty is None and notional is None:
        raise malformed("qty or notional is required")
    if not body.get("symbol"):
        raise malformed("symbol is required")
    order_class = word(OrderClass, body, "order_class", OrderClass.SIMPLE)
    # The target of an oco may name its limit price only in take_profit.
    otherwise = OrderType.LIMIT if order_class is OrderClass.OCO else None
    return OrderDraft(
        symbol=str(body["symbol"]),
        side=word(Side, body, "side"),
        type=word(OrderType, body, "type", otherwise),
        time_in_force=word(TimeInForce, body, "time_in_force"),
        qty=qty,
        notional=notional,
        limit_price=decimal(body, "limit_price"),
        stop_price=decimal(body, "stop_price"),
        trail_price=decimal(body, "trail_price"),
        trail_percent=decimal(body, "trail_percent"),
        extended_hours=flag(body, "extended_hours"),
        client_order_id=_client_order_id(body),
        order_class=order_class,
        take_profit=_exit(body, "take_profit"),
        stop_loss=_exit(body, "stop_loss"),
    )


def order_changes(body: Given) -> OrderChanges:
    time_in_force = word(TimeInForce, body, "time_in_force") if body.get("time_in_force") else None
    return OrderChanges(
        qty=decimal(body, "qty"),
        time_in_force=time_in_force,
        limit_price=decimal(body, "limit_price"),
        stop_price=decimal(body, "stop_price"),
        trail=decimal(body, "trail"),
        client_order_id=_client_order_id(body),
    )


def order_query(query: Given) -> OrderQuery:
    status, direction = str(query.get("status") or "open"), str(query.get("direction") or "desc")
    if status not in {"open", "closed", "all"}:
        raise malformed(f"invalid status: {status}")
    if direction not in {"asc", "desc"}:
        raise malformed(f"invalid direction: {direction}")
    return OrderQuery(
        status=status,
        limit=min(whole(query, "limit", 50, 999_999), MOST_ORDERS),
        after=moment(query, "after"),
        until=moment(query, "until"),
        direction=direction,
        nested=flag(query, "nested"),
        symbols=symbols(query),
        side=word(Side, query, "side") if query.get("side") else None,
        after_order_id=str(query["after_order_id"]) if query.get("after_order_id") else None,
        before_order_id=str(query["before_order_id"]) if query.get("before_order_id") else None,
    )


def symbols(query: Given) -> frozenset[str]:
    return frozenset(name.strip().upper() for name in str(query.get("symbols") or "").split(",") if name.strip())


def _exit(body: Given, name: str) -> ExitDraft | None:
    leg = body.get(name)
    if leg is None:
        return None
    if not isinstance(leg, dict):
        raise malformed(f"invalid {name}")
    return ExitDraft(limit_price=decimal(leg, "limit_price"), stop_price=decimal(leg, "stop_price"))


def _client_order_id(body: Given) -> str | None:
    value = body.get("client_order_id")
    if value is None or value == "":
        return None
    if len(str(value)) > LONGEST_CLIENT_ORDER_ID:
        raise malformed(f"client_order_id must be no more than {LONGEST_CLIENT_ORDER_ID} characters")
    return str(value)


# --- the statement ------------------------------------------------------------------------------------------------


def activity_query(query: Given, types: frozenset[str]) -> ActivityQuery:
    direction = str(query.get("direction") or "desc")
    if direction not in {"asc", "desc"}:
        raise malformed(f"invalid direction: {direction}")
    return ActivityQuery(
        types=types,
        after=moment(query, "after"),
        until=moment(query, "until"),
        day=day(query, "date"),
        direction=direction,
        page_size=whole(query, "page_size", MOST_ACTIVITIES, MOST_ACTIVITIES),
        page_token=str(query["page_token"]) if query.get("page_token") else None,
    )


# --- what the control port is told --------------------------------------------------------------------------------


def seconds(given: Given, name: str) -> timedelta:
    """A duration in seconds, exact to the microsecond."""
    return timedelta(microseconds=int((decimal(given, name) or Decimal(0)) * 1_000_000))
