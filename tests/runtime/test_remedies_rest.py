"""What docs/runbook.md says of web processes, clocks and servers is followed on a desk with two web processes."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.fault.clocks import CLOCKS, shift
from tests.runtime.desk_process import copy_checkout, free_port
from tests.runtime.operated import ROOT, TOKEN, Operated, desk, ids, operated, until
from tests.runtime.spoilt_queue import spoil
from tests.runtime.test_remedies import SCRAPE_SECONDS, is_each_at_the_exchange_once, state
from tests.runtime.test_remedies_by_hand import queries
from tests.trenddojo.alert_kit import Between
from trenddojo.desk.identity import server_identity
from trenddojo.desk.valkey import APPENDED, ASIDE, Valkey, find_program
from trenddojo.health import CLOCK_TOLERANCE_SECONDS

__all__ = ["desk"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

# The name of the second web process, and the setting with its port.
SECOND, PORT = "second", "SECOND_PORT"
# gunicorn in a process whose clock follows a file.
CLOCKED = f"import sys; sys.path.append('{ROOT}'); sys.argv.pop(0); import tests.fault.clocks as clocks; "
CLOCKED += "clocks.follow(sys.argv); from gunicorn.app.wsgiapp import run; run()"
WEB = re.compile(r"^web: gunicorn (.*)$", re.MULTILINE)
# Of each web process.
THREADS = 24
# Seconds between two pages of a visitor.
PAUSE = 0.1


@pytest.fixture(scope="module")
def running() -> Iterator[Operated]:
    """A desk with two web processes, as behind a proxy; the clock of the second can be put wrong."""
    folder = copy_checkout()
    procfile = folder / "Procfile"
    (words,) = WEB.findall(procfile.read_text())
    second = f'{SECOND}: python -c "{CLOCKED}" gunicorn {words.replace("${PORT}", f"${{{PORT}}}")}\n'
    procfile.write_text(procfile.read_text() + second)
    with operated(folder, **{PORT: str(free_port()), CLOCKS: str(folder / "clocks")}) as made:
        until(lambda: answers(beside(made)), "the second web process", 90)
        yield made


def beside(desk: Operated) -> Operated:
    """The desk as its second web process shows it."""
    return desk.at(int(desk.desk.variables[PORT]))


def answers(desk: Operated, seconds: float = 30) -> bool:
    """Whether a web process answers Prometheus within so many seconds."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        return requests.get(desk.url("/metrics"), headers=headers, timeout=seconds).ok
    except requests.RequestException:
        return False


def is_down(desk: Operated) -> bool:
    """Whether DeskDown is true where Prometheus asks a proxy, which asks another process when one does not answer."""
    processes = (desk, beside(desk))
    is_up = any(answers(process, SCRAPE_SECONDS / len(processes)) for process in processes)
    up = {"up": {frozenset({("job", "trenddojo")}): float(is_up)}}
    return Between(up, up).firing(["DeskDown"]) == {"DeskDown"}


class Visitor(threading.Thread):
    """Asks for a page again and again by way of a proxy: of one process, and of the other where it is refused."""

    def __init__(self, desk: Operated) -> None:
        super().__init__(daemon=True)
        self.pages = [process.url("/readyz") for process in (desk, beside(desk))]
        self.seen: list[int] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(PAUSE):
            self.seen.append(next((status for page in self.pages if (status := self._look(page))), 0))

    def _look(self, page: str) -> int:
        try:
            return requests.get(page, timeout=30).status_code
        except requests.ConnectionError:
            return 0

    @contextlib.contextmanager
    def visiting(self) -> Iterator["Visitor"]:
        self.start()
        try:
            yield self
        finally:
            self.is_over.set()
            self.join(timeout=60)


def restart(desk: Operated, name: str, process: Operated) -> None:
    """As `systemctl restart` does: asked to end, waited for and started anew; done once visitors may come."""
    before = desk.desk.entries()[name].pid
    os.kill(before, signal.SIGTERM)
    until(lambda: is_anew(desk, name, before), f"{name} anew", 60)
    until(lambda: takes_visitors(process), f"{name} to take visitors", 60)


def takes_visitors(process: Operated) -> bool:
    with contextlib.suppress(requests.RequestException):
        return process.ready()[0] == requests.codes.ok
    return False


def is_anew(desk: Operated, name: str, before: int) -> bool:
    entry = desk.desk.entries().get(name)
    return entry is not None and entry.pid != before


def test_web_processes_that_hang_are_restarted_one_after_the_other(desk: Operated) -> None:
    with desk.stopped("web", SECOND):
        assert is_down(desk)
        with desk.killed("web"):
            pass
        # The other one's turn comes when visitors may come to this one.
        until(lambda: takes_visitors(desk), "the first web process", 60)
        assert not is_down(desk)
        with Visitor(desk).visiting() as visitor, desk.killed(SECOND):
            seen = len(visitor.seen)
            until(lambda: len(visitor.seen) > seen + 1, "a page while the second is gone")
    until(lambda: answers(beside(desk)), "the second web process", 60)
    assert set(visitor.seen) == {200}
    is_each_at_the_exchange_once(desk, ids([beside(desk).order()]))


