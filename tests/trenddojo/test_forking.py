"""Processes that are forked keep sharing what their parent had, also after the collector has visited all there is."""

import subprocess
import sys
from pathlib import Path

import pytest

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
