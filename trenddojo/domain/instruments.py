"""What is traded: asset classes, ticks, lots, multipliers, and symbols that may be typed."""

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from trenddojo.domain.errors import DomainError, SymbolError
from trenddojo.domain.money import EXACT


class AssetClass(StrEnum):
    STOCK = "stock"
    ETF = "etf"
    OPTION = "option"
    FUTURE = "future"
    CRYPTO = "crypto"


class Fractions(StrEnum):
    """Whether the account can hold parts of a share."""

    WHOLE = "whole"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing. `tick` is the price step, `lot` the quantity step; places bound what may be recorded."""

    symbol: str
    asset_class: AssetClass
    multiplier: Decimal
    tick: Decimal
    lot: Decimal
    price_places: int
    quantity_places: int


_NANO = Decimal("0.000000001")
# Averages of several executions have more decimals than a quote, hence six places for recorded prices.
_DEFAULTS: dict[AssetClass, Instrument] = {
    AssetClass.STOCK: Instrument("", AssetClass.STOCK, Decimal(1), Decimal("0.01"), Decimal(1), 6, 0),
    AssetClass.ETF: Instrument("", AssetClass.ETF, Decimal(1), Decimal("0.01"), Decimal(1), 6, 0),
    AssetClass.OPTION: Instrument("", AssetClass.OPTION, Decimal(100), Decimal("0.01"), Decimal(1), 6, 0),
    AssetClass.FUTURE: Instrument("", AssetClass.FUTURE, Decimal(1), Decimal("0.01"), Decimal(1), 9, 0),
    AssetClass.CRYPTO: Instrument("", AssetClass.CRYPTO, Decimal(1), _NANO, _NANO, 9, 9),
}
_FRACTIONAL = frozenset({AssetClass.STOCK, AssetClass.ETF})
_SYMBOL = re.compile(r"/?[A-Z0-9][A-Z0-9.\-/]{0,30}", re.ASCII)
_OCC = re.compile(r"([A-Z][A-Z0-9.]{0,5}) {0,5}(\d{6})([CP])(\d{8})", re.ASCII)


def instrument_for(
    symbol: str,
    asset_class: AssetClass,
    *,
    multiplier: Decimal | None = None,
    fractions: Fractions = Fractions.WHOLE,
) -> Instrument:
    """Build the instrument from the defaults of its class.

    Fractions give stocks and ETFs a lot of 0.000000001; options and futures stay whole, crypto is always fractional.
    Raises SymbolError for a bad symbol and DomainError (bad_multiplier) for a multiplier not above zero.
    """
    found = replace(_DEFAULTS[asset_class], symbol=validate_symbol(symbol))
    if multiplier is not None:
        if not multiplier.is_finite() or multiplier <= 0:
            raise DomainError("bad_multiplier", "The multiplier must be greater than zero.", "multiplier")
        found = replace(found, multiplier=multiplier)
    if fractions is Fractions.ALLOWED and asset_class in _FRACTIONAL:
        found = replace(found, lot=_NANO, quantity_places=9)
    return found


def floor_to_lot(quantity: Decimal, lot: Decimal) -> Decimal:
    """Round a quantity down to whole lots; never below zero."""
    if quantity <= 0:
        return Decimal(0)
    lots = EXACT.divide(quantity, lot).to_integral_value(rounding=ROUND_FLOOR)
    return EXACT.multiply(lots, lot)


def tick_at(instrument: Instrument, price: Decimal) -> Decimal:
    """The quote step at a price: US shares under 1.00 may be quoted in steps of 0.0001 (SEC Rule 612)."""
    if instrument.asset_class in _FRACTIONAL and price < 1:
        return Decimal("0.0001")
    return instrument.tick


@dataclass(frozen=True, slots=True)
class OptionContract:
    """What an OCC option symbol says."""

    root: str
    expires_on: date
    right: str
    strike: Decimal


def parse_option(symbol: str) -> OptionContract | None:
    """Read an OCC option symbol (`AAPL250117C00150000`); None when the text is not one."""
    match = _OCC.fullmatch(symbol)
    if match is None:
        return None
    root, day, right, strike = match.groups()
    try:
        expires_on = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
    return OptionContract(root, expires_on, "call" if right == "C" else "put", Decimal(strike) / 1000)


def validate_symbol(text: str) -> str:
    """Return the symbol in capitals, OCC option symbols without their padding.

    Letters, digits, point, hyphen and slash are allowed, at most 32 characters. Raises SymbolError.
    """
    typed = text.strip()
    if not typed:
        raise SymbolError("required", "Enter a symbol, such as AAPL.", "symbol")
    # Capitals of non-ASCII letters can turn into ASCII ones, so the typed text is looked at first.
    symbol = typed.upper() if typed.isascii() else typed
    match = _OCC.fullmatch(symbol)
    if match is not None:
        if parse_option(symbol) is None:
            raise SymbolError("bad_option_date", "The option symbol names a day that does not exist.", "symbol")
        return "".join(match.groups())
    if not _SYMBOL.fullmatch(symbol):
        raise SymbolError(
            "bad_symbol",
            "A symbol has only letters, digits, points, hyphens and slashes, at most 32, such as AAPL or BRK.B.",
            "symbol",
        )
    return symbol
