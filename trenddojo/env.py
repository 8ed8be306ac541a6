"""Reading the environment: every helper answers a checked value or stops with one sentence."""

import base64
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from trenddojo import secret_files

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})
# Twelve digits are more than any setting needs and few enough to convert without thinking.
WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


def refuse(name: str, what_to_write: str) -> ImproperlyConfigured:
    """The error for a setting that cannot be used; it never repeats the value, which may be secret."""
    return ImproperlyConfigured(f"The setting {name} cannot be used: {what_to_write}")


def read_file(path: Path) -> None:
    """Take the variables of an env file; what the environment already says wins."""
    if not path.is_file():
        return
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise refuse("ENV_FILE", f"the file {path} cannot be read; make it a UTF-8 file you may read.") from problem
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#") and "=" not in line:
            raise refuse("ENV_FILE", f"line {number} of {path} must read NAME=value.")
    environ.Env.read_env(str(path))


def text(name: str, default: str) -> str:
    """The value; of a secret also what the file holds that NAME_FILE names."""
    # Not Env.str(), which takes a value that begins with a dollar sign for another variable's name.
    try:
        found = secret_files.value(os.environ, name)
    except secret_files.CannotUse as problem:
        raise ImproperlyConfigured(str(problem)) from None
    return (default if found is None else found).strip()


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise refuse(name, "write true or false.")


def integer(name: str, default: int, *, lowest: int, highest: int) -> int:
    value = text(name, str(default))
    if not WHOLE_NUMBER.fullmatch(value) or not lowest <= int(value) <= highest:
        raise refuse(name, f"write a whole number from {lowest} to {highest}.")
    return int(value)


def words(name: str, default: str) -> list[str]:
    """A comma-separated list without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise refuse(name, f"write one of {', '.join(allowed)}.")
    return value


def origins(name: str) -> list[str]:
    """Comma-separated origins such as https://desk.example.com."""
    found = words(name, "")
    for origin in found:
        if urlsplit(origin).scheme not in {"http", "https"}:
            raise refuse(name, "write origins with their scheme, such as https://desk.example.com.")
    return found


def opener(name: str) -> str:
    """A token that a program sends in a header, long enough that nobody guesses it; or empty."""
    value = text(name, "")
    if value and not re.fullmatch(r"[A-Za-z0-9._~+/=-]{20,200}", value):
        raise refuse(
            name,
            "write from 20 to 200 letters, digits and -_.~+/=, for example what `python -c "
            "'import secrets; print(secrets.token_urlsafe(32))'` prints.",
        )
    return value


def address(name: str, *schemes: str) -> str:
    """A server's address with one of these schemes, or empty; never with a user, a password or a query."""
    url = text(name, "")
    if not url:
        return url
    parts = urlsplit(url)
    extra = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in schemes or extra or not _names_a_server(parts):
        raise refuse(name, f"write {schemes[0]}://host, with :port where it needs one and nothing else in front.")
    return url


def database_url(name: str) -> dict[str, Any]:
    """What DATABASES takes for a PostgreSQL address; nothing else is supported."""
    url = text(name, "")
    example = "write postgres://user:password@host:5432/name."
    if not url:
        raise refuse(name, f"{example[:-1]}, or start the desk with `make run`, which brings its own.")
    try:
        found = environ.Env.db_url_config(url)
    except (ValueError, KeyError, ImproperlyConfigured) as problem:
        raise refuse(name, example) from problem
    if found.get("ENGINE") != "django.db.backends.postgresql" or not found.get("NAME"):
        raise refuse(name, f"only PostgreSQL is supported; {example}")
    found["CONN_HEALTH_CHECKS"] = True
    # A server that does not answer is said within seconds, not after the system's minutes.
    options = found.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    # A folder of sockets is written postgres://user@/name?host=/folder: in a host's place it would lose its capitals.
    found["HOST"] = options.pop("host", found.get("HOST", ""))
    return found


def redis_url(name: str, default: str) -> str:
    """An address of Redis or Valkey whose database is a number."""
    url = text(name, default)
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES or not _names_a_server(parts):
        raise refuse(name, "write redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket?db=0.")
    if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path):
        raise refuse(name, "the part after the last slash is the database number, as in redis://host:6379/0.")
    return url


def _names_a_server(parts: SplitResult) -> bool:
    try:
        # Reading the port is what checks it.
        found = parts.path if parts.scheme == "unix" else parts.hostname and (parts.port or True)
    except ValueError:
        return False
    database = parse_qs(parts.query).get("db", ["0"])[-1]
    return bool(found) and bool(WHOLE_NUMBER.fullmatch(database))


def next_redis_database(url: str) -> str:
    """The same server's following database number, so that emptying the cache cannot empty the queue."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        query["db"] = str(int(query.get("db", "0")) + 1)
        return f"unix://{parts.path}?{urlencode(query)}"
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}"))


def celery_broker_url(url: str) -> str:
    """The spelling kombu wants: redis+socket:// and virtual_host where the rest of the world says unix:// and db.

    It looks at no certificate unless told to, where everybody else does.
    """
    parts = urlsplit(url)
    if parts.scheme == "rediss" and "ssl_cert_reqs" not in parse_qs(parts.query):
        checked = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
        return urlunsplit(parts._replace(query=checked))
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[-1]
    return f"redis+socket://{parts.path}?virtual_host={database}"


SEALING_KEY_BYTES = 32


def sealing_keys(name: str, old_name: str) -> list[bytes]:
    """The keys that seal credentials, newest first; none when the variable is empty."""
    found = [_sealing_key(name, word) for word in [text(name, "")] if word]
    return found + [_sealing_key(old_name, word) for word in words(old_name, "")]


def _sealing_key(name: str, word: str) -> bytes:
    try:
        key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != SEALING_KEY_BYTES:
        raise refuse(
            name,
            "write 32 random bytes in base64, for example what `python -c "
            "'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'` prints.",
        )
    return key


def mail_url(name: str, default: str) -> dict[str, Any]:
    """Where e-mails go, as django-environ reads it; filemail:// keeps them as files."""
    url = text(name, default)
    if url == "filemail://":
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend"}
    try:
        found = environ.Env.email_url_config(url)
    except (ValueError, KeyError, ImproperlyConfigured) as problem:
        example = "write smtp+tls://user:password@host:587, consolemail:// or filemail://."
        raise refuse(name, example) from problem
    return {key: value for key, value in found.items() if key != "EMAIL_FILE_PATH"}
