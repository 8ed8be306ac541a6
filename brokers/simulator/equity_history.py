"""What each account was worth, minute by minute, for /v2/account/portfolio/history."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

MINUTE = timedelta(minutes=1)
# A month of sessions with their extended hours.
LONGEST = 20_000
Sample = tuple[int, Decimal]


class EquityHistory:
    """At most one sample a minute: the first moment the exchange looked at in it. Times are Unix seconds."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[Sample]] = {}
        self._minute: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether a minute has begun that has no sample yet."""
        minute = now.replace(second=0, microsecond=0)
        if minute == self._minute:
            return False
        self._minute = minute
        return True

    def add(self, account_id: str, now: datetime, equity: Decimal) -> None:
        samples = self._samples.setdefault(account_id, deque(maxlen=LONGEST))
        samples.append((int(now.timestamp()), equity))

    def series(self, account_id: str, start: datetime, end: datetime, step: timedelta) -> list[Sample]:
        """The last sample of every `step` from `start` to `end`, at the beginning of its step."""
        width, first, last = int(step.total_seconds()), int(start.timestamp()), int(end.timestamp())
        found: dict[int, Decimal] = {}
        for at, equity in self._samples.get(account_id, ()):
            if first <= at <= last:
                found[at - at % width] = equity
        return sorted(found.items())

    def before(self, account_id: str, start: datetime) -> Decimal | None:
        """The last value known before `start`."""
        earlier = [equity for at, equity in self._samples.get(account_id, ()) if at < int(start.timestamp())]
        return earlier[-1] if earlier else None

    def dump(self) -> dict[str, Any]:
        return {
            account_id: [(at, str(equity)) for at, equity in samples] for account_id, samples in self._samples.items()
        }

    def load(self, state: dict[str, Iterable[tuple[int, str]]]) -> None:
        for account_id, samples in state.items():
            kept = [(at, Decimal(equity)) for at, equity in samples]
            self._samples[account_id] = deque(kept, maxlen=LONGEST)
