"""Fields whose refusals are the domain's sentences, and what every form of the desk shares."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from accounts.services.errors import StaleVersion, version_of
from trenddojo.domain.errors import DomainError
from trenddojo.domain.money import parse_decimal


class DecimalTextField(forms.CharField):
    """A number typed as text: what was typed stays in the field, and the domain says what is wrong with it."""

    def __init__(self, *, name: str, digits: int = 18, places: int = 2, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(**options)
        self.noun, self.digits, self.places = name, digits, places

    def prepare_value(self, value: Any) -> Any:
        return f"{value:f}" if isinstance(value, Decimal) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return parse_decimal(text, max_digits=self.digits + self.places, places=self.places, name=self.noun)
        except DomainError as refusal:
            raise ValidationError(refusal.sentence, code=refusal.code) from refusal

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial) or "") != str(data or "").strip()


class DayField(forms.DateField):
    """A day, picked or typed as 2026-03-05."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        options.setdefault("input_formats", ["%Y-%m-%d"])
        super().__init__(error_messages={"invalid": "Write the day as year-month-day, such as 2026-03-05."}, **options)


class WrittenField(forms.JSONField):
    """JSON that may be anything: numbers of thousands of digits and lists within lists without end are refused, too."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (ValueError, RecursionError) as problem:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from problem

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return super().has_changed(initial, data)
        except (ValueError, RecursionError, ValidationError):
            return True


class CreationForm(forms.Form):
    """Carries the key that makes a form sent twice create one thing."""

    creation_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class VersionedForm(forms.Form):
    """Carries the version of the row it was filled from, so that nothing unseen is written over."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)


@contextmanager
def refusals_at(form: forms.Form) -> Iterator[None]:
    """Put what a service refuses at the field it belongs to; ask `form.is_valid()` again afterwards."""
    try:
        yield
    except DomainError as refusal:
        field = refusal.field if refusal.field in form.fields else None
        form.add_error(field, ValidationError(refusal.sentence, code=refusal.code))
        if isinstance(refusal, StaleVersion):
            # The writer has been told what changed: saving again is a decision now.
            form.data = {**form.data.dict(), "version": version_of(refusal.current)}
