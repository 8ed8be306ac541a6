"""The currencies an account may be kept in: ISO 4217 codes with their number of decimals.

Amounts are stored with two decimals, so the few currencies with three (KWD, BHD, OMR, TND, JOD, IQD, LYD) are left
out: rounding somebody's money silently would be worse than saying that it is not supported.
"""

from typing import NamedTuple


class Currency(NamedTuple):
    name: str
    places: int


CURRENCIES: dict[str, Currency] = {
    "USD": Currency("US dollar", 2),
    "EUR": Currency("Euro", 2),
    "GBP": Currency("Pound sterling", 2),
    "CHF": Currency("Swiss franc", 2),
    "JPY": Currency("Japanese yen", 0),
    "CAD": Currency("Canadian dollar", 2),
    "AUD": Currency("Australian dollar", 2),
    "NZD": Currency("New Zealand dollar", 2),
    "AED": Currency("UAE dirham", 2),
    "ARS": Currency("Argentine peso", 2),
    "BRL": Currency("Brazilian real", 2),
    "CLP": Currency("Chilean peso", 0),
    "CNY": Currency("Chinese yuan", 2),
    "COP": Currency("Colombian peso", 2),
    "CZK": Currency("Czech koruna", 2),
    "DKK": Currency("Danish krone", 2),
    "EGP": Currency("Egyptian pound", 2),
    "HKD": Currency("Hong Kong dollar", 2),
    "HUF": Currency("Hungarian forint", 2),
    "IDR": Currency("Indonesian rupiah", 2),
    "ILS": Currency("Israeli new shekel", 2),
    "INR": Currency("Indian rupee", 2),
    "ISK": Currency("Icelandic króna", 0),
    "KRW": Currency("South Korean won", 0),
    "MXN": Currency("Mexican peso", 2),
    "MYR": Currency("Malaysian ringgit", 2),
    "NGN": Currency("Nigerian naira", 2),
    "NOK": Currency("Norwegian krone", 2),
    "PEN": Currency("Peruvian sol", 2),
    "PHP": Currency("Philippine peso", 2),
    "PKR": Currency("Pakistani rupee", 2),
    "PLN": Currency("Polish złoty", 2),
    "QAR": Currency("Qatari riyal", 2),
    "RON": Currency("Romanian leu", 2),
    "SAR": Currency("Saudi riyal", 2),
    "SEK": Currency("Swedish krona", 2),
    "SGD": Currency("Singapore dollar", 2),
    "THB": Currency("Thai baht", 2),
    "TRY": Currency("Turkish lira", 2),
    "TWD": Currency("New Taiwan dollar", 2),
    "UAH": Currency("Ukrainian hryvnia", 2),
    "VND": Currency("Vietnamese đồng", 0),
    "ZAR": Currency("South African rand", 2),
}


def currency_choices() -> list[tuple[str, str]]:
    """The currencies of a form, as (code, label)."""
    return [(code, f"{code} – {currency.name}") for code, currency in CURRENCIES.items()]


def currency_places(code: str) -> int:
    """How many decimals an amount in this currency has; two for a code that is not offered."""
    return CURRENCIES[code].places if code in CURRENCIES else 2
