"""Refusals of the account services: a stable code, a sentence for people, the field it belongs to."""

from collections.abc import Mapping
from hashlib import sha256

from django.db.models import Model

from trenddojo.domain.errors import DomainError


class AccountError(DomainError):
    """What was asked for contradicts the account it was asked of."""


class StaleVersion(DomainError):
    """Somebody else wrote the row since it was read; `changes` says what it reads now, by the field's label."""

    def __init__(self, current: Model, changes: Mapping[str, str]) -> None:
        told = " ".join(f"{label} is now “{value}”." for label, value in changes.items())
        super().__init__(
            "stale",
            "This was changed elsewhere since you opened this page, and nothing was saved. "
            f"{told} Your entries are kept: look at them, then save again.",
        )
        self.current = current


def version_of(row: Model) -> str:
    """A short digest of everything the row says: two readers of the same row hold the same version."""
    values = [f"{field.attname}={field.value_to_string(row)}" for field in row._meta.concrete_fields]
    return sha256("\n".join(values).encode()).hexdigest()[:16]


def check_version(row: Model, version: str, wanted: Mapping[str, object]) -> None:
    """Refuse to write over what the caller never saw: `row` is read under its lock, `version` is from the form."""
    if version_of(row) == version:
        return
    differing = {
        str(row._meta.get_field(name).verbose_name).capitalize(): _shown(row, name)
        for name, value in wanted.items()
        if getattr(row, name) != value
    }
    raise StaleVersion(row, differing)


def _shown(row: Model, name: str) -> str:
    display = getattr(row, f"get_{name}_display", None)
    value = display() if display else getattr(row, name)
    return "empty" if value in (None, "") else str(value)
