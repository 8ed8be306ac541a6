"""Which column means what: guessed from the names and the first lines, shown, changed, kept."""

import hashlib
import json
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from trades.imports.formats import FORMATS, GENERIC, NAMES, REQUIRED, ROLES, BrokerFormat, plain_name
from trades.imports.refusals import FileRefused
from trades.imports.sides import read_side

DATE_ORDERS = {
    "ymd": "Year, month, day (2026-03-31)",
    "mdy": "Month, day, year (03/31/2026)",
    "dmy": "Day, month, year (31.03.2026)",
}
DECIMAL_MARKS = {".": "Point (1,234.50)", ",": "Comma (1.234,50)"}
SIDES_FROM = {"column": "The side column says it", "sign": "A minus sign at the quantity means sold"}
COST_SIGNS = {"positive": "Without a sign (1.00 was paid)", "negative": "With a minus sign (-1.00 was paid)"}
UNOPENED = {
    "short": "It opens a short position",
    "incomplete": "The purchase is missing: mark the trade as incomplete",
}
ASSET_CLASSES = {"stock": "Stock", "etf": "ETF", "option": "Option", "future": "Future", "crypto": "Crypto"}

_AMBIGUOUS_DAY = re.compile(r"\s*([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{2,4})")
_COMMA_DECIMAL = re.compile(r"[-+$€£(]?\s*[0-9.]*[0-9],(?:[0-9]{1,2}|[0-9]{4,})\D*")
_HAS_CLOCK = re.compile(r"[0-9]:[0-9]|[0-9]{14}|[0-9]{8}[;, T][0-9]{4}")
_LAST_MONTH = 12


@dataclass(slots=True)
class Mapping:
    """Columns by role (an index into the header) and how their texts are to be read."""

    columns: dict[str, int] = field(default_factory=dict)
    timezone: str = "UTC"
    date_order: str = "ymd"
    decimal: str = "."
    sides: str = "column"
    costs: str = "positive"
    unopened: str = "short"
    asset_class: str = "stock"
    format: str = ""

    def options(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if name != "columns"}

    def as_json(self) -> dict[str, Any]:
        return {"columns": self.columns, **self.options()}

    @classmethod
    def from_json(cls, kept: dict[str, Any], *, columns: int) -> "Mapping | None":
        """What was kept, or None when it is not whole or speaks of columns the file does not have."""
        places = kept.get("columns")
        if not isinstance(places, dict) or set(kept) != set(cls.__dataclass_fields__):
            return None
        if any(role not in ROLES or not isinstance(at, int) or not 0 <= at < columns for role, at in places.items()):
            return None
        found = cls(**kept)
        return found if found.is_sane() else None

    def is_sane(self) -> bool:
        choices = (
            (self.date_order, DATE_ORDERS),
            (self.decimal, DECIMAL_MARKS),
            (self.sides, SIDES_FROM),
            (self.costs, COST_SIGNS),
            (self.unopened, UNOPENED),
            (self.asset_class, ASSET_CLASSES),
        )
        return all(value in known for value, known in choices) and self.timezone in zoneinfo.available_timezones()


def header_key(header: Sequence[str]) -> str:
    """A digest of the header: files with the same one are read the same way."""
    return hashlib.sha256(json.dumps([name.strip() for name in header]).encode()).hexdigest()


def guess(header: Sequence[str], sample: Sequence[Sequence[str]], *, timezone: str, asked: str = "") -> Mapping:
    """The likeliest mapping by the names of the columns and the values of the first lines.

    `asked` is a key of FORMATS or GENERIC. Raises FileRefused where the file is not of that format.
    """
    names = [plain_name(name) for name in header]
    broker = _format_of(set(names), asked)
    found = Mapping(timezone=timezone, format=broker.key if broker else "")
    found.columns = _columns(names, sample, broker)
    found.date_order = _date_order(_values(found, sample, "executed_at"))
    found.decimal = _decimal_mark([*_values(found, sample, "price"), *_values(found, sample, "quantity")])
    found.costs = _cost_sign(_values(found, sample, "commission"))
    for name, value in (broker.options if broker else {}).items():
        # What the values prove is better knowledge than what the broker usually does.
        if name != "date_order" or not _proves_order(_values(found, sample, "executed_at")):
            setattr(found, name, value)
    return found


