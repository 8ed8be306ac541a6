"""Running what pg_restore writes on a connection of ours: loading is then part of one transaction with what follows."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from trenddojo.backups.errors import BackupError

# Settings of the script, given back to the session; a server that is older than the program does not know all of them.
BACK = ("search_path", "check_function_bodies", "row_security", "statement_timeout", "lock_timeout")
MORE_BACK = ("idle_in_transaction_session_timeout", "client_min_messages", "xmloption", "default_table_access_method")
LIMITS_TRANSACTIONS_SINCE = 17
COPY, COPY_END, DATA_END = b"COPY ", b"FROM stdin;", b"\\.\n"


def script_run(dump: Path, programs: Path, server: int) -> None:
    """Run the whole script in the transaction that is open. Raises BackupError and the database's errors."""
    options = ["--file=-", "--no-owner", "--no-privileges", "--no-comments"]
    process = subprocess.Popen(
        [str(programs / "pg_restore"), *options, str(dump)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        if process.stdout is not None:
            _run(iter(process.stdout), server)
        _, said = process.communicate()
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise BackupError(
            f"The database in the backup cannot be read: {said.decode(errors='replace').strip().splitlines()[-1]}"
        )
    with connection.cursor() as cursor:
        cursor.execute("".join(f"RESET {name}; " for name in (*BACK, *MORE_BACK)))


def _run(lines: Iterator[bytes], server: int) -> None:
    """Statements as they come; rows between COPY and its end go the way they are meant for."""
    with connection.cursor() as cursor:
        waiting: list[bytes] = []
        for line in lines:
            if line.startswith(COPY) and line.rstrip().endswith(COPY_END):
                _execute(cursor, waiting)
                _copy(cursor, line, lines)
                waiting = []
            elif not _is_for_psql(line, server):
                waiting.append(line)
        _execute(cursor, waiting)


def _execute(cursor: object, lines: list[bytes]) -> None:
    statement = b"".join(lines)
    if statement.strip():
        # Without parameters, so that percent signs are what they are.
        cursor.cursor.execute(statement)  # type: ignore[attr-defined]


def _copy(cursor: object, statement: bytes, lines: Iterator[bytes]) -> None:
    with cursor.cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        for line in lines:
            if line == DATA_END:
                return
            copy.write(line)


def _is_for_psql(line: bytes, server: int) -> bool:
    if line.startswith(b"SET transaction_timeout") and server < LIMITS_TRANSACTIONS_SINCE:
        return True
    return line.startswith((b"\\restrict ", b"\\unrestrict "))
