"""The plan form: typed text becomes a PlanInput, or sentences at its fields."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from accounts.forms.fields import CreationForm, DecimalTextField
from accounts.models import TradingAccount, User
from accounts.selectors import accounts_in_use
from trades.forms.fields import VersionedForm, price_field, quantity_field
from trades.models import AssetClass, Direction, Setup, SetupCriterion, Trade
from trades.services.plan_input import MOST_TARGETS, PlanInput, Target

TEXT = {"rows": 4}
MULTIPLIED = (AssetClass.OPTION, AssetClass.FUTURE)


def account_choices(owner: User) -> list[tuple[str, str]]:
    return [(str(account.pk), f"{account.name} ({account.currency})") for account in accounts_in_use(owner)]


def setup_choices(owner: User, current: Setup | None = None) -> list[tuple[str, str]]:
    setups = [setup for setup in Setup.objects.filter(owner=owner) if setup.is_active or setup == current]
    return [("", "None"), *((str(setup.pk), setup.name) for setup in setups)]


def percent_field(label: str, noun: str, **options: Any) -> DecimalTextField:
    return DecimalTextField(label=label, name=noun, digits=3, places=2, required=False, **options)


class InstrumentFields(forms.Form):
    """Which instrument, in which account, which way."""

    account = forms.ChoiceField(error_messages={"invalid_choice": "Choose one of your accounts."})
    symbol = forms.CharField(
        max_length=64,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter a symbol, such as AAPL."},
    )
    asset_class = forms.ChoiceField(label="Asset class", choices=AssetClass.choices, initial=AssetClass.STOCK)
    multiplier = DecimalTextField(
        name="multiplier",
        digits=8,
        places=4,
        required=False,
        help_text="For options and futures: what one point is worth per contract. Empty: 100 for an option, else 1.",
    )
    direction = forms.ChoiceField(choices=Direction.choices, initial=Direction.LONG, widget=forms.RadioSelect)

    def clean_multiplier(self) -> Decimal | None:
        value: Decimal | None = self.cleaned_data["multiplier"]
        if value is not None and value <= 0:
            raise ValidationError("The multiplier must be greater than zero.", code="not_positive")
        if value not in (None, Decimal(1)) and self.cleaned_data.get("asset_class") not in MULTIPLIED:
            raise ValidationError("Only options and futures have a multiplier: leave it empty.", code="no_multiplier")
        return value


class PlanFields(InstrumentFields):
    entry = price_field("Entry")
    stop = price_field("Stop")
    setup = forms.ChoiceField(required=False, error_messages={"invalid_choice": "Choose one of your setups."})
    thesis = forms.CharField(
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs=TEXT),
        help_text="Why this trade, and what would prove it wrong. Markdown.",
    )
    risk_percent = percent_field("Risk", "risk", help_text="Percent of equity. Empty: as the setup or account says.")
    quantity = quantity_field(required=False, help_text="Empty: the computed size. Lower it as you like.")
    override = forms.BooleanField(required=False, label="Keep the plan although it breaks a limit")
    reason = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why this time? Kept with the trade and counted in your figures.",
    )

    def __init__(self, *args: Any, owner: User, trade: Trade | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.owner = owner
        self.fields["account"].choices = account_choices(owner)
        self.fields["setup"].choices = setup_choices(owner, trade.setup if trade else None)
        if trade is not None:
            self._fix_account(trade.account)
        for number in range(1, MOST_TARGETS + 1):
            self.fields[f"target_{number}"] = price_field(f"Target {number}", noun="target", required=False)
            self.fields[f"portion_{number}"] = percent_field(f"Portion {number}", "portion")

    def _fix_account(self, account: TradingAccount) -> None:
        self.fields["account"].choices = [(str(account.pk), f"{account.name} ({account.currency})")]
        self.fields["account"].disabled = True
        self.initial["account"] = str(account.pk)

    @property
    def target_rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Each target with its portion; the rows after the second stay folded away until they are used."""
        return [(self[f"target_{number}"], self[f"portion_{number}"]) for number in range(1, MOST_TARGETS + 1)]

    @property
    def has_more_targets(self) -> bool:
        return any(target.value() or target.errors or portion.errors for target, portion in self.target_rows[2:])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for number in range(1, MOST_TARGETS + 1):
            portion = cleaned.get(f"portion_{number}")
            if (
                portion is not None
                and cleaned.get(f"target_{number}") is None
                and f"target_{number}" not in self.errors
            ):
                self.add_error(f"target_{number}", "Enter the target this portion is meant for.")
            if portion is not None and portion <= 0:
                self.add_error(f"portion_{number}", "The portion must be greater than zero.")
        return cleaned

    def targets(self) -> tuple[Target, ...]:
        numbers = range(1, MOST_TARGETS + 1)
        given = ((self.cleaned_data[f"target_{n}"], self.cleaned_data[f"portion_{n}"]) for n in numbers)
        return tuple(Target(price, portion) for price, portion in given if price is not None)

    def plan(self) -> PlanInput:
        """What was typed, once prices and instrument are valid; a refused reason or thesis counts as empty."""
        cleaned = self.cleaned_data
        return PlanInput(
            account_id=UUID(cleaned["account"]),
            symbol=cleaned["symbol"],
            asset_class=cleaned["asset_class"],
            direction=cleaned["direction"],
            entry=cleaned["entry"],
            stop=cleaned["stop"],
            targets=self.targets(),
            multiplier=cleaned["multiplier"],
            setup_id=UUID(cleaned["setup"]) if cleaned["setup"] else None,
            thesis=cleaned.get("thesis", ""),
            risk_percent=cleaned["risk_percent"],
            quantity=cleaned["quantity"],
            checklist=checklist_of(self),
            override_reason=cleaned.get("reason", "") if cleaned.get("override") else None,
        )