def _format_of(names: set[str], asked: str) -> BrokerFormat | None:
    if asked == GENERIC:
        return None
    known = [each for each in FORMATS if asked in ("", each.key)]
    found = next((each for each in known if each.signature <= names), None)
    if asked and found is None:
        title = known[0].title if known else asked
        raise FileRefused(
            "wrong_format", f"These are not the columns of “{title}”: choose another format, or let it be recognised."
        )
    return found


def _columns(names: list[str], sample: Sequence[Sequence[str]], broker: BrokerFormat | None) -> dict[str, int]:
    fixed = broker.columns if broker else {}
    taken: dict[str, int] = {}
    for role, name in fixed.items():
        if name in names:
            taken[role] = names.index(name)
    for role in ROLES:
        if role in fixed:
            continue
        at = _column(role, names, sample, set(taken.values()))
        if at is not None:
            taken[role] = at
    return _without_idle_columns(taken, sample, broker)


def _column(role: str, names: list[str], sample: Sequence[Sequence[str]], used: set[int]) -> int | None:
    for wanted in NAMES[role]:
        for at, name in enumerate(names):
            if name == wanted and at not in used and _fits(role, at, sample):
                return at
    return None


def _fits(role: str, at: int, sample: Sequence[Sequence[str]]) -> bool:
    """A column called Type may hold sides or order types: its values decide."""
    if role != "side":
        return True
    values = [cells[at] for cells in sample if at < len(cells) and cells[at].strip()]
    known = sum(1 for value in values if read_side(value) is not None)
    return not values or known * 2 >= len(values)


def _without_idle_columns(
    taken: dict[str, int], sample: Sequence[Sequence[str]], broker: BrokerFormat | None
) -> dict[str, int]:
    if "executed_at" not in taken and "time" in taken:
        taken["executed_at"] = taken.pop("time")
    day = taken.get("executed_at")
    if day is not None and any(_HAS_CLOCK.search(cells[day]) for cells in sample if day < len(cells)):
        taken.pop("time", None)
    # A column called Code says whether a fill opens or closes at one broker only.
    if broker is None and "open_close" in taken:
        del taken["open_close"]
    return taken


def _values(mapping: Mapping, sample: Sequence[Sequence[str]], role: str) -> list[str]:
    at = mapping.columns.get(role)
    return [] if at is None else [cells[at].strip() for cells in sample if at < len(cells) and cells[at].strip()]


def _days(values: Sequence[str]) -> list[tuple[int, int]]:
    found = (_AMBIGUOUS_DAY.match(value) for value in values)
    return [(int(match[1]), int(match[2])) for match in found if match]


def _date_order(values: Sequence[str]) -> str:
    days = _days(values)
    if not days:
        return "ymd"
    if any(first > _LAST_MONTH for first, _ in days):
        return "dmy"
    if any(second > _LAST_MONTH for _, second in days):
        return "mdy"
    return "dmy" if any("." in value.split(" ")[0] for value in values) else "mdy"


def _proves_order(values: Sequence[str]) -> bool:
    return any(first > _LAST_MONTH or second > _LAST_MONTH for first, second in _days(values))


def order_is_ambiguous(mapping: Mapping, sample: Sequence[Sequence[str]]) -> bool:
    """Whether the first lines' dates could be read with day and month exchanged."""
    values = _values(mapping, sample, "executed_at")
    return bool(_days(values)) and not _proves_order(values)


def _decimal_mark(values: Sequence[str]) -> str:
    return "," if any(_COMMA_DECIMAL.fullmatch(value) for value in values) else "."


def _cost_sign(values: Sequence[str]) -> str:
    paid = [value for value in values if value.strip("-0.,$() ")]
    return "negative" if paid and all(value.startswith(("-", "(", "\u2212", "$-")) for value in paid) else "positive"


def missing_roles(mapping: Mapping) -> list[str]:
    """Roles without which no line is a fill."""
    wanted = [role for role in REQUIRED if role not in mapping.columns]
    if mapping.sides == "column" and "side" not in mapping.columns:
        wanted.append("side")
    return wanted


def doubled_names(header: Sequence[str], mapping: Mapping) -> list[str]:
    """Names of used columns that more than one column has."""
    used = {plain_name(header[at]) for at in mapping.columns.values()}
    names = [plain_name(name) for name in header]
    return sorted({header[names.index(name)] for name in used if name and names.count(name) > 1})
