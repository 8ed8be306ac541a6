"""Compiled modules of the many processes that checks and tests start."""

import os
import sys
from pathlib import Path


def compile_once() -> None:
    """Keep what is compiled inside the environment where PYTHONDONTWRITEBYTECODE asks for a clean tree.

    Every worker of pytest and each of the hundreds of processes that tests start would compile Django, the desk and the
    tests again, which takes longer than most of what they do.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
