"""Fields of the trade forms, and how a service's refusal comes to stand at its field."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.forms.fields import DecimalTextField
from trades.services.errors import LimitsBroken, StaleVersion
from trenddojo.domain.errors import DomainError

FIRST_YEAR, LAST_YEAR = 1970, 9000
SHOWN = "%Y-%m-%dT%H:%M:%S"


def price_field(label: str, *, noun: str = "", **options: Any) -> DecimalTextField:
    name = noun or label.lower()
    told = {"required": f"Enter the {name}."}
    return DecimalTextField(label=label, name=name, digits=11, places=9, error_messages=told, **options)


def quantity_field(label: str = "Quantity", **options: Any) -> DecimalTextField:
    told = {"required": "Enter the quantity."}
    return DecimalTextField(label=label, name="quantity", digits=11, places=9, error_messages=told, **options)


def cost_field(label: str, *, noun: str = "", **options: Any) -> DecimalTextField:
    return DecimalTextField(label=label, name=noun or label.lower(), digits=10, places=6, required=False, **options)


class MomentField(forms.CharField):
    """A moment in the reader's zone. Times that the clock skips or shows twice are refused with a sentence; an
    offset behind the time, as 01:30-04:00, says which of two is meant."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"type": "datetime-local", "step": "1"}))
        options.setdefault("error_messages", {"required": "Enter the time."})
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return timezone.localtime(value).strftime(SHOWN) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        text = str(value or "").strip()
        if not text:
            return None
        moment = _parsed(text)
        if not FIRST_YEAR <= moment.year < LAST_YEAR:
            raise ValidationError("This year cannot be right: enter a time from 1970 until now.", code="year")
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        try:
            return _in_zone(moment, timezone.get_current_timezone())
        except ValidationError as problem:
            if problem.code == "twice":
                # The browser's picker has no place for the offset that is asked for.
                self.widget.input_type = "text"
            raise


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as problem:
        raise ValidationError("Write the time as 2026-03-05 15:30.", code="not_a_time") from problem


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The moment the clocks of the zone showed this; raises ValidationError where they never did, or did twice."""
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    name = zone.key if isinstance(zone, ZoneInfo) else str(zone)
    shown = f"{moment:%H:%M} on {moment:%Y-%m-%d}"
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise ValidationError(
            f"There was no {shown} in {name}: the clocks were put forward. Enter a time before or after.",
            code="never",
        )
    raise ValidationError(
        f"The clocks in {name} showed {shown} twice. Say which by adding the offset: "
        f"{first.isoformat(timespec='minutes')} or {second.isoformat(timespec='minutes')}.",
        code="twice",
    )


class UnchangedMoments(forms.Form):
    """A moment left as it was shown keeps its fraction of a second, and which of two equal clock times it was."""

    def _clean_fields(self) -> None:
        super()._clean_fields()
        for name, field in self.fields.items():
            first = self.initial.get(name)
            if not isinstance(field, MomentField) or not isinstance(first, datetime):
                continue
            if str(self.data.get(self.add_prefix(name), "")).strip() == field.prepare_value(first):
                self.errors.pop(name, None)
                self.cleaned_data[name] = first


class VersionedForm(forms.Form):
    """Carries the version of the trade it was filled from, so that nothing unseen is written over."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    opened_at = forms.DateTimeField(widget=forms.HiddenInput, required=False)


@contextmanager
def refusals_at(form: forms.Form) -> Iterator[None]:
    """Put what a service refuses at the field it belongs to, typed values kept.

    `form.reasons` are the limits a plan breaks, `form.hint` what to do; `form.is_stale` says that somebody else wrote
    meanwhile: the writer is told what changed, and saving again is a decision then.
    """
    form.reasons, form.hint, form.is_stale = [], "", False
    try:
        yield
    except LimitsBroken as refusal:
        form.reasons, form.hint = [breach.sentence for breach in refusal.breaches], refusal.hint
    except DomainError as refusal:
        field = refusal.field if refusal.field in form.fields else None
        form.add_error(field, ValidationError(refusal.sentence, code=refusal.code))
        if refusal.code == "sent_before":
            form.data = form.data.copy()
            form.data["creation_key"] = str(uuid4())
        if isinstance(refusal, StaleVersion) and refusal.current is not None:
            form.is_stale = True
            form.data = form.data.copy()
            form.data["version"] = str(refusal.current.version)
