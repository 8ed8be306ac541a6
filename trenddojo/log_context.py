"""Whose doing a log line is: ids that go with a request or a task through everything it does.

Ids of objects alone, no names: `request` (of the click that began it, in the web process and in every task it led to),
`task`, `user`, `order`, `connection`.
"""

import contextvars
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

NOBODY = "-"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ids: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("log_ids", default=_NOTHING)


def ids() -> Mapping[str, str]:
    """What the next log line of this request or task carries."""
    return _ids.get()


def request_id() -> str:
    return _ids.get().get("request", NOBODY)


def begin(**known: object) -> contextvars.Token[Mapping[str, str]]:
    """Forget what went before and go on with these ids, as at the start of a request or a task."""
    return _ids.set(_told(known))


def end(token: contextvars.Token[Mapping[str, str]]) -> None:
    """Go back to what was before `begin`."""
    _ids.reset(token)


def add(**known: object) -> None:
    """More is known by now, until the request or task ends."""
    _ids.set({**_ids.get(), **_told(known)})


@contextmanager
def bound(**known: object) -> Iterator[None]:
    """These ids for the lines inside."""
    token = _ids.set({**_ids.get(), **_told(known)})
    try:
        yield
    finally:
        _ids.reset(token)


def _told(known: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in known.items() if value is not None}
