"""What the columns of an import's file mean: told by number, chosen by number or by name."""

from collections.abc import Mapping as Told
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from trades.forms.imports import MappingForm
from trades.imports.formats import ROLES
from trades.imports.mapping import (
    ASSET_CLASSES,
    COST_SIGNS,
    DATE_ORDERS,
    DECIMAL_MARKS,
    SIDES_FROM,
    UNOPENED,
    Mapping,
    missing_roles,
)
from trades.imports.reading import MAX_COLUMNS
from trades.models import FillImport
from trenddojo.api.errors import invalid
from trenddojo.api.fields import Text, Whole, Word
from trenddojo.api.serializers import Given, Taken

LONGEST_NAME = 200
# The form's prefix of what is a column.
OF_FORM = "column_"
# The form's codes of what no form of JSON can say.
CODES = {"invalid_choice": "unknown_timezone"}
OPTIONS = {
    "timezone": "America/New_York",
    "date_order": "mdy",
    "decimal": ".",
    "sides": "column",
    "costs": "positive",
    "unopened": "short",
    "asset_class": "stock",
}
MAPPING_SAID = {
    "columns": {"executed_at": "When", "symbol": "Paper", "side": "Way", "quantity": 3, "price": 4},
    "timezone": "America/New_York",
}
MAPPING = {
    "header": ["When", "Paper", "Way", "Number", "Price"],
    "columns": {**dict.fromkeys(ROLES), "executed_at": 0, "symbol": 1, "quantity": 3, "price": 4},
    "missing": ["side"],
    **OPTIONS,
    "sample": [{"line": 2, "cells": ["03/02/2026 09:31", "AAPL", "+", "100", "187.45"]}],
}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 0, "maximum": MAX_COLUMNS - 1},
            {"type": "string", "pattern": r"[^\s\x1c-\x1f\x85]", "maxLength": LONGEST_NAME},
            {"type": "null"},
        ]
    }
)
class Column(serializers.Field[Any, Any, Any, Any]):
    """A column's number, counted from 0, or its name in the header."""

    def to_internal_value(self, data: Any) -> str | int:
        kind = Text(max_length=LONGEST_NAME) if isinstance(data, str) else Whole(min_value=0, max_value=MAX_COLUMNS - 1)
        found = kind.run_validation(data)
        assert isinstance(found, (str, int))  # noqa: S101 - the fields' own promise
        return found


class ImportColumnsGiven(Given):
    """By what they mean, the number of each, counted from 0."""

    def get_fields(self) -> dict[str, Any]:
        return {role: Whole(allow_null=True, help_text=label) for role, label in ROLES.items()}


class ImportColumnsTaken(Taken):
    """All columns that mean something; what is left out or null has none."""

    def get_fields(self) -> dict[str, Any]:
        return {role: Column(required=False, allow_null=True, help_text=label) for role, label in ROLES.items()}


class SampleLine(Given):
    line = Whole()
    cells = serializers.ListField(child=Text())


class MappingGiven(Given):
    header = serializers.ListField(child=Text(), help_text="The names of the file's columns.")
    columns = ImportColumnsGiven()
    missing = serializers.ListField(
        child=Word(choices=[(role, role) for role in ROLES]), help_text="What no line is an execution without."
    )
    timezone = Text(help_text="Of times that name none themselves.")
    date_order = Word(choices=[*DATE_ORDERS.items()])
    decimal = Word(choices=[*DECIMAL_MARKS.items()])
    sides = Word(choices=[*SIDES_FROM.items()])
    costs = Word(choices=[*COST_SIGNS.items()])
    unopened = Word(choices=[*UNOPENED.items()])
    asset_class = Word(choices=[*ASSET_CLASSES.items()])
    sample = SampleLine(many=True, help_text="The first and last lines; cells are cut at 60 characters.")


class MappingTaken(Taken):
    """Whatever is not named beside `columns` stays as it is."""

    columns = ImportColumnsTaken()
    timezone = Text(max_length=64, required=False, help_text="As America/New_York; a time that names its own keeps it.")
    date_order = Word(choices=[*DATE_ORDERS.items()], required=False)
    decimal = Word(choices=[*DECIMAL_MARKS.items()], required=False)
    sides = Word(
        choices=[*SIDES_FROM.items()], required=False, help_text="`sign`: a minus sign at the quantity means sold."
    )
    costs = Word(choices=[*COST_SIGNS.items()], required=False)
    unopened = Word(choices=[*UNOPENED.items()], required=False, help_text="What a sale without a position is.")
    asset_class = Word(choices=[*ASSET_CLASSES.items()], required=False, help_text="Where the file has no such column.")


def mapping_told(found: FillImport, mapping: Mapping) -> dict[str, Any]:
    return {
        "header": found.header,
        "columns": {role: mapping.columns.get(role) for role in ROLES},
        "missing": missing_roles(mapping),
        **{name: value for name, value in mapping.options().items() if name in OPTIONS},
        "sample": found.sample,
    }


def mapping_chosen(found: FillImport, known: Mapping, said: Told[str, Any]) -> Mapping:
    """What was said, with what is known of the rest, by the rules of the page. Raises ValidationError."""
    columns = {role: column for role, column in said["columns"].items() if column is not None}
    places = {f"{OF_FORM}{role}": str(_place(found.header, role, column)) for role, column in columns.items()}
    options = {**known.options(), **{name: said[name] for name in OPTIONS if name in said}}
    form = MappingForm({**places, **options}, header=found.header, mapping=known)
    if form.is_valid():
        return form.mapping()
    raise ValidationError({_attr(name): _said(name, problems) for name, problems in form.errors.as_data().items()})


def _place(header: Sequence[str], role: str, column: str | int) -> int:
    if isinstance(column, int):
        if column < len(header):
            return column
        raise invalid("unknown_column", f"The file has {len(header)} columns, counted from 0.", f"columns.{role}")
    places = [at for at, name in enumerate(header) if name == column]
    if len(places) == 1:
        return places[0]
    if places:
        sentence = f"{len(places)} columns are called “{column}”: give the number of one, counted from 0."
        raise invalid("doubled_column", sentence, f"columns.{role}")
    raise invalid("unknown_column", f"The file has no column “{column}”.", f"columns.{role}")


def _attr(name: str) -> str:
    return f"columns.{name.removeprefix(OF_FORM)}" if name.startswith(OF_FORM) else name


def _said(name: str, problems: Sequence[Any]) -> list[ErrorDetail]:
    codes = {"required": "missing_column"} if name.startswith(OF_FORM) else CODES
    return [
        ErrorDetail(sentence, codes.get(problem.code, problem.code))
        for problem in problems
        for sentence in problem.messages
    ]
