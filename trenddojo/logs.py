"""Logging: one line an event, to standard error, as key=value or as JSON.

An event is logged as `log.info("order.outcome order=%s code=%s", …)`: its name, and the names of its fields. Fields
that are not known beforehand come in `extra={"fields": {…}}`. What libraries log becomes one `message`.
Every value passes the redaction, and no value can begin a line or look like a field of its own.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from trenddojo import log_context
from trenddojo.redaction import HIDDEN, is_sensitive, redacted

FORMATS: Final = ("plain", "json")
EVENT: Final = re.compile(
    r"(?P<event>[a-z]+(?:[._][a-z]+)*\.[a-z]+(?:[._][a-z]+)*)(?P<fields>(?: [a-z_]+=%[sd.0-9f]+)*)"
)
_FIELD: Final = re.compile(r"([a-z_]+)=(%[sd.0-9f]+)")
# A longer text is cut: a page that somebody raised as an error is not for a log.
LONGEST: Final = 20_000
# What may stand without quotes.
_BARE: Final = re.compile(
    r"[^\s\"'=\\\x00-\x20\x7f-\xa0\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
# What JSON leaves as it is, and a terminal or a reader of lines takes for more than a character.
_UNSEEN: Final = re.compile(r"[\x7f-\xa0\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def configuration(level: str, form: str = "plain") -> dict[str, Any]:
    """For Django's LOGGING, at a level such as INFO."""

    def passed_on(at: str, **options: Any) -> dict[str, Any]:
        return {"handlers": [], "level": at, "propagate": True, **options}

    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"expected": {"()": "trenddojo.logs.ExpectedFilter"}},
        "formatters": {"line": {"()": FORMATTERS[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": passed_on(level),
            "django.server": passed_on(level),
            # A page that is not there is the visitor's matter; what broke is ours.
            "django.request": passed_on("ERROR", filters=["expected"]),
            # Scanners knock under any name; a traceback for each would bury what matters.
            "django.security.DisallowedHost": passed_on("CRITICAL"),
            # At DEBUG it writes down what is sent, and the first thing sent are the keys that open the stream.
            "websockets": passed_on("INFO"),
            # Warns of every HEAD request that Django answers with the page's body.
            "gunicorn.http.wsgi": passed_on("ERROR"),
            # Each task's coming and going, of which there are dozens a second; failures stay.
            "celery.worker.strategy": passed_on("WARNING"),
            "celery.app.trace": passed_on("WARNING"),
            "celery.beat": passed_on("WARNING"),
        },
    }


class ExpectedFilter(logging.Filter):
    """A 503 is an answer we chose, not a crash: one line that warns, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


class LineFormatter(logging.Formatter):
    """What both formats share: the parts of a line, without secrets."""

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        told = _told(record)
        known = {name: value for name, value in log_context.ids().items() if name not in told}
        parts: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "request": known.pop("request", log_context.NOBODY),
            **known,
            **told,
        }
        if record.exc_info:
            parts["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            parts["stack"] = record.stack_info
        return {name: _clean(name, value) for name, value in parts.items()}


class PlainFormatter(LineFormatter):
    """`2026-03-04T15:31:06.503Z level=INFO logger=… request=… order.outcome order=… code=…`."""

    def format(self, record: logging.LogRecord) -> str:
        parts = self.parts(record)
        moment, event = parts.pop("at"), parts.pop("event", None)
        words = [moment, *(f"{name}={_quoted(value)}" for name, value in parts.items() if name in _HEAD)]
        words += [event] if event else []
        return " ".join(words + [f"{name}={_quoted(value)}" for name, value in parts.items() if name not in _HEAD])


class JsonFormatter(LineFormatter):
    """An object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.parts(record), ensure_ascii=True, separators=(",", ":"))


FORMATTERS: Final[Mapping[str, str]] = {
    "plain": "trenddojo.logs.PlainFormatter",
    "json": "trenddojo.logs.JsonFormatter",
}
RESERVED: Final = frozenset({"at", "level", "logger", "request", "task", "event", "message", "traceback", "stack"})
_HEAD: Final = frozenset({"level", "logger", "request", "task", "user"})


def _told(record: logging.LogRecord) -> dict[str, Any]:
    """The event and its fields, or the message of somebody who knows no events."""
    found = EVENT.fullmatch(record.msg) if isinstance(record.msg, str) else None
    given = record.args if isinstance(record.args, tuple) else (record.args,)
    names = _FIELD.findall(found["fields"]) if found else []
    if found is None or len(names) != len(given):
        return {"message": _message(record)}
    fields = {name: _shown(form, value) for (name, form), value in zip(names, given, strict=True)}
    fields |= dict(_extra(record))
    return {"event": found["event"], **{_not_ours(name): value for name, value in fields.items()}}


def _not_ours(name: str) -> str:
    """No field of an event takes the place of one that every line has."""
    return f"{name}_" if name in RESERVED else name


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for name, value in getattr(record, "fields", {}).items():
        yield re.sub(r"[^a-z0-9_]", "_", str(name).lower()), value


def _shown(form: str, value: Any) -> Any:
    if form != "%s" and isinstance(value, float | Decimal):
        return float(form % value)
    return value


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong call of a library's must neither break nor print what it was given
        return str(record.msg)


def _clean(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if is_sensitive(name):
        return HIDDEN
    text = _text(value)
    # What stands before the cut is looked at with what stood after it: half a secret has another shape.
    return _cut(redacted(text[: 2 * LONGEST]))


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an object that cannot be shown
        return f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if _BARE.fullmatch(text):
        return text
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
