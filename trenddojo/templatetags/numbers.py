"""How numbers, money and times read on every page: pure text, no markup.

Amounts are Decimal and are never passed through float. Figures from return series may be floats; they are rounded
for show only. A missing value is ``None`` and reads as an em dash, never as zero.
"""

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

MISSING = "—"
MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"

AVERAGE_PLACES, AVERAGE_DIGITS = 4, 6

Number = Decimal | int | float | str | None

# Minor units that differ from two (ISO 4217), and the coins people hold as cash.
_MINOR_UNITS = {
    "JPY": 0,
    "KRW": 0,
    "ISK": 0,
    "CLP": 0,
    "VND": 0,
    "BHD": 3,
    "KWD": 3,
    "BTC": 8,
    "ETH": 8,
}


def as_decimal(value: Number) -> Decimal | None:
    """The value as a finite Decimal, or None for what cannot be shown as a number."""
    if value is None or value == "":
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def minor_units(currency: str) -> int:
    """Decimal places money in this currency is shown with."""
    return _MINOR_UNITS.get(currency, 2)


def rounded(number: Decimal, places: int) -> Decimal:
    """The number at a fixed count of decimals; what rounds to nothing loses its sign."""
    result = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return abs(result) if result.is_zero() else result


def plain(number: Decimal) -> str:
    """Grouped digits with a real minus sign, every digit of the number kept."""
    return f"{number:,f}".replace("-", MINUS)


def with_sign(number: Decimal) -> str:
    """As `plain`, with a plus sign on gains."""
    return f"+{number:,f}" if number > 0 else plain(number)


def trimmed(number: Decimal, least: int) -> Decimal:
    """The number without trailing zeros, but with at least so many decimals."""
    normal = number.normalize()
    places = max(least, -int(normal.as_tuple().exponent))
    return number.quantize(Decimal(1).scaleb(-places))


def averaged(number: Decimal) -> Decimal:
    """A mean price to read: four decimals at most from 1 on, six significant digits below, two decimals at least."""
    size = number.adjusted()
    places = AVERAGE_PLACES if size >= 0 else AVERAGE_DIGITS - 1 - size
    return trimmed(rounded(number, places), 2)


def span(value: timedelta) -> str:
    """A length of time in its two largest units: 3 d 4 h, 2 h 5 min, 12 s."""
    rest = int(value.total_seconds())
    if rest < 0:
        return MINUS + span(-value)
    counts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        counts.append((count, name))
    largest = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = [f"{count}{NARROW_SPACE}{name}" for count, name in counts[largest : largest + 2] if count]
    return " ".join(shown) or f"0{NARROW_SPACE}s"
