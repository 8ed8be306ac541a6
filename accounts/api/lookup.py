"""One row among those its reader may see."""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404

from trenddojo.api.errors import invalid

Row = TypeVar("Row", bound=Model)


def found_or_404(rows: QuerySet[Row, Any], pk: UUID) -> Row:
    """The row with this key in an address. Raises Http404."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def named_in_body(rows: QuerySet[Row, Any], pk: UUID, attr: str) -> Row:
    """The row a field of a request names. Raises ValidationError at that field: another's does not exist either."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise invalid("not_found", "There is nothing of yours with this id.", attr)
    return found
