"""The kill switch of an account: no entry works or leaves, protective exits stay, and positions may still be closed."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import NotificationKind, TradingAccount, User
from accounts.selectors import account_get_locked
from accounts.services.notifications import notify
from trades.execution.changing import cancel_try
from trades.models import Order
from trades.models.order import WORKING
from trades.services.audit import audit_record

REASON_LENGTH = 200


@transaction.atomic
def account_halt(*, owner: User, account_id: UUID, reason: str = "", now: datetime | None = None) -> TradingAccount:
    """Cancel every entry that works and refuse new ones until account_resume; halting twice keeps the first reason.

    Raises Http404.
    """
    now = now or timezone.now()
    account = account_get_locked(owner, account_id)
    if account.is_halted:
        return account
    account.halted_at, account.halt_reason = now, " ".join(reason.split())[:REASON_LENGTH]
    account.save(update_fields=["halted_at", "halt_reason", "updated_at"])
    cancelled = _entries_cancel(account, now=now)
    _audit(account, owner, "account.halted", after={"reason": account.halt_reason, "orders_cancelled": cancelled})
    notify(
        user=owner,
        kind=NotificationKind.RISK,
        key=f"account:{account.pk}:halted:{now.isoformat()}",
        title=f"{account.name} is halted",
        text=f"Working entries cancelled: {cancelled}. Protective exits stay. New orders are refused until you resume "
        "the account.",
        path=f"/accounts/{account.pk}/",
    )
    return account


@transaction.atomic
def account_resume(*, owner: User, account_id: UUID) -> TradingAccount:
    """Let new orders leave again. Raises Http404."""
    account = account_get_locked(owner, account_id)
    if not account.is_halted:
        return account
    before = {"reason": account.halt_reason, "halted_at": account.halted_at}
    account.halted_at, account.halt_reason = None, ""
    account.save(update_fields=["halted_at", "halt_reason", "updated_at"])
    _audit(account, owner, "account.resumed", before=before)
    return account


def _entries_cancel(account: TradingAccount, *, now: datetime) -> int:
    """Cancel what opens or adds to positions, wherever it was placed; how many."""
    entries = Order.objects.filter(account=account, parent=None, is_reducing=False, status__in=WORKING)
    found = list(entries.filter(cancel_asked_at=None).select_related("owner").order_by("created_at"))
    return sum(cancel_try(order, now=now, reason="halted") for order in found)


def _audit(
    account: TradingAccount, owner: User, action: str, *, before: dict | None = None, after: dict | None = None
) -> None:
    audit_record(
        account=account, actor=owner, action=action, subject=account, before=before, after=after, trade_id=None
    )
