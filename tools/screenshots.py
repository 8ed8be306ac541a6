"""`make screenshots`: take the pictures of the README again, of the demo trader's desk on a fixed day."""

import os
import sys

from tools.browser import find_chromium

PICTURES = "tests/browser/readme_pictures.py"


def main() -> None:
    chromium, why_not = find_chromium()
    if not chromium:
        sys.exit(f"Screenshots need a browser: {why_not}")
    os.environ["CHROMIUM"] = chromium
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", PICTURES])  # noqa: S606 - pytest takes over


if __name__ == "__main__":
    main()
