"""Workers that stand still and wake up to another world, two at one row, and look-ups that lag: every order is there once."""

from collections import Counter

import pytest

from tests.fault import us, wire
from tests.fault.killable import HASTE
from tests.fault.points import Strike
from tests.fault.record import is_stopped
from tests.fault.sky import SOONER, Sky, SkyLab, sky

pytestmark = pytest.mark.slow

__all__ = ["sky"]

# Nobody wakes it before the test does.
FOR_LONG = 900.0
PATIENCE = 150
# Nothing hangs here: a lost sender is missed as soon as it sends nothing any more, and doubts end after a quarter of a minute.
SOONER_STILL = f"{SOONER},trades.execution.submit:SEND_TIMEOUT=20,trades.execution.doubts:PAUSES=2/6/8/60/300"


class Impatient(SkyLab):
    """A worker would kill a process of its that sleeps for longer than a task may take, before it wakes."""

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {HASTE: SOONER_STILL, "CELERY_VISIBILITY_TIMEOUT": str(int(FOR_LONG * 2))}


LAB = Impatient


def test_a_sender_that_sleeps_past_its_time_sends_nothing_when_it_wakes(sky: Sky) -> None:
    """Stopped after its claim; the order is missed, doubted, proven absent and sent by another, and then it goes on."""
    sky.lab.sleeps["submit.claimed"] = FOR_LONG
    sky.lab.points.arm("submit.claimed", "stop")
    order = rests(sky)
    sleeper = struck(sky, "submit.claimed")
    row = sky.until(order, "accepted", seconds=PATIENCE)
    assert (sleeper.row, is_stopped(sleeper.pid), row["broker_order_id"] != "") == (order, True, True)
    sky.lab.calm()
    noted = "SELECT ref FROM order_calls WHERE order_id = %s AND code = 'sender_stopped'"
    sky.lab.wait_for(lambda: sky.lab.rows(noted, order), "the sleeper's word", 60)
    sky.settles()
    assert [fact for fact, _ in sky.trail(order)] == ["intend", "claim", "doubt", "return", "claim", "accept"]
    assert_there_once(sky, order)


def test_two_workers_at_one_claim_send_once(sky: Sky) -> None:
    """One stands still with the row in its hand; whoever else is told of it takes it, and the first finds it taken."""
    sky.inject("two at one claim")
    sky.lab.sleeps[us.CLAIM] = FOR_LONG
    order = rests(sky)
    sky.lab.wait_for(lambda: strikes(sky)["two at one claim"], "another who takes it", 60)
    sleeper = struck(sky, us.CLAIM)
    sky.until(order, "accepted")
    assert (sleeper.row, is_stopped(sleeper.pid)) == (order, True)
    worker = next(name for name in ("orders1", "orders2") if sleeper.pid in sky.lab.supervisor.children(name))
    sky.lab.calm()
    # It ends when all its processes have done what they were at.
    sky.roll(worker)
    sky.settles()
    assert [fact for fact, _ in sky.trail(order)] == ["intend", "claim", "accept"]
    assert_there_once(sky, order)


def test_an_order_that_is_not_found_at_first_is_there_once(sky: Sky) -> None:
    """The answer is lost, and the look-up that follows finds nothing: of that it is told that it struck."""
    name = "wire.lookup_lags"
    # A poll that comes by at the right moment would end the doubt before anybody asks.
    sky.lab.control.fault("status_before", method="GET", path=wire.ORDERS, status=503, times=1000)
    sky.inject(name)
    order = rests(sky)
    sky.lab.wait_for(lambda: strikes(sky)[name], "a look-up that does not find it", 60)
    sky.lab.forget_faults()
    sky.until(order, "accepted", seconds=PATIENCE)
    sky.lab.calm()
    sky.settles()
    assert ("doubt", "in_doubt") in sky.trail(order)
    assert_there_once(sky, order)


def rests(sky: Sky) -> str:
    return sky.order(symbol="SPY", side="buy", quantity="5", limit_price="60.00")


def struck(sky: Sky, point: str) -> Strike:
    """Who came by a point last."""
    sky.lab.wait_for(lambda: sky.lab.strikes()[point], point, 60)
    return [one for one in sky.lab.points.strikes() if one.point == point][-1]


def strikes(sky: Sky) -> Counter[str]:
    sky.lab.collect()
    return sky.lab.record.strikes()


def assert_there_once(sky: Sky, order: str) -> None:
    """One order at the exchange under its id, one row, both at work."""
    row = sky.row(order)
    theirs = sky.lab.control.call("dump")[sky.lab.traders[0].exchange]["orders"]
    same = [one for one in theirs if one["client_order_id"] == row["client_order_id"]]
    assert [(one["id"], one["status"]) for one in same] == [(row["broker_order_id"], "new")]
    assert row["status"] == "accepted"
    assert len(sky.lab.rows("SELECT id FROM orders WHERE broker_order_id = %s", row["broker_order_id"])) == 1
