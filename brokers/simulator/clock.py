"""The exchange's own time, read off the machine's: running with it, faster, or only when it is stepped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brokers.simulator.engine.clock import ClockRate
from brokers.simulator.errors import SimulatorError

PAUSED = Decimal(0)
REAL_TIME = Decimal(1)


def machine_time() -> datetime:
    return datetime.now(UTC)


class Clock:
    """`speed` is exchange seconds in a second of the machine; 0 stands still."""

    def __init__(self, start: datetime, speed: Decimal, machine: Callable[[], datetime] = machine_time) -> None:
        self._machine = machine
        self._rate = ClockRate(machine(), start, speed)
        self._latest = start

    @property
    def speed(self) -> Decimal:
        return self._rate.speed

    def now(self) -> datetime:
        # The machine's clock may be set back; the exchange's time never is.
        self._latest = max(self._latest, self._rate.at(self._machine()))
        return self._latest

    def run(self, speed: Decimal) -> None:
        """Go on from the present at another speed."""
        self._rate = ClockRate(self._machine(), self.now(), speed)

    def set(self, moment: datetime) -> None:
        """Raises SimulatorError for a moment that has passed: nothing that happened can be taken back."""
        if not self.reach(moment):
            raise SimulatorError(f"The exchange's clock only goes forward: it shows {self.now().isoformat()}.")

    def reach(self, moment: datetime) -> bool:
        """Go to a moment unless it has passed; whether it had not."""
        machine = self._machine()
        if moment < max(self._latest, self._rate.at(machine)):
            return False
        self._rate = ClockRate(machine, moment, self.speed)
        return True

    def step(self, duration: timedelta) -> None:
        """Go on by so much. Raises SimulatorError for less than nothing."""
        if duration < timedelta(0):
            raise SimulatorError("The exchange's clock only goes forward: write a number of seconds above zero.")
        self.reach(self.now() + duration)
