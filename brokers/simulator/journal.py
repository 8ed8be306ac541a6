"""What survives `kill -9`: a snapshot, and every accepted request since, in the order they were accepted.

The engine is deterministic: from the snapshot, the same requests at the same moments lead to the same orders, ids
and fills. A line is handed to the system before the request is answered, so that the end of the process loses nothing
that was promised; a snapshot is written beside the old one, synced and then put in its place.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from brokers.simulator.errors import SimulatorError

VERSION = 1
# So many lines replay within a second or two.
LONGEST = 2_000


@dataclass(frozen=True)
class Entry:
    """A request that was accepted: when, in the exchange's time (ISO), which, and with what."""

    at: str
    command: str
    arguments: dict[str, Any]


class Journal:
    """The two files of one folder. A line's `generation` tells whether the snapshot already contains it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshot_path = folder / "snapshot.json"
        self.lines_path = folder / "journal.jsonl"
        self.length = 0
        self.generation = 0
        self._lines: IO[str] | None = None
        self._lock = -1

    @classmethod
    def in_folder(cls, folder: Path) -> "Journal":
        """Open the folder for this process alone. Raises SimulatorError when it cannot be had."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = cls(folder)
            journal._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(journal._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise SimulatorError(f"Another simulator keeps its state in {folder}: name another folder.") from problem
        except OSError as problem:
            raise SimulatorError(f"The folder {folder} cannot be written ({problem.strerror}).") from problem
        return journal

    def read(self) -> tuple[dict[str, Any] | None, list[Entry]]:
        """The last snapshot, ``None`` at the first start, and what was accepted after it."""
        snapshot = self._read_snapshot()
        entries = list(self._read_lines())
        self.length = len(entries)
        return snapshot, entries

    def append(self, entry: Entry) -> None:
        """Keep an accepted request; only then may it be answered."""
        if self._lines is None:
            self._lines = self._open("a")
        line = [self.generation, entry.at, entry.command, entry.arguments]
        self._lines.write(f"{json.dumps(line, separators=(',', ':'))}\n")
        self._lines.flush()
        self.length += 1

    def write_snapshot(self, state: dict[str, Any]) -> None:
        """Replace everything so far. Killed between the two steps, old lines are told by their generation."""
        self.generation += 1
        content = json.dumps({"version": VERSION, "generation": self.generation, **state}, separators=(",", ":"))
        fresh = self.snapshot_path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.snapshot_path)
        self.close()
        self._lines = self._open("w")
        self.length = 0

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def release(self) -> None:
        """Let another process have the folder; the end of this one does the same."""
        self.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self, mode: str) -> IO[str]:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if mode == "w" else os.O_APPEND)
        return os.fdopen(os.open(self.lines_path, flags, 0o600), mode, encoding="utf-8")

    def _read_snapshot(self) -> dict[str, Any] | None:
        try:
            state = json.loads(self.snapshot_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise self.unreadable() from problem
        if not isinstance(state, dict) or state.get("version") != VERSION:
            raise self.unreadable()
        self.generation = state["generation"]
        return state

    def _read_lines(self) -> Iterator[Entry]:
        """A last line cut short by a kill was never answered for. It is cut off, or the next would be glued to it."""
        if not self.lines_path.exists():
            return
        content = self.lines_path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.lines_path, whole)
        for line in content[:whole].splitlines():
            try:
                generation, at, command, arguments = json.loads(line)
            except ValueError as problem:
                raise self.unreadable() from problem
            if generation == self.generation:
                yield Entry(at, command, arguments)

    def unreadable(self) -> SimulatorError:
        return SimulatorError(
            f"The exchange's state in {self.folder} cannot be read by this version: "
            "move the folder away to begin with a fresh exchange."
        )
