"""A laboratory for tests of the weather: one desk at work for all tests of a file, asked by the oracle after each."""

import contextlib
import time
from collections.abc import Iterator
from http import HTTPStatus
from random import Random
from typing import Any

import pytest

from tests.fault import everything  # noqa: F401 - it fills the table of injections
from tests.fault.clocks import CLOCKS, STARTER
from tests.fault.driver import Driver, Hand, Intent
from tests.fault.injections import INJECTIONS
from tests.fault.killable import HASTE, STARTERS
from tests.fault.lab import Lab, Options, Row
from tests.fault.market import SPREAD, SYMBOLS, Market
from tests.fault.oracle import findings
from tests.fault.record import MISSED
from tests.fault.truth import truths

# Seconds within which both sides must say the same after the last trouble.
SETTLES_WITHIN = 75
# A lost sender is missed sooner, and an order that never arrived is given up sooner, than a desk at work would.
SOONER = (
    "trades.execution.submit:SEND_TIMEOUT=25,"
    "trades.execution.doubts:ARRIVES_WITHIN=10,"
    "trades.execution.replace:ARRIVES_WITHIN=10"
)


class SkyLab(Lab):
    """Everything is looked at more often than a desk at work would, so that what is promised is seen sooner."""

    def _environment(self) -> dict[str, str]:
        clocks = self.folder / "clocks"
        clocks.mkdir()
        quick = {"SYNC_SECONDS": "5", CLOCKS: str(clocks), STARTERS: STARTER, HASTE: SOONER}
        return super()._environment() | quick


class Sky:
    """A lab with its market, and one hand that places orders on purpose."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.market = Market(lab.control, Random("weather"))  # noqa: S311 - the same every time
        self.market.show_all()
        self.rng = Random("weather")  # noqa: S311 - as above
        self.hand = Hand(lab, self.market, lab.traders[0], Random("hand"))  # noqa: S311 - as above
        self.hand.client.sign_in()
        self.driver: Driver | None = None
        self.intents: list[Intent] = []
        self.runs = 0

    # --- doing -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def busy(self, rate: float = 6.0) -> Iterator[Driver]:
        """Traders at work in a market that moves, until the block ends and every request is answered."""
        self.runs += 1
        driver = Driver(self.lab, self.market, seed=self.runs, rate=rate)
        self.market.wander()
        driver.start()
        try:
            yield driver
            self.after(driver, 4)
        finally:
            driver.stop()
            self.lab.calm()
            driver.reconnect_all()
            driver.drain()
            self.market.stop()
            self.intents += driver.intents
            self.driver = driver
        assert driver.broken == []

    def after(self, driver: Driver, orders: int) -> None:
        """When so many more orders were taken."""
        enough = driver.placed() + orders
        self.lab.wait_for(lambda: driver.placed() >= enough, f"{orders} more orders", 60)

    def inject(self, name: str) -> str:
        with self.lab.record.drawn(name) as line:
            line.detail = INJECTIONS[name].deed(self.lab, self.rng) or ""
        assert line.state != MISSED, line.detail
        return line.detail

    def order(self, **body: Any) -> str:
        """Place one through the API, with a fresh quote to check it against; answers its id."""
        self.market.show(body["symbol"])
        plain = {"type": "limit", "limit_price": None, "stop_loss": None, "take_profit": None, "time_in_force": "day"}
        intent = self.hand.place("api", **{**plain, **body})
        assert intent.status == HTTPStatus.CREATED, f"not taken: {intent.status} {intent.body}"
        return intent.order

    def roll(self, name: str) -> None:
        """End a process as a deploy does, and wait until the next one works."""
        mine = self.lab.supervisor.running[name]
        starts = mine.starts
        self.lab.supervisor.end(name)
        self.lab.wait_for(lambda: mine.starts > starts, f"the next {name}", 40)
        self.lab.supervisor.wait(name)

    def quote(self, symbol: str, bid: str, ask: str, size: int = 100_000) -> None:
        self.lab.control.set_quote(symbol, bid=bid, ask=ask, bid_size=size, ask_size=size)

    def calm_prices(self) -> None:
        for symbol in SYMBOLS:
            bid = self.market.bids[symbol]
            self.quote(symbol, str(bid), str(bid + SPREAD))

    # --- looking -----------------------------------------------------------------------------------------------------

    def row(self, order: str) -> Row:
        (found,) = self.lab.rows("SELECT * FROM orders WHERE id = %s", order)
        return found

    def legs(self, order: str) -> dict[str, Row]:
        rows = self.lab.rows("SELECT * FROM orders WHERE parent_id = %s", order)
        return {row["role"]: row for row in rows}

    def until(self, order: str, *states: str, seconds: float = 30) -> Row:
        """The row when it is in one of these states."""
        deadline = time.monotonic() + seconds
        while (row := self.row(order))["status"] not in states:
            if time.monotonic() > deadline:
                raise AssertionError(f"{row['status']} instead of {states}: {self.trail(order)}")
            time.sleep(0.05)
        return row

    def trail(self, order: str) -> list[tuple[str, str]]:
        rows = self.lab.rows("SELECT fact, to_status FROM order_events WHERE order_id = %s ORDER BY id", order)
        return [(row["fact"], row["to_status"]) for row in rows]

    def theirs(self, order: str) -> Row:
        """The exchange's own word of an order."""
        wanted = self.row(order)["broker_order_id"]
        dump = self.lab.control.call("dump")[self.lab.traders[0].exchange]
        return next(one for one in dump["orders"] if one["id"] == wanted)

    def told(self, order: str) -> list[str]:
        """The titles of what the trader was told about an order, oldest first."""
        rows = self.lab.rows(
            "SELECT title FROM notifications WHERE key LIKE %s ORDER BY created_at, id", f"order:{order}:%"
        )
        return [row["title"] for row in rows]

    def settles(self, within: float = SETTLES_WITHIN) -> float:
        """Both sides say the same and nothing is undecided, or AssertionError with what is wrong; after how long."""
        began = time.monotonic()
        while True:
            found = findings(truths(self.lab), [*self.intents, *self.hand.intents])
            if not found:
                return time.monotonic() - began
            if time.monotonic() - began > within:
                raise AssertionError("\n".join(map(str, found[:20])))
            time.sleep(0.5)


@pytest.fixture(scope="module")
def sky(request: pytest.FixtureRequest) -> Iterator[Sky]:
    """Two traders; the clocks of all processes can be put wrong."""
    with getattr(request.module, "LAB", SkyLab)(Options(seed=7, traders=2)) as lab:
        yield Sky(lab)
