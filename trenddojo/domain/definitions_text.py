"""The tables of definitions and commission schedules as the text of docs/metrics.md."""

from collections.abc import Iterable, Iterator
from textwrap import fill

from trenddojo.domain.commission import ALWAYS, REGULATORY_FEES, SCHEDULES, RegulatoryFee, Schedule
from trenddojo.domain.definitions import MANY_TRADES, ONE_ACCOUNT, ONE_TRADE, Definition, Unit

_WIDTH = 118

_INTRODUCTION = """\
# Metrics

<!-- Written by tools/metrics_page.py from trenddojo/domain/definitions.py: change the table, not this page. -->

What every figure means, wherever it is shown: on pages, in exports, in the admin. Money, prices and quantities are
exact decimals; money is rounded to cents, halves away from zero. A figure that cannot be computed is shown as "—" with
the reason, never as 0 or infinity. Averages are shown with their sample size N.
"""

_SIZING = """\
## Sizing

    floor to lots( equity · risk % / (|entry − stop| · multiplier + costs per unit) )

Then the least of that and what each limit allows: the largest position (30 % of equity unless the account says
otherwise), buying power, what is left of the open-risk, the daily-loss and the weekly-loss budget, and the lot. The
answer names the limit that bound it; a quantity of zero says why; a stop on the wrong side of the entry is refused.
"""

_COSTS = """\
## Costs by broker

An estimate is marked as one until the broker's own figure replaces it. A manual account records its costs as they
were. The maximum also caps the minimum. Alpaca reports regulatory fees in its account activities; for the other
brokers they are estimated on sales.

| broker | class | from | to | per unit | minimum | maximum, % of value |
|---|---|---|---|---|---|---|
"""

_FEES = """\

| fee on sales | class | from | to | of the value | per unit | at most |
|---|---|---|---|---|---|---|
"""

_WORKED = """\

## Worked cases

- −1000 on 2025-01-01, −500 on 2025-07-01 and +1650 on 2026-01-01 have an XIRR of 0.1204871671.
- A start of 10,000 on 2025-01-01 that grows to 10,500, receives 5,000 on 2025-07-02 and ends at 14,725 on 2026-01-01
  has a time-weighted return of −0.25 % and an XIRR of −2.1964 %.
- R of 2, −1, 4, −1, −1, 3 has an SQN of 1.0742.
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
    return "\n".join(parts) + "\n" + _SIZING + "\n" + _costs() + _WORKED


def _costs() -> str:
    schedules = "".join(_row(*_schedule_cells(row)) for row in SCHEDULES)
    fees = "".join(_row(*_fee_cells(fee)) for fee in REGULATORY_FEES)
    return _COSTS + schedules + _FEES + fees


def _schedule_cells(row: Schedule) -> tuple[object, ...]:
    since = None if row.since == ALWAYS else row.since
    return row.broker, row.asset_class, since, row.until, row.per_unit, row.minimum, row.maximum_percent


def _fee_cells(fee: RegulatoryFee) -> tuple[object, ...]:
    classes = ", ".join(sorted(fee.asset_classes))
    return fee.name, classes, fee.since, fee.until, fee.per_value, fee.per_unit, fee.cap


def _row(*cells: object) -> str:
    return "| " + " | ".join("" if cell is None else f"{cell}" for cell in cells) + " |\n"


def _section(title: str, definitions: Iterable[Definition]) -> Iterator[str]:
    yield f"## {title}\n"
    for definition in definitions:
        yield f"### {definition.title}\n"
        yield f"`{definition.key}` · {_UNITS[definition.unit]}\n"
        yield f"    {definition.formula}\n"
        yield fill(definition.convention, _WIDTH) + "\n"
