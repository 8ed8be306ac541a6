"""How the keys of a breakdown read."""

from calendar import day_name
from collections.abc import Callable, Iterable, Mapping

from accounts.models import TradingAccount
from trades.models import Setup, Tag
from trades.selectors.breakdowns import holding_label
from trades.selectors.figures import KeyTotals

# Plan against outcome: the keys in the order they are read in.
PLANNED_LABELS = {"0": "below 1 R", "1": "1 to 2 R", "2": "2 to 3 R", "3": "3 R and more", "none": "no target or stop"}
EXIT_LABELS = {
    "target": "at the target or better",
    "between": "between stop and target",
    "stop": "at the initial stop or worse",
    "unplanned": "neither stop nor target planned",
}
CHECKLIST_LABELS = {"met": "every criterion met", "missed": "a criterion missed", "none": "no checklist"}


def labelled(parts: Mapping[str, KeyTotals], labels: Mapping[str, str]) -> list[tuple[str, KeyTotals]]:
    """The parts there are, each after its label, in the order of the labels."""
    return [(label, parts[key]) for key, label in labels.items() if key in parts]


def namer_of(
    by: str, *, setups: Iterable[Setup], tags: Iterable[Tag], accounts: Iterable[TradingAccount]
) -> Callable[[str], str]:
    """How a key of the breakdown reads to their owner; what was deleted meanwhile says so."""
    if by == "setup":
        return _named({str(setup.pk): setup.name for setup in setups}, "Without a setup")
    if by == "tag":
        return _named({str(tag.pk): tag.name for tag in tags}, "Without a tag")
    if by == "account":
        return _named({str(account.pk): account.name for account in accounts}, "")
    fixed: dict[str, Callable[[str], str]] = {
        "weekday": lambda key: day_name[int(key)],
        "hour": lambda key: f"{key}:00 to {key}:59",
        "holding": lambda key: holding_label(key).capitalize(),
        "direction": str.capitalize,
    }
    return fixed.get(by, str)


def _named(names: dict[str, str], nothing: str) -> Callable[[str], str]:
    return lambda key: names.get(key, "Deleted") if key else nothing
