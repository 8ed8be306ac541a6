"""The fill form: one execution, with costs the broker's schedule proposes."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.forms.fields import CreationForm
from trades.forms.fields import MomentField, UnchangedMoments, VersionedForm, cost_field, price_field, quantity_field
from trades.models import FillKind, Side, Trade
from trades.services.fills import FillInput

NOTHING = Decimal(0)


class FillFields(UnchangedMoments):
    kind = forms.ChoiceField(
        choices=FillKind.choices,
        initial=FillKind.TRADE,
        help_text="Transfers move a position without a sale: enter what it cost, or 0 where that is unknown.",
    )
    side = forms.ChoiceField(choices=Side.choices, widget=forms.RadioSelect)
    quantity = quantity_field()
    price = price_field("Price", required=False, help_text="Per share, contract or coin.")
    executed_at = MomentField(label="Time", help_text="In your time zone.")
    commission = cost_field("Commission")
    fees = cost_field("Fees", noun="fee")
    # The costs as they were proposed: what comes back unchanged is still an estimate.
    proposed = forms.CharField(required=False, widget=forms.HiddenInput)
    are_final = forms.BooleanField(
        required=False, label="These costs are final", help_text="Tick when the broker charged exactly this."
    )

    def __init__(self, *args: Any, trade: Trade, **options: Any) -> None:
        super().__init__(*args, **options)
        if trade.asset_class != "option":
            self.fields["kind"].choices = [choice for choice in FillKind.choices if choice[0] != FillKind.EXPIRY]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("price") is None and "price" not in self.errors:
            if cleaned.get("kind") == FillKind.EXPIRY:
                cleaned["price"] = NOTHING
            else:
                self.add_error("price", "Enter the price.")
        return cleaned

    def given(self) -> FillInput:
        """What was typed; only for a valid form. Costs that are still a proposal are left to be estimated."""
        cleaned = self.cleaned_data
        is_estimate = not cleaned["are_final"] and cleaned["proposed"] == proposal(
            cleaned["commission"], cleaned["fees"]
        )
        return FillInput(
            side=cleaned["side"],
            quantity=cleaned["quantity"],
            price=cleaned["price"],
            executed_at=cleaned["executed_at"],
            kind=cleaned["kind"],
            commission=None if is_estimate else cleaned["commission"],
            fees=None if is_estimate else cleaned["fees"],
        )


class FillCreateForm(CreationForm, FillFields):
    pass


class FillEditForm(VersionedForm, FillFields):
    pass


def proposal(commission: Decimal | None, fees: Decimal | None) -> str:
    """Two costs as one text that compares equal for equal amounts."""
    return "/".join("" if cost is None else f"{cost.normalize() + NOTHING:f}" for cost in (commission, fees))
