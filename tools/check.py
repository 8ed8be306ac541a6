"""`make check`: everything that can be said about the code without a browser. All of it runs; each failure is named."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.bytecode import compile_once

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION_EXAMPLE = ROOT / "docs" / "production.env.example"
# What is installed, and what is run by hand beside it.
PACKAGES = ["trenddojo", "accounts", "brokers", "trades", "tools", "benchmarks", "docs/examples", "manage.py"]
MANAGE = [sys.executable, "manage.py"]


def module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


# Name, command, and the environment variables it adds.
CHECKS: list[tuple[str, list[str], dict[str, str]]] = [
    ("formatting", module("ruff", "format", "--check", "--quiet", "."), {}),
    ("lint", module("ruff", "check", "--quiet", "."), {}),
    (
        "security",
        module("bandit", "--quiet", "--recursive", "--configfile", "pyproject.toml", *PACKAGES),
        {},
    ),
    ("types", module("mypy"), {"ENV_FILE": str(PRODUCTION_EXAMPLE)}),
    ("import contracts", [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"], {}),
    (
        "migrations",
        [*MANAGE, "makemigrations", "--check", "--dry-run"],
        {"ENV_FILE": str(PRODUCTION_EXAMPLE), "PYTHONWARNINGS": "ignore::RuntimeWarning"},
    ),
    (
        "deployment",
        [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
        {"ENV_FILE": str(PRODUCTION_EXAMPLE)},
    ),
    ("published schema of the API", module("tools.api_schema", "--check"), {"ENV_FILE": str(PRODUCTION_EXAMPLE)}),
    # The domain's own tests must cover every branch of it; `make test` runs everything, browsers included.
    (
        "tests of the domain, the docs and the architecture, with every branch of the domain",
        module("tools.covered"),
        {},
    ),
]


def main() -> int:
    compile_once()
    failed = [name for name, command, variables in CHECKS if not passes(name, command, variables)]
    if failed:
        print(f"\nNot in order: {', '.join(failed)}.", file=sys.stderr)
        return 1
    print("\nEverything is in order.")
    return 0


def passes(name: str, command: list[str], variables: dict[str, str]) -> bool:
    """Run one check; its output is shown when it fails, and pytest's and coverage's always."""
    began = time.monotonic()
    answer = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    verdict = "ok" if answer.returncode == 0 else "FAILED"
    print(f"{verdict:<7} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if answer.returncode != 0 or "tests" in name:
        print(answer.stdout + answer.stderr, flush=True)
    return answer.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
