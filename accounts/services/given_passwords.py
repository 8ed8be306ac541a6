"""Passwords an administrator typed for somebody else: good for a while, and changed before anything else is shown."""

from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import User


def given_password_until(*, now: datetime) -> datetime:
    """Until when a password typed now is good."""
    return now + timedelta(hours=settings.INITIAL_PASSWORD_HOURS)


def given_password_over(*, user: User, now: datetime) -> bool:
    """Whether the user's password was given to them and is good no longer."""
    return user.password_good_until is not None and user.password_good_until <= now
