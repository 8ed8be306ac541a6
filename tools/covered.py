"""Tests of the domain, the docs and the architecture under coverage: every branch of the domain must be run.

coverage starts before pytest does: the models bring the domain along when Django starts, before a plugin could look.
"""

import subprocess
import sys

TESTS = ("tests/domain", "tests/docs", "tests/architecture")
COVERAGE = [sys.executable, "-m", "coverage"]


def main() -> int:
    pytest = ["-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *TESTS]
    found = subprocess.run([*COVERAGE, "run", "--source=trenddojo.domain", *pytest], check=False).returncode
    subprocess.run([*COVERAGE, "combine", "--quiet"], check=True)
    return found or subprocess.run([*COVERAGE, "report", "--fail-under=100"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
