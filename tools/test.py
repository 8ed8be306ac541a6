"""`make test`: find a browser, say so when there is none, and run every test."""

import os
import sys

from tools.browser import find_chromium
from tools.bytecode import compile_once

# One more than there are processors: tests wait for browsers, servers and brokers. Each worker and its browser may take
# two gigabytes.
WORKERS = str(min(max(os.cpu_count() or 1, 2) + 1, 4))


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
    command = [sys.executable, "-m", "pytest", *distribution, *sys.argv[1:]]
    os.execv(sys.executable, command)  # noqa: S606 - pytest takes over with its exit code


if __name__ == "__main__":
    main()
