"""Orders as the schema shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

ORDER_ID = "5f8f1d0e-6c56-4f0c-9d55-0c7a3a7f5a10"
_AT = "2026-11-20T15:04:05.123456Z"
_BRACKET = {
    "account": "2b1c8a52-7df4-4a0e-9c0e-1f5f6f7a8b90",
    "symbol": "AAPL",
    "side": "buy",
    "type": "limit",
    "quantity": "100",
    "limit_price": "187.50",
    "time_in_force": "gtc",
    "stop_loss": {"stop_price": "182.00"},
    "take_profit": {"limit_price": "198.50"},
}


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "id": ORDER_ID,
        "client_order_id": f"td-{ORDER_ID.replace('-', '')}",
        "broker_order_id": None,
        "account": _BRACKET["account"],
        "trade": None,
        "parent": None,
        "role": "entry",
        "symbol": "AAPL",
        "asset_class": "stock",
        "side": "buy",
        "type": "limit",
        "order_class": "bracket",
        "quantity": "100",
        "limit_price": "187.50",
        "stop_price": None,
        "trail_percent": None,
        "trail_price": None,
        "time_in_force": "gtc",
        "extended_hours": False,
        "stop_loss": {"stop_price": "182.00", "limit_price": None},
        "take_profit": {"limit_price": "198.50"},
        "send_after": None,
        "send_before": None,
        "status": "new",
        "status_reason": None,
        "pending_change": None,
        "replaces": None,
        "replaced_by": None,
        "filled_quantity": "0",
        "filled_average_price": None,
        "commission": "0.00",
        "legs": [],
        "events": [_event("new", None, {"value": "18750.00", "risk": "550.00"})],
        "submitted_at": None,
        "filled_at": None,
        "created_at": _AT,
        **changes,
    }


def _event(to: str, before: str | None, detail: dict[str, Any]) -> dict[str, Any]:
    return {"at": _AT, "from": before, "to": to, "source": "trader", "detail": detail}


def _bracket(**changes: Any) -> dict[str, Any]:
    same = {"parent": ORDER_ID, "client_order_id": None, "side": "sell", "stop_loss": None, "take_profit": None}
    same |= {"limit_price": None, "events": []}
    stop_id, target_id = (f"{ORDER_ID[:-2]}{number}" for number in (11, 12))
    stop = _order(**same | {"id": stop_id, "role": "stop_loss", "type": "stop", "stop_price": "182.00"})
    target = _order(**same | {"id": target_id, "role": "take_profit", "limit_price": "198.50"})
    return _order(legs=[stop, target], **changes)


NEW_BRACKET = OpenApiExample("An entry with its stop and target", _BRACKET, request_only=True)
PLACED = OpenApiExample("An entry with its stop and target, just placed", _bracket(), response_only=True)
CHANGE = OpenApiExample("Another limit", {"limit_price": "187.10"}, request_only=True)
CANCELLING = OpenApiExample(
    "The broker is asked to cancel",
    _bracket(status="cancelling", broker_order_id="904837e3-3b76-47ec-b432-046db621571b", submitted_at=_AT),
    response_only=True,
)
