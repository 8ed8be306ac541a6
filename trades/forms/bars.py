"""The form that brings price bars from a file."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import timezone_choices
from brokers.services.bars import BAR_SIZES
from trades.imports.bar_file import MAX_BARS, MAX_BYTES
from trades.imports.mapping import DATE_ORDERS
from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import validate_symbol

MOST_SPLITS = 50
LEAST_RATIO, MOST_RATIO = Decimal("0.000001"), Decimal(1_000_000)
_SPLIT = re.compile(r"(\d{4}-\d{2}-\d{2})[\s,;]+(\d{1,7}(?:\.\d{1,6})?)(?:\s*(?::|for)\s*(\d{1,7}))?").fullmatch


class BarsForm(forms.Form):
    """The file is the last field: what stands before it is read even when the file is too large."""

    symbol = forms.CharField(
        max_length=64,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
        help_text="As your trades name it.",
        error_messages={"required": "Enter the symbol these bars are of, such as AAPL."},
    )
    timeframe = forms.ChoiceField(
        label="Bar size",
        required=False,
        choices=[("", "Find it out from the times"), *BAR_SIZES.items()],
    )
    timezone = forms.ChoiceField(
        label="Time zone of the file",
        choices=timezone_choices,
        help_text="Times that name their own zone win. Days begin at midnight there.",
    )
    date_order = forms.ChoiceField(label="Order of dates", choices=list(DATE_ORDERS.items()), initial="mdy")
    splits = forms.CharField(
        label="Splits inside these bars",
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 2, "placeholder": "2014-06-09 7:1", "spellcheck": "false"}),
        help_text="One a line: the first day in new shares, and new shares for old ones. Empty where there was none.",
    )
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        help_text=f"Up to {MAX_BYTES // 1024 // 1024} MB and {MAX_BARS:,} bars of one symbol, as they were traded.",
        widget=forms.FileInput({"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        error_messages={"required": "Choose a file with price bars."},
    )

    def clean_symbol(self) -> str:
        try:
            return validate_symbol(self.cleaned_data["symbol"])
        except DomainError as refusal:
            raise ValidationError(refusal.sentence, code=refusal.code) from refusal

    def clean_splits(self) -> list[tuple[date, Decimal]]:
        return splits_of(self.cleaned_data["splits"])

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("timeframe", "timezone", "date_order")}


def splits_of(text: str) -> list[tuple[date, Decimal]]:
    """The splits in a text, one a line, by their days. Raises ValidationError."""
    lines = [line.strip() for line in text.splitlines()]
    found = dict(_split(number, line) for number, line in enumerate(lines, 1) if line)
    if len(found) > MOST_SPLITS:
        raise ValidationError(f"Enter at most {MOST_SPLITS} splits.", code="too_many")
    return sorted(found.items())


def _split(number: int, line: str) -> tuple[date, Decimal]:
    said = _SPLIT(line)
    try:
        day, ratio = date.fromisoformat(said[1]), Decimal(said[2]) / Decimal(said[3] or 1)
    except (TypeError, ValueError, InvalidOperation, ZeroDivisionError):
        sentence = f"Line {number}: write the day and the new shares for old ones, such as 2014-06-09 7:1."
        raise ValidationError(sentence, code="not_a_split") from None
    if not LEAST_RATIO <= ratio <= MOST_RATIO:
        raise ValidationError(f"Line {number}: the ratio cannot be right.", code="ratio")
    return day, round(ratio, 6)
