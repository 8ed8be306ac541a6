"""Injections into the desk's own processes: killed at named points and at random, stopped, and told things twice."""

import time
from random import Random

import psycopg
from kombu.exceptions import OperationalError

from tests.fault.injections import injection
from tests.fault.lab import Lab
from tests.fault.points import POINTS, Strike
from tests.fault.record import Injected, Missed, is_stopped

KILL_AT_POINT = "kill at a point"
# How often a point is drawn beside the others. Where the whole process dies, its start takes seconds of a processor.
WEIGHTS = {"web": 1.0, "orders": 2.0, "worker": 1.2, "stream": 0.4, "beat": 0.4}
POINT_WEIGHTS = {name: WEIGHTS[POINTS[name].process] for name in POINTS}
# Seconds that an armed point waits for somebody to come by.
WAITS = 25.0
# As long for what is seldom asked for.
SELDOM = ("halt", "flatten")
WAITS_LONG = 60.0
# Points that nobody comes by, unless somebody died at another before.
LEADS = {"halt.decided": "halt.committed", "halt.nudging": "halt.committed"}
SUBMIT = "trades.order_submit"
TASKS = (SUBMIT, "trades.order_cancel", "trades.order_replace", "trades.order_resolve")
# Orders that nobody has sent to its end.
UNSENT = (
    "SELECT id FROM orders WHERE status IN ('new', 'submitting') AND parent_id IS NULL"
    " ORDER BY created_at DESC LIMIT 30"
)
RECENT = "SELECT id FROM orders ORDER BY created_at DESC LIMIT 30"
CLAIM = "submit.before_claim"
# At these a worker that sleeps too long finds the world changed.
SLEEPERS = ("submit.before_claim", "submit.claimed", "submit.before_send", "submit.answered", "cancel.before_send",
            "change.before_send", "change.answered", "resolve.answered", "poll.listed", "poll.booking",
            "sync.listed", "sync.positions", "place.before_commit", "ask_cancel.before_commit")  # fmt: skip


@injection(KILL_AT_POINT, "kill", 24.0)
def kill_at_point(lab: Lab, rng: Random) -> str:
    armed = lab.points.armed()
    if len(armed) == len(POINT_WEIGHTS):
        raise Missed("every point is armed")
    point = lab.next_point() if lab.next_point is not None else ""
    while point in armed or not point:
        point = rng.choices(list(POINT_WEIGHTS), POINT_WEIGHTS.values())[0]
    seconds = WAITS_LONG if point.startswith(SELDOM) else WAITS
    lab.arm(point)
    lab.later(seconds, lambda: lab.points.disarm(point))
    before = LEADS.get(point, "")
    if before and before not in armed:
        lab.points.arm(before)
        lab.later(seconds, lambda: lab.points.disarm(before))
    if point == "stream.catching_up":
        # Nobody would come by, but after a stream's end.
        lab.control.close_streams()
    return point


@injection("kill.orders", "kill", 0.9)
def kill_orders(lab: Lab, rng: Random) -> None:
    lab.kill(rng.choice(["orders1", "orders2"]), down_for=rng.uniform(0, 3))


@injection("kill.worker", "kill", 0.5)
def kill_worker(lab: Lab, rng: Random) -> None:
    lab.kill("worker", down_for=rng.uniform(0, 3))


@injection("kill.web", "kill", 0.4)
def kill_web(lab: Lab, rng: Random) -> None:
    lab.kill("web", down_for=rng.uniform(0, 1))


@injection("kill.beat", "kill", 0.3)
def kill_beat(lab: Lab, rng: Random) -> None:
    lab.kill("beat", down_for=rng.uniform(0, 5))


@injection("kill.stream", "kill", 0.4)
def kill_stream(lab: Lab, rng: Random) -> None:
    lab.kill("stream", down_for=rng.uniform(0, 5))


@injection("kill.pool", "kill", 3.0)
def kill_pool(lab: Lab, rng: Random) -> str:
    """A process of a pool, wherever it is."""
    name = rng.choice(["orders1", "orders2", "worker", "web"])
    children = lab.supervisor.children(name)
    if not children:
        raise Missed(f"nobody in {name}")
    lab.kill_one(rng.choice(children))
    return name


