"""The servers under a desk at work go and come back: nothing is lost, nothing is doubled, nobody has to do anything."""

import signal
from pathlib import Path

import psycopg
import pytest

from tests.fault import disk, weather
from tests.fault.disk import SmallDisk
from tests.fault.points import Strike
from tests.fault.sky import Sky, SkyLab, sky
from tests.runtime.spoilt_queue import spoil

pytestmark = pytest.mark.slow

__all__ = ["sky"]


class SmallSkyDisk(SmallDisk, SkyLab):
    """A lab as for other weather, with a small disk."""


LAB = SmallSkyDisk
# What the server does by itself, and whom it serves at the moment.
WRITERS = "SELECT pid FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'io worker')"
BUSY = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"


def test_valkey_may_lose_everything(sky: Sky) -> None:
    """Messages, limits and locks are gone: sweeps find the rows."""
    with sky.busy() as driver:
        for _ in range(3):
            sky.after(driver, 2)
            sky.inject("weather.valkey_flushed")
    assert sky.settles() < 60


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_valkey_goes_and_comes_back(sky: Sky, how: str) -> None:
    with sky.busy() as driver:
        sky.after(driver, 2)
        sky.inject(f"weather.valkey_{how}")
        sky.after(driver, 4)
    assert sky.settles() < 60


def test_a_valkey_whose_file_a_full_disk_has_spoilt_starts_empty_and_comes_back(sky: Sky) -> None:
    with sky.busy() as driver:
        sky.after(driver, 2)
        spoil(sky.lab.queue.data)
        sky.lab.supervisor.kill("valkey")
        sky.after(driver, 4)
    assert (sky.lab.queue.data / "unreadable" / "valkey.log").is_file()
    assert sky.settles() < 60


@pytest.mark.parametrize("how", ["fast", "immediate", "crashed"])
def test_postgres_goes_in_the_middle_of_transactions_and_comes_back(sky: Sky, how: str) -> None:
    with sky.busy() as driver:
        sky.after(driver, 4)
        sky.inject(f"weather.postgres_{how}")
        sky.after(driver, 4)
    assert sky.settles() < 60


def test_an_order_that_was_on_its_way_when_postgres_went_is_there_once(sky: Sky) -> None:
    """A worker stands still in the transaction that keeps the broker's answer, while the server goes and comes back."""
    sky.lab.sleeps["submit.before_commit"] = 120
    sky.lab.points.arm("submit.before_commit", "stop")
    starts = sky.lab.supervisor.running["postgres"].starts
    # With its legs: the answer to a single order is one statement.
    exits = {"stop_loss": {"stop_price": "50"}, "take_profit": {"limit_price": "70"}}
    order = sky.order(symbol="SPY", side="buy", quantity="5", limit_price="60.00", time_in_force="gtc", **exits)
    sky.lab.wait_for(lambda: sky.lab.strikes()["submit.before_commit"], "the transaction")
    assert sky.row(order)["status"] == "submitting"
    sky.inject("weather.postgres_fast")
    sky.lab.wait_for(lambda: sky.lab.supervisor.running["postgres"].starts > starts, "a restart")
    sky.lab.calm()
    row = sky.until(order, "accepted", seconds=60)
    assert (row["broker_order_id"] != "", sky.theirs(order)["status"]) == (True, "new")
    sky.settles()


