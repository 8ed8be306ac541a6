"""Where events are told, and which."""

from typing import Any

from django import forms

from accounts.forms.fields import CreationForm
from accounts.models import EventSubject, Webhook
from accounts.services.webhooks import DESCRIPTION_LENGTH, URL_LENGTH

SUBJECT_LABELS = {
    EventSubject.ORDER: "Orders",
    EventSubject.TRADE: "Trades",
    EventSubject.POSITION: "Positions",
    EventSubject.NOTIFICATION: "Notifications",
}


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=URL_LENGTH,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Begins with https:// and leads to a public server, such as https://example.com/desk.",
    )
    description = forms.CharField(label="Name", max_length=DESCRIPTION_LENGTH, required=False)
    subjects = forms.MultipleChoiceField(
        label="Told of",
        choices=[(value.value, label) for value, label in SUBJECT_LABELS.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=list(EventSubject.values),
        error_messages={"required": "Choose at least one kind of event."},
    )

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("url", "description", "subjects")}


class WebhookNewForm(WebhookForm, CreationForm):
    """The first time: sent twice, it makes one."""


def initial_of(webhook: Webhook) -> dict[str, Any]:
    return {"url": webhook.url, "description": webhook.description, "subjects": webhook.subjects}
