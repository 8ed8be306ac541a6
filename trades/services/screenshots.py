"""Screenshots of trades and days: kept under random names, deleted with their rows, swept when left behind.

The file is written before its row and deleted after the row's end is committed: a crash in between leaves a file
without a row, never a row without a file, and the sweep takes such files away.
"""

from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404

from accounts.models import User
from trades.models import JournalDay, Screenshot, Trade
from trades.pictures import PictureError, picture_read

FOLDER = "screenshots"
MOST_PER_PAGE = 50
# Longer than any request takes between writing a file and committing its row.
SWEPT_AFTER = timedelta(hours=1)


def screenshot_add(
    *,
    owner: User,
    key: UUID,
    upload: UploadedFile,
    caption: str = "",
    trade_id: UUID | None = None,
    day: date | None = None,
) -> Screenshot:
    """Keep a picture of a trade or of a day; the same form sent twice (same ``key``) keeps one.

    Raises PictureError for a file that is no picture, Http404 for another's trade.
    """
    parent = _parent(owner, trade_id, day)
    sent = Screenshot.objects.filter(pk=key, owner=owner, **parent).first()
    if sent is not None:
        return sent
    if Screenshot.objects.filter(**parent).count() >= MOST_PER_PAGE:
        raise PictureError("too_many", f"{MOST_PER_PAGE} screenshots are the most here: delete one first.", "image")
    picture = picture_read(upload, byte_size=upload.size or 0)
    row = Screenshot(
        pk=key,
        owner=owner,
        width=picture.width,
        height=picture.height,
        byte_size=len(picture.content),
        caption=caption,
        **parent,
    )
    row.image.save(f"{uuid4().hex}.{picture.extension}", ContentFile(picture.content), save=False)
    return _insert(row, parent)


def _parent(owner: User, trade_id: UUID | None, day: date | None) -> dict[str, Any]:
    if trade_id is not None:
        if not Trade.objects.filter(pk=trade_id, owner=owner).exists():
            raise Http404
        return {"trade_id": trade_id}
    page, _made = JournalDay.objects.get_or_create(owner=owner, day=day)
    return {"journal_day_id": page.pk}


def _insert(row: Screenshot, parent: dict[str, Any]) -> Screenshot:
    """Write the row; when that fails the file goes too, and a form sent twice at once finds the first's row."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as taken:
        row.image.storage.delete(row.image.name)
        first = Screenshot.objects.filter(pk=row.pk, owner=row.owner, **parent).first()
        if first is None:
            raise Http404 from taken
        return first
    except BaseException:
        row.image.storage.delete(row.image.name)
        raise
    return row


def screenshot_delete(*, owner: User, screenshot_id: UUID) -> None:
    """Delete a picture and, once that is committed, its file; one that is gone already stays gone."""
    with transaction.atomic():
        row = Screenshot.objects.select_for_update().filter(pk=screenshot_id, owner=owner).first()
        if row is None:
            return
        storage, name = row.image.storage, row.image.name
        row.delete()
        transaction.on_commit(lambda: storage.delete(name))


def screenshots_sweep(*, now: datetime) -> int:
    """Delete the files no row speaks of, an hour after they were written; returns how many.

    They are left by deleted trades, accounts and users, and by processes that were killed.
    """
    storage = Screenshot._meta.get_field("image").storage
    files = _files(storage)
    gone = 0
    for start in range(0, len(files), 1000):
        names = files[start : start + 1000]
        known = set(Screenshot.objects.filter(image__in=names).values_list("image", flat=True))
        for name in names:
            if name not in known and _is_old(storage, name, now):
                storage.delete(name)
                gone += 1
    return gone


def _files(storage: Storage) -> list[str]:
    try:
        _folders, names = storage.listdir(FOLDER)
    except FileNotFoundError:
        return []
    return [str(PurePosixPath(FOLDER, name)) for name in names]


def _is_old(storage: Storage, name: str, now: datetime) -> bool:
    try:
        return storage.get_modified_time(name) < now - SWEPT_AFTER
    except FileNotFoundError:
        return False
