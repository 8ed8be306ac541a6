"""Orders as a program asks for them."""

from typing import Any

from accounts.models import TradingAccount


def order_body(account: TradingAccount, **changes: Any) -> dict[str, Any]:
    """Buy 10 AAPL at 100 or less with a stop and a target; None leaves a field out."""
    given = {
        "account": str(account.pk),
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "quantity": "10",
        "limit_price": "100",
        "time_in_force": "gtc",
        "stop_loss": {"stop_price": "95"},
        "take_profit": {"limit_price": "110"},
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def plain_body(account: TradingAccount, **changes: Any) -> dict[str, Any]:
    """The same without exits."""
    return order_body(account, **{"stop_loss": None, "take_profit": None, **changes})


def codes(answer: Any) -> list[str]:
    """The code of every error of an answer."""
    return [each["code"] for each in answer.json()["errors"]]
