"""Screenshots of trades and days: kept under random names, deleted with their rows.

The file is written before its row and deleted after the row's end is committed: a crash in between leaves a file
without a row, never a row without a file, and the sweep (sweeping.py) takes such files away.
"""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404

from accounts.models import User
from trades.models import JournalDay, Screenshot, Trade
from trades.pictures import PictureError, picture_read

MOST_PER_PAGE = 50


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
    known = _known_parent(owner, trade_id, day)
    if known is not None:
        sent = Screenshot.objects.filter(pk=key, owner=owner, **known).first()
        if sent is not None:
            return sent
        if Screenshot.objects.filter(**known).count() >= MOST_PER_PAGE:
            raise PictureError("too_many", f"{MOST_PER_PAGE} screenshots are the most here: delete one first.", "image")
    picture = picture_read(upload, byte_size=upload.size or 0)
    # Only now: a file that is no picture leaves no empty page behind.
    parent = known or {"journal_day_id": JournalDay.objects.get_or_create(owner=owner, day=day)[0].pk}
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


def _known_parent(owner: User, trade_id: UUID | None, day: date | None) -> dict[str, Any] | None:
    """The trade or the day's page; None for a day without a page. Raises Http404 for another's trade."""
    if trade_id is not None:
        if not Trade.objects.filter(pk=trade_id, owner=owner).exists():
            raise Http404
        return {"trade_id": trade_id}
    page = JournalDay.objects.filter(owner=owner, day=day).values_list("pk", flat=True).first()
    return None if page is None else {"journal_day_id": page}


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
