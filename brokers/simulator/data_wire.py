"""Market data as Alpaca sends it: prices are JSON numbers here, not strings."""

from decimal import Decimal
from typing import Any

from brokers.simulator.engine.types import Asset, Bar, Print, Quote

EXCHANGE = "V"
TAPES = {"NYSE": "A", "NASDAQ": "C"}
Fields = dict[str, Any]


def tape(asset: Asset | None) -> str:
    return TAPES.get(asset.exchange, "B") if asset is not None else "B"


def price(value: Decimal) -> float:
    """A JSON number: the shortest text of a double has the same digits as the decimal, up to fifteen of them."""
    return float(value)


def quote(found: Quote, of_tape: str, at: Any) -> Fields:
    return {
        "t": at,
        "ax": EXCHANGE,
        "ap": price(found.ask),
        "as": int(found.ask_size),
        "bx": EXCHANGE,
        "bp": price(found.bid),
        "bs": int(found.bid_size),
        "c": ["R"],
        "z": of_tape,
    }


def trade(found: Print, of_tape: str, at: Any) -> Fields:
    return {
        "t": at,
        "x": EXCHANGE,
        "p": price(found.price),
        "s": int(found.size),
        "c": ["@"],
        "i": found.id,
        "z": of_tape,
    }


def bar(found: Bar, at: Any) -> Fields:
    return {
        "t": at,
        "o": price(found.open),
        "h": price(found.high),
        "l": price(found.low),
        "c": price(found.close),
        "v": int(found.volume),
        "n": found.trade_count,
        "vw": price(found.vwap),
    }
