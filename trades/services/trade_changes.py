"""Some of a trade changed in one step, all or nothing: its plan while it waits, what stays open later, its journal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from trades.models import Order, Trade, TradeStatus
from trades.models.order import WORKING
from trades.services.audit import audit_record
from trades.services.claims import trade_locked, trade_write
from trades.services.errors import StaleVersion, TradeError
from trades.services.instruments import instrument_of
from trades.services.journal import words_change
from trades.services.plan_input import MOST_TARGETS, PlanInput, Target, portions
from trades.services.plan_parts import plan_snapshot, targets_write
from trades.services.plans import WAITING, details_edit, plan_edit, plan_of, plan_reopen
from trades.services.status import plan_cancel, trade_mark_pending, trade_mark_planned
from trades.services.stops import stop_move
from trenddojo.domain.errors import SizingError
from trenddojo.domain.fills import Direction
from trenddojo.domain.money import check_decimal, check_positive
from trenddojo.domain.orders import OrderRole

SETUP = "setup_id"
# Of the plan, what may still change once something is filled, by the trade's status.
STILL_OPEN: dict[str, frozenset[str]] = {
    TradeStatus.ACTIVE: frozenset({SETUP, "stop", "targets"}),
    TradeStatus.CLOSED: frozenset({SETUP}),
    TradeStatus.CANCELLED: frozenset({SETUP}),
}
Step = Callable[..., Trade]
# The step that leads from one status to another by the trader's word.
STEPS: dict[tuple[str, str], Step] = {
    (TradeStatus.PLANNED, TradeStatus.PENDING): trade_mark_pending,
    (TradeStatus.PENDING, TradeStatus.PLANNED): trade_mark_planned,
    (TradeStatus.PLANNED, TradeStatus.CANCELLED): plan_cancel,
    (TradeStatus.PENDING, TradeStatus.CANCELLED): plan_cancel,
}


@dataclass(frozen=True, slots=True)
class TradeChange:
    """What is to be changed; whatever is not named stays as it is.

    `plan` holds fields of PlanInput by name, `words` what words_change takes, `status` the status to lead to.
    `tags_seen` are the ids of the tags the writer knew, None where it does not matter.
    """

    plan: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    override_reason: str | None = None
    tags_seen: frozenset[UUID] | None = None


@transaction.atomic
def trade_change(*, owner: User, trade_id: UUID, change: TradeChange, version: int, now: datetime) -> Trade:
    """Change a trade. Raises Http404, StaleVersion, LimitsBroken and domain errors with the field of PlanInput.

    TradeError (frozen, cancelled, has_orders, wrong_status) where the trade's status no longer allows it.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    _refuse_unseen_tags(trade, change)
    if (trade.status, change.status) == (TradeStatus.CANCELLED, TradeStatus.PLANNED):
        trade = plan_reopen(
            owner=owner, trade_id=trade_id, version=trade.version, override_reason=change.override_reason, now=now
        )
    trade = _plan_change(trade, change, now=now)
    trade = words_change(owner=owner, trade=trade, changes=change.words)
    return _step(trade, change.status)


def _refuse_unseen_tags(trade: Trade, change: TradeChange) -> None:
    """Tags are no part of a trade's version: whoever replaces them must have seen those there are."""
    if change.tags_seen is None or "tag_ids" not in change.words:
        return
    if frozenset(trade.tags.values_list("pk", flat=True)) != change.tags_seen:
        raise StaleVersion(trade)


def _plan_change(trade: Trade, change: TradeChange, *, now: datetime) -> Trade:
    if not change.plan:
        return trade
    if trade.status not in WAITING:
        return _later_change(trade, change, now=now)
    plan = _merged(trade, change)
    if plan is None:
        return _setup_change(trade, change.plan[SETUP])
    return plan_edit(owner=trade.owner, trade_id=trade.pk, plan=plan, version=trade.version, now=now)


