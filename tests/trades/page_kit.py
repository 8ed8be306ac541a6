"""What the forms of a trade's life send, and what comes back."""

from typing import Any
from uuid import uuid4

from accounts.models import TradingAccount

HTMX = {"HX-Request": "true"}


def plan_data(account: TradingAccount, **changes: Any) -> dict[str, Any]:
    return {
        "creation_key": str(uuid4()),
        "account": str(account.pk),
        "symbol": "aapl",
        "asset_class": "stock",
        "direction": "long",
        "entry": "100",
        "stop": "95",
        "target_1": "115",
        **changes,
    }


def fill_data(**changes: Any) -> dict[str, Any]:
    return {
        "creation_key": str(uuid4()),
        "kind": "trade",
        "side": "buy",
        "quantity": "200",
        "price": "100.25",
        "executed_at": "2026-03-02T10:00:00",
        **changes,
    }


def quick_data(account: TradingAccount, **changes: Any) -> dict[str, Any]:
    return {
        "creation_key": str(uuid4()),
        "account": str(account.pk),
        "symbol": "NVDA",
        "asset_class": "stock",
        "direction": "long",
        "quantity": "100",
        "entry_at": "2026-03-02T10:00",
        "entry_price": "100",
        "exit_at": "2026-03-03T10:00",
        "exit_price": "112",
        **changes,
    }


def page_of(answer: Any) -> str:
    return answer.content.decode()
