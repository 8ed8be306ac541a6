"""Forms of the journal: a trade's notes, a day's page, a screenshot."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from trades.models import JournalDay, Tag, TagKind, Trade
from trades.services.journal import NOTES, ChecklistLine, DayNotes, TradeNotes
from trades.services.tags import TagError, tag_names

LONGEST_NOTE = 20_000
MOST_OFFERED = 60
MARKDOWN_HINT = "Markdown: **bold**, *italic*, - list, > quote, [link](https://…)."
RELOAD = "A part of the form was lost: copy your text, reload the page and paste it again."
RATINGS = [("", "Not rated"), *((str(n), f"{n} of 5") for n in range(1, 6))]
PLURALS = {TagKind.TAG: "Tags", TagKind.MISTAKE: "Mistakes", TagKind.EMOTION: "Emotions"}


def _note(label: str, help_text: str, rows: int = 6) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea({"rows": rows, "maxlength": None}),
        error_messages={"max_length": "Use %(limit_value)s characters at most: this has %(show_value)s."},
    )


def _rating(label: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        choices=RATINGS,
        coerce=int,
        empty_value=None,
        required=False,
        error_messages={"invalid_choice": "Choose a rating from 1 to 5, or none."},
    )


class WordsForm(forms.Form):
    """Words of each kind: ticked among the owner's, or typed with commas between them."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)
    words_before = forms.JSONField(widget=forms.HiddenInput, required=False, error_messages={"invalid": RELOAD})

    def __init__(self, *args: Any, tags: Sequence[Tag], chosen: Sequence[Tag] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["words_before"].initial = {
            kind.value: [tag.name for tag in chosen if tag.kind == kind] for kind in TagKind
        }
        keys = {tag.pk for tag in chosen}
        for kind in TagKind:
            mine = [tag for tag in tags if tag.kind == kind]
            # A trader of many words types the rare ones; those already chosen are always there to be taken off.
            offered = [tag for tag in mine if tag.pk in keys] + [tag for tag in mine if tag.pk not in keys]
            names = sorted((tag.name for tag in offered[: max(MOST_OFFERED, len(keys))]), key=str.casefold)
            self._add_words(kind, names, [tag.name for tag in mine if tag.pk in keys])

    def _add_words(self, kind: TagKind, names: list[str], chosen: list[str]) -> None:
        plural = PLURALS[kind]
        if names:
            self.fields[f"{kind}_chosen"] = forms.MultipleChoiceField(
                label=plural,
                choices=[(name, name) for name in names],
                initial=chosen,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                error_messages={"invalid_choice": "“%(value)s” is gone: type it as a new one, or leave it out."},
            )
        self.fields[f"{kind}_typed"] = forms.CharField(
            label=f"New {plural.lower()}",
            required=False,
            max_length=500,
            help_text="Several with commas between them.",
            widget=forms.TextInput({"autocomplete": "off"}),
        )

    def clean_words_before(self) -> dict[str, list[str]] | None:
        before = self.cleaned_data["words_before"]
        if before is None:
            return None
        kinds = {kind.value for kind in TagKind}
        is_ours = isinstance(before, dict) and set(before) <= kinds
        if not is_ours or not all(
            isinstance(names, list) and all(isinstance(n, str) for n in names) for names in before.values()
        ):
            raise ValidationError(RELOAD)
        return before

    def clean(self) -> None:
        self.words: dict[str, list[str]] = {}
        for kind in TagKind:
            name = f"{kind}_typed"
            try:
                typed = tag_names(self.cleaned_data.get(name, ""))
            except TagError as problem:
                self.add_error(name, ValidationError(problem.sentence, problem.code))
                continue
            chosen = self.cleaned_data.get(f"{kind}_chosen", [])
            folded = {word.casefold() for word in chosen}
            self.words[kind.value] = [*chosen, *(word for word in typed if word.casefold() not in folded)]

    def word_fields(self) -> list[Any]:
        return [field for field in self if field.name.endswith(("_chosen", "_typed"))]


def _text(value: str) -> str:
    """Line ends as the database keeps them; browsers send their own."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


class TradeJournalForm(WordsForm):
    thesis = _note("Before: why this trade", MARKDOWN_HINT)
    notes_during = _note("During: what happened, what you did", "")
    notes_after = _note("After: what you learned", "")
    rating = _rating("How well did you trade it?")

    def __init__(self, *args: Any, trade: Trade, checklist: Sequence[ChecklistLine], **kwargs: Any) -> None:
        initial = {name: getattr(trade, name) for name in (*NOTES, "rating", "version")}
        super().__init__(*args, initial=initial, **kwargs)
        if checklist:
            self.fields["checklist"] = forms.MultipleChoiceField(
                label="Checklist of the setup: tick what was met",
                choices=[(line.key, line.text) for line in checklist],
                initial=[line.key for line in checklist if line.is_met],
                required=False,
                widget=forms.CheckboxSelectMultiple,
                error_messages={"invalid_choice": "The checklist changed: look at it again."},
            )

    def notes(self) -> TradeNotes:
        clean = self.cleaned_data
        return TradeNotes(
            **{name: _text(clean[name]) for name in NOTES},
            rating=clean["rating"],
            words=self.words,
            words_before=clean.get("words_before"),
            met=frozenset(clean.get("checklist", ())),
        )


class DayForm(WordsForm):
    plan = _note("Plan: before the session", MARKDOWN_HINT, rows=8)
    review = _note("Review: after it", "", rows=8)
    rating = _rating("How well did you keep to your plan?")

    def __init__(self, *args: Any, page: JournalDay | None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"version": 0}
        if page is not None:
            initial = {"plan": page.plan, "review": page.review, "rating": page.rating, "version": page.version}
        super().__init__(*args, initial=initial, **kwargs)

    def notes(self) -> DayNotes:
        clean = self.cleaned_data
        return DayNotes(
            plan=_text(clean["plan"]),
            review=_text(clean["review"]),
            rating=clean["rating"],
            words=self.words,
            words_before=clean.get("words_before"),
        )


class ScreenshotForm(forms.Form):
    """The image comes last: a file over the limit ends the reading of the form."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    caption = forms.CharField(label="Caption", max_length=200, required=False)
    image = forms.FileField(
        label="Picture",
        help_text="PNG, JPEG or WebP, 10 MB and 40 megapixels at most.",
        widget=forms.FileInput({"accept": "image/png,image/jpeg,image/webp"}),
        error_messages={
            "required": "Choose a picture to upload.",
            "empty": "This file is empty: choose a picture.",
            "max_length": "The file's name is too long: rename it.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"key": uuid.uuid4()})
        super().__init__(*args, **kwargs)
