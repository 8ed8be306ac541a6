"""Whose turn it is: the import's row is the job, claimed by a conditional update with a lease."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from trades.imports.progress import LEASE
from trades.models import FillImport, ImportState

WORKING = (ImportState.UPLOADED, ImportState.COMMITTING, ImportState.UNDOING)


class TakenOver(Exception):
    """Another worker ended this job meanwhile: what this one did is taken back."""


def imports_waiting(*, now: datetime) -> list[UUID]:
    """Imports whose work nobody is doing: never begun, or begun by a worker that is gone."""
    waiting = FillImport.objects.filter(_nobody(now), state__in=WORKING)
    return list(waiting.order_by("created_at").values_list("pk", flat=True))


def import_claim(import_id: UUID) -> FillImport | None:
    """Take the work of an import; None when somebody else has it or there is none."""
    now = timezone.now()
    claimed = FillImport.objects.filter(_nobody(now), pk=import_id, state__in=WORKING).update(lease_until=now + LEASE)
    if not claimed:
        return None
    return FillImport.objects.select_related("account", "owner").get(pk=import_id)


def _nobody(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def import_settle(found: FillImport, state: ImportState, **columns: Any) -> bool:
    """End the job; False when it was no longer this worker's to end."""
    settled = FillImport.objects.filter(pk=found.pk, state=found.state)
    return bool(settled.update(state=state, lease_until=None, **columns))


def problem_entry(line: int, code: str, detail: str) -> dict[str, Any]:
    """One entry of an import's errors or warnings; line 0 speaks of the whole file."""
    return {"line": line, "code": code, "detail": detail}
