"""The forms of signing up and in, in the desk's words; apart, because allauth's forms import the sign-up form."""

from typing import Any

from allauth.account.forms import (
    AddEmailForm,
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    SignupForm,
)
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.services.given_passwords import given_password_over

OVER = (
    "An administrator gave you this password, and its time is over. Have a link sent to you by “Forgot your password?”."
)

LABELS = {
    "login": "User name or e-mail address",
    "username": "User name",
    "email": "E-mail address",
    "remember": "Stay signed in on this device",
}


class _InTheDesksWords:
    fields: dict[str, Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class SignInForm(_InTheDesksWords, LoginForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["password"].help_text = ""


class SignUpForm(_InTheDesksWords, SignupForm):
    """What allauth asks, then the time zone."""


class PasswordResetForm(_InTheDesksWords, ResetPasswordForm):
    """The address the link goes to."""


class PasswordAgainForm(_InTheDesksWords, ReauthenticateForm):
    """The password of somebody who is signed in."""


class EmailForm(_InTheDesksWords, AddEmailForm):
    """The new address."""


class PasswordChangeForm(ChangePasswordForm):
    """A new password for the present one."""

    def clean_oldpassword(self) -> str:
        """Somebody may have signed in while it was good, or by a passkey."""
        typed = str(super().clean_oldpassword())
        if given_password_over(user=self.user, now=timezone.now()):
            raise ValidationError(OVER, "over")
        return typed
