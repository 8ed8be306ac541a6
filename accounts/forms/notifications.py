"""Which notifications a trader wants, and how."""

from typing import Any

from django import forms

from accounts.models import NotificationKind
from accounts.services.notifications import Choice


class NotificationChoicesForm(forms.Form):
    """Two boxes for each kind: in the app, by e-mail."""

    def __init__(self, *args: Any, choices: dict[str, Choice], **options: Any) -> None:
        super().__init__(*args, **options)
        for kind, label in NotificationKind.choices:
            self.fields[f"{kind}-app"] = self._box(f"{label}: in the app", choices[kind].in_app)
            self.fields[f"{kind}-email"] = self._box(f"{label}: by e-mail", choices[kind].by_email)

    @staticmethod
    def _box(label: str, is_chosen: bool) -> forms.BooleanField:  # noqa: FBT001 - the box's value
        # The table's heads say what the boxes are; each has the whole of it for those who hear the page.
        widget = forms.CheckboxInput(attrs={"class": "form-check-input", "aria-label": label})
        return forms.BooleanField(label=label, initial=is_chosen, required=False, widget=widget)

    def rows(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        return [(label, self[f"{kind}-app"], self[f"{kind}-email"]) for kind, label in NotificationKind.choices]

    def choices(self) -> list[Choice]:
        said = self.cleaned_data
        return [Choice(kind, said[f"{kind}-app"], said[f"{kind}-email"]) for kind in NotificationKind.values]
