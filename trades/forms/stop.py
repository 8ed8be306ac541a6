"""Moving the stop."""

from django import forms

from trades.forms.fields import MomentField, UnchangedMoments, VersionedForm, price_field


class StopForm(VersionedForm, UnchangedMoments):
    price = price_field("New stop", noun="stop")
    moved_at = MomentField(label="In force since", help_text="In your time zone.")
    note = forms.CharField(max_length=200, required=False)
