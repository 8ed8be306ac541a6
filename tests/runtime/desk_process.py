"""A desk in a copy of the checkout, as a real process with real children."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from trenddojo.desk import ledger
from trenddojo.desk.dotenv import read
from trenddojo.desk.process import TETHER

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", "var", ".env", "staticfiles", "tests", "docs", "vendor", "__pycache__", "create_demo.py"),
    ".*_cache",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copy_checkout() -> Path:
    """A clone without the demo trader and the heavy front end: what is tested here is the desk itself."""
    folder = Path(tempfile.mkdtemp(prefix="tdr-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copytree(ROOT, folder, dirs_exist_ok=True, ignore=LEFT_OUT)
    return folder


def clean_environment(**variables: str) -> dict[str, str]:
    """A user's environment: nothing of the test run's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **variables}


def run_to_its_end(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Start a desk that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "trenddojo.desk", "run"],
        cwd=folder,
        env=clean_environment(**variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def wait_for(happened: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(0.05)


def living_members(group: int) -> list[int]:
    """Processes of a group that are no zombies; a container's first process may reap late or never."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


class DeskProcess:
    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        self.port = free_port()
        self.output: list[str] = []
        self.popen: subprocess.Popen[str] | None = None

    def start(self) -> "DeskProcess":
        self.output = []
        # On a tether: a killed test run must not leave a desk behind.
        tether = [sys.executable, str(TETHER), str(os.getpid()), "-1", "-1", str(int(signal.SIGTERM))]
        self.popen = subprocess.Popen(
            [*tether, sys.executable, "-m", "trenddojo.desk", "run"],
            cwd=self.folder,
            env=clean_environment(**self._environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own: signals are meant for the desk alone, as from a service manager.
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self.popen,), daemon=True).start()
        wait_for(lambda: self.says("is ready") or self.has_ended(), "the start", 90)
        assert self.says("is ready"), "\n".join(self.output)
        return self

    def _environment(self) -> dict[str, str]:
        return {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "WORKER_CONCURRENCY": "1", **self.variables}

    def _listen(self, popen: "subprocess.Popen[str]") -> None:
        for line in popen.stdout or ():
            self.output.append(line.rstrip())

    def says(self, words: str) -> bool:
        return any(words in line for line in self.output)

    def has_ended(self) -> bool:
        return self.popen is not None and self.popen.poll() is not None

    def entries(self) -> dict[str, ledger.Entry]:
        return {entry.name: entry for entry in ledger.read(self.folder / "var" / "ledger.json")}

    def kill(self, name: str) -> ledger.Entry:
        """kill -9 one process and wait until the desk has started it again."""
        before = self.entries()[name]
        os.kill(before.pid, signal.SIGKILL)
        wait_for(lambda: self.entries().get(name, before).pid != before.pid, f"the restart of {name}")
        return before

    def addresses(self) -> dict[str, str]:
        return read(self.folder / "var" / "desk.env")

    def end(self, number: int) -> int:
        """Send a signal to the desk alone; its exit code."""
        assert self.popen is not None
        self.popen.send_signal(number)
        return self.popen.wait(timeout=45)

    def survivors(self) -> list[str]:
        """Command lines of processes that belong to this folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                folder = str(path.with_name("cwd").readlink())
                if str(self.folder) in command or folder == str(self.folder):
                    found.append(command)
        return found

    def clear_away(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            self.end(signal.SIGTERM)
        wait_for(lambda: not self.survivors(), "the end of all processes")
        for link in (self.folder / "var").glob("*"):
            if link.is_symlink():
                shutil.rmtree(link.resolve().parent, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
