"""Bringing a desk back from a backup: all of it or nothing, and nothing that was sent is sent again."""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import redis
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import DatabaseError, NotSupportedError, connection, transaction
from django.utils import timezone

from accounts.services.events import events_begin_anew
from trades.execution.restored import Held, restored_hold
from trenddojo.backups.errors import BackupError
from trenddojo.backups.manifest import (
    Manifest,
    Member,
    is_older,
    keys_here,
    manifest_read,
    refuse_newer,
    row_counts,
    tables,
)
from trenddojo.backups.programs import programs_for, server_major
from trenddojo.backups.script import script_run
from trenddojo.backups.writing import CHUNK, DATABASE, FILES, MANIFEST, SEAL

NOT_EMPTY = (
    "The database is not empty: restore into an empty one, or add --replace (make: REPLACE=1) to lose what it holds."
)
DAMAGED = "This backup is damaged ({what}): take another copy of it."
# Of another role's sessions a role that is no superuser is told no type: those that have a user are clients.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL))
"""
# Everything of ours in the schema; what extensions brought stays, and the script uses it.
_DROP = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP TABLE IF EXISTS public.%I CASCADE', found.name);
    END LOOP;
    FOR found IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP SEQUENCE IF EXISTS public.%I CASCADE', found.name);
    END LOOP;
    FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', found.name);
    END LOOP;
END $$
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back; `keys_missing` are ids of keys without which some credentials do not open."""

    manifest: Manifest
    held: Held
    keys_missing: list[str]


def backup_check(path: Path) -> Manifest:
    """Read the whole backup and compare every checksum. Raises BackupError."""
    with _opened(path) as archive:
        return _checked(archive)


def backup_restore(path: Path, *, refuse_used: Callable[[], None]) -> Restored:
    """Put the backup in the place of what the database holds, which `refuse_used` may object to.

    Everything happens in one transaction that also makes the orders safe (`trades.execution.restored`); files are laid
    beside those that are there before it is committed, so that no row is ever without its file. Raises BackupError.
    """
    with _opened(path) as archive:
        manifest = _checked(archive)
        refuse_newer(manifest)
        with tempfile.TemporaryDirectory(prefix="restore-", dir=path.absolute().parent) as folder:
            dump = Path(folder, DATABASE)
            _extract(archive, DATABASE, dump)
            try:
                held = _replace(archive, manifest, dump, refuse_used)
            except DatabaseError as problem:
                reason = str(problem).strip().splitlines()[0]
                raise BackupError(f"The database did not take the backup, and is as it was: {reason}") from problem
    with suppress(redis.RedisError):
        # Figures, limits and sign-ins that were counted or kept for what is gone.
        cache.clear()
    return Restored(manifest, held, sorted(set(manifest.keys) - keys_here()))


def refuse_rows() -> None:
    """Raises BackupError where the database holds anything at all."""
    if tables():
        raise BackupError(NOT_EMPTY)


def take_any() -> None:
    """What the database holds may be lost."""


@transaction.atomic(durable=True)
def _replace(archive: tarfile.TarFile, manifest: Manifest, dump: Path, refuse_used: Callable[[], None]) -> Held:
    server = server_major()
    refuse_used()
    _refuse_others()
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
    script_run(dump, programs_for(max(server, manifest.server)), server)
    found = row_counts()
    if found != manifest.counts:
        names = sorted(name for name in found | manifest.counts if found.get(name) != manifest.counts.get(name))
        raise BackupError(f"The rows of {', '.join(names[:3])} did not all come back: the database is as it was.")
    if is_older(manifest):
        _migrate(manifest)
    events_begin_anew()
    held = restored_hold(now=timezone.now())
    for name in manifest.members:
        if name.startswith(FILES):
            _extract(archive, name, _place(name))
    return held


def _refuse_others() -> None:
    """A worker or a page that looks into the database while its rows change would act on half of them."""
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS)
        (count,) = cursor.fetchone()
    if count:
        raise BackupError(
            f"{count} other connections use this database: stop web, workers, beat and stream first, then restore."
        )


def _migrate(manifest: Manifest) -> None:
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (NotSupportedError, DatabaseError) as problem:
        raise BackupError(
            f"The schema of this backup is too old to be brought up to date in one step ({type(problem).__name__}): "
            f"restore it with version {manifest.version}, then update."
        ) from problem


# --- the archive ------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r:") as archive:
            yield archive
    except tarfile.TarError as problem:
        raise BackupError(DAMAGED.format(what="it is cut off or no backup")) from problem
    except OSError as problem:
        raise BackupError(f"The backup {path} cannot be read: {problem.strerror or problem}.") from problem


def _checked(archive: tarfile.TarFile) -> Manifest:
    names = archive.getnames()
    if MANIFEST not in names or SEAL not in names:
        raise BackupError(DAMAGED.format(what="its end is missing"))
    text = _content(archive, MANIFEST)
    if hashlib.sha256(text).hexdigest().encode() != _content(archive, SEAL):
        raise BackupError(DAMAGED.format(what="its manifest was changed"))
    manifest = manifest_read(text)
    if DATABASE not in manifest.members or {*manifest.members, MANIFEST, SEAL} != set(names):
        raise BackupError(DAMAGED.format(what="its list of files is another one"))
    for name, expected in manifest.members.items():
        _place_safe(name)
        if _member(archive, name) != expected:
            raise BackupError(DAMAGED.format(what=name))
    return manifest


def _place_safe(name: str) -> None:
    """A name leads nowhere but below its folder."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or (name != DATABASE and not name.startswith(FILES)):
        raise BackupError(DAMAGED.format(what="a name in it leads elsewhere"))


def _place(name: str) -> Path:
    return Path(settings.MEDIA_ROOT, name.removeprefix(FILES))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    return b"".join(_chunks(archive, name))


def _member(archive: tarfile.TarFile, name: str) -> Member:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(archive, name):
        digest.update(chunk)
        size += len(chunk)
    return Member(size, digest.hexdigest())


def _chunks(archive: tarfile.TarFile, name: str) -> Iterator[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise BackupError(DAMAGED.format(what=name))
    while chunk := file.read(CHUNK):
        yield chunk


def _extract(archive: tarfile.TarFile, name: str, to: Path) -> None:
    """Written beside and renamed: never half a file under its name."""
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for chunk in _chunks(archive, name):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(to)
