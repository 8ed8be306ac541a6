"""A token for a program."""

from typing import Any

from django import forms

from accounts.forms.fields import CreationForm
from accounts.models import TokenScope
from accounts.services.tokens import LASTS_DAYS, LONGEST_DAYS, NAME_LENGTH

DAYS = {7: "A week", 30: "30 days", LASTS_DAYS: "90 days", 180: "Half a year", LONGEST_DAYS: "A year"}


class TokenForm(CreationForm):
    name = forms.CharField(
        max_length=NAME_LENGTH,
        help_text="What it is for, such as the program's name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label="It may",
        choices=TokenScope.choices,
        widget=forms.RadioSelect,
        initial=TokenScope.READ,
        help_text="To trade means all that you can do here: orders, accounts and connections, too.",
    )
    days = forms.TypedChoiceField(label="It lasts", choices=list(DAYS.items()), coerce=int, initial=LASTS_DAYS)

    def wanted(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("name", "scope", "days")}
