"""Trading accounts and their risk policies."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.calendars import exchange_choices
from accounts.currencies import currency_choices
from accounts.forms.fields import CreationForm, DayField, DecimalTextField, VersionedForm
from accounts.models import AccountType, Broker, CostMethod
from accounts.services import AccountTerms, RiskTerms
from accounts.services.accounts import model_fields


class AccountFields(forms.Form):
    name = forms.CharField(max_length=80, help_text="As you call it, for example Swing or Retirement.")
    account_type = forms.ChoiceField(
        label="Type", choices=AccountType.choices, help_text="Live money, a paper account, or one you only follow."
    )
    broker = forms.ChoiceField(
        choices=Broker.choices,
        help_text="Decides which commissions and fees are proposed. Orders are sent where a connection is made.",
    )
    currency = forms.ChoiceField(
        choices=currency_choices, help_text="Fixed once the account has trades or cash movements."
    )
    starting_balance = DecimalTextField(name="starting balance")
    opened_on = DayField(label="Opened on", help_text="The starting balance counts from this day.")
    exchange = forms.ChoiceField(choices=exchange_choices, help_text="Decides which days are trading sessions.")
    cost_method = forms.ChoiceField(
        label="Cost method", choices=CostMethod.choices, help_text="Which shares are sold first when you sell a part."
    )
    break_even_band = DecimalTextField(
        name="break-even band", help_text="A net result no further from zero than this counts as break-even."
    )
    allows_fractions = forms.BooleanField(
        label="Fractional shares", required=False, help_text="Sizes may be parts of a share."
    )

    def terms(self) -> AccountTerms:
        return AccountTerms(**{name: self.cleaned_data[name] for name in model_fields(AccountTerms)})


class AccountCreateForm(CreationForm, AccountFields):
    pass


class AccountEditForm(VersionedForm, AccountFields):
    pass


def _percent_field(label: str, *, required: bool = True, **options: Any) -> DecimalTextField:
    if not required:
        options.setdefault("help_text", "Leave empty for no limit.")
    return DecimalTextField(label=label, name="percentage", digits=3, required=required, **options)


def _count_field(label: str, *, most: int, required: bool = False, help_text: str = "") -> forms.IntegerField:
    instead = "" if required else ", or leave it empty for no limit"
    return forms.IntegerField(
        label=label,
        required=required,
        min_value=1,
        max_value=most,
        help_text=help_text or "Leave empty for no limit.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "invalid": "Write a whole number, such as 10.",
            "min_value": f"Give 1 or more{instead}.",
            "max_value": f"Give {most} or fewer{instead}.",
        },
    )


class RiskForm(VersionedForm):
    risk_per_trade_percent = _percent_field("Risk per trade", help_text="What one trade may lose at its stop.")
    max_position_percent = _percent_field("Largest position", help_text="The most one position may be worth.")
    max_open_risk_percent = _percent_field("Open risk (heat)", required=False)
    max_daily_loss_percent = _percent_field("Loss in a day", required=False)
    max_weekly_loss_percent = _percent_field("Loss in a week", required=False)
    max_open_positions = _count_field("Open positions", most=1000)
    max_orders_per_minute = _count_field("Orders in a minute", most=1000)
    price_collar_percent = _percent_field(
        "Price collar",
        required=False,
        help_text="How much worse than the market an order's price may be. Leave empty for no limit.",
    )
    max_quote_age_seconds = _count_field(
        "Age of a quote", most=86_400, required=True, help_text="An entry is checked against a quote no older."
    )
    allows_overrides = forms.BooleanField(
        label="Overrides with a reason",
        required=False,
        help_text="A plan that breaks a limit may be kept with a written reason, which is counted in the figures.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if isinstance(value, Decimal) and not Decimal(0) < value <= 100:  # noqa: PLR2004 - percent
                self.add_error(name, "Give a percentage above 0, at most 100.")
        return cleaned

    def terms(self) -> RiskTerms:
        return RiskTerms(**{name: self.cleaned_data[name] for name in model_fields(RiskTerms)})


class FirstAccountForm(CreationForm):
    """The shortest way from sign-up to a first plan; everything else has a default that can be changed later."""

    name = forms.CharField(max_length=80, initial="Main")
    currency = forms.ChoiceField(choices=currency_choices)
    opened_on = DayField(
        label="Opened on", help_text="Trades and cash are recorded from this day on: go back as far as yours do."
    )
    starting_balance = DecimalTextField(
        name="starting balance", help_text="What was in the account on that day. Sizes are computed from it."
    )
    exchange = forms.ChoiceField(choices=exchange_choices, help_text="Decides which days are trading sessions.")
    risk_per_trade_percent = _percent_field(
        "Risk per trade", initial=Decimal("1.00"), help_text="What one trade may lose at its stop, in percent."
    )

    def clean_risk_per_trade_percent(self) -> Decimal:
        value = self.cleaned_data["risk_per_trade_percent"]
        if not Decimal(0) < value <= 100:  # noqa: PLR2004 - percent
            raise forms.ValidationError("Give a percentage above 0, at most 100.")
        return value


class AccountDeleteForm(forms.Form):
    typed_name = forms.CharField(label="Type the account's name", widget=forms.TextInput(attrs={"autocomplete": "off"}))
