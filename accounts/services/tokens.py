"""Tokens of the REST API: made once, shown once, kept as a hash."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404

from accounts.models import ApiToken, User
from accounts.services.errors import AccountError

PREFIX = "td_"
# 256 bits: nobody guesses one, so that one round of SHA-256 without salt is enough to keep it.
RANDOM_BYTES = 32
NAME_LENGTH = 80
LASTS_DAYS, LONGEST_DAYS = 90, 366
# A token's last use is written no more often.
USE_SECONDS = 60


def token_create(
    *, user: User, name: str, scope: str, now: datetime, days: int = LASTS_DAYS, pk: UUID | None = None
) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be read again.

    Raises AccountError (name_required, name_taken, bad_days).
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        raise AccountError("name_required", f"Give the token a name of at most {NAME_LENGTH} characters.", "name")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError("bad_days", f"A token lasts from 1 to {LONGEST_DAYS} days.", "days")
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token = ApiToken(
        user=user,
        name=name,
        scope=scope,
        digest=digest_of(text),
        hint=text[-4:],
        expires_at=now + timedelta(days=days),
        **({"id": pk} if pk else {}),
    )
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError as problem:
        sentence = "You already have a token with this name: choose another, or revoke that one first."
        raise AccountError("name_taken", sentence, "name") from problem
    return token, text


def token_revoke(*, user: User, pk: UUID, now: datetime) -> None:
    """From now on the token opens nothing; twice is once. Raises Http404."""
    found = ApiToken.objects.filter(user=user, pk=pk)
    if not found.filter(revoked_at__isnull=True).update(revoked_at=now) and not found.exists():
        raise Http404


def token_used(token: ApiToken, *, now: datetime) -> None:
    """Note that it was used, at most once a minute."""
    before = now - timedelta(seconds=USE_SECONDS)
    if token.last_used_at is not None and token.last_used_at > before:
        return
    is_older = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
    ApiToken.objects.filter(is_older, pk=token.pk).update(last_used_at=now)


def digest_of(text: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(text.encode()).hexdigest()
