"""Decimal amounts: rounding, reading typed numbers, and money that knows its currency."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from trenddojo.domain.errors import CurrencyMismatchError, NumberError

CENT = Decimal("0.01")
ZERO = Decimal(0)
NO_MONEY = Decimal("0.00")
PRICE_QUANTUM = Decimal("0.000000001")

# Wide enough for price * quantity * multiplier at nine decimals each without rounding on the way.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(s?nan\d*|inf(inity)?)", re.ASCII | re.IGNORECASE)
_LONGEST_TEXT = 64


@contextmanager
def exact() -> Iterator[None]:
    """Compute with 80 digits inside the block, so that only the deliberate roundings round."""
    with localcontext(EXACT):
        yield


def cents(amount: Decimal) -> Decimal:
    """Round to cents, halves away from zero (ROUND_HALF_UP), as broker statements do.

    Away from zero is symmetric: the cents of a short are the mirrored cents of the long.
    """
    # A result of -0.00 would be shown with its sign.
    return amount.quantize(CENT, rounding=ROUND_HALF_UP, context=EXACT) or NO_MONEY


def rounded_price(price: Decimal) -> Decimal:
    """Round a computed price (an average) to nine decimals, halves away from zero."""
    return price.quantize(PRICE_QUANTUM, rounding=ROUND_HALF_UP, context=EXACT)


def decimal_places(value: Decimal) -> int:
    """Count the decimals that carry information: 1.50 has one, 100 has none."""
    exponent = value.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def check_decimal(
    value: Decimal, *, max_digits: int = 20, places: int = 9, field: str = "", name: str = "number"
) -> Decimal:
    """Return `value` when it is finite, has at most `places` decimals and `max_digits` digits in all.

    Raises NumberError with codes not_finite, too_many_decimals or too_many_digits.
    """
    if not value.is_finite():
        raise NumberError("not_finite", f"The {name} must be an ordinary number, such as 12.50.", field)
    digits = max(value.adjusted() + 1, 1)
    if digits > max_digits - places:
        raise NumberError(
            "too_many_digits",
            f"The {name} is too large: use at most {max_digits - places} digits before the decimal point.",
            field,
        )
    if decimal_places(value) > places:
        raise NumberError(
            "too_many_decimals",
            f"The {name} has too many decimals: use {_decimals(places)}.",
            field,
        )
    return value


def parse_decimal(
    text: str, *, max_digits: int = 20, places: int = 9, field: str = "", name: str = "number"
) -> Decimal:
    """Read a typed number such as `1234.5`, `-3` or `1,234.50`.

    A comma is accepted only as a thousands separator in a number that also shows its decimal
    point or has two groups; `1,234` and `12,5` mean different things to different people and are refused.
    Raises NumberError with codes required, exponent, not_finite, ambiguous_separator, not_a_number,
    too_many_digits or too_many_decimals.
    """
    text = text.strip()
    if not text:
        raise NumberError("required", f"Enter the {name}.", field)
    if len(text) > _LONGEST_TEXT:
        raise NumberError("too_many_digits", f"The {name} is too long: use fewer digits.", field)
    plain = _without_separators(text, field=field, name=name)
    return check_decimal(Decimal(plain), max_digits=max_digits, places=places, field=field, name=name)


def parse_positive(
    text: str, *, max_digits: int = 20, places: int = 9, field: str = "", name: str = "number"
) -> Decimal:
    """Read a typed number that must be above zero; raises NumberError (not_positive and as parse_decimal)."""
    value = parse_decimal(text, max_digits=max_digits, places=places, field=field, name=name)
    return check_positive(value, field=field, name=name)


def check_positive(value: Decimal, *, field: str = "", name: str = "number") -> Decimal:
    """Return `value` when it is above zero; raises NumberError (not_finite, not_positive)."""
    if not value.is_finite():
        raise NumberError("not_finite", f"The {name} must be an ordinary number, such as 12.50.", field)
    if value <= ZERO:
        raise NumberError("not_positive", f"The {name} must be greater than zero.", field)
    return value


def _without_separators(text: str, *, field: str, name: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if _EXPONENT.fullmatch(text):
        raise NumberError("exponent", f"Write the {name} out in full, without an exponent.", field)
    if _NOT_FINITE.fullmatch(text):
        raise NumberError("not_finite", f"The {name} must be an ordinary number, such as 12.50.", field)
    if _GROUPED.fullmatch(text) and ("." in text or text.count(",") > 1):
        return text.replace(",", "")
    if "," in text:
        raise NumberError(
            "ambiguous_separator",
            f"The comma in the {name} can be read two ways: use a point for decimals and no thousands separator.",
            field,
        )
    raise NumberError("not_a_number", f"The {name} must be a number, such as 12.50.", field)


def _decimals(places: int) -> str:
    if places == 0:
        return "a whole number"
    return f"at most {places} decimal" + ("s" if places > 1 else "")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency; sums and comparisons across currencies raise CurrencyMismatchError."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise CurrencyMismatchError("bad_currency", "A currency is three capital letters, such as USD.", "currency")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def rounded(self) -> "Money":
        """The amount in cents."""
        return Money(cents(self.amount), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatchError(
                "currency_mismatch",
                f"{self.currency} and {other.currency} cannot be combined: look at each currency by itself.",
                "currency",
            )
        return other.amount