class PlanCreateForm(CreationForm, PlanFields):
    pass


class PlanEditForm(VersionedForm, PlanFields):
    pass


class DetailsForm(VersionedForm):
    """What may still be said about a trade whose plan is frozen."""

    setup = forms.ChoiceField(required=False, error_messages={"invalid_choice": "Choose one of your setups."})
    thesis = forms.CharField(max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 6}))

    def __init__(self, *args: Any, owner: User, trade: Trade, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["setup"].choices = setup_choices(owner, trade.setup)

    @property
    def setup_id(self) -> UUID | None:
        chosen = self.cleaned_data["setup"]
        return UUID(chosen) if chosen else None


class ReopenForm(VersionedForm):
    override = forms.BooleanField(required=False, label="Keep the plan although it breaks a limit")
    reason = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    @property
    def override_reason(self) -> str | None:
        return self.cleaned_data["reason"] if self.cleaned_data["override"] else None


def checklist_of(form: forms.Form) -> dict[UUID, bool]:
    """The ticked criteria; those of another's setup are looked over by the service."""
    shown = form.data.getlist("criteria") if hasattr(form.data, "getlist") else []
    ticked = set(form.data.getlist("criterion")) if hasattr(form.data, "getlist") else set()
    return {key: str(key) in ticked for key in _keys(shown)}


def _keys(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def checklist_rows(owner: User, setup_id: str, *, trade: Trade | None, ticked: set[str]) -> list[dict[str, Any]]:
    """The lines of a setup's checklist to show, as worded when they were answered."""
    keys = _keys([setup_id])
    answers = {answer.criterion_id: answer for answer in trade.checklist.all()} if trade else {}
    criteria = SetupCriterion.objects.filter(setup__owner=owner, setup_id__in=keys)
    return [
        {
            "pk": str(criterion.pk),
            "text": answers[criterion.pk].text if criterion.pk in answers else criterion.text,
            "is_met": str(criterion.pk) in ticked,
        }
        for criterion in criteria
        if criterion.is_active or criterion.pk in answers
    ]
