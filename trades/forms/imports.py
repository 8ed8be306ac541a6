"""Forms of imports: the file, the mapping of its columns, the tick under the preview."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.models import TradingAccount, timezone_choices
from trades.imports.formats import REQUIRED, ROLES
from trades.imports.mapping import (
    ASSET_CLASSES,
    COST_SIGNS,
    DATE_ORDERS,
    DECIMAL_MARKS,
    SIDES_FROM,
    UNOPENED,
    Mapping,
)
from trades.imports.reading import MAX_BYTES

OPTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "date_order": ("Order of dates", DATE_ORDERS),
    "decimal": ("Decimal mark", DECIMAL_MARKS),
    "sides": ("Bought or sold", SIDES_FROM),
    "costs": ("Commissions and fees are written", COST_SIGNS),
    "unopened": ("A sale without a position", UNOPENED),
    "asset_class": ("Asset class where the file has none", ASSET_CLASSES),
}
LONGEST_NAME = 40


class ImportForm(forms.Form):
    """The file is the last field: what stands before it is read even when the file is too large."""

    creation_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    account = forms.ModelChoiceField(
        TradingAccount.objects.none(),
        label="Account",
        empty_label=None,
        error_messages={"required": "Choose an account.", "invalid_choice": "Choose one of your accounts."},
    )
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        help_text=f"Up to {MAX_BYTES // 1024 // 1024} MB and a million lines. You see a preview before it is booked.",
        widget=forms.FileInput({"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        error_messages={"required": "Choose a file to import."},
    )

    def __init__(self, data: Any = None, files: Any = None, *, accounts: Any, **options: Any) -> None:
        super().__init__(data, files, **options)
        self.fields["account"].queryset = accounts
        self.fields["account"].label_from_instance = lambda account: f"{account.name} ({account.currency})"


class MappingForm(forms.Form):
    """Which column means what. Columns are named by their header, doubled names also by their number."""

    timezone = forms.ChoiceField(
        label="Time zone of the file",
        choices=timezone_choices,
        help_text="Where a time names its own zone, that wins.",
        error_messages={"invalid_choice": "There is no such time zone: choose one such as America/New_York."},
    )

    def __init__(self, data: Any = None, *, header: Sequence[str], mapping: Mapping) -> None:
        initial = {"timezone": mapping.timezone, **mapping.options()}
        initial |= {f"column_{role}": str(at) for role, at in mapping.columns.items()}
        super().__init__(data, initial=initial)
        self._format = mapping.format
        columns = [("", "—"), *((str(at), _shown(header, at)) for at in range(len(header)))]
        for role, label in ROLES.items():
            required = role in REQUIRED
            self.fields[f"column_{role}"] = forms.ChoiceField(
                label=label,
                choices=columns,
                required=required,
                error_messages={"required": f"Choose the column that holds the {label.lower()}."},
            )
        for name, (label, choices) in OPTIONS.items():
            self.fields[name] = forms.ChoiceField(label=label, choices=list(choices.items()))

    @property
    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{role}"] for role in ROLES]

    @property
    def option_fields(self) -> list[forms.BoundField]:
        return [self["timezone"], *(self[name] for name in OPTIONS)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._refuse_doubled(cleaned)
        if cleaned.get("sides") == "column" and not cleaned.get("column_side"):
            sentence = "Choose the column that says buy or sell, or say that a minus sign at the quantity means sold."
            self.add_error("column_side", forms.ValidationError(sentence, "missing_column"))
        return cleaned

    def _refuse_doubled(self, cleaned: dict[str, Any]) -> None:
        taken: dict[str, str] = {}
        for role, label in ROLES.items():
            at = cleaned.get(f"column_{role}")
            if not at:
                continue
            if at in taken:
                sentence = f"This column is already chosen for “{taken[at]}”: choose another."
                self.add_error(f"column_{role}", forms.ValidationError(sentence, "column_twice"))
            taken.setdefault(at, label)

    def mapping(self) -> Mapping:
        """What was chosen; call only when the form is valid."""
        columns = {role: int(at) for role in ROLES if (at := self.cleaned_data[f"column_{role}"])}
        options = {name: self.cleaned_data[name] for name in ("timezone", *OPTIONS)}
        return Mapping(columns=columns, format=self._format, **options)


def _shown(header: Sequence[str], at: int) -> str:
    name = header[at] or "without a name"
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return f"{shown} (column {at + 1})" if list(header).count(header[at]) > 1 or not header[at] else shown


class CommitForm(forms.Form):
    confirm_last_line = forms.BooleanField(
        label="I compared the last line with my broker: it is whole.",
        required=False,
        error_messages={"required": "Compare the last line with your broker and tick that it is whole."},
    )

    def confirmed(self) -> list[str]:
        return ["maybe_cut_off"] if self.cleaned_data.get("confirm_last_line") else []
