"""The exchange's time as a function of the wall's: shifted, faster, slower or standing still."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ClockRate:
    """At the wall's `wall` the exchange's clock showed `shown`; since then it runs `speed` times as fast.

    A speed of zero is a clock that is only stepped. The exchange never sees the wall: its owner asks `at` and advances.
    """

    wall: datetime
    shown: datetime
    speed: Decimal = Decimal(1)

    def at(self, wall: datetime) -> datetime:
        """What the exchange's clock shows when the wall's shows `wall`, down to the microsecond."""
        numerator, denominator = self.speed.as_integer_ratio()
        return self.shown + (wall - self.wall) * numerator // denominator

    def with_speed(self, speed: Decimal, wall: datetime) -> "ClockRate":
        """The same clock, from `wall` on at another speed, without a jump."""
        return ClockRate(wall, self.at(wall), speed)

    def stepped_to(self, shown: datetime, wall: datetime) -> "ClockRate":
        """The clock set to `shown` at `wall`, at the speed it has."""
        return ClockRate(wall, shown, self.speed)
