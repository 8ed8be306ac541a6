"""What is sent and answered about trading accounts."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from accounts.api.query import Flag
from accounts.calendars import EXCHANGES
from accounts.currencies import CURRENCIES
from accounts.models import AccountType, Broker, CostMethod
from accounts.services import AccountTerms
from accounts.services.account_changes import AccountChange
from accounts.services.accounts import model_fields
from brokers.models import BrokerConnection
from brokers.services.account_opening import decided_by
from trades.execution.halts import REASON_LENGTH
from trenddojo.api.fields import Day, Key, Moment, Number, NumberIn, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given, Taken

MOST_POSITIONS: Final = 1000
MOST_ORDERS: Final = 1000
LONGEST_QUOTE: Final = 86_400
NAME_LENGTH: Final = 80


class RiskGiven(Given):
    risk_per_trade_percent = Number(shown=2)
    max_position_percent = Number(shown=2)
    max_open_risk_percent = Number(shown=2, allow_null=True)
    max_daily_loss_percent = Number(shown=2, allow_null=True)
    max_weekly_loss_percent = Number(shown=2, allow_null=True)
    max_open_positions = Whole(allow_null=True)
    max_orders_per_minute = Whole(allow_null=True)
    price_collar_percent = Number(shown=2, allow_null=True)
    max_quote_age_seconds = Whole()
    allows_overrides = Truth()


class AccountGiven(Given):
    id = Key(source="account.id")
    name = Text(source="account.name")
    broker = Word(choices=Broker.choices, source="account.broker")
    account_type = Word(choices=AccountType.choices, source="account.account_type")
    currency = Text(source="account.currency")
    connection = Key(source="connection_id", allow_null=True)
    starting_balance = Number(shown=2, source="account.starting_balance")
    equity = Number(shown=2)
    cash = Number(shown=2)
    buying_power = Number(shown=2)
    as_of = Moment()
    is_halted = Truth(source="account.is_halted")
    halt_reason = Text(source="account.halt_reason")
    is_archived = Truth(source="account.is_archived")
    opened_on = Day(source="account.opened_on")
    exchange = Text(source="account.exchange")
    cost_method = Word(choices=CostMethod.choices, source="account.cost_method")
    break_even_band = Number(shown=2, source="account.break_even_band")
    allows_fractions = Truth(source="account.allows_fractions")
    risk = RiskGiven(source="policy")
    created_at = Moment(source="account.created_at")


def _percent(**options: Any) -> NumberIn:
    return NumberIn(
        max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=Decimal(100), required=False, **options
    )


def _money(**options: Any) -> NumberIn:
    return NumberIn(max_digits=20, decimal_places=2, min_value=Decimal(0), **options)


class RiskChange(Taken):
    """Null means no limit, where that is possible."""

    risk_per_trade_percent = _percent()
    max_position_percent = _percent()
    max_open_risk_percent = _percent(allow_null=True)
    max_daily_loss_percent = _percent(allow_null=True)
    max_weekly_loss_percent = _percent(allow_null=True)
    max_open_positions = Whole(min_value=1, max_value=MOST_POSITIONS, allow_null=True, required=False)
    max_orders_per_minute = Whole(min_value=1, max_value=MOST_ORDERS, allow_null=True, required=False)
    price_collar_percent = _percent(allow_null=True)
    max_quote_age_seconds = Whole(min_value=1, max_value=LONGEST_QUOTE, required=False)
    allows_overrides = Truth(required=False)


class AccountNew(Taken):
    name = Text(max_length=NAME_LENGTH)
    broker = Word(choices=Broker.choices, required=False, help_text="Without it: the connection's, or manual.")
    account_type = Word(choices=AccountType.choices, required=False, help_text="Without it: the connection's, or live.")
    currency = Word(choices=list(CURRENCIES), default="USD")
    connection = Key(required=False, allow_null=True)
    starting_balance = _money(default=Decimal(0))
    opened_on = Day(required=False, help_text="Today without it: the starting balance counts from this day.")
    exchange = Word(choices=list(EXCHANGES), default="XNYS")
    cost_method = Word(choices=CostMethod.choices, default=CostMethod.FIFO)
    break_even_band = _money(default=Decimal(0))
    allows_fractions = Truth(default=False)
    risk = RiskChange(required=False)


class AccountChanges(Taken):
    name = Text(max_length=NAME_LENGTH, required=False)
    broker = Word(choices=Broker.choices, required=False)
    account_type = Word(choices=AccountType.choices, required=False)
    currency = Word(choices=list(CURRENCIES), required=False)
    connection = Key(required=False)
    starting_balance = _money(required=False)
    opened_on = Day(required=False)
    exchange = Word(choices=list(EXCHANGES), required=False)
    cost_method = Word(choices=CostMethod.choices, required=False)
    break_even_band = _money(required=False)
    allows_fractions = Truth(required=False)
    is_archived = Truth(required=False)
    risk = RiskChange(required=False)


class AccountFilters(Taken):
    broker = Word(choices=Broker.choices, required=False)
    account_type = Word(choices=AccountType.choices, required=False)
    currency = Word(choices=list(CURRENCIES), required=False)
    is_archived = Flag(required=False)
    is_halted = Flag(required=False)


EXITS = (
    "Stops and targets that protect positions. With `cancel`, what is halted already and kept them cancels them, too."
)


class Halt(Taken):
    reason = Text(max_length=REASON_LENGTH, required=False, allow_blank=True, help_text="Shown while it is halted.")
    exits = Word(choices=["keep", "cancel"], default="keep", help_text=EXITS)


def halt_terms(said: dict[str, Any]) -> dict[str, Any]:
    """The body of a halt as the services take it."""
    return {"reason": said.get("reason", ""), "cancels_exits": said["exits"] == "cancel"}


def terms_of(said: dict[str, Any], *, connection: BrokerConnection | None, today: date) -> AccountTerms:
    """The terms of a new account, with what nobody said filled in."""
    by_hand = {"broker": Broker.MANUAL, "account_type": AccountType.LIVE}
    unsaid = {"opened_on": today} | (by_hand if connection is None else decided_by(connection))
    named = {name: said[name] for name in model_fields(AccountTerms) if name in said}
    return AccountTerms(**unsaid | named)


def change_of(said: dict[str, Any]) -> AccountChange:
    """What of an account shall be different."""
    said = dict(said)
    return AccountChange(risk=said.pop("risk", {}), is_archived=said.pop("is_archived", None), terms=said)


_RISK = {
    "risk_per_trade_percent": "1.00",
    "max_position_percent": "30.00",
    "max_open_risk_percent": "6.00",
    "max_daily_loss_percent": "3.00",
    "max_weekly_loss_percent": "6.00",
    "max_open_positions": 10,
    "max_orders_per_minute": 20,
    "price_collar_percent": "5.00",
    "max_quote_age_seconds": 60,
    "allows_overrides": True,
}
_ACCOUNT = {
    "id": "5f1c2f0e-6c1b-4c39-9a3f-3f7d1f6a5b10",
    "name": "Swing",
    "broker": "alpaca",
    "account_type": "paper",
    "currency": "USD",
    "connection": "f3a9f0a2-0a53-4c57-9a54-0c2f7a4f9d11",
    "starting_balance": "100000.00",
    "equity": "101250.40",
    "cash": "61250.40",
    "buying_power": "160250.00",
    "as_of": "2026-03-05T14:30:00Z",
    "is_halted": False,
    "halt_reason": "",
    "is_archived": False,
    "opened_on": "2026-01-02",
    "exchange": "XNYS",
    "cost_method": "fifo",
    "break_even_band": "0.00",
    "allows_fractions": True,
    "risk": _RISK,
    "created_at": "2026-01-02T15:00:00Z",
}
ANSWER = OpenApiExample("A connected account", _ACCOUNT, response_only=True)
HALTED = OpenApiExample(
    "A halted account", _ACCOUNT | {"is_halted": True, "halt_reason": "Lost the day's limit"}, response_only=True
)
NEW = OpenApiExample(
    "An account kept by hand",
    {
        "name": "Swing",
        "currency": "USD",
        "starting_balance": "25000.00",
        "opened_on": "2026-01-02",
        "risk": {"risk_per_trade_percent": "0.50", "max_weekly_loss_percent": None},
    },
    request_only=True,
)
CHANGE = OpenApiExample(
    "Another name and a limit", {"name": "Swing trades", "risk": {"max_open_positions": 5}}, request_only=True
)
HALT = OpenApiExample("With a reason", {"reason": "Lost the day's limit"}, request_only=True)
