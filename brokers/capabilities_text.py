"""The brokers' capabilities as a page of the documentation."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from brokers.alpaca import config as alpaca
from brokers.base import Capabilities, Restriction
from brokers.capabilities import WORDS, spoken
from brokers.manual import config as manual
from brokers.mock import config as mock

BROKERS: Final[dict[str, tuple[str, Capabilities]]] = {
    "alpaca": ("Alpaca", alpaca.CAPABILITIES),
    "simulator": ("Stand-in exchange", alpaca.STAND_IN_CAPABILITIES),
    "mock": ("Mock broker", mock.CAPABILITIES),
    "manual": ("Manual", manual.CAPABILITIES),
}

Cell = Callable[[Capabilities], str]

HEAD: Final = """# What each broker can do

Written from the capability tables of the adapters by `python -m tools.capabilities_page`; do not edit it by hand. The
order ticket offers what stands here, and an adapter refuses the rest before anything is sent.
"""
NOTES: Final = """
- *Orders sent while the market is shut*: “kept” waits at the broker and works at the next open; “waits here” is held by
  the desk, which checks risk and price again at the open and sends it then.
- *Our order id is found* and *is refused a second time* are what makes an order without an answer safe: the desk asks
  for it by its own id instead of sending it again.
"""


def as_markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_table(), *_restrictions(), NOTES]).rstrip() + "\n"


def _table() -> Iterator[str]:
    labels = [label for label, _ in BROKERS.values()]
    yield f"| | {' | '.join(labels)} |"
    yield f"|---{'|---' * len(labels)}|"
    for name, cell in ROWS.items():
        yield f"| {name} | {' | '.join(cell(capabilities) for _, capabilities in BROKERS.values())} |"


def _restrictions() -> Iterator[str]:
    yield "\n## What does not go together\n"
    for label, capabilities in BROKERS.values():
        if capabilities.restrictions:
            yield f"**{label}**\n"
            yield from (_sentence(restriction) for restriction in capabilities.restrictions)
            yield ""


def _sentence(restriction: Restriction) -> str:
    parts = (
        ("type", restriction.order_types),
        ("time in force", restriction.times_in_force),
        ("class", restriction.order_classes),
    )
    said = [f"{what} {_words(values)}" for what, values in parts if values]
    return f"- {WORDS[restriction.trait]}: {'; '.join(said)}."


def _words(values: Iterable[StrEnum]) -> str:
    """In the order of their declaration, so that the page does not change by chance."""
    chosen = set(values)
    return ", ".join(spoken(word) for kind in {type(word) for word in chosen} for word in kind if word in chosen) or "–"


def _yes(name: str) -> Cell:
    return lambda capabilities: "yes" if getattr(capabilities, name) else "no"


def _while_closed(capabilities: Capabilities) -> str:
    if not capabilities.places_orders:
        return "–"
    return "kept" if capabilities.keeps_orders_while_closed else "waits here"


ROWS: Final[dict[str, Cell]] = {
    "Places orders": _yes("places_orders"),
    "Instruments": lambda capabilities: _words(capabilities.asset_classes),
    "Order types": lambda capabilities: _words(capabilities.order_types),
    "Time in force": lambda capabilities: _words(capabilities.times_in_force),
    "Order classes": lambda capabilities: _words(capabilities.order_classes),
    "Extended hours": _yes("extended_hours"),
    "Parts of a share": _yes("fractions"),
    "Shorts": _yes("shorts"),
    "Replaces orders": _yes("replaces"),
    "Trails by price": _yes("trails_by_price"),
    "Takes our order id": _yes("sends_client_order_id"),
    "Our order id is found": _yes("finds_client_order_id"),
    "Our order id is refused a second time": _yes("refuses_duplicate_ids"),
    "Orders sent while the market is shut": _while_closed,
    "Streams order updates": _yes("streams_orders"),
    "Quotes": _yes("quotes"),
    "Bars": _yes("bars"),
}
