"""Imports for who waits for the answer: an ordinary file is read, booked and undone while they wait."""

from uuid import UUID

from django.core.files.base import File

from accounts.models import TradingAccount
from trades.imports.mapping import Mapping
from trades.imports.refusals import FileRefused
from trades.models import FillImport, ImportState
from trades.services.errors import TradeError
from trades.services.imports import (
    MAYBE_CUT_OFF,
    Nudge,
    import_commit,
    import_create,
    import_delete,
    import_map,
    import_undo,
)

# About a second of reading, and about two of booking.
READ_BYTES = 4 * 1024 * 1024
BOOK_ROWS = 10_000


class BookingRefused(TradeError):
    """The lines could not be booked; nothing of them was."""


class UndoRefused(TradeError):
    """What was booked could not be taken back; all of it is still there."""


def import_preview(
    *, account: TradingAccount, file: File, file_format: str, creation_key: UUID, nudge: Nudge
) -> FillImport:
    """Keep a file and read it; a large one is left to a worker, and is `uploaded` meanwhile.

    Raises FileRefused for a file that cannot be read, TradeError for an archived account; nothing is kept then.
    """
    if account.is_archived:
        raise TradeError("archived", "This account is archived: choose another one.", "account")
    found = import_create(
        account=account,
        file=file,
        creation_key=creation_key,
        nudge=nudge,
        file_format=file_format,
        inline_bytes=READ_BYTES,
    )
    found.refresh_from_db()
    if found.state != ImportState.REFUSED:
        return found
    problem = _first_problem(found)
    import_delete(fill_import=found)
    raise FileRefused(*problem)


def import_read_again(*, fill_import: FillImport, mapping: Mapping, nudge: Nudge) -> FillImport:
    """Read a preview's file again with this mapping; a large one is left to a worker, and is `uploaded` meanwhile.

    Raises as import_map.
    """
    import_map(fill_import=fill_import, mapping=mapping, nudge=nudge, inline_bytes=READ_BYTES)
    fill_import.refresh_from_db()
    return fill_import


def import_booked(*, fill_import: FillImport, nudge: Nudge) -> FillImport:
    """Book a preview; a large one is left to a worker, and is `committing` meanwhile. Booked already, it stays so.

    The warnings were part of the preview, so booking confirms them. Raises as import_commit, and BookingRefused.
    """
    import_commit(fill_import=fill_import, nudge=nudge, confirmed={MAYBE_CUT_OFF}, inline_rows=BOOK_ROWS)
    fill_import.refresh_from_db()
    if fill_import.state == ImportState.PREVIEW:
        raise BookingRefused(*_first_problem(fill_import))
    return fill_import


def import_taken_back(*, fill_import: FillImport, nudge: Nudge) -> FillImport:
    """Undo an import; a large one is left to a worker, and is `undoing` meanwhile. Raises as import_undo, and
    UndoRefused."""
    import_undo(fill_import=fill_import, nudge=nudge, inline_rows=BOOK_ROWS)
    fill_import.refresh_from_db()
    if fill_import.state == ImportState.COMMITTED:
        raise UndoRefused(*_first_problem(fill_import))
    return fill_import


def _first_problem(found: FillImport) -> tuple[str, str]:
    first = found.errors[0]
    return first["code"], first["detail"]
