"""Booking an import's new lines and taking them away again, each in one transaction."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.selectors import account_get_locked
from trades.imports.booking import Booked, book, unbook
from trades.imports.mapping import Mapping, missing_roles
from trades.imports.progress import Progress
from trades.imports.reading import look_at, open_table
from trades.imports.refusals import FileRefused
from trades.imports.staging import compare, stage
from trades.models import AuditEntry, FillImport, ImportState
from trades.services.audit import audit_record
from trades.services.import_queue import TakenOver, import_settle, problem_entry
from trades.services.import_reading import Lines, file_of, line_reader


def import_book(found: FillImport, progress: Progress) -> None:
    try:
        with transaction.atomic():
            booked = _book(found, progress)
            _note(found, "import.booked", booked)
            _end(
                found,
                ImportState.COMMITTED,
                done=found.total,
                new=booked.executions,
                duplicate=found.rows - booked.executions,
                executions_created=booked.executions,
                trades_created=booked.trades_created,
                settings={**found.settings, **_kept_facts(booked)},
            )
    except FileRefused as problem:
        _back(found, problem)
    except IntegrityError as problem:
        _back(found, _as_refusal(problem))
    except TakenOver:
        return


def _end(found: FillImport, state: ImportState, **columns: Any) -> None:
    if not import_settle(found, state, finished_at=timezone.now(), **columns):
        raise TakenOver


def _kept_facts(booked: Booked) -> dict[str, Any]:
    return {
        "firsts": booked.firsts,
        "trades_changed": booked.trades_changed,
        "incomplete": booked.incomplete,
    }


def _book(found: FillImport, progress: Progress) -> Booked:
    with file_of(found) as file:
        shape = look_at(file)
        table = open_table(file, shape)
        mapping = Mapping.from_json(found.mapping, columns=len(table.header))
        if mapping is None or missing_roles(mapping):
            raise FileRefused("no_mapping", "The mapping is not complete: choose the columns and read the file again.")
        lines = Lines(line_reader(found.account, table, mapping))
        rows = stage(lines.fills(table.lines), each=progress)
    if lines.error_count:
        raise FileRefused("has_errors", "Some lines have errors now: read the file again and look at the preview.")
    # Only from here on does anybody who records a fill in this account have to wait.
    account = account_get_locked(found.owner, found.account_id)
    counts = compare(found.account_id, rows=rows)
    if counts.contradictions:
        raise FileRefused("execution_id_twice", "An execution id stands on two lines: read the file again.")
    progress.from_here(rows)
    return book(found, account, now=timezone.now(), each=progress)


def _as_refusal(problem: IntegrityError) -> FileRefused:
    if "trades_one_position" in str(problem):
        return FileRefused(
            "two_positions",
            "The account would hold two open positions in one symbol with different multipliers: check the column"
            " “Multiplier”.",
        )
    return FileRefused("conflict", "Something else was recorded at the same moment. Nothing was booked: try again.")


def _back(found: FillImport, problem: FileRefused) -> None:
    """Return to where the job began, with the sentence."""
    state = BEFORE[ImportState(found.state)]
    FillImport.objects.filter(pk=found.pk, state=found.state).update(
        state=state,
        lease_until=None,
        done=0,
        errors=[problem_entry(0, problem.code, problem.sentence)],
        error_count=1 if state == ImportState.PREVIEW else 0,
    )


BEFORE = {ImportState.COMMITTING: ImportState.PREVIEW, ImportState.UNDOING: ImportState.COMMITTED}


def import_take_back(found: FillImport, progress: Progress) -> None:
    try:
        with transaction.atomic():
            account = account_get_locked(found.owner, found.account_id)
            _refuse_touched(found)
            undone = unbook(found, account, now=timezone.now(), each=progress)
            _note(found, "import.undone", undone)
            _end(
                found,
                ImportState.UNDONE,
                done=found.total,
                settings={**found.settings, "trades_kept": undone.trades_kept},
            )
    except FileRefused as problem:
        _back(found, problem)
    except TakenOver:
        return


def _refuse_touched(found: FillImport) -> None:
    """What the trader corrected by hand is not thrown away unseen."""
    ids = found.fills.filter(part=0).values("pk")
    edits = AuditEntry.objects.filter(account_id=found.account_id, action="fill.edited", at__gte=found.finished_at)
    edited = edits.filter(subject_id__in=found.fills.values("pk")).values("subject_id").distinct().count()
    deleted = found.executions_created - ids.count()
    if edited or deleted:
        raise FileRefused(
            "edited_by_hand",
            f"Fills of this import were changed by hand since ({edited} edited, {deleted} deleted), and undoing would"
            " lose that. Delete the remaining fills one by one instead.",
        )


def _note(found: FillImport, action: str, booked: Booked) -> None:
    facts = {
        "file": found.file_name,
        "executions": booked.executions or found.executions_created,
        "trades_created": booked.trades_created,
        "trades_changed": booked.trades_changed,
    }
    undone = action == "import.undone"
    audit_record(
        account=found.account,
        actor=found.owner,
        action=action,
        subject=found,
        before=facts if undone else None,
        after=None if undone else facts,
        trade_id=None,
    )
