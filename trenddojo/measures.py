"""Counting what happens, in every process, into one place that all of them share.

A process adds up in memory and hands over every two seconds, so that counting costs whoever counts a few microseconds
and no round trip; what a killed process had not handed over is lost. The sums are a hash in the queue's database: one
truth for any number of processes and machines, read by `trenddojo.metrics`. Names and labels are the table below, and
every label is one of a few words: no ids, no symbols, no addresses.
"""

import atexit
import bisect
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import redis
from django.conf import settings

KEY: Final = "trenddojo:measures"
HAND_OVER_SECONDS: Final = 2.0
REDIS_TIMEOUT: Final = 1.0
BETWEEN: Final = "\x1f"
SUM: Final = "sum"
# A label nobody foresaw is no reason to fill the memory of whoever counts.
MOST_FIELDS: Final = 20_000

SHORT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
SHARES: Final = (0.0, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted: a counter, or a histogram where there are bounds."""

    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


MEASURES: Final[Mapping[str, Measure]] = {
    "trenddojo_http_requests_total": Measure("Answered requests.", ("method", "route", "status")),
    "trenddojo_http_request_seconds": Measure("Seconds until a request was answered.", ("route",), SHORT),
    "trenddojo_tasks_total": Measure("Tasks that ended, by how.", ("task", "outcome")),
    "trenddojo_task_seconds": Measure("Seconds a task took.", ("task",), LONG),
    "trenddojo_task_wait_seconds": Measure("Seconds a task waited for a worker.", ("queue",), LONG),
    "trenddojo_orders_moved_total": Measure("Orders that came into a state.", ("state",)),
    "trenddojo_order_outcomes_total": Measure("Attempts to send an order, by their outcome.", ("broker", "outcome")),
    "trenddojo_order_submit_seconds": Measure(
        "Seconds from the claim of an order to the broker's answer.", ("broker",), SHORT
    ),
    "trenddojo_stream_lag_seconds": Measure(
        "Seconds from a broker's word about an order to our row, over the order stream.", ("broker",), LONG
    ),
    "trenddojo_budget_left_ratio": Measure(
        "The share of a connection's requests that was left after a call, as the broker says.",
        ("broker", "kind"),
        SHARES,
    ),
    "trenddojo_budget_waits_total": Measure(
        "Calls that had to wait for a connection's budget.", ("broker", "kind", "priority")
    ),
}


def count(name: str, *labels: str, by: float = 1) -> None:
    """Add to a counter; labels in the order of its table."""
    _process.add(_field(name, labels), by)


def observe(name: str, value: float, *labels: str) -> None:
    """Add a value to a histogram."""
    bounds = MEASURES[name].bounds
    _process.add(_field(name, (*labels, str(bisect.bisect_left(bounds, value)))), 1)
    _process.add(_field(name, (*labels, SUM)), value)


def hand_over() -> None:
    """Give what was counted to the shared sums now. Where Redis is away it is kept for the next time."""
    _process.hand_over()


def sums_of(told: Mapping[bytes, bytes]) -> dict[tuple[str, ...], float]:
    """The shared sums by name and labels, from what is kept under KEY."""
    return {tuple(field.decode().split(BETWEEN)): float(value) for field, value in told.items()}


def _field(name: str, labels: Sequence[str]) -> str:
    return BETWEEN.join((name, *labels))


class _Process:
    """What one process counted and did not hand over yet."""

    def __init__(self) -> None:
        self.waiting: dict[str, float] = {}
        self.lock = threading.Lock()
        self.handing = threading.Lock()
        self.is_new = threading.Event()
        self.thread: threading.Thread | None = None
        self.redis: redis.Redis | None = None

    def add(self, field: str, by: float) -> None:
        with self.lock:
            if field not in self.waiting and len(self.waiting) >= MOST_FIELDS:
                return
            self.waiting[field] = self.waiting.get(field, 0) + by
        if not self.is_new.is_set():
            self.is_new.set()
            self._ensure_thread()

    def hand_over(self) -> None:
        with self.handing:
            with self.lock:
                taken, self.waiting = self.waiting, {}
                self.is_new.clear()
            if not taken:
                return
            try:
                self._send(taken)
            except redis.RedisError:
                for field, by in taken.items():
                    self.add(field, by)

    def _send(self, taken: Mapping[str, float]) -> None:
        if self.redis is None:
            self.redis = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
            )
        # All or nothing: what is kept for the next time was not counted this time.
        with self.redis.pipeline(transaction=True) as pipeline:
            for field, by in taken.items():
                pipeline.hincrbyfloat(KEY, field, by)
            pipeline.execute()

    def _ensure_thread(self) -> None:
        with self.lock:
            if self.thread is not None and self.thread.is_alive():
                return
            self.thread = threading.Thread(target=self._run, name="measures", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            self.is_new.wait()
            time.sleep(HAND_OVER_SECONDS)
            self.hand_over()


_process = _Process()


def _begin_anew() -> None:
    """A child counts for itself: its parent's sums and locks are the parent's."""
    global _process  # noqa: PLW0603 - one for each process
    _process = _Process()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(hand_over)
