"""Fields of the admin in which one searches for an object of another model."""

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest


class _ChosenMixin(AutocompleteMixin):
    def optgroups(self, name: str, value: list[str], attr: Any = None) -> Any:
        """Sent words that are no key choose nothing: the form is shown again with its sentence, and does not break."""
        try:
            return super().optgroups(name, value, attr)
        except (ValidationError, ValueError):
            return super().optgroups(name, [], attr)


class Chosen(_ChosenMixin, AutocompleteSelect):
    """One object."""


class ChosenMany(_ChosenMixin, AutocompleteSelectMultiple):
    """Any number of them."""


class ChosenByKeyMixin(BaseModelAdmin):
    """For an admin with `autocomplete_fields`."""

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        return super().formfield_for_foreignkey(db_field, request, **self._chosen(db_field, Chosen, kwargs))

    def formfield_for_manytomany(
        self, db_field: models.ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        return super().formfield_for_manytomany(db_field, request, **self._chosen(db_field, ChosenMany, kwargs))

    def _chosen(self, db_field: models.Field, widget: type[_ChosenMixin], kwargs: dict[str, Any]) -> dict[str, Any]:
        if db_field.name not in self.autocomplete_fields:
            return kwargs
        return kwargs | {"widget": widget(db_field, self.admin_site)}
