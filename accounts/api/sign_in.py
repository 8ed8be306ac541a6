"""Signing in without a page: a password and a second factor, checked and counted as the sign-in page does."""

from typing import Final

import redis
from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.app_settings import EmailVerificationMethod, LoginMethod
from allauth.account.internal.flows.login import derive_login_method
from allauth.account.utils import has_verified_email
from allauth.core import context
from allauth.core.internal.ratelimit import parse_rates
from allauth.core.ratelimit import consume
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied, Throttled

from accounts.api.authentication import FACTOR_WANTED
from accounts.forms.factors import SEALED, CodeForm
from accounts.models import User
from trenddojo.api.errors import Unavailable

WRONG: Final = (
    "This user name and password do not fit together. One that an administrator gave you works for a limited time: "
    "have it reset on the sign-in page."
)
GIVEN: Final = "An administrator gave you this password: sign in on the page and choose one of your own, then go on."
LIMITS: Final = "The limits of signing in cannot be counted just now: try again in a minute."
KINDS: Final = Authenticator.Type
# What the page asks for after the password; recovery codes alone are no second factor.
FACTORS: Final = (KINDS.TOTP, KINDS.WEBAUTHN)
TOO_MANY: Final = "too_many_login_attempts"


def user_by_password(*, login: str, password: str) -> User:
    """The active user with this name or e-mail address and this password; their second factor is still to be asked.

    Raises AuthenticationFailed, PermissionDenied, Throttled, and Unavailable while nobody can count tries.
    """
    login = login.strip()
    try:
        user = _proven(login, password)
    except redis.RedisError as problem:
        raise Unavailable(LIMITS, wait=60) from problem
    if user is None:
        raise AuthenticationFailed(WRONG, "wrong_credentials")
    if not user.is_active:
        raise AuthenticationFailed("This user is not active.", "inactive")
    _check_confirmed(user, login)
    if user.password_good_until is not None:
        raise PermissionDenied(GIVEN, "password_change_required")
    return user


def second_factor_check(user: User, otp: str) -> None:
    """Take a code of the authenticator app or a recovery code, each once. Raises as user_by_password."""
    kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    if not kinds.intersection(FACTORS):
        if settings.TRADER_SECOND_FACTOR:
            raise PermissionDenied(FACTOR_WANTED, "second_factor_required")
        return
    if kinds == {KINDS.WEBAUTHN}:
        sentence = "You sign in with a passkey, which programs cannot use: make the token on the page “API tokens”."
        raise PermissionDenied(sentence, "passkey_only")
    if not otp:
        sentence = "Send the code of your authenticator app, or a recovery code, as otp."
        raise AuthenticationFailed(sentence, "otp_required")
    form = CodeForm({"code": otp}, user=user)
    try:
        is_right = form.is_valid()
    except redis.RedisError as problem:
        raise Unavailable(LIMITS, wait=60) from problem
    if not is_right:
        raise _refused(form)
    form.authenticator.record_usage()


def _refused(form: CodeForm) -> APIException:
    """Why a code was not taken."""
    if form.has_error("code", TOO_MANY):
        return _throttled("login_failed")
    if form.has_error("code", "sealed"):
        return PermissionDenied(SEALED, "second_factor_sealed")
    return AuthenticationFailed("This code is not right, or was used already.", "otp_invalid")


def _proven(login: str, password: str) -> User | None:
    request = context.request
    if not consume(request, action="login"):
        raise _throttled("login")
    try:
        # allauth looks for names and addresses alike; asked for both by name it would hash twice for known addresses.
        found: User | None = get_adapter(request).authenticate(request, username=login, password=password)
    except ValidationError as refusal:
        raise _throttled("login_failed") from refusal
    return found


def _throttled(action: str) -> Throttled:
    rates = parse_rates(app_settings.RATE_LIMITS[action])
    return Throttled(wait=int(max(rate.duration for rate in rates)))


def _check_confirmed(user: User, login: str) -> None:
    if app_settings.EMAIL_VERIFICATION != EmailVerificationMethod.MANDATORY:
        return
    address = login if derive_login_method(login) == LoginMethod.EMAIL else None
    if not has_verified_email(user, address):
        sentence = "Confirm your e-mail address first: sign in on the page, which sends you the link."
        raise PermissionDenied(sentence, "email_unverified")
