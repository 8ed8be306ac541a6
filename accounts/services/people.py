"""What a user changes about themselves: the profile, open sessions, and leaving."""

import logging
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from accounts.models import TradingAccount, User
from accounts.services.errors import AccountError
from accounts.services.removal import rows_delete
from accounts.session_limits import over_because
from accounts.session_store import SessionStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Profile:
    """How the user is called and in which zone times are shown."""

    first_name: str
    last_name: str
    timezone: str


def profile_save(*, user: User, profile: Profile) -> User:
    """Change the profile. Raises AccountError (bad_timezone)."""
    if profile.timezone not in zoneinfo.available_timezones():
        raise AccountError("bad_timezone", "Choose one of the time zones of the list.", "timezone")
    user.first_name, user.last_name, user.timezone = profile.first_name, profile.last_name, profile.timezone
    user.save(update_fields=["first_name", "last_name", "timezone"])
    return user


def user_sessions_end(*, sessions: Iterable[UserSession]) -> None:
    """Sign these browsers out, whose ever they are: for administrators, too."""
    for session in sessions:
        log.info("session.ended person=%s session=%s", session.user_id, session.pk)
        session.end()


def session_over(*, user: User, session_key: str, reason: str) -> None:
    """Note that a session ended by itself; it is listed no more."""
    log.info("session.over person=%s reason=%s", user.pk, reason)
    UserSession.objects.filter(session_key=session_key).delete()


def user_sessions_tidy(user: User) -> None:
    """Take from the list of the user's browsers those whose session is over and that nobody came back to."""
    for session in UserSession.objects.filter(user=user):
        reason = over_because(SessionStore(session.session_key))
        if reason is not None:
            session_over(user=user, session_key=session.session_key, reason=reason)


def session_renew(request: HttpRequest) -> None:
    """Give the session another key, as at sign-in, and keep what is in it: whoever knew the old one is out."""
    before = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def session_followed(*, before: str | None, now: str | None) -> None:
    """A session that goes on under another key is listed once, as signed in when it was."""
    known = UserSession.objects.filter(session_key=before).exclude(session_key=now).first()
    if known is not None:
        UserSession.objects.filter(session_key=now).update(created_at=known.created_at)
        known.delete()


def user_delete(*, user: User, typed_username: str, typed_password: str) -> None:
    """Delete the user with everything they own, sign every browser out and delete their files.

    Raises AccountError (name_differs, wrong_password); then nothing was deleted.
    """
    if typed_username.strip() != user.get_username():
        raise AccountError("name_differs", f"Type your user name exactly: {user.get_username()}", "typed_username")
    if not user.check_password(typed_password):
        raise AccountError("wrong_password", "This is not your password.", "typed_password")
    with transaction.atomic():
        # Accounts before anything is deleted: whoever is recording a fill ends first, and nothing comes in between.
        list(TradingAccount.objects.select_for_update().filter(owner=user.pk).order_by("pk"))
        locked = User.objects.select_for_update().get(pk=user.pk)
        for session in UserSession.objects.filter(user=locked):
            session.end()
        rows_delete(locked)
