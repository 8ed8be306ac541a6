"""When a session is over: nothing was done in it for too long, or it has lasted as long as any may.

A session carries when it began and when somebody last did something in it, both written by accounts.session_store and
accounts.middleware. What a page left open asks for by itself is nobody's doing.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest

BEGAN: Final = "session_began"
SEEN: Final = "session_seen"
# Written no more often than this, so that reading pages costs no writing.
WRITTEN_EVERY: Final = 60
IDLE, LIFETIME = "idle", "lifetime"
DAY: Final = 24 * 3600
# What a page left open asks for by POST says so itself; whoever says it wrongly only ends a session sooner.
BY_ITSELF: Final = ("Asked-By", "page")
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_somebodys(session: Mapping[str, Any]) -> bool:
    return SESSION_KEY in session


def over_because(session: Mapping[str, Any], now: float | None = None) -> str | None:
    """Why this session of somebody opens nothing any more; None where it does, or is nobody's."""
    if not is_somebodys(session):
        return None
    moment = time.time() if now is None else now
    if moment - session.get(BEGAN, moment) >= settings.SESSION_LIFETIME_DAYS * DAY:
        return LIFETIME
    return IDLE if moment - session.get(SEEN, moment) >= idle_seconds(session) else None


def idle_seconds(session: Mapping[str, Any]) -> int:
    """How long nothing may be done in it: longer where “stay signed in” was chosen."""
    # What allauth sets when the box is ticked; 0 is for until the browser closes, and passkeys set nothing.
    if session.get("_session_expiry"):
        return int(settings.SESSION_REMEMBERED_IDLE_DAYS * DAY)
    return int(settings.SESSION_IDLE_MINUTES * 60)


def is_activity(request: HttpRequest) -> bool:
    """Whether a person did this: pages that are open ask by themselves through htmx, and programs through the API."""
    name, word = BY_ITSELF
    if request.headers.get(name) == word:
        return False
    if request.method not in READS:
        return True
    return "HX-Request" not in request.headers and not request.path_info.startswith("/api/")
