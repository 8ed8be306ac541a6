"""The .env file: written once with fresh random keys, read ever after; what is in it is never overwritten."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from trenddojo.desk.errors import DeskError
from trenddojo.secret_files import file_setting

CONTENT = """\
# Written by the first start of the desk and never overwritten. Keep it to yourself.
# Every variable is described in docs/settings.md.
SECRET_KEY={secret_key}
# Seals the keys of brokers in the database: without it they cannot be opened again. Keep a copy apart from the backups.
BROKER_ENCRYPTION_KEY={broker_key}
# Cookies know no ports: the prefix keeps two desks on one machine from signing each other out.
COOKIE_PREFIX={cookie_prefix}
# The password of the demo trader; leave it empty and no demo trader is made.
DEMO_PASSWORD={demo_password}
# DATABASE_URL=postgres://user:password@host:5432/name
# REDIS_URL=redis://host:6379/0
# PORT=8000
"""


def write_once(path: Path, own: Callable[[Path], None], environment: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Write the file unless it exists; whether it was written. A killed start leaves no half file.

    A secret that the environment hands over as a file has no line in it: it would be given twice.
    """
    if path.exists() or path.is_symlink():
        return False
    content = CONTENT.format(
        secret_key=secrets.token_urlsafe(50),
        broker_key=_broker_key(),
        cookie_prefix=f"td_{secrets.token_hex(4)}",
        demo_password=secrets.token_urlsafe(9),
    )
    content = "".join(
        line for line in content.splitlines(keepends=True) if not environment.get(file_setting(line.partition("=")[0]))
    )
    fresh = path.with_name(f".env.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        own(fresh)
        # A link, unlike a rename, refuses to replace a file that came to be in between.
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def add_broker_key(path: Path) -> bool:
    """Append the key that seals brokers' keys to a file from before there was one; whether it was appended.

    Any line that names it, even an empty one, is its owner's decision and stays.
    """
    if {"BROKER_ENCRYPTION_KEY", file_setting("BROKER_ENCRYPTION_KEY")} & set(read(path)):
        return False
    lines = f"# Seals the keys of brokers in the database.\nBROKER_ENCRYPTION_KEY={_broker_key()}\n"
    try:
        with path.open("rb+") as file:
            # A last line without its end must not swallow ours.
            begins = b"" if _ends_a_line(file) else b"\n"
            file.seek(0, os.SEEK_END)
            file.write(begins + lines.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # A file that is not ours to write: connecting to a broker will say what is missing.
        return False
    return True


def _ends_a_line(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _broker_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def read(path: Path) -> dict[str, str]:
    """The variables of the file, without quotes around their values."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as problem:
        raise DeskError(f"The file {path} cannot be read: make it a UTF-8 file of your own.") from problem
    found = {}
    for line in lines:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and not name.lstrip().startswith("#"):
            found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()
