"""A wrong clock for processes of a lab: each follows a file that says how many seconds it is off.

Named in FAULT_STARTERS as `tests.fault.clocks:follow`. All of Python's wall clock jumps, in the process and those it forks,
while it works; what measures spans of time goes on as it did, and the database has a clock of its own.
"""

import contextlib
import os
import re
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

CLOCKS = "FAULT_CLOCKS"
STARTER = "tests.fault.clocks:follow"
LOOK = 0.1
HOST = re.compile(r"(\w+)@host(\d*)")
# A word of the command, and the name of the process.
NAMES = {"gunicorn": "web", "beat": "beat", "stream_orders": "stream"}


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.seconds"


def shift(folder: Path, name: str, seconds: float) -> None:
    """Put the clocks of a process of a lab, with its pool, this much before or behind the true time."""
    folder.mkdir(exist_ok=True)
    file = file_of(folder, name)
    fresh = file.with_suffix(".new")
    fresh.write_text(str(seconds))
    fresh.rename(file)


def name_of(command: list[str]) -> str:
    """The name of a process in a lab, from its command: workers carry it as their host."""
    words = " ".join(command)
    host = HOST.search(words)
    if host:
        return "".join(host.groups())
    return next(name for word, name in NAMES.items() if word in words)


class Clock:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.off = 0.0
        self._travel: time_machine.travel | None = None
        self.look()
        self.watch()
        # Threads do not survive a fork; the shift does.
        os.register_at_fork(after_in_child=self.watch)

    def watch(self) -> None:
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def look(self) -> None:
        off = 0.0
        with contextlib.suppress(OSError, ValueError):
            off = float(self.file.read_text())
        if off != self.off:
            self.off = off
            self._jump()

    def _jump(self) -> None:
        if self._travel is not None:
            self._travel.stop()
            self._travel = None
        if self.off:
            self._travel = time_machine.travel(datetime.now(UTC) + timedelta(seconds=self.off), tick=True)
            self._travel.start()

    def _follow(self) -> None:
        while True:
            time.sleep(LOOK)
            self.look()


def follow(command: list[str]) -> None:
    folder = os.environ.get(CLOCKS)
    if folder:
        Clock(file_of(Path(folder), name_of(command or sys.argv)))
