"""Cancelling what works under a halt, an account at a time: killed halfway, the next worker goes on with the rest."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Halt, HaltLevel, NotificationKind, TradingAccount
from accounts.services.notifications import notify
from trades.execution.changing import cancel_try
from trades.execution.nudges import halts_nudge
from trades.execution.transitions import SHOWN
from trades.models import Order
from trades.models.order import WORKING
from trades.services.audit import audit_record
from trades.services.telling import Word, traders_tell
from trenddojo.domain.orders import OrderRole

log = logging.getLogger(__name__)

HALTED = "halted"
STAY, GO = "Protective exits stay.", "Stops and targets are cancelled, too: positions are without protection."
# Accounts in one turn; what is left is the next turn's.
MOST_ACCOUNTS = 500
# Orders in one transaction.
MOST_ORDERS = 100
PROTECTIVE = (OrderRole.STOP_LOSS.value, OrderRole.TAKE_PROFIT.value)

_ENTRIES = Q(parent=None, is_reducing=False)
# Of exits that go with an entry those the broker shows; the others end with their entry.
_EXITS = Q(role__in=PROTECTIVE) & (Q(parent=None) | Q(status__in=SHOWN))


def consequence(*, cancels_exits: bool) -> str:
    return GO if cancels_exits else STAY


def halts_sweep(now: datetime | None = None) -> None:
    """Go on with every halt under which something is left to cancel."""
    for halt_id in Halt.objects.filter(swept_at=None, resumed_at=None).values_list("pk", flat=True):
        halt_sweep(halt_id, now=now or timezone.now())


def halt_sweep(halt_id: UUID, *, now: datetime) -> None:
    """Tell whom it concerns and cancel what works, until nothing is left, the halt is lifted, or the turn is over."""
    last: UUID | None = None
    _tell(halt_id, now)
    for _ in range(MOST_ACCOUNTS):
        halt = Halt.objects.filter(pk=halt_id, swept_at=None, resumed_at=None).select_related("user").first()
        if halt is None:
            return
        account_id = _next_account(halt, after=last)
        if account_id is None:
            # Accounts that somebody worked on when we came by are the next turn's.
            if _left(halt).exists() or _finish(halt, now):
                return
            # Widened meanwhile: from the first account again.
            last = None
            continue
        if not _account_sweep(halt, account_id, now=now):
            last = account_id
    halts_nudge()


@transaction.atomic
def _tell(halt_id: UUID, now: datetime) -> None:
    """Once, by whoever writes it down first."""
    if not Halt.objects.filter(pk=halt_id, told_at=None, resumed_at=None).update(told_at=now):
        return
    halt = Halt.objects.select_related("user").get(pk=halt_id)
    word = _word(halt)
    if halt.user is None:
        traders_tell(word)
    else:
        notify(user=halt.user, **word._asdict())


def _word(halt: Halt) -> Word:
    why = f"{halt.reason.rstrip('.')}. " if halt.reason else ""
    if halt.level == HaltLevel.DESK:
        title, until = "The whole desk is halted", "until its administrator resumes it"
    else:
        title, until = "All your accounts are halted", "until you resume them"
    kept = consequence(cancels_exits=halt.cancels_exits)
    text = f"{why}Working entries are cancelled. {kept} New orders are refused {until}."
    # Those who were told that exits stay are told once more when they go.
    key = f"halt:{halt.pk}:exits" if halt.cancels_exits else f"halt:{halt.pk}"
    return Word(NotificationKind.RISK.value, key, title, text, "/halt/")


def account_orders_cancel(account_id: UUID, *, cancels_exits: bool, now: datetime) -> int:
    """Cancel what opens or adds to positions of an account, wherever it was placed; how many. Under the account's lock.

    With `cancels_exits` stops and targets, too.
    """
    found = _to_cancel(cancels_exits=cancels_exits).filter(account_id=account_id)
    return _cancel(list(found.select_related("owner").order_by("created_at")), now=now)


def _to_cancel(*, cancels_exits: bool) -> QuerySet[Order]:
    concerned = _ENTRIES | _EXITS if cancels_exits else _ENTRIES
    return Order.objects.filter(concerned, status__in=WORKING, cancel_asked_at=None)


def _left(halt: Halt) -> QuerySet[Order]:
    found = _to_cancel(cancels_exits=halt.cancels_exits)
    return found if halt.user_id is None else found.filter(owner_id=halt.user_id)


def _next_account(halt: Halt, *, after: UUID | None) -> UUID | None:
    found = _left(halt) if after is None else _left(halt).filter(account_id__gt=after)
    return found.order_by("account_id").values_list("account_id", flat=True).first()


@transaction.atomic
def _account_sweep(halt: Halt, account_id: UUID, *, now: datetime) -> bool:
    """Cancel a portion of an account's orders; False when there is nothing more to do there at this time."""
    # Of the whole desk many workers may sweep at once; a trader waits for the end of it.
    is_shared = halt.user_id is None
    # Not of the key: whoever widens or lifts the halt holds its row, writes entries that name the account, and must not
    # wait for a sweep that holds the account and wants the row.
    accounts = TradingAccount.objects.select_for_update(skip_locked=is_shared, no_key=True)
    account = accounts.filter(pk=account_id).first()
    if account is None:
        return False
    portion = _left(halt).filter(account=account).select_related("owner").order_by("created_at")[:MOST_ORDERS]
    cancelled = _cancel(list(portion), now=now)
    if not cancelled:
        return False
    Halt.objects.filter(pk=halt.pk).update(orders_cancelled=F("orders_cancelled") + cancelled)
    audit_record(
        account=account,
        actor=halt.user,
        action="halt.orders_cancelled",
        subject=halt,
        before=None,
        after={"level": halt.level, "reason": halt.reason, "by": halt.by_name, "orders_cancelled": cancelled},
        trade_id=None,
    )
    return True


def _finish(halt: Halt, now: datetime) -> bool:
    """Not where the halt was widened since it was read, or somebody else was first."""
    as_read = Halt.objects.filter(pk=halt.pk, swept_at=None, cancels_exits=halt.cancels_exits)
    if not as_read.update(swept_at=now):
        return False
    log.warning("halt.swept scope=%s halt=%s", halt.level, halt.pk)
    return True


def _cancel(orders: list[Order], *, now: datetime) -> int:
    return sum(cancel_try(order, now=now, reason=HALTED) for order in orders)
