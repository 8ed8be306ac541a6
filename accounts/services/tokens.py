"""Tokens of the REST API: made once, shown once, kept as a hash."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404

from accounts.models import ApiToken, User
from accounts.services.errors import AccountError
from accounts.services.retention import rows_delete
from trenddojo.statements import columns_of, made_from, rows_of

PREFIX = "td_"
# 256 bits: nobody guesses one, so that one round of SHA-256 without salt is enough to keep it.
RANDOM_BYTES = 32
NAME_LENGTH = 80
LASTS_DAYS, LONGEST_DAYS = 90, 366
# So long it can be seen which tokens there were.
KEPT_FOR = timedelta(days=90)
# A token's last use is written no more often.
USE_SECONDS = 60


_KNOWN = """
SELECT {token}, {user} FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = %(digest)s
"""


@cache
def _known_statement() -> str:
    return _KNOWN.format(token=columns_of(ApiToken, "t"), user=columns_of(User, "u"))


def token_known(text: str) -> ApiToken | None:
    """The token with this text, with its user; it may be revoked or have expired."""
    for columns in rows_of(_known_statement(), {"digest": digest_of(text)}):
        row = iter(columns)
        token = made_from(row, ApiToken)
        token.user = made_from(row, User)
        return token
    return None


def token_create(
    *, user: User, name: str, scope: str, now: datetime, days: int = LASTS_DAYS, pk: UUID | None = None
) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be read again.

    Raises AccountError (name_required, name_taken, bad_days, made_already, password_changed).
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
            _check_still_same(user)
            token.save(force_insert=True)
    except IntegrityError as problem:
        if pk is not None and ApiToken.objects.filter(user=user, pk=pk).exists():
            sentence = "This token was made already, and was shown then: revoke it if you do not have it."
            raise AccountError("made_already", sentence) from problem
        sentence = "You already have a token with this name: choose another, or revoke that one first."
        raise AccountError("name_taken", sentence, "name") from problem
    return token, text


def _check_still_same(user: User) -> None:
    """Whoever was let in by a password that was changed since is not who asks for a token: all others are revoked."""
    now = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if now.password != user.password or not now.is_active:
        raise AccountError("password_changed", "Your password was changed meanwhile: sign in with the new one.")


def token_make(*, user: User, name: str, scope: str, now: datetime, days: int, pk: UUID) -> tuple[ApiToken, str]:
    """As token_create for a request that may have died halfway before: nobody got the text of what it made then."""
    with transaction.atomic():
        ApiToken.objects.filter(user=user, pk=pk, last_used_at__isnull=True).delete()
        return token_create(user=user, name=name, scope=scope, now=now, days=days, pk=pk)


def token_revoke(*, user: User, pk: UUID, now: datetime) -> None:
    """From now on the token opens nothing; twice is once. Raises Http404."""
    found = ApiToken.objects.filter(user=user, pk=pk)
    if not found.filter(revoked_at__isnull=True).update(revoked_at=now) and not found.exists():
        raise Http404


def tokens_revoke(*, pks: Collection[UUID], now: datetime) -> int:
    """Revoke these, whose ever they are: for administrators; how many."""
    return ApiToken.objects.filter(pk__in=pks, revoked_at__isnull=True).update(revoked_at=now)


def tokens_revoke_all(*, user: User, now: datetime) -> int:
    """Whoever changes the password wants nobody to come in by what was given away before; how many there were."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=now)


def tokens_clean(*, now: datetime) -> int:
    """Delete what was revoked or has expired long ago; how many."""
    long_ago = now - KEPT_FOR
    return rows_delete(ApiToken.objects.filter(Q(revoked_at__lt=long_ago) | Q(expires_at__lt=long_ago)))


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
