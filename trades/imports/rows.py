"""One line of a file into one fill, or the sentence that says why not."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.models import TradingAccount
from trades.imports.formats import ASSET_CLASSES, FILLED, plain_name
from trades.imports.mapping import Mapping
from trades.imports.refusals import LineError
from trades.imports.sides import is_no_fill, read_side
from trades.imports.values import cost, number_reader, time_reader
from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import (
    AssetClass,
    Fractions,
    Instrument,
    instrument_for,
    parse_option,
    validate_symbol,
)
from trenddojo.domain.money import check_decimal, decimal_places

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING = Decimal(0)
LONGEST_EXECUTION_ID = 255
# What the column of a fill's costs holds.
MOST_COST = Decimal(10) ** 10
_PLAIN_COST = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?").fullmatch
MOST_MULTIPLIER = Decimal(10_000_000)
MULTIPLIER_PLACES = 4


class ParsedFill(NamedTuple):
    """A line that was understood. `closes` says that the words name a closing of a position."""

    line: int
    symbol: str
    asset_class: str
    multiplier: Decimal
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    fees: Decimal
    executed_at: datetime
    execution_id: str
    closes: bool


@dataclass(slots=True)
class Rules:
    """What the account allows and already knows, for reading one file."""

    currency: str
    fractions: Fractions
    now: datetime
    # Symbol to asset class and multiplier, where the account has traded the symbol in one way only.
    known: dict[str, tuple[str, Decimal]] = field(default_factory=dict)

    @classmethod
    def of(cls, account: TradingAccount, *, now: datetime, known: dict[str, tuple[str, Decimal]]) -> "Rules":
        fractions = Fractions.ALLOWED if account.allows_fractions else Fractions.WHOLE
        return cls(account.currency, fractions, now, known)


class FillReader:
    """Reads lines by a mapping. `skipped` counts lines that are no fills, by what they say they are."""

    def __init__(self, mapping: Mapping, rules: Rules, *, columns: int) -> None:
        at = mapping.columns
        self._at = at
        self._columns = columns
        self._rules = rules
        self._mapping = mapping
        self._number = number_reader(mapping.decimal)
        self._time = time_reader(ZoneInfo(mapping.timezone), mapping.date_order)
        self._when, self._clock = at["executed_at"], at.get("time")
        self._symbol, self._quantity, self._price = at["symbol"], at["quantity"], at["price"]
        self._side = at.get("side") if mapping.sides == "column" else None
        self._id, self._status, self._currency = at.get("execution_id"), at.get("status"), at.get("currency")
        self._class, self._multiplier = at.get("asset_class"), at.get("multiplier")
        self._open_close = at.get("open_close")
        self._commission, self._fees = at.get("commission"), at.get("fees")
        self._costs_sign = -1 if mapping.costs == "negative" else 1
        self._instruments: dict[tuple[str, str, str], Instrument] = {}
        self.skipped: Counter[str] = Counter()

    def read(self, line: int, cells: Sequence[str]) -> ParsedFill | None:
        """The fill of a line, None for a line that is no fill; raises LineError."""
        if self._is_no_fill(cells):
            return None
        if len(cells) != self._columns:
            cells = self._fitted(cells)
        side, quantity, closes = self._side_and_quantity(cells)
        instrument = self._instrument(cells)
        price = self._number(cells[self._price], "price")
        self._check(instrument, quantity, price)
        when = cells[self._when] if self._clock is None else f"{cells[self._when].strip()} {cells[self._clock].strip()}"
        executed_at = self._time(when)
        if not EARLIEST <= executed_at <= self._rules.now:
            raise _impossible_time(executed_at)
        commission, fees = self._costs(cells)
        return ParsedFill(
            line, instrument.symbol, instrument.asset_class.value, instrument.multiplier, side, quantity, price,
            commission, fees, executed_at, self._execution_id(cells), closes,
        )  # fmt: skip

    def _is_no_fill(self, cells: Sequence[str]) -> bool:
        if cells[0].lstrip().startswith("***"):
            self.skipped["remarks"] += 1
            return True
        at = self._side
        if at is not None and at < len(cells) and is_no_fill(cells[at]) and read_side(cells[at]) is None:
            self.skipped[cells[at].strip()[:40]] += 1
            return True
        at = self._status
        if at is not None and at < len(cells) and plain_name(cells[at]) not in FILLED:
            self.skipped[f"status {cells[at].strip()[:40]}"] += 1
            return True
        return self._is_total(cells)

    def _is_total(self, cells: Sequence[str]) -> bool:
        """A line of a statement such as “Total” or “Transactions Total”, without a symbol and a quantity."""
        first = cells[0].strip().lower()
        if first.startswith("total") or first.endswith(" total") or first in {"subtotal", "grand total"}:
            self.skipped["totals"] += 1
            return True
        return False

    def _fitted(self, cells: Sequence[str]) -> Sequence[str]:
        if len(cells) < self._columns:
            raise LineError(
                "missing_columns",
                f"This line has {len(cells)} columns and the header {self._columns}: a part of it is missing.",
            )
        if any(cell.strip() for cell in cells[self._columns :]):
            raise LineError(
                "extra_columns",
                f"This line has {len(cells)} columns and the header {self._columns}: check its separators and"
                " quotation marks.",
            )
        return cells

    def _side_and_quantity(self, cells: Sequence[str]) -> tuple[str, Decimal, bool]:
        quantity = self._number(cells[self._quantity], "quantity")
        if quantity == NOTHING:
            raise LineError("not_positive", "The quantity is zero: a fill has at least some.")
        if self._side is None:
            side, intent = ("sell" if quantity < 0 else "buy"), ""
        else:
            side, intent = self._side_word(cells[self._side])
            if quantity < 0 and side == "buy":
                raise LineError("sign_against_side", "This line buys a negative quantity: it says two things at once.")
        if self._open_close is not None:
            intent = _open_or_close(cells[self._open_close]) or intent
        closes = intent == "close" or (not intent and side == "sell" and self._mapping.unopened == "incomplete")
        return side, abs(quantity), closes

    def _side_word(self, text: str) -> tuple[str, str]:
        found = read_side(text)
        if found is None:
            if not text.strip():
                raise LineError("required", "The side is missing: it says buy or sell.")
            raise LineError("bad_side", f"“{text.strip()[:30]}” is neither a purchase nor a sale.")
        return found

    def _instrument(self, cells: Sequence[str]) -> Instrument:
        key = (
            cells[self._symbol],
            "" if self._class is None else cells[self._class],
            "" if self._multiplier is None else cells[self._multiplier],
        )
        found = self._instruments.get(key)
        if found is None:
            found = self._instruments[key] = self._new_instrument(*key)
        if self._currency is not None:
            self._check_currency(cells[self._currency])
        return found

    def _new_instrument(self, symbol: str, class_text: str, multiplier_text: str) -> Instrument:
        # TradingView writes NASDAQ:AAPL, some exports pad option symbols.
        name = symbol.strip().rpartition(":")[2]
        try:
            name = validate_symbol(name)
        except DomainError as problem:
            raise LineError(problem.code, f"{problem.sentence} It is “{symbol.strip()[:40]}”.") from None
        known = self._rules.known.get(name)
        asset_class = self._asset_class(name, class_text, known)
        multiplier = None
        if multiplier_text.strip():
            multiplier = self._multiplier_of(multiplier_text)
        elif known and known[0] == asset_class:
            multiplier = known[1]
        return instrument_for(name, AssetClass(asset_class), multiplier=multiplier, fractions=self._rules.fractions)

    def _asset_class(self, symbol: str, text: str, known: tuple[str, Decimal] | None) -> str:
        said = ASSET_CLASSES.get(plain_name(text))
        if said is None:
            raise LineError("bad_asset_class", f"“{text.strip()[:30]}” is no stock, ETF, option, future or crypto.")
        if said == "stock" and known and known[0] == "etf":
            return "etf"
        if said:
            return said
        if known:
            return known[0]
        return "option" if parse_option(symbol) else self._mapping.asset_class

    def _multiplier_of(self, text: str) -> Decimal:
        value = self._number(text, "multiplier")
        if not NOTHING < value <= MOST_MULTIPLIER or decimal_places(value) > MULTIPLIER_PLACES:
            raise LineError("bad_multiplier", "The multiplier must be above zero, with at most four decimals.")
        return value

    def _check_currency(self, text: str) -> None:
        currency = text.strip().upper()
        if currency and currency != self._rules.currency:
            raise LineError(
                "other_currency",
                f"This fill is in {currency[:12]} and the account in {self._rules.currency}: import it into an account"
                " of its currency.",
            )

    def _check(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> None:
        if price <= 0:
            raise LineError("not_positive", "The price must be greater than zero.")
        try:
            _check_places(quantity, instrument.quantity_places, "quantity")
            _check_places(price, instrument.price_places, "price")
        except DomainError as problem:
            raise LineError(problem.code, problem.sentence) from None

    def _costs(self, cells: Sequence[str]) -> tuple[Decimal, Decimal]:
        commission = self._cost(self._commission, cells, "commission")
        fees = self._cost(self._fees, cells, "fee")
        if commission < 0:
            # A rebate: paid to the trader, so it lowers the fees.
            commission, fees = NOTHING, fees + commission
        if commission >= MOST_COST or abs(fees) >= MOST_COST:
            raise LineError("too_many_digits", "The commission or fee is too large: check the column.")
        return commission, fees

    def _cost(self, at: int | None, cells: Sequence[str], name: str) -> Decimal:
        if at is None or not cells[at] or cells[at].isspace():
            return NOTHING
        if self._costs_sign > 0 and _PLAIN_COST(cells[at]):
            return Decimal(cells[at])
        value = cost(self._number(cells[at], name)) * self._costs_sign
        return value or NOTHING

    def _execution_id(self, cells: Sequence[str]) -> str:
        if self._id is None:
            return ""
        found = cells[self._id].strip()
        if len(found) > LONGEST_EXECUTION_ID or not found.isprintable():
            raise LineError("bad_execution_id", "The execution id is too long or holds unprintable characters.")
        return found


def _check_places(value: Decimal, places: int, name: str) -> None:
    # Whole numbers and short decimals need no second look.
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -places <= exponent <= 0 and value.adjusted() < 11:  # noqa: PLR2004
        return
    check_decimal(value, max_digits=11 + places, places=places, name=name)


def _open_or_close(text: str) -> str:
    """O and C in the codes of a fill; a fill that does both is a flip and says nothing."""
    codes = {code.strip().upper() for code in text.replace(",", ";").split(";")}
    opens, closes = bool(codes & {"O", "OPEN", "TO OPEN"}), bool(codes & {"C", "CLOSE", "TO CLOSE"})
    return "" if opens == closes else "open" if opens else "close"


def _impossible_time(executed_at: datetime) -> LineError:
    shown = f"{executed_at:%Y-%m-%d %H:%M} UTC"
    if executed_at < EARLIEST:
        return LineError("before_1970", f"The fill is dated before 1970 ({shown}): check the year and the date order.")
    return LineError(
        "in_future", f"The fill lies in the future ({shown}): check the date order and the time zone of the file."
    )
