"""What was done to the desk: what was drawn, what of it really befell somebody, and which processes died of it."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# It happened at once; somebody has to come by first; nothing was there to befall.
DONE, AWAITED, MISSED = "done", "awaited", "missed"


class Missed(Exception):
    """There was nothing that the injection could have befallen; the text says what was missing."""


@dataclass
class Injected:
    """Something drawn, and when (Unix seconds): a line of a run's story. The label tells it from others of its name."""

    at: float
    name: str
    detail: str = ""
    state: str = DONE
    label: str = ""

    def struck(self) -> None:
        """What was awaited has come."""
        self.state = DONE

    def missed(self, why: str) -> None:
        self.state, self.detail = MISSED, f"{self.detail} missed: {why}".strip()


@dataclass(frozen=True)
class Victim:
    """A process that was killed; ids come again, with another hour of birth."""

    pid: int
    born: int

    def is_dead(self) -> bool:
        return born(self.pid) != self.born


def born(pid: int) -> int:
    """The moment a living process began, in the kernel's ticks; 0 when there is none, or only its body."""
    state, *rest = _looked_at(pid)
    return 0 if state in "ZX" else int(rest[18])


def is_stopped(pid: int) -> bool:
    """Whether a process is there and stands still."""
    return _looked_at(pid)[0] == "T"


def _looked_at(pid: int) -> list[str]:
    """The kernel's words about a process, its state first; that of a dead one where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ["X"]


@dataclass
class Record:
    """The lab's book of what it did. Strikes are told by whoever was struck: the exchange, or the process at its point."""

    lines: list[Injected] = field(default_factory=list)
    # How often the exchange befell somebody, and processes something themselves, by the label of what was injected.
    befallen: Counter[str] = field(default_factory=Counter)
    victims: set[Victim] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._open = threading.local()

    def note(self, name: str, detail: str = "") -> Injected:
        with self._lock:
            line = Injected(time.time(), name, detail, label=f"{name}#{len(self.lines)}")
            self.lines.append(line)
        return line

    @contextlib.contextmanager
    def drawn(self, name: str) -> Iterator[Injected]:
        """Write down what is drawn, and whether it could be done. Servers that are away take no orders from us either."""
        line = self._open.line = self.note(name)
        try:
            yield line
        except Missed as missed:
            line.missed(str(missed))
        except Exception as problem:  # noqa: BLE001 - whatever it is, it did not happen, and the story tells it
            line.missed(repr(problem))
        finally:
            self._open.line = None

    def awaited(self) -> str:
        """The label under which what is being injected now is counted when it strikes; empty outside of an injection."""
        line: Injected | None = getattr(self._open, "line", None)
        if line is None:
            return ""
        line.state = AWAITED
        return line.label

    def line(self) -> Injected:
        """What is being injected now, to be told by others later whether it struck."""
        self.awaited()
        line: Injected | None = getattr(self._open, "line", None)
        return line or Injected(time.time(), "")

    def learn(self, befallen: dict[str, int]) -> None:
        """The exchange's word; one that was started anew has forgotten what it said before."""
        with self._lock:
            for label, times in befallen.items():
                self.befallen[label] = max(self.befallen[label], times)

    def died(self, pid: int, moment: int) -> None:
        with self._lock:
            self.victims.add(Victim(pid, moment))

    def counts(self) -> Counter[str]:
        """What was drawn, by name."""
        with self._lock:
            return Counter(line.name for line in self.lines)

    def strikes(self) -> Counter[str]:
        """What of it befell somebody, by name."""
        with self._lock:
            return Counter(line.name for line in self.lines if line.state == DONE or self._has_struck(line))

    def _has_struck(self, line: Injected) -> bool:
        return line.state == AWAITED and self.befallen[line.label] > 0

    def misses(self) -> Counter[str]:
        """What could not be done, and why; what was awaited in vain has no reason."""
        with self._lock:
            return Counter(f"{line.name}: {line.detail}" for line in self.lines if line.state == MISSED)

    def kills(self) -> int:
        """Processes of the desk that died by our hand."""
        with self._lock:
            return sum(victim.is_dead() for victim in self.victims)
