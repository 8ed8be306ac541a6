"""The life of an import: uploaded, read, previewed, booked whole or not at all, undone.

The row is the job. A worker claims it by a conditional update with a lease; a message on the queue is only a nudge, and
a sweep nudges again. A worker that dies leaves nothing but an expired lease: what it wrote was one transaction.
"""

import hashlib
from collections.abc import Callable, Collection
from pathlib import PurePath
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import TradingAccount
from trades.imports.mapping import Mapping, header_key
from trades.imports.reading import MAX_BYTES, look_at_start, refusal
from trades.imports.refusals import FileRefused
from trades.models import FillImport, ImportMapping, ImportState
from trades.services.errors import TradeError
from trades.services.import_work import import_work

# Small files are read and booked at once, without waiting for a worker.
INLINE_BYTES = 128 * 1024
INLINE_ROWS = 1_000
MAYBE_CUT_OFF = "maybe_cut_off"
DELETABLE = (ImportState.PREVIEW, ImportState.REFUSED, ImportState.UNDONE)

Nudge = Callable[[UUID], Any]


def import_create(
    *,
    account: TradingAccount,
    file: File,
    creation_key: UUID,
    nudge: Nudge,
    file_format: str = "",
    inline_bytes: int = INLINE_BYTES,
) -> FillImport:
    """Keep an uploaded file and have it read; the same key a second time returns the first import.

    `file_format` is a key of FORMATS, GENERIC for none of them, "" to recognise it. Up to `inline_bytes` are read at
    once. Raises FileRefused for what is clearly no table of fills; nothing is kept then.
    """
    known = FillImport.objects.filter(creation_key=creation_key, owner_id=account.owner_id).first()
    if known is not None:
        return known
    if file.size > MAX_BYTES:
        raise refusal("too_large")
    look_at_start(_binary(file))
    made = FillImport(
        owner_id=account.owner_id,
        account=account,
        file_name=_shown_name(file.name or ""),
        sha256=_digest(_binary(file)),
        creation_key=creation_key,
        settings={"format": file_format} if file_format else {},
    )
    file.seek(0)
    made.file.save(f"{made.pk}.csv", file, save=False)
    first = _insert(made)
    if first is made:
        _start(made, small=file.size <= inline_bytes, nudge=nudge)
    return first


def _insert(made: FillImport) -> FillImport:
    """Write the row; when that fails the file goes too, and a form sent twice at once finds the first's row."""
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as taken:
        made.file.storage.delete(made.file.name)
        first = FillImport.objects.filter(creation_key=made.creation_key, owner_id=made.owner_id).first()
        if first is None:
            raise FileRefused("sent_before", "This form was used before: open a new one and try again.") from taken
        return first
    except BaseException:
        made.file.storage.delete(made.file.name)
        raise
    return made


def _binary(file: File) -> BinaryIO:
    return file  # type: ignore[return-value]


def _shown_name(name: str) -> str:
    """The last part of the name without what cannot be shown or stored."""
    shown = "".join(letter for letter in PurePath(name.replace("\\", "/")).name if letter.isprintable())
    return shown[-255:] or "file.csv"


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _start(fill_import: FillImport, *, small: bool, nudge: Nudge) -> None:
    """Do a small job here and now; leave a large one to the workers."""
    if small:
        import_work(fill_import.pk)
    else:
        transaction.on_commit(lambda: nudge(fill_import.pk))


def preview_check(fill_import: FillImport) -> None:
    """Refuse an import that is in no preview. Raises TradeError."""
    if fill_import.state != ImportState.PREVIEW:
        raise _not_in_preview()


def _not_in_preview() -> TradeError:
    return TradeError("not_in_preview", "This import is no longer in its preview: reload the page.")


