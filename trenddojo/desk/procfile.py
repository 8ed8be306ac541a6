"""Reading the Procfile: one line, one process."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from trenddojo.desk.errors import DeskError

LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):\s*(\S.*)")
VARIABLE = re.compile(r"\$\{([A-Z_]+)\}|\$([A-Z_]+)")


def read_procfile(path: Path, environment: Mapping[str, str], *, without: str = "") -> dict[str, list[str]]:
    """Process name to command line, with $NAME and ${NAME} taken from the environment; not that of `without`."""
    commands = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise DeskError(f"Line {number} of {path.name} must read 'name: command'.")
        name, command = match.groups()
        if name == without:
            continue
        commands[name] = [_expand(word, environment, number, path) for word in shlex.split(command)]
    return commands


def _expand(word: str, environment: Mapping[str, str], number: int, path: Path) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        if name not in environment:
            raise DeskError(f"Line {number} of {path.name} uses {name}, which is not set.")
        return environment[name]

    return VARIABLE.sub(value, word)
