"""The market of a lab: quotes of a few symbols that wander, so that many orders fill and some rest."""

import contextlib
import threading
from collections.abc import Callable
from decimal import Decimal
from random import Random
from urllib.error import URLError
from weakref import WeakKeyDictionary

from tests.brokers.simulator_server import ControlRefused, SimulatorControl

SYMBOLS = ("AAPL", "MSFT", "SPY", "QQQ", "TSLA", "NVDA")
CENT = Decimal("0.01")
SPREAD = Decimal("0.02")
NO_PRICE = Decimal(0)
START, LOWEST, HIGHEST = Decimal(100), Decimal(80), Decimal(125)


# Who quotes at an exchange: found by an injection through the exchange's control port.
MARKETS: "WeakKeyDictionary[SimulatorControl, Market]" = WeakKeyDictionary()


class Market:
    """Prices by symbol; `wander` moves them in a thread until it is stopped. Every quote has room for every order."""

    def __init__(self, control: SimulatorControl, rng: Random) -> None:
        self.control = control
        self.rng = rng
        self.bids = dict.fromkeys(SYMBOLS, START)
        self.size = 100_000
        # Symbols that nobody quotes for the moment, and those of which one side is missing.
        self.silent: set[str] = set()
        self.missing: dict[str, str] = {}
        MARKETS[control] = self
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, symbol: str) -> None:
        """The exchange may be away for the moment: the next quote says it all."""
        if symbol in self.silent:
            return
        prices = {"bid": self.bids[symbol], "ask": self.bids[symbol] + SPREAD}
        if symbol in self.missing:
            prices[self.missing[symbol]] = NO_PRICE
        with contextlib.suppress(URLError, OSError, ControlRefused):
            self.control.set_quote(symbol, **prices, bid_size=self.size, ask_size=self.size)

    def fall_silent(self, symbol: str) -> None:
        """Its last quote stands, and grows old."""
        self.silent.add(symbol)

    def take_away(self, symbol: str, side: str) -> None:
        """Its bid or its ask."""
        self.missing[symbol] = side
        self.show(symbol)

    def quote_again(self, symbol: str) -> None:
        self.silent.discard(symbol)
        self.missing.pop(symbol, None)
        self.show(symbol)

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
