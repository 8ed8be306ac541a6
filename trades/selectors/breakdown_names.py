"""How the keys of a breakdown read."""

from calendar import day_name
from collections.abc import Callable, Iterable

from accounts.models import TradingAccount
from trades.models import Setup, Tag
from trades.selectors.breakdowns import holding_label


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
