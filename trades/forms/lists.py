"""Forms beside the trades list: tagging many trades, keeping a filter."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.models import User
from trades.filters import TradeFilter
from trades.models import TagKind
from trades.services.saved_filters import FilterError
from trades.services.tags import TagError, tag_names

MOST_CHOSEN = 500
LONGEST_QUERY = 2000


class BulkTagForm(forms.Form):
    """Which trades, which words, on or off. The trades are keys on the page, or whatever the filter finds."""

    action = forms.ChoiceField(label="Do", choices=[("add", "Put on"), ("remove", "Take off")])
    kind = forms.ChoiceField(label="Kind", choices=TagKind.choices)
    words = forms.CharField(
        label="Words",
        max_length=500,
        error_messages={"required": "Enter at least one word, several with commas between them."},
        widget=forms.TextInput({"placeholder": "breakout, earnings", "list": "known-tags", "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label="On", choices=[("chosen", "Chosen trades"), ("all", "All the filter finds")])

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.chosen = data.getlist("trade") if data is not None else []

    def clean_words(self) -> list[str]:
        try:
            names = tag_names(self.cleaned_data["words"])
        except TagError as problem:
            raise ValidationError(problem.sentence, problem.code) from problem
        if not names:
            raise ValidationError("Enter at least one word, several with commas between them.")
        return names

    def clean(self) -> None:
        if self.cleaned_data.get("scope") != "chosen":
            return
        try:
            self.cleaned_data["trades"] = [UUID(key) for key in self.chosen]
        except ValueError:
            self.add_error("scope", "One of the trades could not be read: reload the page and choose again.")
            return
        if not self.chosen:
            self.add_error("scope", "Choose at least one trade in the list, or all the filter finds.")
        elif len(self.chosen) > MOST_CHOSEN:
            self.add_error("scope", f"Choose {MOST_CHOSEN} trades at most, or all the filter finds.")


class SavedFilterForm(forms.Form):
    """A name for the filter in the address."""

    name = forms.CharField(
        label="Name of this filter",
        max_length=60,
        error_messages={"required": "Give the filter a name.", "max_length": "Use 60 characters at most."},
    )
    query = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_query(self) -> str:
        try:
            return query_kept(TradeFilter(QueryDict(self.cleaned_data["query"]), owner=self.owner))
        except FilterError as problem:
            raise ValidationError(problem.sentence, problem.code) from problem


class FilterNameForm(forms.Form):
    name = forms.CharField(label="Name", max_length=60, error_messages={"required": "Give the filter a name."})


def query_kept(chosen: TradeFilter) -> str:
    """A filter as it is kept. Raises FilterError for one that filters nothing or is too long."""
    query = filter_query(chosen)
    if not query:
        sentence = "Nothing is filtered yet: choose what the list should show, then keep that."
        raise FilterError("nothing_filtered", sentence, "query")
    if len(query) > LONGEST_QUERY:
        raise FilterError("too_long", "This filter is too long to keep: choose fewer tags or symbols.", "query")
    return query


def query_said(text: str, *, owner: User) -> str:
    """A filter as it is kept, from one that was written out: what the page would leave out is refused.

    Raises FilterError.
    """
    return query_kept(filter_said(QueryDict(text), owner=owner))


def filter_said(query: QueryDict, *, owner: User) -> TradeFilter:
    """A filter with all that is said in it. Raises FilterError for what cannot be used."""
    chosen = TradeFilter(query, owner=owner)
    unusable = chosen.unusable()
    if unusable:
        said = " ".join(f"{name}: {reason}" for name, reason in unusable.items())
        raise FilterError("unusable", said, "query")
    return chosen


def filter_query(chosen: TradeFilter) -> str:
    """The usable part of a filter as the query of an address, always in the same order."""
    query = QueryDict(mutable=True)
    for name in chosen.values:
        query.setlist(name, [word for word in chosen.data.getlist(name) if word])
    return query.urlencode()
