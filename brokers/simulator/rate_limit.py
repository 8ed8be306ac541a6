"""Requests a minute for each account, told in the headers of every answer as Alpaca does.

The windows follow the machine's clock, not the exchange's: a client waits in its own time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW = 60
TRADING_LIMIT = 200


@dataclass
class Window:
    """One minute of one account; `reset` is in Unix seconds."""

    reset: int
    used: int = 0


@dataclass(frozen=True)
class Allowance:
    """What is left after a request was counted."""

    limit: int
    remaining: int
    reset: int
    granted: bool

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


@dataclass
class RateLimiter:
    """Counts requests by key; `limit` may be changed while it runs."""

    limit: int = TRADING_LIMIT
    now: Callable[[], float] = time.time
    windows: dict[str, Window] = field(default_factory=dict)

    def take(self, key: str) -> Allowance:
        """Count one request; refused ones cost nothing further."""
        window = self._window(key)
        granted = window.used < self.limit
        if granted:
            window.used += 1
        return Allowance(self.limit, max(self.limit - window.used, 0), window.reset, granted)

    def change(self, limit: int) -> None:
        """A new limit, counted from now on."""
        self.limit = limit
        self.windows.clear()

    def _window(self, key: str) -> Window:
        now = self.now()
        window = self.windows.get(key)
        if window is None or now >= window.reset:
            window = self.windows[key] = Window(reset=int(now) + WINDOW)
        return window
