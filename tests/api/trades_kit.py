"""Short ways to say trades to the API."""

from typing import Any

from accounts.models import TradingAccount


def a_plan(of: TradingAccount, **changes: Any) -> dict[str, Any]:
    """Buy AAPL at 100 with the stop at 95 and the target at 115: 3 R, one percent is 200 shares. `...` leaves out."""
    plan = {
        "account": str(of.pk),
        "symbol": "AAPL",
        "direction": "long",
        "entry_price": "100",
        "stop_loss": "95",
        "target_price": "115",
    }
    said = {**plan, **changes}
    return {name: value for name, value in said.items() if value is not ...}


def an_execution(**changes: Any) -> dict[str, Any]:
    """A purchase of 200 at 100, free of costs."""
    return {
        "side": "buy",
        "quantity": "200",
        "price": "100",
        "executed_at": "2026-03-02T15:00:00Z",
        "commission": "0",
        "fees": "0",
        **changes,
    }


def a_sale(**changes: Any) -> dict[str, Any]:
    """A sale of 200 at 110, a day later."""
    return an_execution(**{"side": "sell", "price": "110", "executed_at": "2026-03-03T15:00:00Z", **changes})


def a_record(of: TradingAccount, *executions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A trade that happened: bought at 100 with the stop at 95, sold at 110 a day later."""
    body = {"account": str(of.pk), "symbol": "AAPL", "direction": "long", "stop_loss": "95"}
    return {**body, "executions": list(executions or (an_execution(), a_sale())), **changes}


def codes(answer: Any) -> list[str]:
    return [each["code"] for each in answer.json()["errors"]]
