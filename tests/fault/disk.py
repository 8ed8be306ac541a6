"""A small disk of its own for the database of a lab, where one may be mounted, so that it can be full."""

import contextlib
import os
import resource
import shutil
import subprocess
from pathlib import Path

from tests.fault.lab import Lab

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
DISK_FULL = "weather.disk_full"
# Room for the log and the tables of a long run; the disk lies in memory and takes what is written.
ROOM = "2g"
LOG = ("-c", "max_wal_size=256MB")
SLACK = 64 * 1024


def mount(folder: str) -> str:
    """Give a folder a small disk of its own; answers why that is not possible, or nothing."""
    if os.geteuid() != 0:
        return "only root may mount a small disk"
    return _done(MOUNT, "-t", "tmpfs", "-o", f"size={ROOM},mode=711", "tdf", folder)


def leave_no_room(folder: Path) -> None:
    """Make the disk as small as what lies on it."""
    for _ in range(20):
        found = os.statvfs(folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        if not _done(MOUNT, "-o", f"remount,size={used + SLACK}", str(folder)):
            return
    raise AssertionError("the disk could not be made small")


def is_full(folder: Path) -> bool:
    return os.statvfs(folder).f_bfree == 0


def give_room(folder: Path) -> None:
    problem = _done(MOUNT, "-o", f"remount,size={ROOM}", str(folder))
    if problem:
        raise AssertionError(problem)


def _done(*command: str) -> str:
    """Why it could not be done, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as problem:
        return str(problem)
    return "" if done.returncode == 0 else done.stderr.strip() or f"ended with {done.returncode}"


class SmallDisk(Lab):
    """A lab whose database has a small disk of its own, where one may be mounted."""

    why_not = ""

    def _start_servers(self) -> None:
        data = self.folder / "d"
        data.mkdir(mode=0o711)
        self.why_not = mount(str(data))
        if not self.why_not:
            self.database_options = LOG
        super()._start_servers()

    def start(self) -> None:
        super().start()
        if self.why_not and not _may_limit(self.supervisor.running["postgres"].pid):
            self.impossible[DISK_FULL] = f"{self.why_not}, nor limit the files of another user's server"

    def close(self) -> None:
        if not self.why_not:
            self.supervisor.close()
            data = self.folder / "d"
            for log in data.glob("*/*.log"):
                shutil.copy(log, self.logs)
            with contextlib.suppress(OSError):
                subprocess.run([UMOUNT, "--lazy", str(data)], check=False)
        super().close()


def _may_limit(pid: int) -> bool:
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, resource.prlimit(pid, resource.RLIMIT_FSIZE))
    except OSError:
        return False
    return True
