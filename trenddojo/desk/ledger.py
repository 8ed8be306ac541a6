"""Which processes the desk has started, on disk, so that whoever survives can stop them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

# Processes that use the servers stop first, the servers after them.
FIRST, LAST = 0, 1
PATIENCE = {FIRST: 12.0, LAST: 20.0}


@dataclass(frozen=True)
class Entry:
    """A process that leads its own group; `birth` tells it from a later one with the same number."""

    name: str
    pid: int
    birth: str
    stage: int
    stop_signal: int


def birth_of(pid: int) -> str:
    """When the process began, in the system's own words; empty when it is gone or a zombie."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; the fields after it are plain.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            return "" if fields[0] in "ZX" else fields[19]
        return ""
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - where the system has it
        check=False,
        capture_output=True,
        text=True,
    )
    state, _, birth = answer.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else birth.strip()


def is_alive(entry: Entry) -> bool:
    return birth_of(entry.pid) == entry.birth != ""


def write(path: Path, entries: Iterable[Entry]) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps([asdict(entry) for entry in entries]), encoding="utf-8")
    fresh.replace(path)


def read(path: Path) -> list[Entry]:
    try:
        return [Entry(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def stop(
    entries: Iterable[Entry],
    alive: Callable[[Entry], bool] = is_alive,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Stop every process that still lives, stage by stage: ask, wait, then kill the whole group."""
    remaining = list(entries)
    for stage in (FIRST, LAST):
        group = [entry for entry in remaining if entry.stage == stage]
        for entry in group:
            if alive(entry):
                _signal(entry.pid, entry.stop_signal)
        deadline = time.monotonic() + PATIENCE[stage]
        while any(alive(entry) for entry in group) and time.monotonic() < deadline:
            sleep(0.05)
        for entry in group:
            _kill_group(entry, alive)


def _kill_group(entry: Entry, alive: Callable[[Entry], bool]) -> None:
    """Whatever a process left behind shares its group, also when the process itself is gone."""
    if alive(entry):
        _signal(entry.pid, signal.SIGKILL)
    if entry.stage == FIRST:
        with contextlib.suppress(OSError):
            os.killpg(entry.pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
