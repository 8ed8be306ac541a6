"""pg_dump and pg_restore of a version that fits the server, and the way to tell them where it is."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from trenddojo.backups.errors import BackupError
from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity
from trenddojo.desk.postgres import FOUND_ON_MACHINE, find_programs

NEEDED = ("pg_dump", "pg_restore")
# What the programs may be told on their command line, which everybody on the machine can read.
OPEN = ("host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout")


def server_major() -> int:
    """The server's major version, such as 18."""
    connection.ensure_connection()
    return int(connection.pg_version) // 10_000


def programs_for(major: int) -> Path:
    """The folder whose programs can read a database of this version: the same one, else the next newer."""
    versions = {folder: found for folder in _folders() if (found := _version(folder)) >= major}
    if not versions:
        raise BackupError(
            f"There is no pg_dump of PostgreSQL {major} or newer on this machine: install the client programs "
            f"(Debian: apt-get install postgresql-client-{major})."
        )
    return min(versions, key=lambda folder: versions[folder])


def address() -> tuple[str, Mapping[str, str]]:
    """Where the database is, for a command line, and the environment that carries the password."""
    given = {name: value for name, value in connection.get_connection_params().items() if name in (*OPEN, "password")}
    told = conninfo_to_dict(make_conninfo(**given))
    password = str(told.pop("password", "") or "")
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"LC_ALL": "C"}
    return make_conninfo(**told), environment | ({"PGPASSWORD": password} if password else {})


def run_program(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    """Run one to its end; its last line is the reason it gives."""
    answer = subprocess.run(command, env=dict(environment), check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        lines = [line for line in answer.stderr.splitlines() if line.strip()] or [f"code {answer.returncode}"]
        raise BackupError(f"{what}: {lines[-1]}")


def _folders() -> list[Path]:
    found: list[Path] = []
    with contextlib.suppress(DeskError):
        found.append(find_programs(Identity(), Path()))
    found += [path for pattern in FOUND_ON_MACHINE for path in sorted(Path("/").glob(pattern[1:]))]
    on_path = shutil.which(NEEDED[0])
    if on_path:
        found.append(Path(on_path).parent)
    return [folder for folder in found if all((folder / name).is_file() for name in NEEDED)]


def _version(folder: Path) -> int:
    """The major version of the programs; 0 for those that do not start."""
    answer = subprocess.run([str(folder / NEEDED[0]), "--version"], check=False, capture_output=True, text=True)
    words = answer.stdout.split()
    return int(words[2].split(".")[0]) if answer.returncode == 0 and words[2][:1].isdigit() else 0
