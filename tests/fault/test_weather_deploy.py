"""A deploy in mid-flow with two real versions: processes of the one before this one and of this one at work together.

Which one was before is named in tests/runtime/previous_version.txt.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import cast

import pytest

from tests.fault import driver as driving
from tests.fault.driver import Hand
from tests.fault.lab import DESK, ROOT, Options
from tests.fault.sky import Sky, SkyLab
from tests.runtime.test_previous_version import extracted, previous_version

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see whose code a process runs"),
]

# As docs/deploy.md has it, and the other way round.
WEB_FIRST = ("web", "orders1", "orders2", "worker", "stream", "beat")
WEB_LAST = WEB_FIRST[::-1]
# Halts are asked for on purpose, where this version answers: the one before need not know them.
BY_CHANCE_NEVER = ("halt", "flatten")
WAYS = ("api", "page")
# Nobody else trades it.
QUOTE = ("IWM", "100.00", "100.02")
RESTS = {
    "symbol": "IWM", "side": "buy", "quantity": "5", "type": "limit", "limit_price": "60.00",
    "time_in_force": "gtc", "stop_loss": None, "take_profit": None,
}  # fmt: skip
OTHER_TERMS = {"limit_price": "61.00"}
REPLACEMENT = "SELECT id FROM orders WHERE replaces_id = %s"
# What one version does that the other's schema, or the other's locks, do not bear.
CLASHES = ("ProgrammingError", "IntegrityError", "deadlock detected", "cached plan")


class DeployLab(SkyLab):
    """Begins with the version before this one."""

    def __init__(self, options: Options) -> None:
        self.before = self.code = extracted(previous_version())
        super().__init__(options)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.before, ignore_errors=True)

    def of(self, folder: Path) -> set[str]:
        """Which programs were started there, with all their processes: theirs is the code they run."""
        return {name for name in DESK if self._folders(name) == {folder}}

    def _folders(self, name: str) -> set[Path]:
        found = set()
        for pid in [self.supervisor.running[name].pid, *self.supervisor.children(name)]:
            with contextlib.suppress(FileNotFoundError):
                found.add(Path(f"/proc/{pid}/cwd").readlink())
        return found

    def has_read(self, folder: Path) -> bool:
        """Whether the desk's code was taken from there: Python keeps what it compiled."""
        return any(folder.glob("trades/execution/__pycache__/*.pyc"))

    def clashes(self) -> list[str]:
        lines = [line for log in self.logs.glob("*.log") for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if any(word in line for word in CLASHES)]


class Relay:
    """Orders that outlive who took them: placed in one mix of versions, changed in the next, cancelled in the one after.

    One of each pair through the API, and one on the pages, by one program and one browser that signed in at the beginning.
    """

    def __init__(self, sky: Sky) -> None:
        self.sky, self.hand = sky, sky.hand
        self.placed: dict[str, str] = {}
        self.changed: dict[str, str] = {}

    def step(self) -> None:
        self.sky.quote(*QUOTE)
        cancelled, changed = self.changed, self.placed
        for way, order in cancelled.items():
            self.hand.cancel(order, way)
        for way, order in changed.items():
            self.hand.change(order, way, **OTHER_TERMS)
        self.placed = {way: self.hand.place(way, **RESTS).order for way in WAYS}
        for order in cancelled.values():
            self.sky.until(order, "cancelled")
        self.changed = {way: self._replacement(order) for way, order in changed.items()}
        for order in [*self.placed.values(), *self.changed.values()]:
            self.sky.until(order, "accepted")

    def _replacement(self, order: str) -> str:
        self.sky.until(order, "replaced")
        self.sky.lab.wait_for(lambda: self.sky.lab.rows(REPLACEMENT, order), "what took its place")
        (row,) = self.sky.lab.rows(REPLACEMENT, order)
        assert self.sky.row(row["id"])["limit_price"] == 61
        return str(row["id"])

    def ask_again(self) -> None:
        """A program that did not hear the answer asks whichever version is there by now."""
        intent = next(one for one in reversed(self.hand.intents) if one.kind == "place" and one.way == "api")
        answer = self.hand.client.call("POST", "orders/", intent.key, intent.body)
        assert (answer.status_code, answer.json().get("id")) == (HTTPStatus.CREATED, self.placed["api"])


def halt_and_resume(sky: Sky, other: Hand) -> None:
    """All accounts of another trader: what works ends, whichever version's workers are there."""
    sky.quote(*QUOTE)
    order = other.place("api", **RESTS).order
    sky.until(order, "accepted")
    halt = other.brakes.halt("trader", "keep")
    sky.until(order, "cancelled")
    assert (halt.status, other.brakes.resume().status) == (HTTPStatus.OK, HTTPStatus.OK)


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sky]:
    for deed in BY_CHANCE_NEVER:
        monkeypatch.setitem(driving.DEEDS, deed, 0.0)
    with DeployLab(Options(seed=7, traders=2)) as lab:
        yield Sky(lab)


@pytest.mark.parametrize("order", [WEB_FIRST, WEB_LAST], ids=["web_first", "web_last"])
def test_two_versions_at_work_together_lose_nothing(sky: Sky, order: tuple[str, ...]) -> None:
    """The database is migrated under the version before, then its processes are replaced one after the other.

    In every mix orders are placed, those of the mix before are changed and those of the one before that are cancelled.
    """
    lab, relay = cast("DeployLab", sky.lab), Relay(sky)
    other = Hand(lab, sky.market, lab.traders[1], Random("other"))  # noqa: S311 - the same every time
    with sky.busy(rate=4.0) as driver:
        relay.step()
        relay.step()
        lab.code = ROOT
        lab.migrate()
        relay.step()
        assert (lab.of(lab.before), lab.has_read(lab.before)) == (set(DESK), True)
        for place, name in enumerate(order, 1):
            lab.supervisor.keep(lab.program(name))
            sky.roll(name)
            relay.ask_again()
            relay.step()
            sky.after(driver, 2)
            if "web" in lab.of(ROOT):
                halt_and_resume(sky, other)
            assert (lab.of(ROOT), lab.of(lab.before)) == (set(order[:place]), set(order[place:]))
        relay.step()
    sky.intents += other.intents
    assert sky.settles() < 60
    assert {name: lab.supervisor.running[name].starts for name in DESK} == dict.fromkeys(DESK, 2)
    assert lab.clashes() == []
