"""The table of definitions as the text of docs/metrics.md."""

from collections.abc import Iterable, Iterator
from textwrap import fill

from trenddojo.domain.definitions import MANY_TRADES, ONE_ACCOUNT, ONE_TRADE, Definition, Unit

_WIDTH = 118

_INTRODUCTION = """\
# Metrics

<!-- Written by tools/metrics_page.py from trenddojo/domain/definitions.py: change the table, not this page. -->

What every figure means, wherever it is shown: on pages, in exports, in the admin. Money, prices and quantities are
exact decimals; money is rounded to cents, halves away from zero. A figure that cannot be computed is shown as "—" with
the reason, never as 0 or infinity. Averages are shown with their sample size N.
"""

_UNITS: dict[Unit, str] = {
    Unit.MONEY: "money, in the account's currency",
    Unit.RATIO: "ratio",
    Unit.PERCENT: "percent",
    Unit.R: "R",
    Unit.COUNT: "count",
    Unit.DAYS: "days",
}


def as_markdown() -> str:
    """The whole page, ending in one line end."""
    parts = [_INTRODUCTION]
    parts += _section("One trade, flat to flat", ONE_TRADE)
    parts += _section("Many trades", MANY_TRADES)
    parts += _section("One account over time", ONE_ACCOUNT)
    return "\n".join(parts)


def _section(title: str, definitions: Iterable[Definition]) -> Iterator[str]:
    yield f"## {title}\n"
    for definition in definitions:
        yield f"### {definition.title}\n"
        yield f"`{definition.key}` · {_UNITS[definition.unit]}\n"
        yield f"    {definition.formula}\n"
        yield fill(definition.convention, _WIDTH) + "\n"
