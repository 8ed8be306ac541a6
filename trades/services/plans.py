"""Plans: sized, checked against the limits and kept, all under the account's lock, so that two plans at once cannot
both use the same room. A refused plan stores nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import TradingAccount, User
from accounts.selectors import account_get_locked, policy_of
from trades.models import Setup, Trade, TradeStatus
from trades.services.audit import audit_record
from trades.services.broker_truth import refuse_while_ordered
from trades.services.claims import trade_locked, trade_write
from trades.services.columns import ratio
from trades.services.errors import LimitsBroken, TradeError
from trades.services.figures import figures_following
from trades.services.plan_input import PlanInput, Target
from trades.services.plan_parts import checklist_write, overrides_write, plan_snapshot, stop_write, targets_write
from trades.services.recompute import refuse_second_position
from trades.services.sent_forms import same_or_refuse, sent_before
from trades.services.sizing import PlanSize, plan_size
from trades.services.status import plan_cancel, trade_delete
from trenddojo.domain.errors import SizingError
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.risk import Breach

__all__ = [
    "details_edit",
    "plan_cancel",
    "plan_create",
    "plan_edit",
    "plan_reopen",
    "plan_size",
    "trade_delete",
]

WAITING = (TradeStatus.PLANNED, TradeStatus.PENDING)


@transaction.atomic
def plan_create(*, owner: User, plan: PlanInput, creation_key: UUID, now: datetime) -> Trade:
    """Keep a new plan; the same key a second time returns the first one.

    Raises Http404 for another's account, LimitsBroken with every limit the plan breaks, and SizingError, NumberError,
    SymbolError or TradeError with the field that is wrong.
    """
    account = account_get_locked(owner, plan.account_id)
    known = sent_before(Trade, creation_key, owner=owner)
    if known is not None:
        kept = (known.symbol, known.direction, known.entry_price, known.initial_stop)
        return same_or_refuse(
            known, said=(validate_symbol(plan.symbol), plan.direction, plan.entry, plan.stop), kept=kept
        )
    if account.is_archived:
        raise TradeError("archived", "This account is archived: choose another one.", "account")
    size = plan_size(account=account, plan=plan, now=now)
    trade = Trade(owner=owner, account=account, creation_key=creation_key, occurred_at=now)
    _set(trade, _plan_columns(trade, plan, size))
    refuse_second_position(trade)
    kept = _judge(account, plan, size)
    trade.is_override = bool(kept)
    trade.save(force_insert=True)
    _write_parts(trade, plan, size, kept, actor=owner, now=now)
    _audit(trade, owner, "plan.made", before=None)
    return trade


@transaction.atomic
def plan_edit(*, owner: User, trade_id: UUID, plan: PlanInput, version: int, now: datetime) -> Trade:
    """Change a plan nothing is filled of; its limits are checked anew when what it uses of them changes.

    Raises as plan_create, StaleVersion, and TradeError once the trade has a fill or was cancelled.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    _refuse_unless_waiting(trade)
    refuse_while_ordered(trade)
    before = plan_snapshot(trade)
    size = plan_size(account=trade.account, plan=plan, now=now, without=trade.pk)
    old = _use_of(trade)
    columns = _plan_columns(trade, plan, size)
    _set(trade, columns)
    if _use_of(trade) == old:
        columns["is_override"] = trade.is_override
    else:
        refuse_second_position(trade)
        kept = _judge(trade.account, plan, size)
        overrides_write(trade, kept, actor=owner, reason=plan.override_reason or "")
        columns["is_override"] = bool(kept)
    trade_write(trade, columns)
    _write_parts(trade, plan, size, (), actor=owner, now=now)
    _audit(trade, owner, "plan.edited", before=before)
    return trade


@transaction.atomic
def plan_reopen(*, owner: User, trade_id: UUID, version: int, override_reason: str | None, now: datetime) -> Trade:
    """Make a cancelled plan wait again; it needs room anew. Raises as plan_create and StaleVersion."""
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    if trade.status != TradeStatus.CANCELLED:
        raise TradeError("not_cancelled", "This plan is not cancelled.")
    before = plan_snapshot(trade)
    plan = plan_of(trade, override_reason=override_reason)
    refuse_second_position(trade)
    if plan is not None:
        kept = _judge(trade.account, plan, plan_size(account=trade.account, plan=plan, now=now, without=trade.pk))
        overrides_write(trade, kept, actor=owner, reason=override_reason or "")
        trade.is_override = bool(kept)
    trade_write(trade, {"status": TradeStatus.PLANNED, "is_override": trade.is_override})
    _audit(trade, owner, "plan.reopened", before=before)
    return trade


