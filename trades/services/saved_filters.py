"""Named filters of the trades list."""

from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404

from accounts.models import User
from accounts.services.errors import check_version
from trades.models import SavedFilter
from trenddojo.domain.errors import DomainError

MOST_FILTERS = 50


class FilterError(DomainError):
    """A filter that cannot be kept so."""


def filter_create(*, owner: User, name: str, query: str, key: UUID | None = None) -> SavedFilter:
    """Keep a filter; the same key, or the same name with the same filter, is the one there is.

    Raises FilterError for a taken name, and for more than MOST_FILTERS.
    """
    kept = SavedFilter.objects.filter(owner=owner)
    sent = kept.filter(Q(pk=key) | Q(name__iexact=name, query=query)).first()
    if sent is not None:
        return sent
    if kept.count() >= MOST_FILTERS:
        raise FilterError("too_many", f"You keep {MOST_FILTERS} filters already: delete one first.", "name")
    try:
        with transaction.atomic():
            return SavedFilter.objects.create(pk=key or uuid4(), owner=owner, name=name, query=query)
    except IntegrityError as known:
        same = kept.filter(name__iexact=name, query=query).first()
        if same is None:
            raise _taken() from known
        return same


def filter_edit(*, owner: User, filter_id: UUID, name: str, version: str | None = None) -> SavedFilter:
    """Give a filter another name.

    Raises FilterError for a taken one, Http404 for another's filter, and StaleVersion where `version` (see version_of)
    is no longer the filter's.
    """
    with transaction.atomic():
        kept = SavedFilter.objects.select_for_update().filter(owner=owner, pk=filter_id).first()
        if kept is None:
            raise Http404
        if version is not None:
            check_version(kept, version, {"name": name})
        kept.name = name
        try:
            with transaction.atomic():
                kept.save(update_fields=["name"])
        except IntegrityError as known:
            raise _taken() from known
    return kept


def filter_delete(*, owner: User, filter_id: UUID) -> None:
    """Forget a filter; one that is gone already stays gone."""
    SavedFilter.objects.filter(owner=owner, pk=filter_id).delete()


def _taken() -> FilterError:
    return FilterError("taken", "You already have a filter with this name: choose another one.", "name")
