"""The named points at which a process can be made to kill or to stop itself, once: which call, before or after it.

A point is armed by a file of its name; whoever comes by first takes the file away, so that it strikes once, and says
which process it was. The product knows nothing of this: `tests.fault.killable` wraps the calls before it hands over.
"""

import json
import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fault.record import born

# The folder of the armed points, for the processes of a lab.
FOLDER = "FAULT_POINTS"
# Where a call is looked up, by the name under which points are told to be within it.
SCOPES: dict[str, tuple[str, ...]] = {
    "place": ("trades.api.orders:order_create", "trades.views.order_ticket:order_create"),
    "ask_cancel": ("trades.api.orders:order_cancel", "trades.views.order_actions:order_cancel"),
    "ask_change": ("trades.api.orders:order_replace", "trades.views.order_actions:order_replace"),
    "submit": ("trades.tasks.orders:order_submit",),
    "cancel": ("trades.tasks.orders:order_cancel_send",),
    "change": ("trades.tasks.orders:order_replace_send",),
    "halt": (
        *("trades.api.halts:trader_halt", "trades.api.accounts:account_halt"),
        *("trades.views.halts:trader_halt", "trades.views.halts:account_halt"),
    ),
    "halts_sweep": ("trades.tasks.orders:halts_sweep",),
    "resolve": ("trades.tasks.orders:doubts_resolve",),
    "sweep": ("trades.tasks.orders:submitting_sweep",),
    "poll": ("trades.tasks.connections:connection_poll",),
    "sync": ("trades.tasks.connections:connection_sync",),
    "hints": ("trades.execution.hints:hints_apply",),
    "opened": ("trades.execution.hints:stream_opened",),
    "answer": (
        "trades.execution.submit:answer_apply",
        "trades.execution.doubts:answer_apply",
        "trades.execution.replace:_follow",
    ),
    "fills": ("trades.execution.pulls:fills_apply", "trades.execution.reconcile:fills_apply"),
    "request": ("brokers.http:BrokerSession.send",),
}
SEND = "requests.sessions:Session.send"
# Every byte of the request has left, nothing of the answer was read.
ANSWER = "urllib3.connection:HTTPConnection.getresponse"
COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"
WRITE = "trades.execution.transitions:steps_write"
NUDGE = "trades.execution.nudges:_send"


@dataclass(frozen=True)
class Point:
    """`within` names the scopes that must be open around the call, `method` the HTTP method of a request to a broker."""

    process: str
    target: str
    moment: str
    within: tuple[str, ...] = ()
    method: str = ""


def _before(process: str, target: str, *within: str, method: str = "") -> Point:
    return Point(process, target, "before", within, method)


def _after(process: str, target: str, *within: str, method: str = "") -> Point:
    return Point(process, target, "after", within, method)


