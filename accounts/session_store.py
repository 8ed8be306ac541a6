"""Sessions in the database, read from the cache, each with when it began and was last used."""

import time

from django.contrib.sessions.backends.cached_db import SessionStore as CachedSessionStore

from accounts.session_limits import BEGAN, SEEN, is_somebodys


class SessionStore(CachedSessionStore):
    """Keeps this name: Django signs what it keeps with it."""

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """A session that somebody signed in to has a beginning from its first writing on, wherever they did."""
        if is_somebodys(self):
            now = int(time.time())
            self.setdefault(BEGAN, now)
            self.setdefault(SEEN, now)
        super().save(must_create)