def _merged(trade: Trade, change: TradeChange) -> PlanInput | None:
    """The plan as it would be; None for a trade that has none and gets none."""
    known = plan_of(trade)
    changes = {**change.plan, "override_reason": change.override_reason, "thesis": trade.thesis}
    if "risk_percent" in changes:
        # Another risk is another size, unless one is said.
        changes.setdefault("quantity", None)
    if known is not None:
        return replace(known, **changes)
    if change.plan.keys() == {SETUP}:
        return None
    if "entry" not in changes or "stop" not in changes:
        raise TradeError("required", "This trade has no plan yet: give its entry and its stop together.", "entry")
    given = {"symbol": trade.symbol, "asset_class": trade.asset_class, "direction": trade.direction}
    given |= {"multiplier": trade.multiplier, SETUP: trade.setup_id, "account_id": trade.account_id}
    return PlanInput(**{**given, **changes})


def _later_change(trade: Trade, change: TradeChange, *, now: datetime) -> Trade:
    frozen = change.plan.keys() - STILL_OPEN[trade.status]
    if frozen and trade.status == TradeStatus.CANCELLED:
        raise TradeError("cancelled", "This plan was cancelled: reopen it before you change it.", min(frozen))
    if frozen:
        sentence = "The plan is kept as it was when the first fill came: it can no longer change."
        raise TradeError("frozen", sentence, min(frozen))
    if SETUP in change.plan:
        trade = _setup_change(trade, change.plan[SETUP])
    if "targets" in change.plan:
        trade = targets_change(trade, change.plan["targets"])
    if "stop" in change.plan:
        moved = stop_move(
            owner=trade.owner,
            trade_id=trade.pk,
            price=change.plan["stop"],
            moved_at=now,
            note="",
            version=trade.version,
            now=now,
        )
        return moved.trade
    return trade


def _setup_change(trade: Trade, setup_id: UUID | None) -> Trade:
    return details_edit(
        owner=trade.owner,
        trade_id=trade.pk,
        setup_id=setup_id,
        checklist={},
        thesis=trade.thesis,
        version=trade.version,
    )


def targets_change(trade: Trade, targets: Sequence[Target]) -> Trade:
    """Say anew where an open trade is meant to be closed; what was planned in R stays. The account is locked.

    Raises SizingError and NumberError at target_N or portion_1, and TradeError (has_orders) while a target works.
    """
    if Order.objects.filter(trade=trade, role=OrderRole.TAKE_PROFIT, status__in=WORKING).exists():
        raise TradeError("has_orders", "A target order of this trade works: change or cancel that order.", "targets")
    _check_targets(trade, targets)
    before = plan_snapshot(trade)
    targets_write(trade, targets, portions(targets))
    trade = trade_write(trade, {"target_price": targets[0].price if targets else None})
    audit_record(
        account=trade.account,
        actor=trade.owner,
        action="trade.edited",
        subject=trade,
        before=before,
        after=plan_snapshot(trade),
        trade_id=trade.pk,
    )
    return trade


def _check_targets(trade: Trade, targets: Sequence[Target]) -> None:
    if len(targets) > MOST_TARGETS:
        raise SizingError("too_many_targets", f"A plan has at most {MOST_TARGETS} targets.", f"target_{MOST_TARGETS}")
    direction, places = Direction(trade.direction), instrument_of(trade).price_places
    for number, target in enumerate(targets, start=1):
        name = f"target_{number}"
        check_positive(target.price, field=name, name="target")
        check_decimal(target.price, max_digits=11 + places, places=places, field=name, name="target")
        if direction.sign * (target.price - (trade.actual_entry or Decimal(0))) <= 0:
            side = "above" if direction is Direction.LONG else "below"
            raise SizingError("target_wrong_side", f"The target of a {direction} trade belongs {side} the entry.", name)


def _step(trade: Trade, status: str) -> Trade:
    if not status or trade.status == status:
        return trade
    step = STEPS.get((trade.status, status))
    if step is None:
        sentence = f"A trade that is {trade.status} cannot be made {status}."
        raise TradeError("wrong_status", sentence, "status")
    return step(owner=trade.owner, trade_id=trade.pk, version=trade.version)
