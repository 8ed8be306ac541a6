"""`make test`: find a browser, say so when there is none, and run every test.

Real processes, browsers and brokers share the machine with every other test. Where no more than two tests fail, those
are run once more with nothing beside them, and that decides; how they failed first stays to be read.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tools.browser import find_chromium
from tools.bytecode import compile_once

# One more than there are processors: tests wait for browsers, servers and brokers. Each worker and its browser may take
# two gigabytes.
WORKERS = str(min(max(os.cpu_count() or 1, 2) + 1, 4))
FAILED = Path(".pytest_cache/v/cache/lastfailed")
# More are no matter of a busy machine.
FEW = 2


def main() -> None:
    compile_once()
    chromium, why_not = find_chromium()
    if chromium:
        os.environ["CHROMIUM"] = chromium
        print(f"Browser tests run in {chromium}.", flush=True)
    elif os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        sys.exit(f"CI=true needs a browser for the browser tests: {why_not}")
    else:
        print(f"Browser tests are skipped: {why_not}", flush=True)
    # tests/conftest.py orders the files, the longest first; xdist would begin with those of the most tests.
    distribution = ["-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder"]
    tests = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    code = _run([*tests, *distribution, "--cache-clear"])
    failed = _failed()
    if not code or not 0 < len(failed) <= FEW:
        sys.exit(code)
    print("Once more, with nothing beside them:", *failed, sep="\n  ", flush=True)
    os.execv(sys.executable, [*tests, "--last-failed"])  # noqa: S606 - pytest takes over with its exit code


def _run(command: list[str]) -> int:
    """The exit code. Whoever interrupts is heard by the tests, which stop what they have started."""
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return code


def _failed() -> list[str]:
    return sorted(json.loads(FAILED.read_text(encoding="utf-8"))) if FAILED.exists() else []


if __name__ == "__main__":
    main()
