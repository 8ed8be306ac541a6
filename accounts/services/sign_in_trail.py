"""What is written down about signing in and out: who, by what, and how it went. No name, no code, no password."""

import logging
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from trenddojo.api.throttles import address_of

log = logging.getLogger(__name__)


def signed_in(request: HttpRequest, user: Any) -> None:
    """A session was begun; `by` names everything that was asked for, in its order."""
    records = get_authentication_records(request, user)
    by = "+".join(record.get("type", record["method"]) for record in records) or "none"
    log.info("signin.begun person=%s by=%s", user.pk, by)


def signed_out(user: Any) -> None:
    log.info("signout.done person=%s", user.pk)


def factor_right(user: Any, kind: str) -> None:
    """A code or a passkey was right, at sign-in, asked again, or for a token."""
    log.info("signin.factor.right person=%s kind=%s", user.pk, kind)


def factor_wrong(request: HttpRequest, user: Any, kind: str) -> None:
    """Nobody is named by a passkey that is not known."""
    log.warning("signin.factor.wrong person=%s kind=%s address=%s", getattr(user, "pk", "-"), kind, address_of(request))


def factor_malformed(request: HttpRequest) -> None:
    """What came as a passkey's answer is none: somebody tries what no browser sends."""
    log.warning("signin.factor.malformed address=%s", address_of(request))


def factor_sealed(user: Any) -> None:
    """An administrator must help: the seed of the second factor was sealed under a SECRET_KEY that is gone."""
    log.error("signin.factor.sealed person=%s", user.pk)


def asked_again(user: Any, by: str) -> None:
    log.info("signin.again.right person=%s by=%s", user.pk, by)


def asked_again_in_vain(user: Any, by: str) -> None:
    log.warning("signin.again.wrong person=%s by=%s", user.pk, by)
