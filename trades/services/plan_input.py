"""What a trader says when planning a trade, before anything is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from trenddojo.domain.errors import SizingError

HUNDRED = Decimal(100)
PORTION_QUANTUM = Decimal("0.01")
MOST_TARGETS = 5


@dataclass(frozen=True, slots=True)
class Target:
    """Where a part of the position is meant to be sold; a portion that is None shares what the others leave."""

    price: Decimal
    portion_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlanInput:
    """A plan as typed. `risk_percent` and `quantity` are None where the desk decides, `risk_amount` is money in place
    of the percent; `override_reason` is None where no limit may be broken. `checklist` says for each criterion of the
    setup whether it is met."""

    account_id: UUID
    symbol: str
    asset_class: str
    direction: str
    entry: Decimal
    stop: Decimal
    targets: tuple[Target, ...] = ()
    multiplier: Decimal | None = None
    setup_id: UUID | None = None
    thesis: str = ""
    risk_percent: Decimal | None = None
    risk_amount: Decimal | None = None
    quantity: Decimal | None = None
    checklist: Mapping[UUID, bool] = field(default_factory=dict)
    override_reason: str | None = None


def portions(targets: Sequence[Target]) -> tuple[Decimal, ...]:
    """The portion of each target in percent, 100 together; raises SizingError where they cannot be.

    Targets without a portion share evenly what the others leave, the last of them takes the remainder.
    """
    said = sum((target.portion_percent for target in targets if target.portion_percent is not None), Decimal(0))
    silent = [number for number, target in enumerate(targets) if target.portion_percent is None]
    rest = HUNDRED - said
    if rest < 0 or (rest > 0 and targets and not silent) or (silent and rest <= 0):
        problem = "Leave the last one empty to let it take the rest." if rest else "Nothing is left for the others."
        raise SizingError(
            "portions",
            f"The portions come to {said.normalize():f} %; together they must be 100 %. {problem}",
            "portion_1",
        )
    share = (rest / len(silent)).quantize(PORTION_QUANTUM, rounding=ROUND_DOWN) if silent else Decimal(0)
    if silent and share <= 0:
        raise SizingError("portions", "Too little is left for the targets without a portion.", "portion_1")
    found = [share if target.portion_percent is None else target.portion_percent for target in targets]
    if silent:
        found[silent[-1]] += HUNDRED - sum(found, Decimal(0))
    return tuple(found)
