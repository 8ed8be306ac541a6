"""Win, loss or break-even: the one place that decides."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trenddojo.domain.money import cents


class Outcome(StrEnum):
    WIN = "win"
    LOSS = "loss"
    BREAK_EVEN = "break_even"


@dataclass(frozen=True, slots=True)
class TradeOutcome:
    """What one closed trade came to: money in the account's currency, `r` None where there was no stop."""

    net: Decimal
    r: Decimal | None
    gross: Decimal
    costs: Decimal
    closed_at: datetime


def outcome_of(net: Decimal, band: Decimal = Decimal(0)) -> Outcome:
    """Win, loss, or break-even when |net in cents| <= band (money)."""
    rounded = cents(net)
    if abs(rounded) <= band:
        return Outcome.BREAK_EVEN
    return Outcome.WIN if rounded > 0 else Outcome.LOSS
