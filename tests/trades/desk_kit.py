"""What the tests of a trade's life share: an account, a clock and short ways to plan and to fill."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import RiskPolicy, TradingAccount, User
from trades.models import Fill, Trade
from trades.services.fills import FillInput, fill_create
from trades.services.plan_input import PlanInput, Target
from trades.services.plans import plan_create

# A Wednesday, 11:00 in New York, in the middle of a session.
NOW = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)


def d(text: str | int) -> Decimal:
    return Decimal(str(text))


def at(day: int, hour: int = 15, minute: int = 0) -> datetime:
    """A moment of March 2026 (UTC); 15:00 is 10:00 in New York until the 8th."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def make_account(owner: User, *, policy: dict[str, Any] | None = None, **fields: Any) -> TradingAccount:
    """100,000 USD, one percent a trade, six percent heat, 30 percent a position."""
    given = {"name": "Main", "starting_balance": d(100_000), "opened_on": date(2026, 1, 2), **fields}
    account = TradingAccount.objects.create(owner=owner, **given)
    RiskPolicy.objects.create(account=account, **(policy or {}))
    return account


def a_plan(account: TradingAccount, **changes: Any) -> PlanInput:
    """Buy at 100 with the stop at 95 and the target at 115: 3 R, one percent is 200 shares."""
    given = {
        "account_id": account.pk,
        "symbol": "AAPL",
        "asset_class": "stock",
        "direction": "long",
        "entry": d(100),
        "stop": d(95),
        "targets": (Target(d(115)),),
        **changes,
    }
    return PlanInput(**given)


def make_plan(account: TradingAccount, **changes: Any) -> Trade:
    return plan_create(owner=account.owner, plan=a_plan(account, **changes), creation_key=uuid4(), now=NOW)


def make_fill(trade: Trade, side: str, quantity: Any, price: Any, when: datetime, **changes: Any) -> Fill:
    given = FillInput(side=side, quantity=d(quantity), price=d(price), executed_at=when, **changes)
    return fill_create(owner=trade.owner, trade_id=trade.pk, given=given, creation_key=uuid4(), now=NOW)
