"""The one table of what every figure means: pages, exports and docs/metrics.md all read it."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    MONEY = "money"
    RATIO = "ratio"
    PERCENT = "percent"
    R = "r"
    COUNT = "count"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure's name for people, its formula as text, the convention it follows and the unit it is shown in.

    PERCENT figures are ratios (0.05) shown as percents (5 %).
    """

    key: str
    title: str
    formula: str
    convention: str
    unit: Unit


DEFINITIONS: dict[str, Definition] = {}
