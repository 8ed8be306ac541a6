"""The processes of the Procfile, and what memory and processor each of them takes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.processes import ROOT, answers, free_port, memory_mb, tree, wait_for
from trenddojo.desk.procfile import read_procfile

# Workers as docs/production.env.example has them: what sends orders waits for the broker and the disk most of the time.
WEB, WORKERS = 2, 4
EVERY = 5.0
WORK = 500_000
MACHINE = "everything on this machine"
TICK = os.sysconf("SC_CLK_TCK")


class Desk:
    """Running processes by name, and samples of them: at (seconds), name, megabytes, seconds of processor so far."""

    def __init__(self, others: Mapping[str, int]) -> None:
        self.port = free_port()
        self.roots: dict[str, int] = dict(others)
        self.children: list[subprocess.Popen[bytes]] = []
        self.samples: list[tuple[float, str, float, float]] = []
        # at (seconds), seconds that a processor took for the same piece of work
        self.paces: list[tuple[float, float]] = []
        self.spent: dict[int, float] = {}
        self.is_over = threading.Event()

    def start(self) -> None:
        given = {"PORT": str(self.port), "WEB_CONCURRENCY": str(WEB), "WORKER_CONCURRENCY": str(WORKERS)}
        environment = {**os.environ, **given, "SIMULATOR_PORT": "0"}
        for name, command in read_procfile(ROOT / "Procfile", environment).items():
            # The stand-in exchange runs already, under the eye of its own control port.
            if name != "simulator":
                program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
                child = subprocess.Popen(program, cwd=ROOT, env=environment, start_new_session=True)
                self.children.append(child)
                self.roots[name] = child.pid
        wait_for(self.children[0], lambda: answers(self.port), time.perf_counter())
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        self.is_over.set()
        for child in self.children:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        for child in self.children:
            child.wait(timeout=60)

    def died(self) -> list[str]:
        return [name for name, pid in self.roots.items() if not Path(f"/proc/{pid}").exists()]

    def _watch(self) -> None:
        while not self.is_over.wait(EVERY):
            self.samples.append((time.time(), MACHINE, 0.0, _busy()))
            self.paces.append((time.time(), _pace()))
            for name, root in list(self.roots.items()):
                with suppress(OSError, IndexError):
                    self._sample(name, list(tree(root)))

    def _sample(self, name: str, pids: list[int]) -> None:
        self.samples.append((time.time(), name, sum(map(memory_mb, pids)), sum(map(seconds_of_processor, pids))))


def seconds_of_processor(pid: int) -> float:
    """Seconds of processor of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def _pace() -> float:
    """Seconds of processor for a fixed piece of work: a machine that others share is not always as quick."""
    began = time.thread_time()
    sum(range(WORK))
    return time.thread_time() - began


def _busy() -> float:
    """Seconds of processor that anybody on this machine used: who reads the figures must know who else was there."""
    fields = list(map(int, Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICK


@contextmanager
def running(others: Mapping[str, int]) -> Iterator[Desk]:
    desk = Desk(others)
    try:
        desk.start()
        yield desk
    finally:
        desk.stop()
