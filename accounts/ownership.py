"""What belongs to whom, read from the models themselves, so that a new model cannot be forgotten.

A row belongs to a user when a chain of cascading foreign keys leads from it to the user: what Django would delete
with the user is what the user owns. Accounts may not import trades; they meet them here only as registered models.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from accounts.models import TradingAccount, User

OWNERS = (User, TradingAccount)


@dataclass(frozen=True, slots=True)
class Owned:
    """A model and the look-up that leads from its rows to their owner, as trade__account."""

    model: type[models.Model]
    path: str

    @property
    def depth(self) -> int:
        return self.path.count("__")

    def rows(self, owner: models.Model) -> models.QuerySet[models.Model]:
        return self.model._base_manager.filter(**{self.path: owner.pk})

    def file_fields(self) -> list[str]:
        return [field.name for field in self.model._meta.concrete_fields if isinstance(field, models.FileField)]


def owned_models(owner: type[User] | type[TradingAccount]) -> list[Owned]:
    """Every model whose rows belong to an owner, nearest first, joining tables of many-to-many fields included."""
    found: dict[type[models.Model], str] = {}
    nearest: list[tuple[type[models.Model], str]] = [(owner, "")]
    while nearest:
        nearest = [
            (model, f"{name}__{path}" if path else name)
            for parent, path in nearest
            for model, name in _children(parent)
            if model is not owner
        ]
        nearest = [(model, path) for model, path in nearest if model not in found]
        found = dict(reversed(nearest)) | found
    return sorted((Owned(model, path) for model, path in found.items()), key=lambda owned: owned.depth)


def _children(parent: type[models.Model]) -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if _is_owned_through(field, parent):
                yield model, field.name


def _is_owned_through(field: models.Field, parent: type[models.Model]) -> bool:
    remote = field.remote_field
    return remote is not None and field.related_model is parent and remote.on_delete is models.CASCADE
