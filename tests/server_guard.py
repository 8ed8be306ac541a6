"""Starts the commands it reads from standard input and stops them when that ends, whatever ended it."""

import ast
import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    children = []
    with (folder / "servers.log").open("wb") as log:
        for line in sys.stdin:
            command, uid, gid = ast.literal_eval(line)
            who = {} if uid is None else {"user": uid, "group": gid, "extra_groups": []}
            children.append(subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who))
    for child in reversed(children):
        child.send_signal(signal.SIGINT)
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)
        child.kill()
    shutil.rmtree(folder, ignore_errors=True)


main()
