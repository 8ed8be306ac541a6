"""The filter of trades, as it stands in the address of the list, of the export and of the performance pages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import django_filters as filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.forms.fields import DecimalTextField
from accounts.models import TradingAccount, User
from accounts.selectors import accounts_of
from trades.models import AssetClass, Direction, Outcome, Tag, TagKind, Trade, TradeStatus
from trades.selectors import trades as selectors
from trades.selectors.contributions import HOLDING_BOUNDS

NONE = "none"
YES_NO = [("yes", "Yes"), ("no", "No")]
WEEKDAYS = list(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")))
HOURS = [(hour, f"{hour:02d}:00 to {hour:02d}:59") for hour in range(24)]
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
SYMBOLS_AT_MOST = 50

_SPANS = {300: "5 minutes", 1_800: "30 minutes", 7_200: "2 hours", 86_400: "1 day", 604_800: "7 days"}
_SPANS[2_592_000] = "30 days"


def _holding_choices() -> list[tuple[int, str]]:
    names = [_SPANS[bound] for bound in HOLDING_BOUNDS]
    between = [f"{low} to {high}" for low, high in pairwise(names)]
    return list(enumerate([f"Under {names[0]}", *between, f"{names[-1]} or longer"]))


def _choose(what: str) -> dict[str, dict[str, str]]:
    return {"error_messages": {"invalid_choice": f"There is no such {what}: choose one of the list."}}


def _day(label: str, method: str) -> filters.DateFilter:
    return filters.DateFilter(
        label=label,
        method=method,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        validators=[
            MinValueValidator(FIRST_DAY, "Enter a day from 1970-01-01 on."),
            MaxValueValidator(LAST_DAY, "Enter a day before the year 2200."),
        ],
        error_messages={"invalid": "Enter a day as year-month-day, for example 2026-03-05."},
    )


class _PlainNumberFilter(filters.NumberFilter):
    """A number written as in every other form of the desk."""

    field_class = DecimalTextField


def _number(label: str, field: str, lookup: str, places: int) -> filters.NumberFilter:
    return _PlainNumberFilter(
        label=label, field_name=field, lookup_expr=lookup, name="figure", digits=18 - places, places=places
    )


def _choice(label: str, choices: Any, what: str, **kwargs: Any) -> filters.ChoiceFilter:
    return filters.ChoiceFilter(label=label, choices=choices, empty_label="Any", **_choose(what), **kwargs)


@dataclass(frozen=True)
class Chip:
    """One part of the filter in force, for people to read and to take away."""

    name: str
    label: str
    text: str


class TradeFilter(filters.FilterSet):
    """Every choice belongs to the owner: another user's account, setup or tag is no choice at all.

    A value that cannot be used is said at its field and filters nothing.
    """

    q = filters.CharFilter(
        label="Search", method="filter_q", max_length=200, widget=forms.TextInput({"type": "search"})
    )
    account = filters.ChoiceFilter(label="Account", empty_label="All accounts", **_choose("account"))
    status = filters.MultipleChoiceFilter(
        label="Status", choices=TradeStatus.choices, method="filter_status", **_choose("status")
    )
    symbol = filters.CharFilter(label="Symbols", method="filter_symbol", max_length=400)
    direction = _choice("Direction", Direction.choices, "direction")
    asset_class = _choice("Asset class", AssetClass.choices, "asset class")
    setup = _choice("Setup", [], "setup", method="filter_setup")
    tag = filters.MultipleChoiceFilter(label="Tags, mistakes, emotions", method="filter_tag", **_choose("tag"))
    outcome = _choice("Outcome", Outcome.choices, "outcome")
    rating = _choice(
        "Rating", [*((n, f"{n} of 5") for n in range(5, 0, -1)), (NONE, "Not rated")], "rating", method="filter_rating"
    )
    override = _choice("Limit overridden", YES_NO, "answer", method="filter_flag", field_name="is_override")
    estimated = _choice("Estimated costs", YES_NO, "answer", method="filter_flag", field_name="has_estimated_costs")
    incomplete = _choice("Opening fills missing", YES_NO, "answer", method="filter_flag", field_name="is_incomplete")
    has_r = _choice("Has an R", YES_NO, "answer", method="filter_has_r")
    reviewed = _choice("Notes after", YES_NO, "answer", method="filter_reviewed")
    weekday = _choice("Weekday of entry", WEEKDAYS, "weekday", field_name="entry_weekday")
    hour = _choice("Hour of entry", HOURS, "hour", method="filter_hour")
    holding = _choice("Holding time", _holding_choices(), "holding time", method="filter_holding")
    r_min = _number("R from", "r_multiple", "gte", 4)
    r_max = _number("R to", "r_multiple", "lte", 4)
    net_min = _number("Result from", "net_pnl", "gte", 2)
    net_max = _number("Result to", "net_pnl", "lte", 2)
    # "from" is a word of the language and cannot be an attribute.
    locals()["from"] = _day("From day", "filter_from")
    to = _day("To day", "filter_to")

    class Meta:
        model = Trade
        fields: list[str] = []

    def __init__(self, data: Mapping[str, Any], *, owner: User, queryset: QuerySet[Trade] | None = None) -> None:
        self.accounts: list[TradingAccount] = list(accounts_of(owner))
        self.setups = list(selectors.setups_of(owner).only("id", "name", "is_active"))
        self.tags: list[Tag] = list(selectors.tags_of(owner).only("id", "name", "kind"))
        super().__init__(data, queryset=selectors.trades_of(owner) if queryset is None else queryset)
        self.filters["account"].extra["choices"] = [
            (str(row.pk), f"{row.name} ({row.currency})") for row in self.accounts
        ]
        self.filters["setup"].extra["choices"] = [
            (NONE, "Without a setup"),
            *((str(row.pk), row.name) for row in self.setups),
        ]
        self.filters["tag"].extra["choices"] = [(NONE, "Without any"), *self._tag_groups()]

    def _tag_groups(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for kind in TagKind:
            words = [(str(tag.pk), tag.name) for tag in self.tags if tag.kind == kind]
            if words:
                yield f"{kind.label}s", words

    @property
    def selected_account(self) -> TradingAccount | None:
        """The one account the filter names, or None for all."""
        chosen = self.values.get("account")
        return next((account for account in self.accounts if str(account.pk) == chosen), None)

    @property
    def values(self) -> dict[str, Any]:
        """The usable values of the filter, without the empty ones."""
        cleaned = self.form.cleaned_data if self.form.is_valid() or self.form.is_bound else {}
        return {name: value for name, value in cleaned.items() if value not in (None, "", [])}

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the account is chosen: kept sums answer then."""
        return not set(self.values) - {"account"}

    def unusable(self) -> dict[str, str]:
        """What cannot be used, by its name in the address, with the reason."""
        unknown = dict.fromkeys(sorted(set(self.data) - set(self.filters)), "There is no such filter: leave it out.")
        return unknown | {name: str(reasons[0]) for name, reasons in self.form.errors.items()}

    def chips(self) -> list[Chip]:
        return [Chip(name, self.filters[name].label, self._told(name, value)) for name, value in self.values.items()]

    def _told(self, name: str, value: Any) -> str:
        choices = getattr(self.form.fields[name], "choices", None)
        if choices is None:
            return str(value)
        words: dict[str, str] = {}
        for key, text in choices:
            words |= {str(k): t for k, t in text} if isinstance(text, list | tuple) else {str(key): str(text)}
        return ", ".join(words.get(str(one), str(one)) for one in (value if isinstance(value, list) else [value]))

    def filter_queryset(self, queryset: QuerySet[Trade]) -> QuerySet[Trade]:
        found = super().filter_queryset(queryset)
        # A plan has no result: 0 in its column is not a break-even.
        if {"net_min", "net_max"} & set(self.values):
            found = found.filter(status__in=selectors.WITH_RESULT)
        return found

    def filter_q(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(selectors.matching_text(value))

    def filter_status(self, queryset: QuerySet[Trade], _name: str, value: list[str]) -> QuerySet[Trade]:
        return queryset.filter(status__in=value) if value else queryset

    def filter_symbol(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        symbols = [word.upper() for word in value.replace(",", " ").split()]
        return queryset.filter(symbol__in=symbols[:SYMBOLS_AT_MOST]) if symbols else queryset

    def filter_setup(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(Q(setup=None) if value == NONE else Q(setup_id=value))

    def filter_tag(self, queryset: QuerySet[Trade], _name: str, value: list[str]) -> QuerySet[Trade]:
        for one in value:
            queryset = queryset.filter(selectors.untagged() if one == NONE else selectors.carrying(one))
        return queryset

    def filter_rating(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(Q(rating=None) if value == NONE else Q(rating=int(value)))

    def filter_flag(self, queryset: QuerySet[Trade], name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(**{name: value == "yes"})

    def filter_has_r(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(r_multiple__isnull=value == "no")

    def filter_reviewed(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(Q(notes_after="") if value == "no" else ~Q(notes_after=""))

    def filter_hour(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(entry_hour=int(value))

    def filter_holding(self, queryset: QuerySet[Trade], _name: str, value: str) -> QuerySet[Trade]:
        return queryset.filter(selectors.held_within(int(value)))

    def filter_from(self, queryset: QuerySet[Trade], _name: str, value: date) -> QuerySet[Trade]:
        return queryset.filter(selectors.happened_from(value, timezone.get_current_timezone()))

    def filter_to(self, queryset: QuerySet[Trade], _name: str, value: date) -> QuerySet[Trade]:
        return queryset.filter(selectors.happened_to(value, timezone.get_current_timezone()))
