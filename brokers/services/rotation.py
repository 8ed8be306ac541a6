"""Sealing kept credentials anew with the newest key."""

from collections.abc import Iterator
from dataclasses import dataclass

from brokers import vault
from brokers.models import BrokerConnection


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of the connections' credentials; `failed` holds a sentence for each that did not open."""

    sealed_anew: int
    unchanged: int
    failed: tuple[str, ...]


def credentials_rotate() -> Rotated:
    """Seal everything that an older key sealed with the newest one, row by row.

    May run twice at once and be killed at any moment: each row is written only if it still reads as it was read, and is
    sealed with the old or with the new key, never half. Raises VaultError where no key is set.
    """
    newest, anew, unchanged = vault.newest_key_id(), 0, 0
    failed = []
    for connection in _kept():
        try:
            if vault.key_id_of(connection.credentials) == newest:
                unchanged += 1
                continue
            anew += _seal_anew(connection)
        except vault.VaultError as problem:
            failed.append(f"{connection.label} ({connection.pk}): {problem}")
    return Rotated(anew, unchanged, tuple(failed))


def _kept() -> Iterator[BrokerConnection]:
    rows = BrokerConnection.objects.exclude(credentials="").only("pk", "label", "credentials").order_by("pk")
    return rows.iterator(chunk_size=500)


def _seal_anew(connection: BrokerConnection) -> int:
    plain = vault.unseal(connection.credentials, row_id=connection.pk)
    sealed = vault.seal(plain, row_id=connection.pk)
    return BrokerConnection.objects.filter(pk=connection.pk, credentials=connection.credentials).update(
        credentials=sealed
    )