def import_map(*, fill_import: FillImport, mapping: Mapping, nudge: Nudge, inline_bytes: int = INLINE_BYTES) -> None:
    """Read the file again with this mapping and keep it for files with the same header. Raises TradeError.

    Up to `inline_bytes` are read at once.
    """
    changed = FillImport.objects.filter(pk=fill_import.pk, state=ImportState.PREVIEW).update(
        state=ImportState.UPLOADED,
        mapping=mapping.as_json(),
        lease_until=None,
        done=0,
        settings=_settings_for_next_job(fill_import),
    )
    if not changed:
        raise _not_in_preview()
    ImportMapping.objects.update_or_create(
        account_id=fill_import.account_id,
        header_key=header_key(fill_import.header),
        defaults={"mapping": mapping.as_json()},
    )
    _start(fill_import, small=_kept_bytes(fill_import) <= inline_bytes, nudge=nudge)


def _kept_bytes(fill_import: FillImport) -> int:
    """None of a file that is gone: reading it says so at once."""
    try:
        return int(fill_import.file.size)
    except FileNotFoundError:
        return 0


def import_commit(
    *, fill_import: FillImport, nudge: Nudge, confirmed: Collection[str] = (), inline_rows: int = INLINE_ROWS
) -> None:
    """Have the previewed lines booked, all or none. A second call for the same import changes nothing more.

    `confirmed` holds the codes of warnings the trader has confirmed; maybe_cut_off must be. Raises TradeError when
    lines have errors, when the last line was not confirmed, or when the import is in no preview.
    """
    if fill_import.state in (ImportState.COMMITTING, ImportState.COMMITTED):
        return
    if fill_import.error_count:
        raise TradeError(
            "has_errors",
            "Nothing was booked: an import is booked whole or not at all, and some lines have errors. Mend them in the"
            " file, or correct the mapping below.",
        )
    if MAYBE_CUT_OFF not in confirmed and any(entry["code"] == MAYBE_CUT_OFF for entry in fill_import.warnings):
        raise TradeError(
            MAYBE_CUT_OFF,
            "Compare the last line with your broker and tick that it is whole.",
            "confirm_last_line",
        )
    changed = FillImport.objects.filter(pk=fill_import.pk, state=ImportState.PREVIEW, error_count=0).update(
        state=ImportState.COMMITTING,
        lease_until=None,
        done=0,
        total=2 * F("rows"),
        settings=_settings_for_next_job(fill_import),
    )
    if not changed:
        raise _not_in_preview()
    _start(fill_import, small=fill_import.rows <= inline_rows, nudge=nudge)


def import_undo(*, fill_import: FillImport, nudge: Nudge, inline_rows: int = INLINE_ROWS) -> None:
    """Have everything this import brought taken away again. Raises TradeError when it is not booked."""
    if fill_import.state in (ImportState.UNDOING, ImportState.UNDONE):
        return
    changed = FillImport.objects.filter(pk=fill_import.pk, state=ImportState.COMMITTED).update(
        state=ImportState.UNDOING,
        lease_until=None,
        done=0,
        total=F("executions_created"),
        errors=[],
        settings=_settings_for_next_job(fill_import),
    )
    if not changed:
        raise TradeError("not_booked", "Only a booked import can be undone: reload the page.")
    _start(fill_import, small=fill_import.executions_created <= inline_rows, nudge=nudge)


def _settings_for_next_job(fill_import: FillImport) -> dict[str, Any]:
    return {**fill_import.settings, "attempts": 0}


def import_delete(*, fill_import: FillImport) -> None:
    """Forget an import that brought nothing, with its file. Raises TradeError for one that is booked or at work."""
    with transaction.atomic():
        found = FillImport.objects.select_for_update().filter(pk=fill_import.pk).first()
        if found is None:
            return
        if found.state == ImportState.COMMITTED:
            raise TradeError("booked", "This import is booked: undo it first, then its entry can be deleted.")
        if found.state not in DELETABLE:
            raise TradeError("working", "This import is being worked on: wait until it is done.")
        name, storage = found.file.name, found.file.storage
        found.delete()
        transaction.on_commit(lambda: storage.delete(name))
