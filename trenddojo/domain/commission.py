"""What a broker will charge: schedules as dated data. An estimate until the broker reports the real figure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.positions import Side


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Money in cents; `schedule_name` says which schedule and since when ("" when none applies)."""

    commission: Decimal
    fees: Decimal
    schedule_name: str
    is_estimate: bool = True


def estimate(
    broker: str,
    asset_class: AssetClass,
    *,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    on: date,
) -> CostEstimate:
    """Estimate the costs of one fill; a broker or day without a schedule costs nothing and names no schedule."""
    raise NotImplementedError
