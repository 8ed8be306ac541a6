"""The forms that take a second factor or a passkey: allauth's, with each try written down, and sealed secrets said."""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from django import forms
from django.core.exceptions import ValidationError

from accounts.forms.fields import WrittenField
from accounts.sealing import FactorSealed
from accounts.services import sign_in_trail

SEALED = (
    "Your second factor cannot be checked any more, because the desk’s secret key was changed. Ask the administrator "
    "of this desk to remove it; then sign in with your password and turn it on again."
)

# What the library raises for an answer no browser gives: a part is missing, is of another kind, or is signed by no key.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, InvalidSignature)


class _CodeNoted:
    """A code of the app, or a recovery code."""

    user: Any
    authenticator: Authenticator

    def clean_code(self) -> str:
        try:
            code = super().clean_code()  # type: ignore[misc]  # the mixin knows no base
        except FactorSealed:
            sign_in_trail.factor_sealed(self.user)
            raise ValidationError(SEALED, "sealed") from None
        except ValidationError:
            sign_in_trail.factor_wrong(context.request, self.user, "code")
            raise
        sign_in_trail.factor_right(self.user, self.authenticator.type)
        return str(code)


class _PasskeyNoted:
    user: Any

    def clean_credential(self) -> Authenticator:
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]  # the mixin knows no base
        except ValidationError:
            sign_in_trail.factor_wrong(context.request, self.user, "passkey")
            raise
        except MALFORMED:
            sign_in_trail.factor_malformed(context.request)
            raise get_adapter().validation_error("incorrect_code") from None
        sign_in_trail.factor_right(authenticator.user, authenticator.type)
        return authenticator


def _credential() -> WrittenField:
    """What the browser's passkey answered."""
    return WrittenField(widget=forms.HiddenInput)


class CodeForm(_CodeNoted, AuthenticateForm):
    """At sign-in."""


class CodeAgainForm(_CodeNoted, ReauthenticateForm):
    """Asked again."""


class PasskeyForm(_PasskeyNoted, AuthenticateWebAuthnForm):
    """At sign-in, after the password."""

    credential = _credential()


class PasskeyAloneForm(_PasskeyNoted, LoginWebAuthnForm):
    """At sign-in, in the password's place."""

    credential = _credential()


class PasskeyAgainForm(_PasskeyNoted, ReauthenticateWebAuthnForm):
    """Asked again."""

    credential = _credential()


class PasskeyAddForm(AddWebAuthnForm):
    """A new one."""

    credential = _credential()

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except MALFORMED:
            sign_in_trail.factor_malformed(context.request)
            raise get_adapter().validation_error("incorrect_code") from None
        return cleaned
