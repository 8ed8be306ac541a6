"""One desk a folder: a lock that the system itself releases when its holders are gone."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from trenddojo.desk.errors import DeskError
from trenddojo.desk.ledger import birth_of

# The guard of a killed desk holds the lock while it stops what was left: as long as that may take.
PATIENCE = 40.0


def take(path: Path) -> int:
    """The locked file's descriptor, to be kept open; waits for the guard of a desk that was killed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE
    said = False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        holder, birth, address = _holder(path)
        if holder and birth_of(holder) == birth:
            raise DeskError(
                f"A desk is already running in this folder (process {holder}, {address}): "
                "stop it with Ctrl-C where it was started, or use another clone."
            )
        if time.monotonic() > deadline:
            raise DeskError("A desk that was killed in this folder still has processes running: try again soon.")
        if not said:
            print("Waiting until what a killed desk left behind has stopped.", flush=True)
            said = True
        time.sleep(0.1)


def sign(descriptor: int, address: str) -> None:
    """Write who holds the lock, for the sentence a second start prints."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {birth_of(os.getpid())} {address}".encode(), 0)


def _holder(path: Path) -> tuple[int, str, str]:
    words = path.read_text(encoding="utf-8").split(" ")
    if len(words) < 3 or not words[0].isdigit():  # noqa: PLR2004 - what sign() writes
        return 0, "", ""
    return int(words[0]), " ".join(words[1:-1]), words[-1]
