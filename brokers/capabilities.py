"""Whether a broker can take an order, decided from its table alone: nothing is sent."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from brokers.base import Capabilities, Restriction, Trait
from brokers.errors import Unsupported
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, TimeInForce

AUCTIONS: Final = frozenset({TimeInForce.OPG, TimeInForce.CLS})
WORDS: Final[dict[Trait, str]] = {
    Trait.CRYPTO: "Crypto orders",
    Trait.OPTION: "Option orders",
    Trait.FRACTION: "Orders for parts of a share",
    Trait.EXTENDED_HOURS: "Orders for extended hours",
    Trait.GROUP: "Orders with a stop or a target attached",
    Trait.TRAILING: "Trailing stops",
    Trait.AUCTION: "Orders for an auction",
}


def unsupported(capabilities: Capabilities, terms: OrderTerms, asset_class: AssetClass) -> str:
    """Why the broker cannot take this order, as a sentence; empty when it can."""
    return unsupported_at(capabilities, terms, asset_class)[1]


def unsupported_at(capabilities: Capabilities, terms: OrderTerms, asset_class: AssetClass) -> tuple[str, str]:
    """The field of the terms that the broker cannot take, and why; both empty when it can take the order."""
    if not capabilities.places_orders:
        return "", "This account places no orders: record what you did at the broker."
    return next(_reasons(capabilities, terms, asset_class), ("", ""))


def refuse_unsupported(capabilities: Capabilities, terms: OrderTerms, asset_class: AssetClass) -> None:
    """Raises Unsupported unless the table says that the broker can take this order."""
    sentence = unsupported(capabilities, terms, asset_class)
    if sentence:
        raise Unsupported(sentence, code="unsupported")


def _reasons(capabilities: Capabilities, terms: OrderTerms, asset_class: AssetClass) -> Iterator[tuple[str, str]]:
    possible: tuple[tuple[str, StrEnum, frozenset[StrEnum], str], ...] = (
        ("asset_class", asset_class, frozenset(capabilities.asset_classes), "instruments of the class"),
        ("type", terms.type, frozenset(capabilities.order_types), "orders of the type"),
        ("time_in_force", terms.time_in_force, frozenset(capabilities.times_in_force), "the time in force"),
        ("order_class", terms.order_class, frozenset(capabilities.order_classes), "orders of the class"),
    )
    for field, asked, able, what in possible:
        if asked not in able:
            yield field, f"This broker does not know {what} “{spoken(asked)}”; choose {listed(able)}."
    if terms.extended_hours and not capabilities.extended_hours:
        yield "extended_hours", "This broker does not trade in extended hours."
    if _is_fraction(terms, asset_class) and not capabilities.fractions:
        yield "quantity", "This broker takes whole shares only."
    if terms.trail_price is not None and not capabilities.trails_by_price:
        yield "trail_price", "This broker trails by percent only."
    has = _traits(terms, asset_class)
    for restriction in capabilities.restrictions:
        if restriction.trait in has:
            yield from _broken(restriction, terms)


def _broken(restriction: Restriction, terms: OrderTerms) -> Iterator[tuple[str, str]]:
    asked: tuple[tuple[str, StrEnum, frozenset[StrEnum] | None, str], ...] = (
        ("type", terms.type, _words(restriction.order_types), "type"),
        ("time_in_force", terms.time_in_force, _words(restriction.times_in_force), "time in force"),
        ("order_class", terms.order_class, _words(restriction.order_classes), "class"),
    )
    for field, value, able, what in asked:
        if able is not None and value not in able:
            yield field, f"{WORDS[restriction.trait]} are possible at this broker only with the {what} {listed(able)}."


def _words(words: Iterable[StrEnum] | None) -> frozenset[StrEnum] | None:
    return None if words is None else frozenset(words)


def _traits(terms: OrderTerms, asset_class: AssetClass) -> set[Trait]:
    found = {
        Trait.CRYPTO: asset_class is AssetClass.CRYPTO,
        Trait.OPTION: asset_class is AssetClass.OPTION,
        Trait.FRACTION: _is_fraction(terms, asset_class),
        Trait.EXTENDED_HOURS: terms.extended_hours,
        Trait.GROUP: terms.order_class is not OrderClass.SIMPLE,
        Trait.TRAILING: terms.type is OrderType.TRAILING_STOP,
        Trait.AUCTION: terms.time_in_force in AUCTIONS,
    }
    return {trait for trait, holds in found.items() if holds}


def _is_fraction(terms: OrderTerms, asset_class: AssetClass) -> bool:
    """Crypto is always fractional; what counts is a part of a share or of a contract."""
    return asset_class is not AssetClass.CRYPTO and terms.quantity != terms.quantity.to_integral_value()


def spoken(word: StrEnum) -> str:
    return word.value.replace("_", " ")


def listed(words: Iterable[StrEnum]) -> str:
    """The words in the order of their declaration: "day, gtc or ioc"."""
    chosen = set(words)
    kind = type(next(iter(chosen)))
    *others, last = [spoken(word) for word in kind if word in chosen]
    return f"{', '.join(others)} or {last}" if others else last
