"""The throw-away PostgreSQL and Valkey of one test run, on unix sockets in a folder of their own."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from trenddojo.desk import postgres, valkey
from trenddojo.desk.identity import server_identity
from trenddojo.desk.postgres import Postgres
from trenddojo.desk.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Servers:
    folder: Path
    postgres: Postgres
    valkey: Valkey
    guard: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, *, durable: bool = False) -> "Servers":
        # A short path: a socket's may have 103 bytes, and the checkout's or TMPDIR's may be longer.
        folder = Path(tempfile.mkdtemp(prefix="tdt-", dir="/tmp"))
        folder.chmod(0o711)
        # The guard starts the servers and outlives a killed pytest: the end of its standard input is
        # the sign to stop them and remove the folder.
        guard = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server_guard.py")), str(folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        identity = server_identity(ROOT)
        sockets = folder / "s"
        sockets.mkdir(mode=0o700)
        identity.own(sockets)
        data = folder / "d"
        data.mkdir(mode=0o711)
        database = Postgres(
            postgres.find_programs(identity, folder),
            data / "postgres",
            sockets,
            identity,
            durable=durable,
        )
        queue = Valkey(valkey.find_program(identity, folder), data / "valkey", sockets, identity, durable=durable)
        database.prepare()
        queue.prepare()
        _send(guard.stdin, database.command(), identity.uid, identity.gid)
        _send(guard.stdin, queue.command(), identity.uid, identity.gid)
        postgres.wait_until_answering(sockets, guard)
        valkey.wait_until_answering(queue, guard)
        database.create_database()
        return cls(folder, database, queue, guard)

    def stop(self) -> None:
        if self.guard.stdin is not None:
            self.guard.stdin.close()
        self.guard.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


def _send(pipe: IO[bytes] | None, command: list[str], uid: int | None, gid: int | None) -> None:
    if pipe is None:
        raise RuntimeError("the guard has no standard input")
    pipe.write(f"{(command, uid, gid)!r}\n".encode())
    pipe.flush()
