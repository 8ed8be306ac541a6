"""Clocks that jump and a deploy in the middle of the day: orders go on, and time that was never is not waited for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault import weather
from tests.fault.clocks import CLOCKS, shift
from tests.fault.sky import Sky, sky

pytestmark = pytest.mark.slow

__all__ = ["sky"]

MINUTES = 6 * 60


@pytest.fixture(autouse=True)
def _true_time(sky: Sky) -> Iterator[None]:
    yield
    jump(sky, 0, *sky.lab.supervisor.running)


def jump(sky: Sky, seconds: float, *names: str) -> None:
    for name in names:
        shift(Path(sky.lab.environment[CLOCKS]), name, seconds)


@pytest.mark.parametrize("seconds", [MINUTES, -MINUTES], ids=["ahead", "behind"])
def test_the_workers_clocks_jump_and_are_put_right(sky: Sky, seconds: float) -> None:
    """Nobody waits for the time to come round again: turns, claims and leases of a wrong clock do not hold for minutes."""
    # Where the clocks of who asks the broker and of who sends are far apart entries wait, so that one of them is left out.
    workers = ("orders1", "beat", "stream")
    with sky.busy() as driver:
        sky.after(driver, 2)
        jump(sky, seconds, *workers)
        sky.after(driver, 10)
        jump(sky, 0, *workers)
        sky.after(driver, 4)
    assert sky.settles() < 60


def test_a_deploy_in_mid_flow_loses_nothing(sky: Sky) -> None:
    """A column is added that the old code does not know, then every process is started anew, one after the other."""
    starts = {name: sky.lab.supervisor.running[name].starts for name in weather.ROLLS}
    with sky.busy() as driver:
        sky.after(driver, 4)
        weather.add_column(sky.lab)
        sky.after(driver, 4)
        for name in weather.ROLLS:
            sky.roll(name)
            sky.after(driver, 2)
        weather.drop_column(sky.lab)
        sky.after(driver, 4)
    assert {name: sky.lab.supervisor.running[name].starts for name in weather.ROLLS} == {
        name: count + 1 for name, count in starts.items()
    }
    columns = sky.lab.rows("SELECT 1 FROM information_schema.columns WHERE column_name = %s", weather.COLUMN)
    assert columns == []
    assert sky.settles() < 60
