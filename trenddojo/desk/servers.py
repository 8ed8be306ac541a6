"""The embedded servers, used where DATABASE_URL or REDIS_URL is not set; else: are the set ones there?"""

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from trenddojo.desk import ledger, postgres, valkey
from trenddojo.desk.errors import DeskError
from trenddojo.desk.places import Places
from trenddojo.desk.postgres import Postgres
from trenddojo.desk.process import Program, say
from trenddojo.desk.settings import secret
from trenddojo.desk.valkey import Valkey

REDIS_PORT = 6379
QUEUE = "queue"


def plan_postgres(places: Places, sockets: Path) -> Postgres:
    """An initialised server that only needs to be started."""
    data = places.data("postgres")
    programs = postgres.find_programs(places.identity, places.copies())
    server = Postgres(programs, data, sockets, places.identity)
    server.prepare()
    return server


def plan_valkey(places: Places, sockets: Path) -> Valkey:
    data = places.data("valkey")
    server = Valkey(valkey.find_program(places.identity, places.copies()), data, sockets, places.identity)
    server.prepare()
    return server


def postgres_program(server: Postgres) -> Program:
    """SIGINT is PostgreSQL's fast stop: sessions end, what is committed is written."""
    return _program("database", server.command(), server, signal.SIGINT)


def valkey_program(server: Valkey) -> Program:
    return replace(_program(QUEUE, server.command(), server, signal.SIGTERM), mend=lambda: _queue_mend(server))


def _queue_mend(server: Valkey) -> None:
    aside = server.put_aside()
    if aside is not None:
        say(f"desk      | The queue could not read its file, now in {aside}. It starts empty; no order is lost.")


def _program(name: str, command: list[str], server: Postgres | Valkey, stop_signal: int) -> Program:
    return Program(
        name=name,
        command=command,
        environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        folder=Path("/"),
        identity=server.identity,
        stage=ledger.LAST,
        stop_signal=stop_signal,
    )


def refuse_unreachable(environment: Mapping[str, str]) -> None:
    """Raise a sentence when a server named by the settings does not answer."""
    database, queue = secret(environment, "DATABASE_URL"), secret(environment, "REDIS_URL")
    if database:
        _refuse_unreachable_database(database)
    if queue:
        _refuse_unreachable_queue(queue)


def _refuse_unreachable_database(url: str) -> None:
    import psycopg

    if urlsplit(url).scheme not in {"postgres", "postgresql", "psql", "pgsql"}:
        raise DeskError("The setting DATABASE_URL cannot be used: write postgres://user:password@host:5432/name.")
    parts = urlsplit(url)._replace(scheme="postgresql")
    try:
        psycopg.connect(parts.geturl(), connect_timeout=5).close()
    except (psycopg.Error, UnicodeError, ValueError) as problem:
        # Indented lines ask the reader questions; the last other one says what happened.
        said = [line for line in str(problem).splitlines() if line.strip() and not line[0].isspace()]
        reason = said[-1] if said else type(problem).__name__
        password = parts.password
        if password:
            reason = reason.replace(password, "***")
        raise DeskError(
            f"The database of DATABASE_URL cannot be reached ({reason}): "
            "start it, correct the address, or remove DATABASE_URL to use the embedded one."
        ) from problem


def _refuse_unreachable_queue(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise DeskError("The setting REDIS_URL cannot be used: write redis://host:6379/0.")
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(parts.path)
        else:
            socket.create_connection((parts.hostname or "localhost", parts.port or REDIS_PORT), timeout=5).close()
    except (OSError, ValueError) as problem:
        raise DeskError(
            f"The queue of REDIS_URL cannot be reached ({problem}): "
            "start it, correct the address, or remove REDIS_URL to use the embedded one."
        ) from problem
