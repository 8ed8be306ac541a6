"""Quotes, bars and splits as Alpaca's data host writes them. What cannot be used is left out, never mended."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from brokers.alpaca.parsing import Fields, decimal, fields, moment, text
from brokers.base import BarReport, QuoteReport, SplitReport

SPLITS: Final = ("forward_splits", "reverse_splits")
LARGEST_RATE: Final = Decimal(1_000_000)


def quotes_from(given: Any) -> dict[str, QuoteReport]:
    """The usable quotes of an answer by Alpaca's symbol: both sides above zero (0 means none there), not crossed."""
    found = fields(given).get("quotes")
    reports = (_quote(text(symbol), raw) for symbol, raw in _items(found))
    return {report.symbol: report for report in reports if report}


def _quote(symbol: str, raw: Fields) -> QuoteReport | None:
    bid, ask, at = decimal(raw.get("bp")), decimal(raw.get("ap")), moment(raw.get("t"))
    if not symbol or bid is None or ask is None or at is None or not 0 < bid <= ask:
        return None
    return QuoteReport(symbol, bid, ask, at, bid_size=decimal(raw.get("bs")), ask_size=decimal(raw.get("as")))


def bars_from(given: Any, symbol: str) -> Iterator[BarReport]:
    """The sane bars of one symbol in one page: prices above zero, open and close between low and high."""
    by_symbol = fields(given).get("bars")
    found = by_symbol.get(symbol) if isinstance(by_symbol, dict) else None
    for raw in found if isinstance(found, list) else ():
        report = _bar(symbol, raw) if isinstance(raw, dict) else None
        if report is not None:
            yield report


def _bar(symbol: str, raw: Fields) -> BarReport | None:
    opened, high, low, closed = (decimal(raw.get(name)) for name in "ohlc")
    start, volume = moment(raw.get("t")), decimal(raw.get("v"))
    if opened is None or high is None or low is None or closed is None or start is None or volume is None:
        return None
    if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high or volume < 0:
        return None
    return BarReport(symbol, start, opened, high, low, closed, volume)


def splits_from(given: Any, symbol: str) -> Iterator[SplitReport]:
    """Splits of one page, forward and reverse, without those whose rates or day cannot be read."""
    actions = fields(given).get("corporate_actions")
    for raw in _lists(actions, SPLITS):
        ratio, effective_on = _ratio(raw), _day(raw.get("ex_date"))
        if raw.get("symbol") == symbol and ratio and effective_on:
            yield SplitReport(symbol, effective_on, ratio)


def _ratio(raw: Fields) -> Decimal | None:
    """New shares for one old; None for rates that no split has."""
    new, old = decimal(raw.get("new_rate")), decimal(raw.get("old_rate"))
    if new is None or old is None or not 0 < min(new, old) <= max(new, old) <= LARGEST_RATE:
        return None
    ratio = new / old
    return ratio if 1 / LARGEST_RATE <= ratio <= LARGEST_RATE else None


def next_page(given: Any) -> str:
    """The token of the next page; empty after the last."""
    return text(fields(given).get("next_page_token"))


def _items(given: Any) -> Iterable[tuple[Any, Fields]]:
    pairs = given.items() if isinstance(given, dict) else ()
    return ((name, raw) for name, raw in pairs if isinstance(raw, dict))


def _lists(given: Any, names: Iterable[str]) -> Iterator[Fields]:
    for name in names:
        found = given.get(name) if isinstance(given, dict) else None
        yield from (raw for raw in found if isinstance(raw, dict)) if isinstance(found, list) else ()


def _day(given: Any) -> date | None:
    try:
        return date.fromisoformat(text(given)[:10])
    except ValueError:
        return None