def test_an_answer_that_a_power_cut_takes_is_asked_for_again(sky: Sky) -> None:
    """The commit of a broker's answer is not awaited on the disk: the power goes before it gets there.

    Everybody else stands still meanwhile: whoever's commit is awaited takes all before it to the disk.
    """
    lab = sky.lab
    _stand_still(sky, "beat", "worker", "stream")
    lab.sleeps |= dict.fromkeys(("submit.before_commit", "submit.committed"), 900.0)
    lab.points.arm("submit.before_commit", "stop")
    exits = {"stop_loss": {"stop_price": "50.00"}, "take_profit": {"limit_price": "70.00"}}
    order = sky.order(symbol="SPY", side="buy", quantity="5", limit_price="60.00", time_in_force="gtc", **exits)
    sender = _strike(sky, "submit.before_commit")
    _stand_still(sky, "web", "orders1", "orders2")
    for row in lab.rows(WRITERS):
        lab.supervisor.signal_process(row["pid"], signal.SIGSTOP)
    lab.points.arm("submit.committed", "stop")
    lab.supervisor.signal_process(sender.pid, signal.SIGCONT)
    assert _strike(sky, "submit.committed").pid == sender.pid
    known = sky.row(order)
    assert known["status"] == "accepted"
    starts = lab.supervisor.running["postgres"].starts
    sky.inject("weather.postgres_immediate")
    lab.wait_for(lambda: lab.supervisor.running["postgres"].starts > starts, "a restart", 90)
    lab.supervisor.wait("postgres")
    assert (sky.row(order)["status"], sky.row(order)["broker_order_id"]) == ("submitting", "")
    lab.calm()
    row = sky.until(order, "accepted", seconds=90)
    sky.settles()
    theirs = lab.control.call("dump")[lab.traders[0].exchange]["orders"]
    same = [one for one in theirs if one["client_order_id"] == row["client_order_id"]]
    assert [(one["id"], one["status"]) for one in same] == [(known["broker_order_id"], "new")]
    assert row["broker_order_id"] == known["broker_order_id"]
    assert [fact for fact, _ in sky.trail(order)].count("claim") == 1


def test_a_full_disk_refuses_what_is_new_and_loses_nothing(sky: Sky) -> None:
    """What could not be written is told as not done; when there is room again everything goes on."""
    if sky.lab.why_not:
        pytest.skip(sky.lab.why_not)
    before = sky.order(symbol="SPY", side="buy", quantity="5", limit_price="60.00")
    known = sky.until(before, "accepted")["broker_order_id"]
    folder = sky.lab.database.data.parent
    with sky.busy() as driver:
        sky.after(driver, 2)
        disk.leave_no_room(folder)
        try:
            sky.lab.wait_for(lambda: not _can_write(sky), "a write that finds no room", 40)
        finally:
            disk.give_room(folder)
        sky.after(driver, 4)
    # Its trader may have cancelled it since; it is what it was, and where it was.
    assert sky.row(before)["broker_order_id"] == known
    assert sky.settles() < 70


def test_a_database_that_may_write_no_more_loses_nothing(sky: Sky) -> None:
    """The same without rights: files may not grow any more, the server dies of it, and recovers."""
    with sky.busy() as driver:
        sky.after(driver, 4)
        try:
            limited = weather.limit_files(sky.lab)
        except PermissionError:
            pytest.skip("the server belongs to another user, and this one may not limit it")
        assert limited
        sky.lab.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in limited), "the server's recovery", 40)
        sky.after(driver, 4)
    assert sky.settles() < 70


def _stand_still(sky: Sky, *names: str) -> None:
    """Until the lab is calmed; what the database was asked for is answered."""
    for name in names:
        sky.lab.supervisor.signal_group(name, signal.SIGSTOP)
    sky.lab.wait_for(lambda: not sky.lab.rows(BUSY), "an idle database", 60)


def _strike(sky: Sky, point: str) -> Strike:
    """Who came by a point last, that was armed just now."""
    sky.lab.wait_for(lambda: point not in sky.lab.points.armed(), f"somebody at {point}", 60)
    sky.lab.wait_for(lambda: sky.lab.strikes()[point], point, 60)
    return [one for one in sky.lab.points.strikes() if one.point == point][-1]


def _can_write(sky: Sky) -> bool:
    address = sky.lab.database.url.replace("postgres://", "postgresql://")
    try:
        with psycopg.connect(address) as link:
            link.execute("CREATE TABLE room AS SELECT generate_series(1, 20000)")
            link.execute("DROP TABLE room")
    except psycopg.Error:
        return False
    return True
