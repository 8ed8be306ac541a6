"""Real processes under a supervisor that starts again what ended, as the desk's own or a service manager does."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trenddojo.desk.identity import Identity
from trenddojo.desk.process import TETHER

TICK = 0.05
# A supervisor takes a breath before it starts anew what has just ended.
BREATH = 0.2


@dataclass
class Program:
    """What is run, and how it is asked whether it works."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    is_ready: Callable[[], bool] = lambda: True
    identity: Identity = field(default_factory=Identity)
    # How it is asked to end; -9 would lose what it holds on purpose only.
    stop_signal: int = signal.SIGTERM
    # Done before each start, as the desk does it.
    mend: Callable[[], object] = lambda: None


class Running:
    """A program that is kept running. Start and restart are the supervisor's alone."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.popen: subprocess.Popen[bytes] | None = None
        self.is_wanted = False
        # Not started before this moment of the monotonic clock.
        self.not_before = 0.0
        self.starts = 0
        # Unix seconds of every end, and of the next time it was ready.
        self.ended_at: list[float] = []
        self.recoveries: list[float] = []
        self._waits_since: float | None = None

    @property
    def pid(self) -> int:
        return self.popen.pid if self.popen is not None else 0

    def is_alive(self) -> bool:
        popen = self.popen
        return popen is not None and popen.poll() is None

    def signal(self, number: int) -> None:
        """To the process alone. The supervisor may bury it meanwhile, and process 0 would be ourselves."""
        popen = self.popen
        if popen is not None and popen.poll() is None:
            with contextlib.suppress(OSError):
                os.kill(popen.pid, number)

    def signal_group(self, number: int) -> None:
        """To the process and whatever it started."""
        popen = self.popen
        if popen is not None and popen.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(popen.pid, number)

    def is_settled(self) -> bool:
        return self.is_alive() and self._waits_since is None

    def turn(self) -> None:
        """One look of the supervisor."""
        if self.popen is not None and self.popen.poll() is not None:
            self._bury()
        if self.popen is None and self.is_wanted and time.monotonic() >= self.not_before:
            self._start()
        if self._waits_since is not None and self.is_alive() and self.program.is_ready():
            self.recoveries.append(time.time() - self._waits_since)
            self._waits_since = None

    def _start(self) -> None:
        self.program.mend()
        program, uid, gid = self.program, self.program.identity.uid, self.program.identity.gid
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())]
        who = [str(-1 if uid is None else uid), str(-1 if gid is None else gid), str(int(signal.SIGKILL))]
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*tether, *who, *program.command],
                cwd=program.folder,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts += 1
        if self._waits_since is None:
            self._waits_since = time.time()

    def _bury(self) -> None:
        """What it left in its group ends with it, such as the pool of a killed worker."""
        if self.popen is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen = None
        self.ended_at.append(time.time())
        # A process that was ended on purpose is missed by nobody.
        self._waits_since = time.time() if self.is_wanted else None
        self.not_before = max(self.not_before, time.monotonic() + BREATH)


class Supervisor:
    """Keeps programs running, in a thread of its own: it is the parent that tethered children must not outlive."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, Running] = {}
        # What programs answered that nobody can read, and how often.
        self.surprises: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def keep(self, program: Program) -> Running:
        """Run a program until it is let go of."""
        mine = self.running.setdefault(program.name, Running(program, self.logs / f"{program.name}.log"))
        mine.program, mine.is_wanted = program, True
        return mine

    def wait(self, *names: str, seconds: float = 90) -> None:
        """Until they are ready, or AssertionError with the last words of the one that is not."""
        deadline = time.monotonic() + seconds
        for name in names:
            while not self.running[name].is_settled():
                if time.monotonic() > deadline:
                    raise AssertionError(f"{name} did not start ({dict(self.surprises)}):\n{self.tail(name)}")
                time.sleep(TICK)

    def kill(self, name: str, *, down_for: float = 0.0) -> None:
        """kill -9 of the process and everything in its group; it is started again after so many seconds."""
        mine = self.running[name]
        mine.not_before = time.monotonic() + down_for
        mine.signal_group(signal.SIGKILL)

    def end(self, name: str, *, down_for: float = 0.0, number: int | None = None) -> None:
        """Ask it to end, as a deploy does; it is started again after so many seconds."""
        mine = self.running[name]
        mine.not_before = time.monotonic() + down_for
        mine.signal(mine.program.stop_signal if number is None else number)

    def let_go(self, name: str, *, seconds: float = 15) -> None:
        """Stop it for good."""
        mine = self.running.get(name)
        if mine is None:
            return
        mine.is_wanted = False
        self.end(name)
        deadline = time.monotonic() + seconds
        while mine.popen is not None:
            if time.monotonic() > deadline:
                self.kill(name)
            time.sleep(TICK)

    def children(self, name: str) -> list[int]:
        """Processes of its group besides the first, such as a worker's pool."""
        group, found = self.running[name].pid, []
        if not group:
            return found
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, of_group = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
                pid = int(path.parent.name)
                if int(of_group) == group and pid != group and state not in "ZX":
                    found.append(pid)
        return sorted(found)

    def signal_group(self, name: str, number: int) -> None:
        self.running[name].signal_group(number)

    def signal_process(self, pid: int, number: int) -> None:
        with contextlib.suppress(OSError):
            os.kill(pid, number)

    def tail(self, name: str, lines: int = 30) -> str:
        log = self.running[name].log
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def close(self) -> None:
        """End everything at once: nothing of it is looked at any more."""
        for mine in self.running.values():
            mine.is_wanted = False
            mine.signal_group(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(mine.popen is not None for mine in self.running.values()) and time.monotonic() < deadline:
            time.sleep(TICK)
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.is_set():
            for mine in list(self.running.values()):
                self._look_at(mine)
            self._stop.wait(TICK)

    def _look_at(self, mine: Running) -> None:
        """Whoever is asked whether it works may die while it answers: no surprise of one program ends the watch."""
        try:
            mine.turn()
        except Exception as problem:  # noqa: BLE001 - see above; it is looked at again at once, and told
            self.surprises[f"{mine.program.name}: {problem!r}"] += 1