@transaction.atomic
def details_edit(
    *, owner: User, trade_id: UUID, setup_id: UUID | None, checklist: dict[UUID, bool], thesis: str, version: int
) -> Trade:
    """Change what may still be said about a trade whose plan is frozen: setup, checklist and thesis."""
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    before = plan_snapshot(trade)
    with figures_following(trade.account, [trade.pk]):
        checklist_write(trade, setup_of(owner, setup_id), checklist)
        trade_write(trade, {"setup_id": setup_id, "thesis": thesis})
    _audit(trade, owner, "trade.edited", before=before)
    return trade


def setup_of(owner: User, setup_id: UUID | None) -> Setup | None:
    """The owner's setup; raises TradeError at the field for another's."""
    if setup_id is None:
        return None
    found = Setup.objects.filter(owner=owner, pk=setup_id).first()
    if found is None:
        raise TradeError("unknown_setup", "Choose one of your setups.", "setup")
    return found


def plan_of(trade: Trade, *, override_reason: str | None = None) -> PlanInput | None:
    """The plan of a trade as it was typed; None for a trade that had none."""
    if trade.entry_price is None or trade.initial_stop is None or trade.planned_quantity is None:
        return None
    return PlanInput(
        account_id=trade.account_id,
        symbol=trade.symbol,
        asset_class=trade.asset_class,
        direction=trade.direction,
        entry=trade.entry_price,
        stop=trade.initial_stop,
        multiplier=trade.multiplier,
        targets=tuple(Target(target.price, target.portion_percent) for target in trade.targets.all()),
        setup_id=trade.setup_id,
        risk_percent=trade.risk_percent,
        quantity=trade.planned_quantity,
        override_reason=override_reason,
    )


def _judge(account: TradingAccount, plan: PlanInput, size: PlanSize) -> Sequence[Breach]:
    """The limits the trader breaks with a reason; raises where that is not allowed or not explained."""
    if not size.breaches:
        return ()
    if not policy_of(account).allows_overrides:
        raise LimitsBroken(size.breaches, hint="The risk policy of this account allows no exceptions.")
    if plan.override_reason is None:
        raise LimitsBroken(size.breaches, hint="Change the plan, or override the limits with a written reason.")
    if not plan.override_reason.strip():
        raise TradeError("reason_required", "Write why you break the limit: the reason is kept.", "reason")
    if not size.quantity:
        raise SizingError("no_room", "The limits leave no room to compute a quantity: enter one.", "quantity")
    return size.breaches


def _plan_columns(trade: Trade, plan: PlanInput, size: PlanSize) -> dict[str, Any]:
    setup = setup_of(trade.owner, plan.setup_id)
    return {
        "symbol": size.instrument.symbol,
        "asset_class": plan.asset_class,
        "multiplier": size.instrument.multiplier,
        "direction": plan.direction,
        "entry_price": plan.entry,
        "stop_loss": plan.stop,
        "initial_stop": plan.stop,
        "target_price": plan.targets[0].price if plan.targets else None,
        "planned_quantity": size.quantity,
        "planned_r": ratio(size.planned_r),
        "risk_percent": size.chosen_risk_percent,
        "initial_risk": size.risk_amount or None,
        "setup_id": setup.pk if setup else None,
        "thesis": plan.thesis,
    }


def _write_parts(
    trade: Trade, plan: PlanInput, size: PlanSize, kept: Sequence[Breach], *, actor: User, now: datetime
) -> None:
    targets_write(trade, plan.targets, size.portions)
    checklist_write(trade, setup_of(trade.owner, plan.setup_id), plan.checklist)
    stop_write(trade, plan.stop, now=now)
    if kept:
        overrides_write(trade, kept, actor=actor, reason=plan.override_reason or "")


def _use_of(trade: Trade) -> tuple[Any, ...]:
    """What decides how much room a plan takes, and what would change the answer of the limits."""
    prices = (trade.entry_price, trade.initial_stop, trade.planned_quantity, trade.multiplier)
    return (trade.symbol, trade.asset_class, trade.direction, *prices, trade.setup_id)


def _refuse_unless_waiting(trade: Trade) -> None:
    if trade.status == TradeStatus.CANCELLED:
        raise TradeError("cancelled", "This plan was cancelled: reopen it before you change it.")
    if trade.status not in WAITING:
        raise TradeError("frozen", "The plan is kept as it was when the first fill came: it can no longer change.")


def _set(trade: Trade, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(trade, name, value)


def _audit(trade: Trade, actor: User, action: str, *, before: dict[str, Any] | None) -> None:
    audit_record(
        account=trade.account,
        actor=actor,
        action=action,
        subject=trade,
        before=before,
        after=plan_snapshot(trade),
        trade_id=trade.pk,
    )
