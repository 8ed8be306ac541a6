"""After a backup was restored the rows are older than the present: nothing in them may be sent on their word alone.

What had not left may have left since, and what a trader called off since reads as if it were still wanted. So every
order that was not certainly at its broker is asked about like one in doubt, and none of them is ever sent from here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import NotificationKind, TradingAccount
from accounts.services.notifications import notify
from brokers.models import BrokerConnection, BrokerPosition
from trades.execution.gone import RECONCILE
from trades.execution.transitions import RESTORED, step_of, steps_apply
from trades.models import Order
from trades.services.audit import audit_record
from trenddojo.domain.order_state import AT_BROKER, UNSENT, OrderFact, OrderState

RESTORED_SENTENCE = "It had not left, or nobody knew, when the backup was made that the desk was restored from."
# Why an account is halted until its broker was asked.
HELD = "The desk was restored from a backup: orders wait until the broker has been asked."
# Of what had certainly arrived, the broker is asked by the usual reconciliation.
UNCERTAIN = sorted(UNSENT | {OrderState.SUBMITTING, OrderState.IN_DOUBT})
AT_ONCE = 500

# A worker that was at it, a stream that was up, a switch that was on: all that was then.
_NOBODY_ON_IT: dict[str, Any] = {
    "live_armed_at": None,
    "live_used_at": None,
    "next_sync_at": None,
    "next_poll_at": None,
    "claimed_by": None,
    "claimed_until": None,
    "stream_owner": "",
    "stream_leased_until": None,
    "stream_heard_at": None,
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the present has to confirm before the desk goes on."""

    orders: int
    changes: int
    accounts: int


@transaction.atomic
def restored_hold(*, now: datetime) -> Held:
    """Make rows from a backup safe to work with; in the transaction that brings them.

    Uncertain orders become doubts that end by evidence alone, wished changes are looked up instead of sent, live
    trading is off, and every account with a broker is halted until a sync has told what is true. Safe to repeat.
    """
    BrokerConnection.objects.update(**_NOBODY_ON_IT)
    # What the broker held then: an exit would be measured by it.
    BrokerPosition.objects.all().delete()
    return Held(orders=_doubt(now), changes=_changes_ask(now), accounts=_accounts_halt(now))


def restored_release(connection: BrokerConnection, *, now: datetime) -> bool:
    """Let an account's orders leave again, after its connection was synced; whether it was held."""
    account = connection.account
    if account is None or account.halt_reason != HELD:
        return False
    with transaction.atomic():
        held = TradingAccount.objects.filter(pk=account.pk, halted_at__isnull=False, halt_reason=HELD)
        if not held.update(halted_at=None, halt_reason="", updated_at=now):
            return False
        before = {"reason": HELD, "halted_at": account.halted_at}
        audit_record(
            account=account,
            actor=None,
            action="account.resumed",
            subject=account,
            before=before,
            after=None,
            trade_id=None,
        )
    return True


def _doubt(now: datetime) -> int:
    reason = {"reason_code": RESTORED, "reason_detail": RESTORED_SENTENCE, "send_after": None}
    count = 0
    for orders in _batches():
        found = (step_of(order, OrderFact.RESTORE, at=now, columns=dict(reason)) for order in orders)
        count += len(steps_apply([step for step in found if step is not None], source=RECONCILE, at=now))
    return count


def _batches() -> Iterator[Sequence[Order]]:
    uncertain = Order.objects.filter(parent=None, status__in=UNCERTAIN).select_related("owner").order_by("pk")
    batch = list(uncertain[:AT_ONCE])
    while batch:
        yield batch
        batch = list(uncertain.filter(pk__gt=batch[-1].pk)[:AT_ONCE])


def _changes_ask(now: datetime) -> int:
    """A change that was wished reads as sent: the broker is asked for it by its own id."""
    wished = Order.objects.filter(pending_change__isnull=False, status__in=AT_BROKER)
    count = 0
    for key, change in wished.values_list("pk", "pending_change").iterator():
        kept = {name: value for name, value in change.items() if name not in ("tried_at", "pause", "asked_count")}
        Order.objects.filter(pk=key).update(pending_change=kept | {"sent_at": now}, version=F("version") + 1)
        count += 1
    return count


def _accounts_halt(now: datetime) -> int:
    """One that was halted stays so for its own reason, which a sync does not end."""
    traded = TradingAccount.objects.filter(connection__isnull=False, halted_at=None).select_related("owner")
    accounts = list(traded.order_by("pk").select_for_update(of=("self",)))
    for account in accounts:
        TradingAccount.objects.filter(pk=account.pk).update(halted_at=now, halt_reason=HELD, updated_at=now)
        _tell(account, now)
    return len(accounts)


def _tell(account: TradingAccount, now: datetime) -> None:
    notify(
        user=account.owner,
        kind=NotificationKind.RISK,
        key=f"account:{account.pk}:restored:{now.isoformat()}",
        title=f"{account.name}: the desk was restored from a backup",
        text="What happened after the backup was made comes back from the broker. Until then no order leaves. Orders "
        "that had not left are not sent any more: look at your orders and plans. Live trading is switched off.",
        path=f"/accounts/{account.pk}/",
    )
