"""Kill switches: of an account, of all accounts of a trader, of the whole desk.

No entry works or leaves, protective exits stay unless they are to go, and positions may still be closed. Each level is
resumed by itself. A trader's halt and the desk's are marked first, by one row that refuses new entries everywhere;
what works is then cancelled by a sweep (see halt_sweep), which any worker goes on with. Halting again keeps the first
reason; a halt that kept stops and targets takes them, too, when that is asked for, and never gives them back.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Halt, HaltLevel, NotificationKind, TradingAccount, User
from accounts.selectors import account_get_locked
from accounts.services.notifications import notify
from trades.execution.halt_sweep import account_orders_cancel, consequence, halt_sweep
from trades.execution.nudges import halts_nudge
from trades.models import AuditEntry
from trades.services.audit import audit_record, audit_record_many
from trades.services.telling import Word, traders_tell

log = logging.getLogger(__name__)

REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class HaltTerms:
    """Why, and whether protective exits go with the entries."""

    reason: str = ""
    cancels_exits: bool = False

    @property
    def shown(self) -> str:
        return " ".join(self.reason.split())[:REASON_LENGTH]


@transaction.atomic
def account_halt(
    *,
    owner: User,
    account_id: UUID,
    reason: str = "",
    cancels_exits: bool = False,
    now: datetime | None = None,
) -> TradingAccount:
    """Cancel every entry that works and refuse new ones until account_resume. Raises Http404.

    Of a halted account only what still works is cancelled, where that is to include stops and targets.
    """
    now, terms = now or timezone.now(), HaltTerms(reason, cancels_exits)
    account = account_get_locked(owner, account_id)
    if account.is_halted:
        if cancels_exits:
            _account_widen(account, owner, terms=terms, now=now)
        return account
    account.halted_at, account.halt_reason = now, terms.shown
    account.save(update_fields=["halted_at", "halt_reason", "updated_at"])
    cancelled = account_orders_cancel(account.pk, cancels_exits=cancels_exits, now=now)
    _audit(
        account,
        owner,
        "account.halted",
        after={"reason": account.halt_reason, "orders_cancelled": cancelled, "cancels_exits": cancels_exits},
    )
    kept, what = consequence(cancels_exits=cancels_exits), "orders" if cancels_exits else "entries"
    notify(
        user=owner,
        kind=NotificationKind.RISK,
        key=f"account:{account.pk}:halted:{now.isoformat()}",
        title=f"{account.name} is halted",
        text=f"Working {what} cancelled: {cancelled}. {kept} New orders are refused until you resume the account.",
        path=f"/accounts/{account.pk}/",
    )
    return account


def _account_widen(account: TradingAccount, owner: User, *, terms: HaltTerms, now: datetime) -> None:
    """Stops and targets go, too; under the account's lock."""
    cancelled = account_orders_cancel(account.pk, cancels_exits=True, now=now)
    if not cancelled:
        return
    after = {"reason": terms.shown, "orders_cancelled": cancelled, "cancels_exits": True}
    _audit(account, owner, "account.halt_widened", after=after)
    notify(
        user=owner,
        kind=NotificationKind.RISK,
        key=f"account:{account.pk}:widened:{now.isoformat()}",
        title=f"{account.name}: stops and targets are cancelled",
        text=f"Working orders cancelled: {cancelled}. {consequence(cancels_exits=True)} The account stays halted.",
        path=f"/accounts/{account.pk}/",
    )


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


def trader_halt(*, user: User, reason: str = "", cancels_exits: bool = False, now: datetime | None = None) -> Halt:
    """Halt all accounts of a trader, those to come included; halting twice keeps or widens the first."""
    now, terms = now or timezone.now(), HaltTerms(reason, cancels_exits)
    halt, is_news = _mark(HaltLevel.USER, user, by=user.get_username(), terms=terms, now=now)
    if is_news:
        halt_sweep(halt.pk, now=now)
        halt.refresh_from_db()
    return halt


def trader_resume(*, user: User, now: datetime | None = None) -> Halt | None:
    """Lift the trader's own halt; those of single accounts and of the desk stay. None where there was none."""
    return _lift(Halt.objects.filter(level=HaltLevel.USER, user=user), by=user.get_username(), now=now)


