"""Sign-up, profile and leaving."""

from typing import Any

from django import forms
from django.http import HttpRequest

from accounts.models import User, timezone_choices
from accounts.services.people import Profile


def zone_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        initial="America/New_York",
        help_text="Times are shown in this zone. It can be changed at any time.",
        error_messages={"invalid_choice": "Choose one of the time zones of the list."},
    )


class ZoneSignupForm(forms.Form):
    """What sign-up asks beside name, e-mail and password; static/js/timezone.js proposes the browser's zone."""

    timezone = zone_field()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["timezone"].widget.attrs["data-guess-timezone"] = ""

    def signup(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 - allauth's signature
        user.timezone = self.cleaned_data["timezone"]
        user.save(update_fields=["timezone"])


class ProfileForm(forms.Form):
    first_name = forms.CharField(label="First name", max_length=150, required=False)
    last_name = forms.CharField(label="Last name", max_length=150, required=False)
    timezone = zone_field()

    def profile(self) -> Profile:
        return Profile(**self.cleaned_data)


class UserDeleteForm(forms.Form):
    typed_username = forms.CharField(
        label="Type your user name",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    typed_password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
