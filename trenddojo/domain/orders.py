"""The vocabulary of orders: what may be asked of a market, and what a well-formed request is."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass, Instrument, tick_at
from trenddojo.domain.money import check_decimal, check_positive


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


_PRICES = ("limit_price", "stop_price", "trail_percent", "trail_price")
_NAMES = {
    "limit_price": "limit price",
    "stop_price": "stop price",
    "trail_percent": "trailing percent",
    "trail_price": "trailing amount",
}
# What each type needs; a trailing stop needs one of its two.
_NEEDS: dict[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("limit_price", "stop_price"),
    OrderType.TRAILING_STOP: ("trail_percent", "trail_price"),
}
_AUCTION = frozenset({TimeInForce.OPG, TimeInForce.CLS})
_LASTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
_SHARES = frozenset({AssetClass.STOCK, AssetClass.ETF})
_HUNDRED = Decimal(100)
# An exit lies at least this far from the price it belongs to.
NEAREST_EXIT = Decimal("0.01")


def validate_terms(terms: OrderTerms, *, instrument: Instrument, market_price: Decimal | None = None) -> None:
    """Refuse what no broker could take: the first fault found, with its field.

    `market_price` stands for the price of a market entry when its exits are looked at. Raises OrderError, or
    NumberError for a number that is none, with fields named as in OrderTerms (`stop_loss_limit` for the limit of the
    stop).
    """
    _check_quantity(terms, instrument)
    _check_needed(terms)
    for field, price in _prices_of(terms).items():
        _check_price(price, field=field, instrument=instrument)
    _check_trail_percent(terms)
    _check_class(terms)
    _check_time_in_force(terms)
    _check_extended_hours(terms, instrument)
    _check_fraction(terms, instrument)
    _check_exits(terms, market_price)


def _check_quantity(terms: OrderTerms, instrument: Instrument) -> None:
    places = instrument.quantity_places
    check_positive(terms.quantity, field="quantity", name="quantity")
    check_decimal(terms.quantity, max_digits=11 + places, places=places, field="quantity", name="quantity")


def _check_needed(terms: OrderTerms) -> None:
    if terms.order_class is OrderClass.OCO:
        _refuse_given(terms, _PRICES, because="The prices of a stop with a target are those of the two.")
        return
    needed = _NEEDS[terms.type]
    name = terms.type.value.replace("_", " ")
    _refuse_given(
        terms, [field for field in _PRICES if field not in needed], because=f"A {name} order has no such price."
    )
    missing = [field for field in needed if getattr(terms, field) is None]
    if terms.type is OrderType.TRAILING_STOP:
        _check_one_trail(len(missing))
        return
    for field in missing:
        raise OrderError("required", f"A {name} order needs a {_NAMES[field]}.", field)


def _check_one_trail(missing: int) -> None:
    if missing == 1:
        return
    raise OrderError(
        "one_trail", "Give the distance of a trailing stop either in percent or as an amount.", "trail_percent"
    )


def _refuse_given(terms: OrderTerms, fields: Iterable[str], *, because: str) -> None:
    for field in fields:
        if getattr(terms, field) is not None:
            raise OrderError("not_used", f"{because} Leave the {_NAMES[field]} empty.", field)


def _prices_of(terms: OrderTerms) -> dict[str, Decimal]:
    """Every price that is given, by its field."""
    stop, target = terms.stop_loss, terms.take_profit
    given = {
        "limit_price": terms.limit_price,
        "stop_price": terms.stop_price,
        "trail_price": terms.trail_price,
        "stop_loss": stop.stop_price if stop else None,
        "stop_loss_limit": stop.limit_price if stop else None,
        "take_profit": target.limit_price if target else None,
    }
    return {field: price for field, price in given.items() if price is not None}


def _check_price(price: Decimal, *, field: str, instrument: Instrument) -> None:
    check_positive(price, field=field, name="price")
    check_decimal(price, max_digits=20, places=9, field=field, name="price")
    tick = tick_at(instrument, price)
    if price % tick:
        low, high = (f"{value.normalize():f}" for value in (price - price % tick, price - price % tick + tick))
        raise OrderError("bad_tick", f"Prices here move in steps of {tick:f}: use {low} or {high}.", field)


def _check_trail_percent(terms: OrderTerms) -> None:
    percent = terms.trail_percent
    if percent is None:
        return
    check_positive(percent, field="trail_percent", name="trailing percent")
    check_decimal(percent, max_digits=5, places=2, field="trail_percent", name="trailing percent")
    if percent >= _HUNDRED:
        raise OrderError("bad_trail", "A stop trails by less than 100 percent.", "trail_percent")


def _check_class(terms: OrderTerms) -> None:
    has = (terms.stop_loss is not None, terms.take_profit is not None)
    match terms.order_class:
        case OrderClass.SIMPLE if any(has):
            raise OrderError("not_used", "A simple order has no stop or target of its own.", "order_class")
        case OrderClass.OTO if sum(has) != 1:
            raise OrderError("one_exit", "Give either a stop or a target; with both it is a bracket.", "order_class")
        case OrderClass.BRACKET | OrderClass.OCO if not all(has):
            field = "take_profit" if has[0] else "stop_loss"
            raise OrderError("required", "This order needs both a stop and a target.", field)
    if terms.order_class is OrderClass.OCO and terms.type is not OrderType.LIMIT:
        raise OrderError("bad_type", "A stop with a target is placed as a limit order.", "type")
    if terms.order_class is not OrderClass.SIMPLE and terms.type is OrderType.TRAILING_STOP:
        raise OrderError("bad_type", "A trailing stop carries no other exits: choose another type.", "type")


def _check_time_in_force(terms: OrderTerms) -> None:
    time = terms.time_in_force
    if terms.order_class is not OrderClass.SIMPLE and time not in _LASTING:
        raise OrderError("bad_time_in_force", "An order with a stop or a target is DAY or GTC.", "time_in_force")
    if time in _AUCTION and terms.type not in (OrderType.MARKET, OrderType.LIMIT):
        raise OrderError("bad_time_in_force", "Auctions take market and limit orders only.", "time_in_force")
    if terms.type is OrderType.TRAILING_STOP and time not in _LASTING:
        raise OrderError("bad_time_in_force", "A trailing stop is DAY or GTC.", "time_in_force")


def _check_extended_hours(terms: OrderTerms, instrument: Instrument) -> None:
    if not terms.extended_hours:
        return
    is_plain = terms.order_class is OrderClass.SIMPLE and terms.type is OrderType.LIMIT
    if not is_plain or terms.time_in_force is not TimeInForce.DAY or instrument.asset_class not in _SHARES:
        raise OrderError(
            "bad_extended_hours",
            "Outside regular hours only simple DAY limit orders for shares trade.",
            "extended_hours",
        )


def _check_fraction(terms: OrderTerms, instrument: Instrument) -> None:
    if instrument.asset_class not in _SHARES or terms.quantity % 1 == 0:
        return
    if terms.time_in_force is not TimeInForce.DAY:
        raise OrderError("fraction_not_day", "Parts of a share trade with DAY orders only.", "time_in_force")
    if terms.order_class is not OrderClass.SIMPLE or terms.type is OrderType.TRAILING_STOP:
        raise OrderError(
            "fraction_not_simple", "Parts of a share take simple orders only: use whole shares for exits.", "quantity"
        )


def _check_exits(terms: OrderTerms, market_price: Decimal | None) -> None:
    """The exits lie on their sides of the entry and of each other; `sign` is that of the position they protect."""
    stop, target = terms.stop_loss, terms.take_profit
    sign = terms.side.opposite.sign if terms.order_class is OrderClass.OCO else terms.side.sign
    entry = terms.limit_price or terms.stop_price or market_price
    if stop and entry and sign * (entry - stop.stop_price) < NEAREST_EXIT:
        raise _misplaced("stop_loss", "stop", entry, below=sign > 0)
    if target and entry and sign * (target.limit_price - entry) < NEAREST_EXIT:
        raise _misplaced("take_profit", "target", entry, below=sign < 0)
    if stop and target and sign * (target.limit_price - stop.stop_price) < NEAREST_EXIT:
        raise _misplaced("take_profit", "target", stop.stop_price, below=sign < 0)
    if stop and stop.limit_price and sign * (stop.stop_price - stop.limit_price) < 0:
        word = "below" if sign > 0 else "above"
        raise OrderError("limit_wrong_side", f"The limit of this stop belongs {word} it, or at it.", "stop_loss_limit")


def _misplaced(field: str, name: str, price: Decimal, *, below: bool) -> OrderError:
    word = "below" if below else "above"
    return OrderError(
        f"{name}_wrong_side", f"The {name} belongs {word} {price.normalize():f}, by at least {NEAREST_EXIT}.", field
    )
