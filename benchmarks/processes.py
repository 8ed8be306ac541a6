"""How long the processes of the desk take to start, and what memory each holds."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from trenddojo.desk.procfile import read_procfile

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60
SETTLE = 4


@dataclass(frozen=True)
class ProcessTiming:
    """Seconds until it answers (None where nothing asks it), and the memory of it and its children in MB."""

    name: str
    seconds: float | None
    processes: int
    memory_mb: float


def measure() -> list[ProcessTiming]:
    port = free_port()
    given = {"PORT": str(port), "WEB_CONCURRENCY": "2", "WORKER_CONCURRENCY": "1", "SIMULATOR_PORT": "0"}
    environment = {**os.environ, **given, "SIMULATOR_URL": ""}
    commands = read_procfile(ROOT / "Procfile", environment)
    ready: dict[str, Callable[[], bool]] = {
        "web": lambda: answers(port), "worker": _worker_answers, "orders": _worker_answers,
    }  # fmt: skip
    # The stand-in exchange is no part of the desk.
    del commands["simulator"]
    return [_measure(name, command, environment, ready.get(name)) for name, command in commands.items()]


@contextmanager
def web_process() -> Iterator[str]:
    """The web processes of the Procfile on a port of their own; their address."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "2", "SIMULATOR_URL": "", "SIMULATOR_PORT": "0"}
    command = read_procfile(ROOT / "Procfile", {**environment, "WORKER_CONCURRENCY": "1"})["web"]
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    child = subprocess.Popen(program, cwd=ROOT, env=environment, start_new_session=True)
    try:
        wait_for(child, lambda: answers(port), time.perf_counter())
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=30)


def _measure(
    name: str, command: list[str], environment: dict[str, str], is_ready: Callable[[], bool] | None
) -> ProcessTiming:
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    started = time.perf_counter()
    child = subprocess.Popen(program, cwd=ROOT, env=environment, start_new_session=True)
    try:
        seconds = wait_for(child, is_ready, started) if is_ready else None
        time.sleep(SETTLE)
        family = list(tree(child.pid))
        return ProcessTiming(name, seconds, len(family), sum(memory_mb(pid) for pid in family))
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=30)


def wait_for(child: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], started: float) -> float:
    while not is_ready():
        if child.poll() is not None or time.perf_counter() - started > PATIENCE:
            raise RuntimeError("a process of the desk did not start")
        time.sleep(0.05)
    return time.perf_counter() - started


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
        return bool(answer.status == 200)  # noqa: PLR2004 - OK
    return False


def _worker_answers() -> bool:
    from trenddojo.celery import app

    return bool(app.control.ping(timeout=0.3))


def tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from tree(int(child))


def memory_mb(pid: int) -> float:
    """The proportional set size: memory shared with a sibling counts by its share.

    Segments of shared memory are left out: the cache of PostgreSQL is of a fixed size, and fills by and by.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return (kilobytes["Pss"] - kilobytes.get("Pss_Shmem", 0)) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
