"""The servers under a lab as programs that are kept running."""

import signal
from collections.abc import Sequence
from pathlib import Path

from tests.fault.processes import Program
from tests.runtime.desk_process import clean_environment
from trenddojo.desk import postgres, valkey


def server_programs(
    database: postgres.Postgres, queue: valkey.Valkey, database_options: Sequence[str]
) -> tuple[Program, Program]:
    """Started again as the desk does it: a file that the queue cannot read is put aside before."""
    plain, root = clean_environment(LC_ALL="C", TZ="UTC"), Path("/")
    return (
        Program(
            "postgres",
            [*database.command(), *database_options],
            plain,
            root,
            lambda: postgres.is_answering(database.sockets),
            database.identity,
            signal.SIGINT,
        ),
        Program(
            "valkey",
            queue.command(),
            plain,
            root,
            lambda: valkey.is_answering(queue.socket),
            queue.identity,
            mend=queue.put_aside,
        ),
    )
