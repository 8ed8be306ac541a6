"""What the desk itself needs to know: the environment over the .env file."""

import contextlib
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from trenddojo import secret_files
from trenddojo.desk.errors import DeskError

HIGHEST_PORT = 65_535
HOST = "127.0.0.1"
DEFAULTS = {"PORT": "8000", "WEB_CONCURRENCY": "2", "WORKER_CONCURRENCY": "2"}


@dataclass(frozen=True)
class DeskSettings:
    """Checked values and the environment every process is given."""

    port: int
    environment: dict[str, str]

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/"


def desk_settings(environ: Mapping[str, str], env_file: Mapping[str, str]) -> DeskSettings:
    """Merge and check; an empty value in the environment counts as not set."""
    given = {name: value for name, value in environ.items() if value.strip()}
    environment = {**DEFAULTS, **env_file, **given}
    _whole_number(environment, "WEB_CONCURRENCY", highest=64)
    _whole_number(environment, "WORKER_CONCURRENCY", highest=64)
    port = _whole_number(environment, "PORT", highest=HIGHEST_PORT)
    return DeskSettings(port, environment)


def secret(environment: Mapping[str, str], name: str) -> str:
    """The value, be it in the environment or in the file that NAME_FILE names; empty where it is not given."""
    try:
        return secret_files.value(environment, name) or ""
    except secret_files.CannotUse as problem:
        raise DeskError(str(problem)) from None


def refuse_taken_port(port: int) -> None:
    """Raise a sentence unless the port can be listened on."""
    with contextlib.closing(socket.socket()) as probe:
        # As gunicorn does it: a port whose last user has just gone is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError as problem:
            raise DeskError(f"Port {port} is reserved for root: write a PORT of 1024 or more.") from problem
        except OSError as problem:
            raise DeskError(
                f"Port {port} is taken by another program: "
                f"stop it or choose another, as in `make run PORT={other(port)}`."
            ) from problem


def other(port: int) -> int:
    """A port to suggest instead."""
    return port + 1 if port < HIGHEST_PORT else 8000


def is_listening(port: int) -> bool:
    """Whether somebody answers there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _whole_number(environment: Mapping[str, str], name: str, *, highest: int) -> int:
    value = environment[name].strip()
    if not re.fullmatch(r"[0-9]{1,6}", value) or not 1 <= int(value) <= highest:
        raise DeskError(f"The setting {name} cannot be used: write a whole number from 1 to {highest}.")
    return int(value)