# Name: where. The names are those of the documentation and of the reports.
POINTS: dict[str, Point] = {
    # A request of a trader, in the web process.
    "place.before_commit": _before("web", COMMIT, "place"),
    "place.committed": _after("web", COMMIT, "place"),
    "place.nudged": _after("web", NUDGE, "place"),
    "place.unanswered": _after("web", "trades.api.orders:order_create"),
    "ask_cancel.before_commit": _before("web", COMMIT, "ask_cancel"),
    "ask_cancel.committed": _after("web", COMMIT, "ask_cancel"),
    "ask_change.before_commit": _before("web", COMMIT, "ask_change"),
    "ask_change.committed": _after("web", COMMIT, "ask_change"),
    # Closing everything: of several positions one is closed for good.
    "flatten.closed": _after("web", "trades.execution.flatten:position_close"),
    # Sending an order, in an orders worker.
    "submit.taken": _before("orders", "trades.tasks.orders:order_submit"),
    "submit.before_claim": _before("orders", "trades.execution.submit:transition", "submit"),
    "submit.claimed": _before("orders", "trades.execution.submit:_send", "submit"),
    "submit.before_send": _before("orders", SEND, "submit", "request", method="POST"),
    "submit.sent": _before("orders", ANSWER, "submit", "request", method="POST"),
    "submit.answered": _before("orders", "trades.execution.submit:answer_apply", "submit"),
    "submit.before_commit": _before("orders", COMMIT, "submit", "answer"),
    "submit.committed": _after("orders", COMMIT, "submit", "answer"),
    "submit.written": _after("orders", WRITE, "submit", "answer"),
    "submit.done": _after("orders", "trades.tasks.orders:order_submit"),
    # Asking to cancel.
    "cancel.claimed": _before("orders", "trades.execution.cancel:_ask", "cancel"),
    "cancel.before_send": _before("orders", SEND, "cancel", "request", method="DELETE"),
    "cancel.sent": _before("orders", ANSWER, "cancel", "request", method="DELETE"),
    "cancel.answered": _after("orders", "trades.execution.cancel:_ask", "cancel"),
    "cancel.done": _after("orders", "trades.tasks.orders:order_cancel_send"),
    # Halting: the trader's request, the sweep in a worker of the desk, and what it asked the broker for.
    "halt.before_commit": _before("web", COMMIT, "halt"),
    "halt.committed": _after("web", COMMIT, "halt"),
    "halt.decided": _after("worker", "trades.execution.halt_sweep:_cancel", "halts_sweep"),
    "halt.nudging": _before("worker", NUDGE, "halts_sweep"),
    "halt.answered": _after("orders", SEND, "cancel", "request", method="DELETE"),
    # Asking for other terms.
    "change.claimed": _before("orders", "trades.execution.replace:_send", "change"),
    "change.before_send": _before("orders", SEND, "change", "request", method="PATCH"),
    "change.sent": _before("orders", ANSWER, "change", "request", method="PATCH"),
    "change.answered": _before("orders", "trades.execution.replace:_follow", "change"),
    "change.before_commit": _before("orders", COMMIT, "change", "answer"),
    "change.committed": _after("orders", COMMIT, "change", "answer"),
    "change.done": _after("orders", "trades.tasks.orders:order_replace_send"),
    # Ending a doubt.
    "resolve.claimed": _before("orders", "trades.execution.doubts:_ask", "resolve"),
    "resolve.answered": _after("orders", "trades.execution.doubts:_ask", "resolve"),
    "resolve.adopting": _before("orders", "trades.execution.doubts:answer_apply", "resolve"),
    "resolve.written": _after("orders", WRITE, "resolve", "answer"),
    "resolve.counted": _after("orders", "trades.execution.doubts:_not_known", "resolve"),
    # Keeping in step, in a worker of the desk.
    "sweep.nudging": _before("worker", NUDGE, "sweep"),
    "poll.listed": _before("worker", "trades.execution.poll:reports_apply", "poll"),
    "poll.written": _after("worker", WRITE, "poll"),
    "poll.booking": _before("worker", COMMIT, "poll", "fills"),
    "poll.booked": _after("worker", COMMIT, "poll", "fills"),
    "sync.listed": _before("worker", "trades.execution.reconcile:reports_apply", "sync"),
    "sync.positions": _before("worker", "trades.execution.reconcile:positions_write", "sync"),
    "sync.committing": _before("worker", COMMIT, "sync"),
    "sync.done": _after("worker", "trades.tasks.connections:connection_sync"),
    # What a broker pushes, in the stream process.
    "stream.heard": _before("stream", "trades.execution.hints:hints_apply"),
    "stream.booking": _before("stream", COMMIT, "hints", "fills"),
    "stream.booked": _after("stream", COMMIT, "hints", "fills"),
    "stream.before_reports": _before("stream", "trades.execution.hints:reports_apply", "hints"),
    "stream.written": _after("stream", WRITE, "hints"),
    "stream.catching_up": _before("stream", "trades.execution.hints:connection_sync", "opened"),
    # The scheduler.
    "beat.before_turn": _before("beat", "celery.beat:Scheduler.apply_async"),
    "beat.turned": _after("beat", "celery.beat:Scheduler.apply_async"),
}
DEEDS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True)
class Strike:
    """A point that was come by: which process did what to itself, and when (Unix seconds)."""

    point: str
    pid: int
    deed: str
    at: float
    # What it was armed for, and the moment the process began.
    label: str = ""
    born: int = 0
    # The row that the call is about, where it is handed one.
    row: str = ""


class Armoury:
    """The lab's side: arms points, and reads which have struck."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Strike] = {}
        for name in ("armed", "struck"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def arm(self, point: str, deed: str = "kill", label: str = "") -> None:
        if point not in POINTS or deed not in DEEDS:
            raise ValueError(f"There is no point {point} or deed {deed}.")
        fresh = self.folder / f"{point}.{secrets.token_hex(4)}"
        fresh.write_text(f"{deed}\n{label}")
        fresh.rename(self.folder / "armed" / point)

    def disarm(self, point: str) -> bool:
        """Whether it had not struck yet."""
        try:
            (self.folder / "armed" / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def armed(self) -> set[str]:
        return {path.name for path in (self.folder / "armed").iterdir()}

    def strikes(self) -> list[Strike]:
        """All of them, oldest first."""
        for path in (self.folder / "struck").glob("*.json"):
            if path.name not in self._read:
                self._read[path.name] = Strike(**json.loads(path.read_text()))
        return sorted(self._read.values(), key=lambda strike: strike.at)


def strike(point: str, folder: str, row: str = "") -> None:
    """Come by a point: if it is armed, take the order and carry it out on oneself."""
    armed = Path(folder, "armed", point)
    if not armed.exists():
        return
    mine = Path(folder, "struck", f"{point}.{os.getpid()}.{time.time_ns()}")
    try:
        armed.rename(mine)
    except FileNotFoundError:
        return
    (deed, _, label), part = mine.read_text().partition("\n"), mine.with_name(f"{mine.name}.part")
    told = {"point": point, "pid": os.getpid(), "deed": deed, "at": time.time()}
    part.write_text(json.dumps({**told, "label": label, "born": born(os.getpid()), "row": row}))
    part.rename(mine.with_name(f"{mine.name}.json"))
    os.kill(os.getpid(), DEEDS[deed])
    if deed == "kill":
        # The signal is on its way to another thread of this process: this one goes no further.
        time.sleep(60)
