"""A trade's steps that no fill decides: an order is placed, a plan is dropped, a trade is deleted."""

from uuid import UUID

from django.db import transaction

from accounts.models import User
from accounts.services.removal import files_delete
from trades.models import Trade, TradeStatus
from trades.services.audit import audit_record, snapshot
from trades.services.broker_truth import refuse_delete, refuse_while_ordered
from trades.services.claims import trade_locked, trade_write
from trades.services.errors import TradeError
from trades.services.figures import figures_following

PLANNED, PENDING, CANCELLED = TradeStatus.PLANNED, TradeStatus.PENDING, TradeStatus.CANCELLED

# Where a step may start from, where it leads, and what to say where it may not.
STEPS: dict[str, tuple[frozenset[str], str, str]] = {
    "order.placed": (frozenset({PLANNED}), PENDING, "Only a plan can have its order placed."),
    "order.withdrawn": (frozenset({PENDING}), PLANNED, "There is no order to withdraw."),
    "plan.cancelled": (
        frozenset({PLANNED, PENDING}),
        CANCELLED,
        "Only a plan without fills can be cancelled: record the exit, or delete the fills first.",
    ),
}


def trade_mark_pending(*, owner: User, trade_id: UUID, version: int) -> Trade:
    """The trader placed the order. Raises Http404, StaleVersion or TradeError."""
    return _step("order.placed", owner=owner, trade_id=trade_id, version=version)


def trade_mark_planned(*, owner: User, trade_id: UUID, version: int) -> Trade:
    """The trader took the order back. Raises as trade_mark_pending."""
    return _step("order.withdrawn", owner=owner, trade_id=trade_id, version=version)


def plan_cancel(*, owner: User, trade_id: UUID, version: int) -> Trade:
    """Drop a plan; it stays in the list and frees its room. Raises as trade_mark_pending."""
    return _step("plan.cancelled", owner=owner, trade_id=trade_id, version=version)


@transaction.atomic
def trade_delete(*, owner: User, trade_id: UUID, version: int) -> None:
    """Delete a trade with its fills, notes and screenshots; the audit trail keeps what it was.

    Raises Http404, StaleVersion, and TradeError for one with fills from the broker or an order at work.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    refuse_delete(trade)
    before = {**snapshot(trade), "fills": [snapshot(fill) for fill in trade.fills.all()]}
    files = list(trade.screenshots.values_list("image", flat=True))
    with figures_following(trade.account, [trade.pk]):
        Trade.objects.filter(pk=trade.pk).delete()
    audit_record(
        account=trade.account,
        actor=owner,
        action="trade.deleted",
        subject=trade_id,
        before=before,
        after=None,
        trade_id=trade_id,
    )
    transaction.on_commit(lambda: files_delete(files))


@transaction.atomic
def _step(action: str, *, owner: User, trade_id: UUID, version: int) -> Trade:
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    starts, ends, sentence = STEPS[action]
    if trade.status not in starts:
        raise TradeError("wrong_status", sentence)
    refuse_while_ordered(trade)
    before = {"status": trade.status}
    trade_write(trade, {"status": ends})
    audit_record(
        account=trade.account,
        actor=owner,
        action=action,
        subject=trade,
        before=before,
        after={"status": ends},
        trade_id=trade.pk,
    )
    return trade
