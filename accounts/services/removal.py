"""Deleting an account or a user with everything that belongs to it, quickly and with its files."""

import logging

from django.core.files.storage import default_storage
from django.db import models, transaction

from accounts.models import TradingAccount, User
from accounts.ownership import Owned, owned_models

logger = logging.getLogger(__name__)


def rows_delete(owner: User | TradingAccount) -> None:
    """Delete the owner's rows and, once that is committed, their files. The caller has opened the transaction.

    Django's own cascade would load a hundred thousand trades to delete them. Foreign keys are checked at the end of
    the transaction, so each table is emptied by one statement, the farthest first while its path still leads home.
    """
    owned = owned_models(type(owner))
    paths = {one.model: one.path for one in owned}
    files = _files(owner, owned)
    for one in reversed(owned):
        _forget_references(owner, one, paths)
        one.rows(owner)._raw_delete(using="default")
    owner.delete()
    transaction.on_commit(lambda: files_delete(files))


def _forget_references(owner: User | TradingAccount, one: Owned, paths: dict[type[models.Model], str]) -> None:
    """What points at a row without being owned itself loses the pointer and stays."""
    for relation in one.model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.on_delete is not models.SET_NULL:
            continue
        name, model = relation.field.name, relation.related_model
        pointing = model._base_manager.filter(**{f"{name}__in": one.rows(owner)})
        if model in paths:
            pointing = pointing.exclude(**{paths[model]: owner.pk})
        pointing.update(**{name: None})


def _files(owner: User | TradingAccount, owned: list[Owned]) -> list[str]:
    return [
        name
        for one in owned
        for field in one.file_fields()
        for name in one.rows(owner).values_list(field, flat=True)
        if name
    ]


def files_delete(names: list[str]) -> None:
    """Delete files whose rows are gone; one that cannot be deleted keeps no other and no answer back."""
    for name in names:
        try:
            default_storage.delete(name)
        except OSError:
            # The rows are gone and the promise kept for them; the operator finds the file's name here.
            logger.exception("file.delete.failed file=%s", name)
