"""Rows for tests, written straight to the database: each function makes one thing, with believable defaults.

Tests of what a service writes call the service; these are for what must already be there.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import CashMovement, RiskPolicy, TradingAccount, User
from brokers import vault
from brokers.models import BrokerConnection
from trades.models import Fill, Setup, SetupCriterion, Tag, Trade

OPENED_ON = date(2024, 1, 2)
# A Tuesday, 10:00 in New York.
ENTRY_AT = datetime(2025, 3, 4, 15, 0, tzinfo=UTC)


def make_account(owner: User, name: str = "Main", **fields: Any) -> TradingAccount:
    """An account of 100,000 USD with the default risk policy."""
    defaults = {"starting_balance": Decimal("100000.00"), "opened_on": OPENED_ON}
    policy = fields.pop("policy", {})
    account = TradingAccount.objects.create(owner=owner, name=name, **(defaults | fields))
    RiskPolicy.objects.create(account=account, **policy)
    return account


def make_cash(account: TradingAccount, kind: str, amount: str, moved_on: date) -> CashMovement:
    return CashMovement.objects.create(account=account, kind=kind, amount=Decimal(amount), moved_on=moved_on)


def make_setup(owner: User, name: str = "Breakout", criteria: tuple[str, ...] = ()) -> Setup:
    setup = Setup.objects.create(owner=owner, name=name)
    for position, text in enumerate(criteria):
        SetupCriterion.objects.create(setup=setup, text=text, position=position)
    return setup


def make_tag(owner: User, name: str, kind: str = "tag") -> Tag:
    return Tag.objects.create(owner=owner, name=name, kind=kind)


def make_plan(account: TradingAccount, symbol: str = "AAPL", **fields: Any) -> Trade:
    """A planned long of 100 at 100 with the stop at 95 and the target at 110."""
    defaults: dict[str, Any] = {
        "owner": account.owner,
        "account": account,
        "symbol": symbol,
        "direction": "long",
        "entry_price": Decimal(100),
        "stop_loss": Decimal(95),
        "target_price": Decimal(110),
        "planned_quantity": Decimal(100),
        "planned_r": Decimal(2),
        "initial_stop": Decimal(95),
        "initial_risk": Decimal(500),
        "occurred_at": ENTRY_AT,
    }
    return Trade.objects.create(**(defaults | fields))


def make_closed_trade(account: TradingAccount, symbol: str = "AAPL", net: str = "500.00", **fields: Any) -> Trade:
    """A closed long of 100 shares bought at 100 an hour earlier, with its two fills; no costs.

    Its kept sums are not written: call ``figures_rebuild`` where a test reads them.
    """
    result = Decimal(net)
    entry_at = fields.pop("entry_date", ENTRY_AT)
    exit_at = fields.pop("exit_date", entry_at + timedelta(hours=1))
    risk = fields.pop("initial_risk", Decimal(500))
    defaults: dict[str, Any] = {
        "status": "closed",
        "quantity": Decimal(100),
        "actual_entry": Decimal(100),
        "actual_exit": Decimal(100) + result / 100,
        "entry_date": entry_at,
        "exit_date": exit_at,
        "gross_pnl": result,
        "net_pnl": result,
        "initial_risk": risk,
        "r_multiple": result / risk if risk else None,
        "gross_r": result / risk if risk else None,
        "outcome": "win" if result > 0 else "loss" if result < 0 else "break_even",
        "holding_seconds": int((exit_at - entry_at).total_seconds()),
        "holding_sessions": 1,
        "closed_session": exit_at.date(),
        "entry_weekday": entry_at.weekday(),
        "entry_hour": 10,
        "occurred_at": entry_at,
    }
    trade = make_plan(account, symbol, **(defaults | fields))
    make_fill(trade, "buy", "100", "100", executed_at=entry_at)
    make_fill(
        trade,
        "sell",
        "100",
        str(trade.actual_exit),
        executed_at=exit_at,
        is_exit=True,
        realised_gross=result,
        realised_net=result,
    )
    return trade


def make_fill(trade: Trade, side: str, quantity: str, price: str, **fields: Any) -> Fill:
    executed_at = fields.pop("executed_at", ENTRY_AT)
    defaults: dict[str, Any] = {
        "account": trade.account,
        "trade": trade,
        "side": side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "executed_at": executed_at,
        "session": executed_at.date(),
    }
    return Fill.objects.create(**(defaults | fields))


def make_connection(
    account: TradingAccount, broker: str = "simulator", *, keys: dict[str, str] | None = None, **fields: Any
) -> BrokerConnection:
    """A connection of the account's owner, as after a verification; keys that open nothing."""
    connection = BrokerConnection(
        user=account.owner,
        account=account,
        broker=broker,
        label=fields.pop("label", f"My {broker}"),
        broker_account_id=fields.pop("broker_account_id", f"PA-{uuid4().hex[:8]}"),
        **fields,
    )
    keys = keys if keys is not None else {"api_key": "PKTEST00000000000000", "secret_key": "not-a-secret-of-anybody"}
    connection.credentials = vault.seal(keys, row_id=connection.pk)
    connection.save()
    return connection
