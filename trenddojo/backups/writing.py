"""Making a backup of a desk that goes on working: the database of one moment, and the files its rows speak of."""

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

from trenddojo.backups.errors import BackupError
from trenddojo.backups.manifest import Manifest, Member, manifest_now
from trenddojo.backups.programs import address, programs_for, run_program, server_major

DATABASE, MANIFEST, SEAL, FILES = "database.dump", "manifest.json", "manifest.sha256", "media/"
CHUNK = 1024 * 1024


def backup_write(path: Path) -> Manifest:
    """Write everything into one new file that only its owner may read; it is there whole, or not at all.

    Raises BackupError. The desk may work meanwhile: nothing waits for a backup.
    """
    path = path.absolute()
    if path.exists():
        raise BackupError(f"{path} exists already: write to another file.")
    if not path.parent.is_dir():
        raise BackupError(f"There is no folder {path.parent}: make it first, readable for you alone.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    dump = unfinished.with_name(f"{unfinished.name}.dump")
    try:
        with _private(unfinished) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            manifest = _fill(archive, dump)
        _sync(unfinished)
        # A link, unlike a rename, refuses to replace what came to be meanwhile.
        os.link(unfinished, path)
        _sync(path.parent)
    except OSError as problem:
        raise BackupError(f"The backup {path} cannot be written: {problem.strerror}.") from problem
    finally:
        unfinished.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)
    return manifest


@contextlib.contextmanager
def _private(path: Path) -> Iterator[io.BufferedWriter]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file


def _fill(archive: tarfile.TarFile, dump: Path) -> Manifest:
    members: dict[str, Member] = {}
    server = server_major()
    with _snapshot() as name:
        manifest = manifest_now(server)
        # Files first: one that a row of this moment speaks of is deleted an hour after its row at the earliest.
        wanted = _files_of_rows()
        missing = [file for file in wanted if not _add_file(archive, file, members)]
        _dump(name, dump, server)
    members[DATABASE] = _add(archive, DATABASE, dump)
    manifest = replace(manifest, members=members, missing=missing)
    _add_bytes(archive, MANIFEST, manifest.text())
    _add_bytes(archive, SEAL, hashlib.sha256(manifest.text()).hexdigest().encode())
    return manifest


@contextlib.contextmanager
def _snapshot() -> Iterator[str]:
    """A transaction that sees one moment, whose name lets pg_dump see the same."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def _dump(snapshot: str, path: Path, server: int) -> None:
    where, environment = address()
    with _private(path):
        pass
    options = ["--format=custom", "--compress=6", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    command = [str(programs_for(server) / "pg_dump"), *options, f"--file={path}", f"--dbname={where}"]
    run_program(command, environment, "The database cannot be read")


def _files_of_rows() -> list[str]:
    """Names of all files that rows speak of, below MEDIA_ROOT."""
    names: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.FileField):
                found = model._base_manager.exclude(**{field.attname: ""}).order_by()
                names.update(found.values_list(field.attname, flat=True).iterator())
    return sorted(names)


def _add_file(archive: tarfile.TarFile, name: str, members: dict[str, Member]) -> bool:
    """Whether the file is there."""
    try:
        members[FILES + name] = _add(archive, FILES + name, Path(settings.MEDIA_ROOT, name))
    except FileNotFoundError:
        return False
    return True


def _add(archive: tarfile.TarFile, name: str, path: Path) -> Member:
    with path.open("rb") as file:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
        reader = _Hashing(file)
        archive.addfile(info, reader)  # type: ignore[arg-type]
    return Member(info.size, reader.digest.hexdigest())


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    archive.addfile(info, io.BytesIO(content))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashing:
    """A file whose content is digested while it is read."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = CHUNK) -> bytes:
        found = self.file.read(size)
        self.digest.update(found)
        return found
