"""Deposits, withdrawals, dividends, interest and charges."""

from typing import Any

from django import forms

from accounts.currencies import currency_places
from accounts.forms.fields import CreationForm, DayField, DecimalTextField, VersionedForm
from accounts.models import CashMovementKind, TradingAccount
from accounts.services import CashTerms


class CashFields(forms.Form):
    kind = forms.ChoiceField(
        choices=CashMovementKind.choices,
        help_text="Deposits and withdrawals are no result; dividends, interest and charges are.",
    )
    amount = DecimalTextField(name="amount", help_text="Without a sign: the kind says whether it came or went.")
    moved_on = DayField(label="Day")
    note = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, account: TradingAccount, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["amount"].places = currency_places(account.currency)

    def terms(self) -> CashTerms:
        return CashTerms(**{name: self.cleaned_data[name] for name in ("kind", "amount", "moved_on", "note")})


class CashCreateForm(CreationForm, CashFields):
    pass


class CashEditForm(VersionedForm, CashFields):
    pass
