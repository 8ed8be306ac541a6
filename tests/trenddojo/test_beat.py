"""The scheduler goes on when its clock jumps."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery import Celery
from celery.beat import Scheduler as PlainScheduler

from trenddojo.beat import Scheduler

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


def turns(kind: type[PlainScheduler], jump: timedelta) -> list[str]:
    """What is started in ten seconds after the clock has jumped; before it everything had run."""
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.timezone, app.conf.enable_utc = "UTC", True
    started: list[str] = []
    with time_machine.travel(NOW, tick=False) as clock:
        every = {name: {"task": name, "schedule": seconds} for name, seconds in (("often", 2.0), ("seldom", 5.0))}
        app.conf.beat_schedule = every
        scheduler = kind(app, lazy=False, schedule={})
        scheduler.update_from_dict(every)
        scheduler.apply_entry = lambda entry, producer=None: started.append(entry.task)
        for _ in range(20):
            scheduler.tick()
            clock.shift(0.5)
        started.clear()
        clock.shift(jump.total_seconds())
        for _ in range(20):
            scheduler.tick()
            clock.shift(0.5)
    return started


@pytest.mark.parametrize(
    "jump", [timedelta(minutes=-6), timedelta(seconds=-3), timedelta(0), timedelta(minutes=6)], ids=str
)
def test_every_turn_is_taken_however_the_clock_jumps(jump: timedelta) -> None:
    found = turns(Scheduler, jump)
    assert found.count("often") >= 4
    assert found.count("seldom") >= 1


def test_the_plain_scheduler_waits_for_the_time_to_come_round_again() -> None:
    """Why there is one of our own; should this fail, it may go."""
    assert turns(PlainScheduler, timedelta(minutes=-6)).count("seldom") == 0
