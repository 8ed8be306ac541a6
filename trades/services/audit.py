"""The audit trail: every change of a trade leaves who, when, before and after."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import GeneratedField, Model

from accounts.models import TradingAccount, User
from trades.models import AuditEntry

# What the row itself keeps about its writing is no change of the trader's.
UNTOLD = frozenset({"created_at", "updated_at", "creation_key", "version", "content_key", "content_number"})


def snapshot(instance: Model) -> dict[str, Any]:
    """The columns of a row as they are now; related rows by their id."""
    return {
        field.attname: getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if not isinstance(field, GeneratedField) and field.name not in UNTOLD
    }


def audit_record_many(entries: Iterable[AuditEntry]) -> None:
    """Add the entries of one change of many trades."""
    AuditEntry.objects.bulk_create(entries, batch_size=2000)


def audit_record(
    *,
    account: TradingAccount,
    actor: User | None,
    action: str,
    subject: Model | UUID,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    trade_id: UUID | None,
) -> AuditEntry:
    """Add one entry; `before` is None for what was added, `after` for what was deleted."""
    return AuditEntry.objects.create(
        account=account,
        actor=actor,
        action=action,
        subject_id=subject if isinstance(subject, UUID) else subject.pk,
        before=before,
        after=after,
        trade_id=trade_id,
    )
