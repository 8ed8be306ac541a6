"""Named filters of the trades list."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404

from accounts.models import User
from trades.models import SavedFilter
from trenddojo.domain.errors import DomainError

MOST_FILTERS = 50


class FilterError(DomainError):
    """A filter that cannot be kept so."""


def filter_create(*, owner: User, name: str, query: str) -> SavedFilter:
    """Keep a filter; the same name with the same filter is the one there is. Raises FilterError for a taken name."""
    if SavedFilter.objects.filter(owner=owner).count() >= MOST_FILTERS:
        raise FilterError("too_many", f"You keep {MOST_FILTERS} filters already: delete one first.", "name")
    try:
        with transaction.atomic():
            return SavedFilter.objects.create(owner=owner, name=name, query=query)
    except IntegrityError as known:
        same = SavedFilter.objects.filter(owner=owner, name__iexact=name, query=query).first()
        if same is None:
            raise _taken() from known
        return same


def filter_edit(*, owner: User, filter_id: UUID, name: str) -> SavedFilter:
    """Give a filter another name. Raises FilterError for a taken one, Http404 for another's filter."""
    kept = SavedFilter.objects.filter(owner=owner, pk=filter_id).first()
    if kept is None:
        raise Http404
    try:
        with transaction.atomic():
            SavedFilter.objects.filter(pk=kept.pk).update(name=name)
    except IntegrityError as known:
        raise _taken() from known
    return kept


def filter_delete(*, owner: User, filter_id: UUID) -> None:
    """Forget a filter; one that is gone already stays gone."""
    SavedFilter.objects.filter(owner=owner, pk=filter_id).delete()


def _taken() -> FilterError:
    return FilterError("taken", "You already have a filter with this name: choose another one.", "name")
