"""Files no row speaks of: left by deleted trades, accounts and users, and by processes that were killed."""

from datetime import datetime, timedelta
from pathlib import PurePosixPath

from django.core.files.storage import Storage
from django.db.models import Model

from trades.models import FillImport, Screenshot

# Longer than any request takes between writing a file and committing its row.
SWEPT_AFTER = timedelta(hours=1)
# Model, its column, and the folder the column's files are in.
KEPT: tuple[tuple[type[Model], str, str], ...] = (
    (Screenshot, "image", "screenshots"),
    (FillImport, "file", "imports"),
)


def files_sweep(*, now: datetime) -> int:
    """Delete the files no row speaks of, an hour after they were written; returns how many."""
    return sum(_sweep(model, column, folder, now) for model, column, folder in KEPT)


def _sweep(model: type[Model], column: str, folder: str, now: datetime) -> int:
    storage = model._meta.get_field(column).storage
    files = _files(storage, folder)
    gone = 0
    for start in range(0, len(files), 1000):
        names = files[start : start + 1000]
        known = set(model._base_manager.filter(**{f"{column}__in": names}).values_list(column, flat=True))
        for name in names:
            if name not in known and _is_old(storage, name, now):
                storage.delete(name)
                gone += 1
    return gone


def _files(storage: Storage, folder: str) -> list[str]:
    try:
        _folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return []
    return [str(PurePosixPath(folder, name)) for name in names]


def _is_old(storage: Storage, name: str, now: datetime) -> bool:
    try:
        return storage.get_modified_time(name) < now - SWEPT_AFTER
    except FileNotFoundError:
        return False
