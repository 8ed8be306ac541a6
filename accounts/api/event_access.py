"""Who follows events, and whether they still may."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Event
from accounts.selectors import tokens_open
from accounts.services.stream_places import Place
from accounts.session_limits import over_because


@dataclass(frozen=True, slots=True)
class Follower:
    """What one stream was opened with: whose events, which subjects, from where on, and what opened it."""

    user_id: UUID
    place: Place
    token_id: UUID | None = None
    session_key: str | None = None
    subjects: frozenset[str] = frozenset()
    after: int | None = None

    def wants(self, event: Event) -> bool:
        """Whether an event of this user is of a subject asked for; without any asked for, all are."""
        return not self.subjects or event.subject in self.subjects


def still_allowed(followers: Iterable[Follower]) -> set[Follower]:
    """Those whose token or session opens the API now, as it did when their streams began."""
    asked = list(followers)
    tokens = tokens_open({one.token_id for one in asked if one.token_id is not None}, now=timezone.now())
    return {one for one in asked if (one.token_id in tokens if one.token_id else _has_session(one))}


def _has_session(follower: Follower) -> bool:
    """The session's own rules: it exists, is of this user, of today’s password and not over, and they are active."""
    request = HttpRequest()
    # The table, not its copies in the cache: this is asked rarely and goes on while the cache is away.
    request.session = SessionStore(follower.session_key)
    if over_because(request.session) is not None:
        return False
    return bool(get_user(request).pk == follower.user_id)
