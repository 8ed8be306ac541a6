"""A scripted market's lines: quotes, trades and minute bars that somebody writes as the market goes along."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.engine.types import Bar, Print, Quote

Line = Mapping[str, Any]
# Enough that no order is filled in parts unless the script says so.
DEPTH = "100000"


def item(line: Line) -> Quote | Print | Bar:
    """What the market shows. Raises KeyError for a missing field, ArithmeticError for what is no number."""
    return KINDS[line["kind"]](line)


def _quote(line: Line) -> Quote:
    return Quote(
        symbol=line["symbol"],
        at=_at(line),
        bid=_number(line, "bid"),
        bid_size=_number(line, "bid_size", DEPTH),
        ask=_number(line, "ask"),
        ask_size=_number(line, "ask_size", DEPTH),
    )


def _trade(line: Line) -> Print:
    at = _at(line)
    # Moments on a tape differ by a microsecond at least.
    identity = int(at.timestamp()) * 1_000_000 + at.microsecond
    return Print(line["symbol"], at, _number(line, "price"), _number(line, "size", "100"), identity)


def _bar(line: Line) -> Bar:
    opening, high, low, close = (_number(line, name) for name in ("open", "high", "low", "close"))
    volume = _number(line, "volume", "1000")
    return Bar(line["symbol"], _at(line), 60, opening, high, low, close, volume, 1, close)


KINDS: dict[str, Callable[[Line], Quote | Print | Bar]] = {"quote": _quote, "trade": _trade, "bar": _bar}


def _number(line: Line, name: str, otherwise: str | None = None) -> Decimal:
    value = line.get(name)
    if value is None and otherwise is None:
        raise KeyError(name)
    return Decimal(str(otherwise if value is None else value))


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["at"])).astimezone(UTC)
