"""What the processes that fork, and their threads, take of memory."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from trenddojo.forking import ARENAS

ROOT = Path(__file__).resolve().parents[2]
STARTS = {
    "web": "import trenddojo.wsgi",
    "worker": """
from celery.signals import worker_init
from trenddojo.celery import app
app.loader.import_default_modules()
worker_init.send(sender=None)
""",
}
COPIED = """
import gc, os
def own_kilobytes():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
child = os.fork()
if child == 0:
    gc.collect()
    print(own_kilobytes(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
# Kilobytes: the tenth part of what the parent has.
LITTLE = 6_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process's memory")
@pytest.mark.parametrize("process", STARTS)
def test_a_whole_collection_copies_little_of_what_a_process_shares(process: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", STARTS[process] + COPIED], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert int(found.stdout) < LITTLE


THREADS = """
import ctypes, threading
here = threading.Barrier(25)
threads = [threading.Thread(target=lambda: (bytearray(5_000), here.wait(), here.wait())) for _ in range(24)]
for thread in threads:
    thread.start()
here.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
told = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, told)
libc.fflush(told)
here.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks the GNU C library how many pools it made")
def test_threads_of_a_web_process_share_two_pools_of_memory() -> None:
    assert _pools(STARTS["web"]) <= ARENAS < _pools("")


def _pools(start: str) -> int:
    command = [sys.executable, "-c", start + THREADS]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.count("<heap ")
