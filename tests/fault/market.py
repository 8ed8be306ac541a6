"""The market of a lab: quotes of a few symbols that wander, so that many orders fill and some rest."""

import contextlib
import threading
from collections.abc import Callable
from decimal import Decimal
from random import Random
from urllib.error import URLError

from tests.brokers.simulator_server import ControlRefused, SimulatorControl

SYMBOLS = ("AAPL", "MSFT", "SPY", "QQQ", "TSLA", "NVDA")
CENT = Decimal("0.01")
SPREAD = Decimal("0.02")
START, LOWEST, HIGHEST = Decimal(100), Decimal(80), Decimal(125)


class Market:
    """Prices by symbol; `wander` moves them in a thread until it is stopped. Every quote has room for every order."""

    def __init__(self, control: SimulatorControl, rng: Random) -> None:
        self.control = control
        self.rng = rng
        self.bids = dict.fromkeys(SYMBOLS, START)
        self.size = 100_000
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, symbol: str) -> None:
        """The exchange may be away for the moment: the next quote says it all."""
        bid = self.bids[symbol]
        with contextlib.suppress(URLError, OSError, ControlRefused):
            self.control.set_quote(symbol, bid=bid, ask=bid + SPREAD, bid_size=self.size, ask_size=self.size)

    def show_all(self) -> None:
        for symbol in SYMBOLS:
            self.show(symbol)

    def move(self, symbol: str) -> None:
        step = Decimal(self.rng.randint(-60, 60)) * CENT
        self.bids[symbol] = min(max(self.bids[symbol] + step, LOWEST), HIGHEST)
        self.show(symbol)

    def wander(self, every: float = 0.25) -> None:
        self._begin(lambda: self.move(self.rng.choice(SYMBOLS)), every)

    def stand(self, every: float = 2.0) -> None:
        """Prices stay, and do not grow old."""
        self._begin(self.show_all, every)

    def _begin(self, turn: Callable[[], None], every: float) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(turn, every), daemon=True, name="market")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self, turn: Callable[[], None], every: float) -> None:
        while not self._stop.wait(every):
            turn()
