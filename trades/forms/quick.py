"""Quick entry: a finished trade in one form."""

from typing import Any
from uuid import UUID

from django import forms

from accounts.forms.fields import CreationForm
from accounts.models import User
from trades.forms.fields import MomentField, cost_field, price_field, quantity_field
from trades.forms.plan import InstrumentFields, account_choices, setup_choices
from trades.models import Tag
from trades.services.quick import QuickInput


class QuickForm(CreationForm, InstrumentFields):
    quantity = quantity_field()
    entry_at = MomentField(label="Entry time")
    entry_price = price_field("Entry price")
    exit_at = MomentField(label="Exit time")
    exit_price = price_field("Exit price")
    stop = price_field("Initial stop", noun="stop", required=False, help_text="Without a stop the trade has no R.")
    costs = cost_field("Costs", help_text="Both ways together. Empty: estimated by your broker's schedule.")
    setup = forms.ChoiceField(required=False, error_messages={"invalid_choice": "Choose one of your setups."})
    tags = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose from your own tags."},
    )
    notes = forms.CharField(max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, owner: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["account"].choices = account_choices(owner)
        self.fields["setup"].choices = setup_choices(owner)
        tags = Tag.objects.filter(owner=owner)
        self.fields["tags"].choices = [(str(tag.pk), f"{tag.name} ({tag.get_kind_display().lower()})") for tag in tags]

    def given(self) -> QuickInput:
        """What was typed; only for a valid form."""
        cleaned = self.cleaned_data
        return QuickInput(
            account_id=UUID(cleaned["account"]),
            symbol=cleaned["symbol"],
            asset_class=cleaned["asset_class"],
            direction=cleaned["direction"],
            quantity=cleaned["quantity"],
            entry_at=cleaned["entry_at"],
            entry_price=cleaned["entry_price"],
            exit_at=cleaned["exit_at"],
            exit_price=cleaned["exit_price"],
            multiplier=cleaned["multiplier"],
            stop=cleaned["stop"],
            costs=cleaned["costs"],
            setup_id=UUID(cleaned["setup"]) if cleaned["setup"] else None,
            tag_ids=tuple(UUID(tag) for tag in cleaned["tags"]),
            notes=cleaned["notes"],
        )
