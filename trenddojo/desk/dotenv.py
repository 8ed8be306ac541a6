"""The .env file: written once with fresh random keys, read ever after, never overwritten."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from trenddojo.desk.errors import DeskError

CONTENT = """\
# Written by the first start of the desk and never overwritten. Keep it to yourself.
# Every variable is described in docs/settings.md.
SECRET_KEY={secret_key}
# Cookies know no ports: the prefix keeps two desks on one machine from signing each other out.
COOKIE_PREFIX={cookie_prefix}
# The password of the demo trader; leave it empty and no demo trader is made.
DEMO_PASSWORD={demo_password}
# DATABASE_URL=postgres://user:password@host:5432/name
# REDIS_URL=redis://host:6379/0
# PORT=8000
"""


def write_once(path: Path, own: Callable[[Path], None]) -> bool:
    """Write the file unless it exists; whether it was written. A killed start leaves no half file."""
    if path.exists() or path.is_symlink():
        return False
    content = CONTENT.format(
        secret_key=secrets.token_urlsafe(50),
        cookie_prefix=f"td_{secrets.token_hex(4)}",
        demo_password=secrets.token_urlsafe(9),
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
