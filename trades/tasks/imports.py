"""Imports of fills, and files nobody needs any more."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from trades.services.import_queue import imports_waiting
from trades.services.import_work import import_work
from trades.services.sweeping import files_sweep

log = logging.getLogger(__name__)


@shared_task(name="trades.import_work")
def import_work_task(import_id: str) -> None:
    import_work(UUID(import_id))


@shared_task(name="trades.imports_sweep")
def imports_sweep_task() -> None:
    """Nudge for every import whose work nobody is doing."""
    for import_id in imports_waiting(now=timezone.now()):
        import_nudge(import_id)


def import_nudge(import_id: UUID) -> None:
    """Tell the workers about an import. Without a queue the row waits for the sweep."""
    try:
        import_work_task.delay(str(import_id))
    except OperationalError:
        log.warning("import.nudge.lost import=%s", import_id)


@shared_task(name="trades.files_sweep")
def files_sweep_task() -> None:
    """Take away the files of deleted screenshots, imports, accounts and users, and of uploads that were killed."""
    gone = files_sweep(now=timezone.now())
    if gone:
        log.info("files.swept files=%s", gone)
