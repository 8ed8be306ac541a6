"""What can be done with a position through its broker: one small form each, with the key that makes it happen once."""

from collections.abc import Collection
from typing import Any

from django import forms

from accounts.forms.fields import CreationForm, DecimalTextField
from trades.execution.halts import REASON_LENGTH
from trades.execution.intents import OrderEdit
from trades.forms.fields import price_field, quantity_field
from trades.forms.order import TIMES
from trades.models import Order
from trenddojo.domain.orders import OrderClass, OrderType


class CloseForm(CreationForm):
    """Nothing to type: the whole position goes at the market price."""


class ScaleOutForm(CreationForm):
    quantity = quantity_field("Quantity to close", help_text="Closed at the market price; the rest stays open.")


class MoveStopForm(CreationForm):
    price = price_field("Stop", noun="stop", help_text="Worked by the broker; the initial risk stays what it was.")


class TrailForm(CreationForm):
    trail_percent = DecimalTextField(
        label="Trails by",
        name="trailing percent",
        digits=3,
        places=2,
        help_text="The stop follows the best price at this distance, in percent. It never moves back.",
        error_messages={"required": "Enter the distance in percent."},
    )


class AdoptForm(CreationForm):
    """A position found at the broker becomes a trade of the journal."""

    stop = price_field(
        "Stop", required=False, help_text="Where the trade would be ended. Without one it has no R, and no open risk."
    )


class HaltForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        help_text="Shown on every page while the halt lasts.",
        error_messages={"required": "Say why, in a word or two."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    exits = forms.ChoiceField(
        label="Stops and targets",
        choices=[("keep", "Keep them: positions stay protected"), ("cancel", "Cancel them too: nothing protects")],
        initial="keep",
        required=False,
        widget=forms.RadioSelect,
    )

    def terms(self) -> dict[str, Any]:
        """As the services take them; only for a valid form."""
        return {"reason": self.cleaned_data["reason"], "cancels_exits": self.cleaned_data["exits"] == "cancel"}


class ExitsTooForm(HaltForm):
    """What is halted already, and kept stops and targets, cancels them, too."""

    exits = forms.ChoiceField(choices=[("cancel", "")], initial="cancel", widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].help_text = "Why they go, too. The reason of the halt stays what it is."


class ReplaceForm(CreationForm):
    """What may be changed of a working order; a field appears where its type has it. Exits that belong together keep
    their size."""

    quantity = quantity_field()
    limit_price = price_field("Limit price")
    stop_price = price_field("Stop price")
    trail_percent = DecimalTextField(label="Trails by", name="trailing percent", digits=3, places=2)
    time_in_force = forms.ChoiceField(
        label="How long it works",
        required=False,
        error_messages={"invalid_choice": "This order cannot work like that: choose one of the list."},
    )

    def __init__(self, *args: Any, order: Order, times: Collection[str], **options: Any) -> None:
        """`times` are those the broker would put in the place of the order's own; none where it has to stay."""
        super().__init__(*args, **options)
        self.fields["time_in_force"].choices = [(time.value, text) for time, text in TIMES.items() if time in times]
        for name in _fixed(order) if times else [*_fixed(order), "time_in_force"]:
            del self.fields[name]

    def changes(self) -> OrderEdit:
        """What was typed, left as it is where nothing was; only for a valid form."""
        typed = {name: self.cleaned_data[name] for name in self.fields if name != "creation_key"}
        return OrderEdit(**{name: value for name, value in typed.items() if value != ""})


def _fixed(order: Order) -> list[str]:
    fixed = [name for name in ("limit_price", "stop_price", "trail_percent") if getattr(order, name) is None]
    # The stop of a trailing order is moved by the market.
    if order.type == OrderType.TRAILING_STOP and "stop_price" not in fixed:
        fixed.append("stop_price")
    if order.parent_id is not None or order.order_class == OrderClass.OCO:
        fixed.append("quantity")
    return fixed
