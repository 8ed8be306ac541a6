"""Which orders the exchange takes: their form first, then the asset, then the account and what it already has.

Every refusal is a Rejection with the status, code and sentence Alpaca answers with. A rule returns nothing when it is
content. Where Alpaca's sentence is not known the code still says of which kind it is: 40010001 a request that makes no
sense, 42210000 a rule of the exchange, 40310000 the account may not.
"""

from decimal import Decimal

from brokers.simulator.engine.types import (
    ZERO,
    Asset,
    OrderClass,
    OrderDraft,
    OrderType,
    Rejection,
    TimeInForce,
)

MALFORMED = 40010001
BROKEN_RULE = 42210000
FORBIDDEN = 40310000
NOT_FOUND = 40410000

LONGEST_CLIENT_ID = 128
MINIMUM_NOTIONAL = Decimal(1)
FINEST_QTY = -9
LARGEST = Decimal(1_000_000_000)
DOLLAR = Decimal(1)
PRICE_FIELDS = ("limit_price", "stop_price", "trail_price", "trail_percent")

# Which prices an order of a type must have; it must have no other.
NEEDED: dict[OrderType, frozenset[str]] = {
    OrderType.MARKET: frozenset(),
    OrderType.LIMIT: frozenset({"limit_price"}),
    OrderType.STOP: frozenset({"stop_price"}),
    OrderType.STOP_LIMIT: frozenset({"stop_price", "limit_price"}),
    OrderType.TRAILING_STOP: frozenset(),
}
PLAIN_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
LASTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
FRACTIONABLE_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})


def malformed(message: str) -> Rejection:
    return Rejection(422, MALFORMED, message)


def broken_rule(message: str) -> Rejection:
    return Rejection(422, BROKEN_RULE, message)


def forbidden(message: str, **extra: str | list[str]) -> Rejection:
    return Rejection(403, FORBIDDEN, message, dict(extra))


def not_found(message: str) -> Rejection:
    return Rejection(404, NOT_FOUND, message)


def is_fractional(draft: OrderDraft) -> bool:
    return draft.notional is not None or (draft.qty is not None and draft.qty % 1 != 0)


def check_form(draft: OrderDraft) -> None:
    """What can be said about the request without looking at the market or the account."""
    _check_size(draft)
    check_client_id(draft.client_order_id)
    _check_class(draft)
    _check_prices(draft)
    _check_time_in_force(draft)
    _check_extended_hours(draft)
    _check_fraction(draft)


def check_client_id(client_order_id: str | None) -> None:
    if client_order_id is not None and len(client_order_id) > LONGEST_CLIENT_ID:
        raise malformed(f"client_order_id must be no more than {LONGEST_CLIENT_ID} characters")


def check_qty(qty: Decimal) -> None:
    if not qty.is_finite() or qty <= 0:
        raise malformed("qty must be > 0")
    if qty > LARGEST:
        raise malformed(f"qty must be <= {LARGEST}")
    if _exponent(qty) < FINEST_QTY:
        raise broken_rule("qty must have no more than 9 decimal places")


