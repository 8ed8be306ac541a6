"""The vocabulary of orders: what may be asked of a market, and what a well-formed request is."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Side


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works: OPG and CLS are the opening and the closing auction."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderClass(StrEnum):
    """BRACKET: entry with stop and target. OTO: entry with one of them. OCO: stop and target of what is held."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OTO = "oto"
    OCO = "oco"


class OrderRole(StrEnum):
    """What an order is for, seen from the trade."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class OrderError(DomainError):
    """The order cannot be sent as it was asked; `field` names what to change."""


@dataclass(frozen=True, slots=True)
class StopLoss:
    """The protective leg: a stop, or with `limit_price` a stop-limit."""

    stop_price: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TakeProfit:
    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What is asked of the market, before any broker: prices per unit, `trail_percent` as 1 for one percent.

    For OCO the terms describe an exit; the target's price is `take_profit`, `type` is LIMIT and `limit_price` None.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    stop_loss: StopLoss | None = None
    take_profit: TakeProfit | None = None
    order_class: OrderClass = OrderClass.SIMPLE


def class_with(stop_loss: StopLoss | None, take_profit: TakeProfit | None) -> OrderClass:
    """The class of an entry with these exits: bracket with both, oto with one, simple with none."""
    if stop_loss and take_profit:
        return OrderClass.BRACKET
    if stop_loss or take_profit:
        return OrderClass.OTO
    return OrderClass.SIMPLE
