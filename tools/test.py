"""`make test`: find a browser, say so when there is none, and run every test."""

import os
import sys

from tools.browser import find_chromium

WORKERS = "2"


def main() -> None:
    chromium, why_not = find_chromium()
    if chromium:
        os.environ["CHROMIUM"] = chromium
        print(f"Browser tests run in {chromium}.", flush=True)
    elif os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        sys.exit(f"CI=true needs a browser for the browser tests: {why_not}")
    else:
        print(f"Browser tests are skipped: {why_not}", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist", "loadfile", *sys.argv[1:]]
    os.execv(sys.executable, command)  # noqa: S606 - pytest takes over with its exit code


if __name__ == "__main__":
    main()
