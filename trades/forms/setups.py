"""Forms of setups, their checklist and risks, and of tags."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from accounts.forms.fields import DecimalTextField
from accounts.models import TradingAccount
from trades.models import Setup, Tag, TagKind
from trades.services.setups import CriterionLine, RiskLine, SetupInput, setup_version

NEW_LINES = 4
MOST_LINES = 40


class SetupForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    version = forms.CharField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        label="Name", max_length=80, error_messages={"required": "Give the setup a name, for example Breakout."}
    )
    description = forms.CharField(
        label="What you wait for",
        max_length=4000,
        required=False,
        widget=forms.Textarea({"rows": 5}),
        help_text="Markdown: **bold**, *italic*, - list.",
    )
    is_active = forms.BooleanField(
        label="In use", required=False, initial=True, help_text="A setup out of use is not offered for new plans."
    )


class CriterionForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    text = forms.CharField(label="Criterion", max_length=200, required=False)
    position = forms.IntegerField(
        label="Order",
        min_value=1,
        max_value=999,
        required=False,
        widget=forms.TextInput({"inputmode": "numeric"}),
        error_messages={"invalid": "Enter a whole number."},
    )
    is_retired = forms.BooleanField(label="Retired", required=False)

    def line(self, number: int) -> CriterionLine:
        clean = self.cleaned_data
        return CriterionLine(
            text=" ".join(clean.get("text", "").split()),
            position=clean.get("position") or number,
            is_active=not clean.get("is_retired"),
            key=clean.get("key"),
        )


def _percent(label: str) -> DecimalTextField:
    return DecimalTextField(
        name="percentage",
        digits=3,
        label=label,
        required=False,
        validators=[
            MinValueValidator(Decimal("0.01"), "Enter at least 0.01 %%, or nothing."),
            MaxValueValidator(Decimal(100), "Enter 100 %% at most."),
        ],
    )


class RiskForm(forms.Form):
    account = forms.UUIDField(widget=forms.HiddenInput)
    risk_per_trade_percent = _percent("Risk per trade")
    max_position_percent = _percent("Largest position")

    def line(self) -> RiskLine:
        clean = self.cleaned_data
        return RiskLine(clean["risk_per_trade_percent"], clean["max_position_percent"])


CriterionSet = forms.formset_factory(
    CriterionForm, extra=NEW_LINES, max_num=MOST_LINES, validate_max=True, absolute_max=MOST_LINES + 10
)
RiskSet = forms.formset_factory(RiskForm, extra=0, max_num=100, validate_max=True, absolute_max=100)


class SetupForms:
    """The three parts of the setup page as one: what it is, its checklist, its risk in each account."""

    def __init__(self, data: Any, *, setup: Setup | None, accounts: Sequence[TradingAccount]) -> None:
        self.accounts = list(accounts)
        initial: dict[str, Any] = {"key": uuid.uuid4()}
        if setup is not None:
            initial = {"name": setup.name, "description": setup.description, "is_active": setup.is_active}
            initial["version"] = setup_version(setup)
        self.setup = SetupForm(data, initial=initial)
        self.criteria = CriterionSet(data, prefix="criteria", initial=_criteria(setup))
        self.risks = RiskSet(data, prefix="risks", initial=_risks(setup, accounts))

    def is_valid(self) -> bool:
        # All three are looked at, so that every sentence is said at once.
        return all([self.setup.is_valid(), self.criteria.is_valid(), self.risks.is_valid()])

    def reasons(self) -> list[str]:
        """What is wrong in the lines, for the summary above the page."""
        parts = [*self.criteria.non_form_errors(), *self.risks.non_form_errors()]
        for name, forms_of in (("Checklist line", self.criteria.forms), ("Risk", self.risks.forms)):
            for number, form in enumerate(forms_of, start=1):
                parts += [f"{name} {number}: {error}" for errors in form.errors.values() for error in errors]
        return parts

    def risk_rows(self) -> list[tuple[str, Any]]:
        names = {str(account.pk): account.name for account in self.accounts}
        return [(names.get(str(form["account"].value()), "Account"), form) for form in self.risks.forms]

    def typed(self) -> SetupInput:
        clean = self.setup.cleaned_data
        lines = [form.line(number) for number, form in enumerate(self.criteria.forms, start=1)]
        return SetupInput(
            name=clean["name"],
            description=clean["description"].replace("\r\n", "\n"),
            is_active=clean["is_active"],
            criteria=[line for line in lines if line.text or line.key],
            risks={form.cleaned_data["account"]: form.line() for form in self.risks.forms},
            version=clean["version"],
        )


def _criteria(setup: Setup | None) -> list[dict[str, Any]]:
    if setup is None:
        return []
    return [
        {"key": row.pk, "text": row.text, "position": number, "is_retired": not row.is_active}
        for number, row in enumerate(setup.criteria.all(), start=1)
    ]


def _risks(setup: Setup | None, accounts: Sequence[TradingAccount]) -> list[dict[str, Any]]:
    known = {row.account_id: row for row in setup.risks.all()} if setup is not None else {}
    names = ("risk_per_trade_percent", "max_position_percent")
    return [
        {"account": account.pk} | {name: getattr(known.get(account.pk), name, None) for name in names}
        for account in accounts
    ]


class TagForm(forms.Form):
    kind = forms.ChoiceField(label="Kind", choices=TagKind.choices)
    name = forms.CharField(label="Name", max_length=80, error_messages={"required": "Enter a name."})


class TagNameForm(forms.Form):
    name = forms.CharField(label="Name", max_length=80, error_messages={"required": "Enter a name."})


class TagMergeForm(forms.Form):
    """Into which of the owner's other tags."""

    into = forms.ChoiceField(
        label="Merge into",
        error_messages={
            "required": "Choose the tag that stays.",
            "invalid_choice": "There is no such tag: choose one of the list.",
        },
    )

    def __init__(self, *args: Any, others: Sequence[Tag], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = {kind: [(str(tag.pk), tag.name) for tag in others if tag.kind == kind] for kind in TagKind}
        grouped = [(f"{kind.label}s", words) for kind, words in groups.items() if words]
        self.fields["into"].choices = [("", "Choose …"), *grouped]