@injection("kill.exchange", "kill", 0.2)
def kill_exchange(lab: Lab, rng: Random) -> None:
    """It is not the desk: what is killed is counted without it."""
    lab.up("exchange")
    lab.forget_faults()
    lab.supervisor.kill("exchange", down_for=rng.uniform(0, 4))


@injection("sleep at a point", "sleep", 1.0)
def sleep_at_point(lab: Lab, rng: Random) -> str:
    """Stopped at a point, and awake again when others may have taken over."""
    names = sorted(set(SLEEPERS) - lab.points.armed())
    point, seconds = rng.choice(names), rng.choice([3.0, 17.0, 17.0, 40.0, 75.0])
    lab.arm(point, "stop")
    lab.sleeps[point] = seconds
    lab.later(WAITS, lambda: lab.points.disarm(point))
    return f"{point} {seconds:.0f} s"


@injection("sleep.orders", "sleep", 0.4)
def sleep_orders(lab: Lab, rng: Random) -> str:
    name, seconds = rng.choice(["orders1", "orders2"]), rng.uniform(2, 25)
    lab.pause(name, seconds)
    return f"{name} {seconds:.0f} s"


@injection("sleep.stream", "sleep", 0.15)
def sleep_stream(lab: Lab, rng: Random) -> None:
    """Stopped past its leases while another process takes them; then both are awake."""
    lab.pause("stream", 45)
    lab.supervisor.keep(lab.program("stream2"))
    lab.later(70, lambda: lab.supervisor.let_go("stream2"))


@injection("told twice", "twice", 1.5)
def told_twice(lab: Lab, rng: Random) -> str:
    """Messages that come again, of an order that is still to be sent where there is one."""
    unsent = lab.rows(UNSENT)
    orders = unsent or lab.rows(RECENT)
    if not orders:
        raise Missed("no orders")
    order, task = str(rng.choice(orders)["id"]), SUBMIT if unsent else rng.choice(TASKS)
    lab.nudge(task, order, times=rng.randint(2, 5))
    return f"{task} {order}"


@injection("two at one claim", "twice", 1.5)
def two_at_one_claim(lab: Lab, rng: Random) -> None:
    """A worker stands still right before it claims an order, and all others are told of the same one.

    It strikes where another took the order meanwhile: the first wakes up to a row that is not what it has read.
    """
    if CLAIM in lab.points.armed():
        raise Missed("the point is armed")
    line = lab.record.line()
    lab.sleeps[CLAIM] = rng.uniform(3, 10)
    # Under another label than the line's: who only stands there was not overtaken.
    lab.points.arm(CLAIM, "stop", _standing(line))
    until, times = time.monotonic() + WAITS, rng.randint(2, 5)
    lab.later(0, lambda: _tell_others(lab, line, until, times))


def _standing(line: Injected) -> str:
    return f"{line.label} stands"


def _tell_others(lab: Lab, line: Injected, until: float, times: int) -> None:
    """As soon as somebody stands there; looked for again and again, as injections wait for nothing."""
    first = next((one for one in lab.points.strikes() if one.label == _standing(line)), None)
    if first is None and time.monotonic() < until:
        lab.later(0.1, lambda: _tell_others(lab, line, until, times))
    elif first is None:
        lab.points.disarm(CLAIM)
        line.missed("nobody came by")
    else:
        try:
            lab.nudge(SUBMIT, first.row, times=times)
        except OperationalError as problem:
            line.missed(repr(problem))
        else:
            line.detail = first.row
            _see_it_taken(lab, line, first)


def _see_it_taken(lab: Lab, line: Injected, first: Strike) -> None:
    """By another: the first one still stands when it has been read that the order is new no more."""
    try:
        found = lab.rows("SELECT status FROM orders WHERE id = %s", first.row)
    except psycopg.Error:
        found = []
    if not is_stopped(first.pid):
        line.missed("nobody was quicker")
    elif found and found[0]["status"] != "new":
        line.struck()
    else:
        lab.later(0.1, lambda: _see_it_taken(lab, line, first))
