"""Which orders the blotter shows."""

from collections.abc import Iterable
from typing import Any

from django import forms

from accounts.models import TradingAccount
from trades.models.order import WORKING

# What a trader looks for, and the states that are meant.
STATUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "working": ("Working", tuple(WORKING)),
    "in_doubt": ("In doubt", ("in_doubt",)),
    "filled": ("Filled", ("filled",)),
    "cancelled": ("Cancelled", ("cancelled",)),
    "refused": ("Rejected or denied", ("rejected", "denied")),
    "expired": ("Expired", ("expired",)),
    "replaced": ("Replaced", ("replaced",)),
}


class OrderFilterForm(forms.Form):
    """What cannot be read is left out, never refused: an old bookmark still shows orders."""

    account = forms.ChoiceField(required=False)
    symbol = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
    )
    status = forms.ChoiceField(required=False, choices=[("", "All"), *((k, name) for k, (name, _) in STATUSES.items())])

    def __init__(self, *args: Any, accounts: Iterable[TradingAccount], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["account"].choices = [
            ("", "All accounts"),
            *((str(account.pk), f"{account.name} ({account.currency})") for account in accounts),
        ]

    @property
    def wanted_symbol(self) -> str:
        return str(self.data.get("symbol", "")).strip().upper().replace("\0", "")[:32]

    @property
    def wanted_statuses(self) -> tuple[str, ...]:
        return STATUSES.get(str(self.data.get("status", "")), ("", ()))[1]
