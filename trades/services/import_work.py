"""What a worker does for an import, whatever the import waits for."""

from uuid import UUID

from trades.imports.progress import Progress
from trades.models import FillImport, ImportState
from trades.services.import_booking import BEFORE, import_book, import_take_back
from trades.services.import_queue import import_claim, import_settle, problem_entry
from trades.services.import_reading import import_read

MOST_ATTEMPTS = 3
_JOBS = {
    ImportState.UPLOADED: import_read,
    ImportState.COMMITTING: import_book,
    ImportState.UNDOING: import_take_back,
}


def import_work(import_id: UUID) -> None:
    """Do what the import waits for, if nobody else does."""
    found = import_claim(import_id)
    if found is None:
        return
    attempts = found.settings.get("attempts", 0) + 1
    found.settings["attempts"] = attempts
    FillImport.objects.filter(pk=found.pk).update(settings=found.settings)
    if attempts > MOST_ATTEMPTS:
        _give_up(found)
        return
    with Progress(found.pk) as progress:
        _JOBS[ImportState(found.state)](found, progress)


def _give_up(found: FillImport) -> None:
    """A file that stopped its worker again and again is not tried for ever."""
    sentence = f"The work stopped {MOST_ATTEMPTS} times before it was done. Nothing of it was kept."
    state = BEFORE.get(ImportState(found.state), ImportState.REFUSED)
    count = 0 if state == ImportState.COMMITTED else 1
    import_settle(found, state, errors=[problem_entry(0, "stopped", sentence)], error_count=count)
