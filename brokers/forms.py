"""Connecting: the broker's own fields come from its table, and secrets are never written back into the page."""

from typing import Any

from django import forms
from django.conf import settings

from accounts.forms.fields import CreationForm
from accounts.models import TradingAccount, User
from brokers import registry
from brokers.base import CredentialField
from brokers.selectors import accounts_to_link
from brokers.services.connections import LABEL_LENGTH
from brokers.services.linking import NewAccount

NEW, NONE = "new", ""
MODES = {"paper": "Paper", "live": "Live money"}
TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


def credential_field(field: CredentialField) -> forms.CharField:
    """What is secret is typed blind and comes back empty when the form is shown again."""
    widget: forms.Widget = (
        forms.PasswordInput(attrs={**TYPED, "autocomplete": "new-password"})
        if field.is_secret
        else forms.TextInput(attrs=TYPED)
    )
    return forms.CharField(label=field.label, help_text=field.help_text, max_length=500, strip=True, widget=widget)


class CredentialsMixin(forms.Form):
    """The credential fields of one broker."""

    def add_credentials(self, broker: str) -> None:
        self.credential_names = [field.name for field in registry.spec_of(broker).credential_fields]
        for field in registry.spec_of(broker).credential_fields:
            self.fields[field.name] = credential_field(field)

    def credentials(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.credential_names}

    def credential_bounds(self) -> list[forms.BoundField]:
        return [self[name] for name in self.credential_names]


class AccountChoiceMixin(forms.Form):
    """Which account of the journal follows the connection: a new one, one the trader has, or none."""

    def add_accounts(self, user: User, broker: str, none_label: str) -> None:
        self.accounts = {str(account.pk): account for account in accounts_to_link(user, broker)}
        choices = [(NEW, "Open a new account"), *((key, account.name) for key, account in self.accounts.items())]
        if none_label:
            choices.append((NONE, none_label))
        self.fields["account"] = forms.ChoiceField(
            label="Account of the journal",
            choices=choices,
            required=False,
            initial=NEW,
            help_text="It follows the broker from now on. Accounts of this broker and those kept by hand are offered.",
        )
        self.fields["account_name"] = forms.CharField(
            label="Name of the new account",
            max_length=80,
            required=False,
            help_text="Its starting balance is what the broker says.",
        )

    def account(self) -> TradingAccount | NewAccount | None:
        chosen = self.cleaned_data["account"]
        return NewAccount(self.cleaned_data["account_name"]) if chosen == NEW else self.accounts.get(chosen)


class ConnectForm(CreationForm, CredentialsMixin, AccountChoiceMixin):
    label = forms.CharField(
        label="Name", max_length=LABEL_LENGTH, help_text="As you call this connection, for example Alpaca swing."
    )

    def __init__(self, *args: Any, user: User, broker: str, **options: Any) -> None:
        super().__init__(*args, **options)
        spec = registry.spec_of(broker)
        self.fields["label"].initial = spec.label
        if not spec.is_always_paper:
            self.fields["is_paper"] = forms.ChoiceField(
                label="Kind of keys",
                choices=MODES.items(),
                widget=forms.RadioSelect,
                initial=settings.DEFAULT_BROKER_MODE,
                help_text="Paper and live accounts have keys of their own.",
            )
        self.add_credentials(broker)
        self.add_accounts(user, broker, "No account yet")
        self.fields["account_name"].initial = spec.label

    def wants_paper(self) -> bool:
        return bool(self.cleaned_data.get("is_paper", "paper") == "paper")


class ReconnectForm(CredentialsMixin):
    def __init__(self, *args: Any, broker: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_credentials(broker)


class LinkForm(AccountChoiceMixin):
    def __init__(self, *args: Any, user: User, broker: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_accounts(user, broker, "")
        self.fields["account_name"].initial = registry.spec_of(broker).label

    def wanted(self) -> TradingAccount | NewAccount:
        """One is always chosen here."""
        return self.account() or NewAccount(self.cleaned_data["account_name"])


class RenameForm(forms.Form):
    label = forms.CharField(label="Name", max_length=LABEL_LENGTH)


class LiveForm(forms.Form):
    account_name = forms.CharField(label="Type the account's name", widget=forms.TextInput(attrs=TYPED))
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
