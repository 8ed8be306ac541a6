"""What a backup says of itself, and whether this desk can take it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from psycopg import sql

from brokers import vault
from brokers.models import BrokerConnection
from trenddojo.backups.errors import BackupError

FORMAT = 1
PRODUCT = "TrendDojo"


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside the backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Written beside the data. `keys` are the ids of the keys that sealed credentials, never keys."""

    version: str
    made_at: str
    server: int
    migrations: dict[str, list[str]]
    counts: dict[str, int]
    keys: list[str]
    format: int = FORMAT
    product: str = PRODUCT
    # Deleted while the backup was being made, so that their rows have no file.
    missing: list[str] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)

    def text(self) -> bytes:
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()


def manifest_read(text: bytes) -> Manifest:
    """The manifest of a backup. Raises BackupError for one that this version does not know."""
    found = _loaded(text)
    if found.get("product") != PRODUCT or not isinstance(found.get("format"), int):
        raise BackupError("This file is no backup of a TrendDojo desk.")
    if found["format"] > FORMAT:
        raise BackupError(f"This backup was made by a newer version ({found.get('version')}): update the desk first.")
    members = {name: Member(**one) for name, one in found.pop("members").items()}
    return Manifest(**found, members=members)


def _loaded(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise BackupError("This backup is damaged: its manifest cannot be read.") from problem
    return found if isinstance(found, dict) else {}


def manifest_now(server: int) -> Manifest:
    """What the database holds at this moment; inside the transaction whose snapshot is dumped."""
    applied: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        applied.setdefault(app, []).append(name)
    return Manifest(
        version=settings.VERSION,
        made_at=timezone.now().isoformat(timespec="seconds"),
        server=server,
        migrations=applied,
        counts=row_counts(),
        keys=keys_needed(),
    )


def row_counts() -> dict[str, int]:
    """Rows of every table."""
    counts = {}
    with connection.cursor() as cursor:
        for name in tables():
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", name)))
            counts[name] = int(cursor.fetchone()[0])
    return counts


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        return [name for (name,) in cursor.fetchall()]


def keys_needed() -> list[str]:
    """Ids of the keys that kept credentials are sealed with."""
    sealed = BrokerConnection.objects.exclude(credentials="").values_list("credentials", flat=True)
    return sorted({vault.key_id_of(one) for one in sealed.iterator()})


def keys_here() -> set[str]:
    return {vault.key_id(key) for key in settings.BROKER_ENCRYPTION_KEYS}


def refuse_newer(manifest: Manifest) -> None:
    """A schema that this code does not know cannot be worked with."""
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    unknown = _pairs(manifest.migrations.items()) - known
    if unknown:
        names = ", ".join(sorted(".".join(pair) for pair in unknown)[:3])
        raise BackupError(
            f"This backup was made by a newer version ({manifest.version}, which has {names}): update the desk first."
        )


def is_older(manifest: Manifest) -> bool:
    """Whether migrations have to be applied to what the backup holds."""
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    return bool(known - _pairs(manifest.migrations.items()))


def _pairs(migrations: Iterable[tuple[str, list[str]]]) -> set[tuple[str, str]]:
    return {(app, name) for app, names in migrations for name in names}