def desk_halt(*, by: str, reason: str, cancels_exits: bool = False, now: datetime | None = None) -> Halt:
    """Halt everybody's accounts; for administrators. Workers cancel what works; twice keeps or widens the first."""
    now, terms = now or timezone.now(), HaltTerms(reason, cancels_exits)
    return _mark(HaltLevel.DESK, None, by=by, terms=terms, now=now)[0]


def desk_resume(*, by: str, now: datetime | None = None) -> Halt | None:
    """Lift the halt of the desk; those of traders and accounts stay. None where there was none."""
    return _lift(Halt.objects.filter(level=HaltLevel.DESK), by=by, now=now)


def _mark(level: HaltLevel, user: User | None, *, by: str, terms: HaltTerms, now: datetime) -> tuple[Halt, bool]:
    """The open halt of this level, and whether it is news to a sweep: of two at once the database keeps one."""
    opened = Halt(
        level=level,
        user=user,
        reason=terms.shown,
        cancels_exits=terms.cancels_exits,
        by_name=by[:150],
        halted_at=now,
    )
    try:
        with transaction.atomic():
            opened.save(force_insert=True)
            _mark_follow(opened)
    except IntegrityError:
        found = Halt.objects.filter(level=level, user=user, resumed_at=None).first()
        is_widened = found is not None and _widen(found, by=by, terms=terms)
        # Lifted again between the two: then it is set after all.
        if found is None or found.resumed_at is not None:
            return _mark(level, user, by=by, terms=terms, now=now)
        return found, is_widened
    log.warning("halt.set scope=%s halt=%s by=%s exits=%s", level, opened.pk, opened.by_name, terms.cancels_exits)
    return opened, True


def _mark_follow(halt: Halt) -> None:
    """What a new halt brings with it: an entry in the audit trail, and work for the workers."""
    _audit_all(halt, f"{_word(halt)}.halted", after={"reason": halt.reason, "by": halt.by_name})
    halts_nudge()


def _widen(halt: Halt, *, by: str, terms: HaltTerms) -> bool:
    """Whether an open halt that kept stops and targets was made to take them, too: told and swept anew."""
    if halt.cancels_exits or not terms.cancels_exits:
        return False
    still_kept = Halt.objects.filter(pk=halt.pk, cancels_exits=False, resumed_at=None)
    with transaction.atomic():
        is_widened = bool(still_kept.update(cancels_exits=True, told_at=None, swept_at=None))
        if is_widened:
            _audit_all(halt, f"{_word(halt)}.halt_widened", after={"reason": terms.shown, "by": by[:150]})
            halts_nudge()
    halt.refresh_from_db()
    if is_widened:
        log.warning("halt.widened scope=%s halt=%s by=%s", halt.level, halt.pk, by[:150])
    return is_widened


def _lift(open_ones: QuerySet[Halt], *, by: str, now: datetime | None) -> Halt | None:
    now = now or timezone.now()
    with transaction.atomic():
        halt = open_ones.filter(resumed_at=None).select_for_update().first()
        if halt is None:
            return None
        halt.resumed_at, halt.resumed_by_name = now, by[:150]
        halt.save(update_fields=["resumed_at", "resumed_by_name"])
        _audit_all(halt, f"{_word(halt)}.resumed", before={"reason": halt.reason, "halted_at": halt.halted_at})
        if halt.level == HaltLevel.DESK:
            title, text = "The desk trades again", "Its administrator has resumed it. What was cancelled stays so."
            traders_tell(Word(NotificationKind.RISK.value, f"halt:{halt.pk}:over", title, text, "/halt/"))
    log.warning("halt.lifted scope=%s halt=%s by=%s", halt.level, halt.pk, halt.resumed_by_name)
    return halt


def _word(halt: Halt) -> str:
    return "trader" if halt.level == HaltLevel.USER else "desk"


def _audit_all(halt: Halt, action: str, *, before: dict | None = None, after: dict | None = None) -> None:
    """A trader's accounts each get an entry; of a halt of the desk the row itself is the record."""
    if halt.user is None:
        return
    audit_record_many(
        AuditEntry(account=account, actor=halt.user, action=action, subject_id=halt.pk, before=before, after=after)
        for account in TradingAccount.objects.filter(owner=halt.user)
    )


def _audit(
    account: TradingAccount, owner: User, action: str, *, before: dict | None = None, after: dict | None = None
) -> None:
    audit_record(
        account=account, actor=owner, action=action, subject=account, before=before, after=after, trade_id=None
    )
