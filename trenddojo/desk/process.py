"""One process of the desk: started on a tether, its output prefixed, its group stopped with it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trenddojo.desk import ledger
from trenddojo.desk.identity import Identity

TETHER = Path(__file__).with_name("tether.py")
_printing = threading.Lock()


def say(line: str) -> None:
    """Print a line whole. A terminal that is gone is no reason to stop the desk halfway."""
    with _printing, contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Program:
    """What to start and how to stop it."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    identity: Identity = field(default_factory=Identity)
    stage: int = ledger.FIRST
    stop_signal: int = signal.SIGTERM
    # Done before each start, so that what ended it last time does not end it again.
    mend: Callable[[], None] = lambda: None


class Process:
    """A running program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        uid, gid = program.identity.uid, program.identity.gid
        self.popen = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(TETHER), str(os.getpid())),
                *(str(-1 if uid is None else uid), str(-1 if gid is None else gid)),
                *(str(int(program.stop_signal)), *program.command),
            ],
            cwd=program.folder,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the desk alone, which then stops everything in order.
            start_new_session=True,
        )
        self.entry = ledger.Entry(
            program.name,
            self.popen.pid,
            ledger.birth_of(self.popen.pid),
            program.stage,
            int(program.stop_signal),
        )
        threading.Thread(target=self._pass_on_output, daemon=True).start()

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def bury(self) -> None:
        """After its death: end what it left in its group, such as pool workers of a killed worker."""
        with contextlib.suppress(OSError):
            os.killpg(self.popen.pid, signal.SIGKILL)

    def _pass_on_output(self) -> None:
        if self.popen.stdout is None:
            return
        for line in self.popen.stdout:
            say(f"{self.program.name:<9} | {line.decode('utf-8', 'replace').rstrip()}")
