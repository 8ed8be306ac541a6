"""The admin's forms that type a password for somebody else."""

from typing import Any

from allauth.core import context
from django.conf import settings
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.db import transaction
from django.utils import timezone
from django.utils.text import format_lazy

from accounts.models import User
from accounts.services.given_passwords import given_password_until
from accounts.services.tokens import tokens_revoke_all

NOTE = "Good for {} hours, and changed by its owner at the first sign-in, before anything else is shown."


class _Told:
    """Says at the field how long it is good for."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["password1"]
        note = NOTE.format(settings.INITIAL_PASSWORD_HOURS)
        field.help_text = format_lazy("{}<p>{}</p>", field.help_text, note)


class TraderCreationForm(_Told, AdminUserCreationForm):
    """A password typed here is known to two people until its owner chooses another."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        if self.cleaned_data["set_usable_password"]:
            self.instance.password_good_until = given_password_until(now=timezone.now())
        user: User = super().save(commit)
        return user


class TraderPasswordForm(_Told, AdminPasswordChangeForm):
    """The same, and it revokes the user's tokens, as one set by the user does. One's own is one's own."""

    @transaction.atomic
    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        now = timezone.now()
        is_given = self.cleaned_data.get("set_usable_password", True) and context.request.user.pk != self.user.pk
        self.user.password_good_until = given_password_until(now=now) if is_given else None
        user: User = super().save(commit)
        tokens_revoke_all(user=user, now=now)
        return user