def test_visitors_notice_nothing_of_web_processes_that_are_restarted_one_at_a_time(desk: Operated) -> None:
    """DeskDown asks for no less: what is being answered is answered, and the other process takes what comes."""
    with Visitor(desk).visiting() as visitor:
        for name, process in (("web", desk), (SECOND, beside(desk))):
            seen = len(visitor.seen)
            restart(desk, name, process)
            assert len(visitor.seen) > seen
    assert set(visitor.seen) == {200}
    assert not is_down(desk)


def test_threads_that_all_wait_for_the_database_are_found_and_let_go(desk: Operated) -> None:
    """DeskDown of processes that run and do not answer."""
    (order,) = ids([desk.order()])
    until(lambda: state(desk, order) == "accepted", "the order")
    (activity,), (_, holders) = queries("DeskDown"), queries("DatabaseDown")
    processes = [desk, beside(desk)] * THREADS
    visitors = ThreadPoolExecutor(len(processes))
    # Whose order is not cancelled yet is taken at its word, however often it is given.
    with desk.stopped("orders"), visitors, desk.held("LOCK TABLE accounts") as holder:
        asked = [visitors.submit(cancel, process, order) for process in processes]
        until(lambda: is_down(desk), "nobody who answers", 60)
        assert sum(waits_for == "Lock" for _, _, waits_for, _ in desk.sql(activity)) >= len(processes)
        assert [pid for pid, *_ in desk.sql(holders)] == [holder]
        assert desk.sql("SELECT pg_terminate_backend(%s)", holder) == [(True,)]
        assert {visit.result().status_code for visit in asked} == {200}
    until(lambda: not is_down(desk), "a page")
    until(lambda: state(desk, order) == "cancelled", "the end of the order", 60)


def cancel(desk: Operated, order: str) -> requests.Response:
    """Asked by somebody who waits."""
    headers = {"Authorization": f"Bearer {desk.trader['token']}"}
    return requests.post(desk.url(f"/api/v1/orders/{order}/cancel/"), headers=headers, timeout=120)


def test_a_clock_that_is_put_right_lets_visitors_in_again(desk: Operated) -> None:
    """ClockSkewed: the one machine's is wrong, and the process there says so; the others take the visitors."""
    clocks, second = Path(desk.desk.variables[CLOCKS]), beside(desk)
    shift(clocks, "web", 5.0)
    second.fires("ClockSkewed")
    status, told = readiness(second)
    assert status == 503
    assert re.fullmatch(r"Our clock and the database's differ by [45]\.\d s\.", told["clock"]["detail"])
    assert {name for name, check in told.items() if check["state"] == "failed"} == {"clock"}
    # Each process speaks for its own machine.
    assert "ClockSkewed" not in desk.fires()
    assert desk.ready() == (200, dict.fromkeys(told, "ok"))

    # As a time service does it: bit by bit.
    for left in (4.0, 2.5, 1.0, 0.0):
        shift(clocks, "web", left)
        until(lambda left=left: second.value("trenddojo_clock_skew_seconds") < left + 0.5, f"{left} s")
        assert ("ClockSkewed" in second.fires()) == (left > CLOCK_TOLERANCE_SECONDS)
    until(second.is_quiet, "visitors")
    is_each_at_the_exchange_once(desk, ids([second.order()]))


def readiness(desk: Operated) -> tuple[int, dict[str, dict[str, str]]]:
    answer = requests.get(desk.url("/readyz"), timeout=30)
    return answer.status_code, answer.json()["checks"]


def test_what_is_placed_while_the_queue_is_gone_leaves_once_it_is_back(desk: Operated) -> None:
    with desk.killed("queue"):
        desk.fires("QueueDown", "CacheDown", since={})
        waiting = ids([desk.order() for _ in range(2)])
        assert {state(desk, order) for order in waiting} == {"new"}
        status, checks = desk.ready()
        assert (status, checks["queue"], checks["broker budget"]) == (503, "failed", "degraded")
    is_each_at_the_exchange_once(desk, waiting)
    until(lambda: not {"QueueDown", "CacheDown"} & desk.fires(), "a queue and a cache")


def test_a_queue_that_refuses_its_file_is_started_without_it(desk: Operated) -> None:
    """QueueDown: `appendonlydir` is moved by hand; what was placed before and meanwhile is at the exchange once."""
    data = (desk.desk.folder / "var" / "valkey").resolve()
    with desk.stopped("orders", "worker"):
        waiting = ids([desk.order()])
        with desk.killed("queue"):
            spoil(data)
            assert "Bad file format reading the append only file" in words_of_a_start(desk, data)
            desk.fires("QueueDown", "CacheDown", since={})
            waiting += ids([desk.order()])
            assert {state(desk, order) for order in waiting} == {"new"}
            (data / APPENDED).rename(data / "taken-away")
    is_each_at_the_exchange_once(desk, waiting)
    # It was ours to move: the desk found none, and put aside the log alone.
    assert [path.name for path in (data / ASIDE).iterdir()] == ["valkey.log"]
    until(lambda: not {"QueueDown", "CacheDown"} & desk.fires(), "a queue and a cache")


def words_of_a_start(desk: Operated, data: Path) -> str:
    """The last line of its log when somebody starts it as it is."""
    identity = server_identity(desk.desk.folder)
    server = Valkey(find_program(identity, data), data, desk.desk.folder / "var" / "run", identity)
    who = {"user": identity.uid, "group": identity.gid}
    done = subprocess.run(server.command(), check=False, timeout=60, **who)
    assert done.returncode != 0
    return server.log.read_text().strip().splitlines()[-1]
