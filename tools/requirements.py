"""`make requirements`: pin what pyproject.toml allows, for every platform, with hashes, naming no host."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml", "--quiet", "--upgrade"),
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-emit-index-url"),
]


def main() -> int:
    runs = [
        ["--output-file", "requirements.txt"],
        ["--group", "dev", "--constraint", "requirements.txt", "--output-file", "requirements-dev.txt"],
    ]
    return max(subprocess.run([*COMPILE, *words], cwd=ROOT, check=False).returncode for words in runs)


if __name__ == "__main__":
    sys.exit(main())