def check_price(name: str, price: Decimal) -> None:
    """A price is positive and on its tick: a cent from one dollar on, a hundredth of a cent below."""
    if not price.is_finite() or price <= 0:
        raise malformed(f"{name} must be > 0")
    if price > LARGEST:
        raise malformed(f"{name} must be <= {LARGEST}")
    if _exponent(price) < (-2 if price >= DOLLAR else -4):
        raise broken_rule(f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria")


def check_asset(draft: OrderDraft, asset: Asset) -> None:
    if not asset.tradable:
        raise broken_rule(f'asset "{asset.symbol}" is not tradable')
    if is_fractional(draft) and not asset.fractionable:
        raise forbidden(f'asset "{asset.symbol}" is not fractionable')


def check_short(draft: OrderDraft, asset: Asset) -> None:
    """Rules for a sale from a flat position."""
    if not asset.shortable:
        raise broken_rule(f'asset "{asset.symbol}" cannot be sold short')
    if is_fractional(draft):
        raise broken_rule("fractional orders cannot be sold short")
    if not asset.easy_to_borrow and draft.time_in_force is not TimeInForce.DAY:
        raise broken_rule(f"only day orders are allowed for hard-to-borrow asset {asset.symbol}")


def _check_size(draft: OrderDraft) -> None:
    if draft.qty is None and draft.notional is None:
        raise malformed("qty or notional is required")
    if draft.qty is not None and draft.notional is not None:
        raise malformed("only one of qty or notional is accepted")
    if draft.qty is not None:
        check_qty(draft.qty)
    else:
        _check_notional(draft.notional or ZERO)


def _check_notional(notional: Decimal) -> None:
    if not notional.is_finite() or notional <= 0:
        raise malformed("notional must be > 0")
    if notional > LARGEST:
        raise malformed(f"notional must be <= {LARGEST}")
    if _exponent(notional) < FINEST_QTY:
        raise broken_rule("notional must have no more than 9 decimal places")
    if notional < MINIMUM_NOTIONAL:
        raise forbidden(f"cost basis must be >= minimal amount of order {MINIMUM_NOTIONAL}")


def _check_prices(draft: OrderDraft) -> None:
    needed = NEEDED[draft.type]
    if draft.order_class is OrderClass.OCO:
        needed = frozenset({"limit_price"} if draft.limit_price is not None else ())
    for name in PRICE_FIELDS:
        _check_presence(draft, name, needed)
        price = getattr(draft, name)
        if price is not None and name != "trail_percent":
            check_price(name, price)
    if draft.type is OrderType.TRAILING_STOP:
        _check_trail(draft)


def _check_presence(draft: OrderDraft, name: str, needed: frozenset[str]) -> None:
    is_given = getattr(draft, name) is not None
    if name in needed and not is_given:
        raise malformed(f"{draft.type} orders require {name}")
    if is_given and name not in needed and not (name.startswith("trail") and draft.type is OrderType.TRAILING_STOP):
        raise malformed(f"{draft.type} orders require no {name}")


def _check_trail(draft: OrderDraft) -> None:
    if (draft.trail_price is None) == (draft.trail_percent is None):
        raise malformed("trailing_stop orders require either trail_price or trail_percent")
    percent = draft.trail_percent
    if percent is not None and not (percent.is_finite() and 0 < percent < 100):  # noqa: PLR2004 - of a hundred
        raise malformed("trail_percent must be > 0 and < 100")


def _check_time_in_force(draft: OrderDraft) -> None:
    if draft.time_in_force in LASTING:
        return
    if draft.type not in PLAIN_TYPES:
        raise broken_rule(f"{draft.time_in_force} orders must be market or limit orders")
    if draft.order_class is not OrderClass.SIMPLE:
        raise broken_rule(f"complex orders must be day or gtc orders, not {draft.time_in_force}")


def _check_extended_hours(draft: OrderDraft) -> None:
    if not draft.extended_hours:
        return
    if draft.type is not OrderType.LIMIT:
        raise malformed('only type="limit" is allowed for extended hours orders')
    if draft.time_in_force is not TimeInForce.DAY:
        raise broken_rule("extended hours orders must be DAY limit orders")
    if draft.order_class is not OrderClass.SIMPLE:
        raise broken_rule("extended hours orders must be simple orders")


def _check_fraction(draft: OrderDraft) -> None:
    if not is_fractional(draft):
        return
    if draft.time_in_force is not TimeInForce.DAY:
        raise broken_rule("fractional orders must be DAY orders")
    if draft.order_class is not OrderClass.SIMPLE:
        raise broken_rule("fractional orders must be simple orders")
    if draft.type not in FRACTIONABLE_TYPES:
        raise broken_rule(f"fractional orders cannot be {draft.type} orders")


def _check_class(draft: OrderDraft) -> None:
    CLASS_CHECKS[draft.order_class](draft)
    for leg, name in ((draft.take_profit, "take_profit"), (draft.stop_loss, "stop_loss")):
        for field in ("limit_price", "stop_price"):
            price = getattr(leg, field) if leg else None
            if price is not None:
                check_price(f"{name}.{field}", price)


def _check_simple(draft: OrderDraft) -> None:
    if draft.take_profit or draft.stop_loss:
        raise malformed("take_profit and stop_loss are only allowed for bracket, oco and oto orders")


def _check_bracket(draft: OrderDraft) -> None:
    if draft.type not in PLAIN_TYPES:
        raise malformed("bracket orders must be market or limit orders")
    _require_target(draft)
    _require_stop(draft)


def _check_oto(draft: OrderDraft) -> None:
    if draft.type not in PLAIN_TYPES:
        raise malformed("oto orders must be market or limit orders")
    if bool(draft.take_profit) == bool(draft.stop_loss):
        raise malformed("oto orders require either take_profit or stop_loss")
    if draft.take_profit:
        _require_target(draft)
    else:
        _require_stop(draft)


def _check_oco(draft: OrderDraft) -> None:
    if draft.type is not OrderType.LIMIT:
        raise malformed("oco orders must be limit orders")
    if draft.limit_price is None:
        _require_target(draft)
    _require_stop(draft)


def _require_target(draft: OrderDraft) -> None:
    if draft.take_profit is None or draft.take_profit.limit_price is None:
        raise malformed(f"{draft.order_class} orders require take_profit.limit_price")


def _require_stop(draft: OrderDraft) -> None:
    if draft.stop_loss is None or draft.stop_loss.stop_price is None:
        raise malformed(f"{draft.order_class} orders require stop_loss.stop_price")


def _exponent(number: Decimal) -> int:
    """The place of the last digit that is not zero."""
    exponent = number.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


CLASS_CHECKS = {
    OrderClass.SIMPLE: _check_simple,
    OrderClass.BRACKET: _check_bracket,
    OrderClass.OTO: _check_oto,
    OrderClass.OCO: _check_oco,
}
