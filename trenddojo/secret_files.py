"""Secrets handed over as files: NAME_FILE=/path says where the value of NAME is. Plain Python, for the desk, too."""

from collections.abc import Mapping
from pathlib import Path

# Every setting that is a secret or holds one; docs/settings.md names the same.
SECRETS = frozenset(
    {
        *("SECRET_KEY", "SECRET_KEY_FALLBACKS", "BROKER_ENCRYPTION_KEY", "BROKER_ENCRYPTION_KEYS_OLD"),
        *("DATABASE_URL", "REDIS_URL", "CACHE_URL", "EMAIL_URL", "METRICS_TOKEN", "DEMO_PASSWORD"),
        *("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "SIMULATOR_API_KEY", "SIMULATOR_SECRET_KEY"),
    }
)
# More than any secret needs; a path to something else altogether is not read to its end.
MOST_BYTES = 16 * 1024


class CannotUse(Exception):
    """One sentence with the setting's name and what to do; never the value."""

    def __init__(self, name: str, what_to_do: str) -> None:
        super().__init__(f"The setting {name} cannot be used: {what_to_do}")


def file_setting(name: str) -> str:
    """The setting that says where the value is."""
    return f"{name}_FILE"


def is_given(environment: Mapping[str, str], name: str) -> bool:
    """In itself or as a file; empty ones count as not given."""
    return any(environment.get(word, "").strip() for word in (name, file_setting(name)))


def value(environment: Mapping[str, str], name: str) -> str | None:
    """What the setting says, or its file; None where neither is there. Raises CannotUse."""
    written = environment.get(name)
    path = environment.get(file_setting(name), "").strip() if name in SECRETS else ""
    if not path:
        return written
    if written and written.strip():
        raise CannotUse(name, f"{file_setting(name)} is given as well; keep one of the two and take the other out.")
    return _content(file_setting(name), Path(path))


def _content(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise CannotUse(name, f"the file {path} cannot be read ({problem.strerror}).") from problem
    if len(raw) > MOST_BYTES:
        raise CannotUse(name, f"the file {path} has more than {MOST_BYTES} bytes; it must hold the value alone.")
    try:
        found = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # Without the cause, which carries the bytes.
        raise CannotUse(name, f"the file {path} is no UTF-8 text; it must hold the value alone.") from None
    if not found.strip():
        raise CannotUse(name, f"the file {path} is empty; write the value into it.")
    if not found.isprintable():
        raise CannotUse(name, f"the file {path} must hold the value alone, in one line.")
    return found
