"""The rows that belong to a plan: targets, checklist answers, the plan's stop and the limits it overrides."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import User
from trades.models import ChecklistAnswer, LimitOverride, Setup, StopMove, Trade, TradeTarget
from trades.services.audit import snapshot
from trades.services.columns import MOST_RATIO, RATIO_QUANTUM
from trades.services.plan_input import Target
from trenddojo.domain.risk import Breach

# What is computed, or written by others, is no part of what the trader says in a plan.
PLAN_FIELDS = (
    "symbol",
    "asset_class",
    "multiplier",
    "direction",
    "status",
    "entry_price",
    "stop_loss",
    "planned_quantity",
    "planned_r",
    "risk_percent",
    "initial_risk",
    "setup_id",
    "is_override",
    "thesis",
)


def targets_write(trade: Trade, targets: Sequence[Target], portions: Sequence[Decimal]) -> None:
    TradeTarget.objects.filter(trade=trade).delete()
    TradeTarget.objects.bulk_create(
        TradeTarget(trade=trade, position=number, price=target.price, portion_percent=portion)
        for number, (target, portion) in enumerate(zip(targets, portions, strict=True))
    )


def checklist_write(trade: Trade, setup: Setup | None, answers: Mapping[UUID, bool]) -> None:
    """Keep the answers as the criteria are worded now; what was answered before keeps its wording."""
    known = {answer.criterion_id: answer for answer in trade.checklist.all()}
    criteria = {criterion.pk: criterion for criterion in setup.criteria.all()} if setup else {}
    gone = [answer.pk for key, answer in known.items() if key not in criteria and (key or setup is None)]
    ChecklistAnswer.objects.filter(pk__in=gone).delete()
    for criterion in criteria.values():
        answer = known.get(criterion.pk)
        if answer is not None and criterion.pk in answers and answer.is_met != answers[criterion.pk]:
            ChecklistAnswer.objects.filter(pk=answer.pk).update(is_met=answers[criterion.pk])
    ChecklistAnswer.objects.bulk_create(
        ChecklistAnswer(
            trade=trade,
            criterion=criterion,
            text=criterion.text,
            position=criterion.position,
            is_met=answers.get(criterion.pk, False),
        )
        for criterion in criteria.values()
        if criterion.is_active and criterion.pk not in known
    )


def stop_write(trade: Trade, stop: Decimal, *, now: datetime) -> None:
    """The plan's stop is the first row of the stop's history; a changed plan changes that row."""
    first = trade.stop_moves.filter(from_price=None).order_by("moved_at", "created_at").first()
    if first is None:
        StopMove.objects.create(trade=trade, moved_at=now, from_price=None, to_price=stop, note="Plan")
    elif first.to_price != stop:
        StopMove.objects.filter(pk=first.pk).update(to_price=stop, moved_at=now)


def overrides_write(trade: Trade, breaches: Sequence[Breach], *, actor: User, reason: str) -> None:
    """The limits the plan breaks now, each with the reason; those of an earlier version are in the audit trail."""
    LimitOverride.objects.filter(trade=trade).delete()
    LimitOverride.objects.bulk_create(
        LimitOverride(
            trade=trade,
            actor=actor,
            code=breach.code,
            sentence=breach.sentence[:300],
            limit=_kept(breach.limit),
            actual=_kept(breach.actual),
            reason=reason.strip(),
        )
        for breach in breaches
    )


def plan_snapshot(trade: Trade) -> dict[str, Any]:
    """The plan with its parts, for the audit trail."""
    columns = snapshot(trade)
    return {
        **{name: columns[name] for name in PLAN_FIELDS},
        "targets": [
            f"{target.portion_percent.normalize():f} % at {target.price.normalize():f}"
            for target in trade.targets.all()
        ],
        "checklist": {answer.text: answer.is_met for answer in trade.checklist.all()},
        "overrides": {override.code: override.reason for override in trade.overrides.all()},
    }


def _kept(value: Decimal) -> Decimal:
    """A limit's number as its column holds it; money beyond it is kept as the most it can hold."""
    most = MOST_RATIO - 1
    return max(-most, min(most, value)).quantize(RATIO_QUANTUM)
