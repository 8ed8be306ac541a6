"""Recording what was executed: each change recomputes the trade in one transaction and leaves an audit entry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.http import Http404

from accounts.calendars import exchange_timezone, session_for
from accounts.models import User
from trades.models import Fill, FillKind, Side, Trade, TradeStatus
from trades.services.audit import audit_record, snapshot
from trades.services.broker_truth import is_told_by_broker, refuse_broker_fill
from trades.services.claims import trade_locked
from trades.services.columns import domain_fill
from trades.services.errors import TradeError
from trades.services.figures import fills_following
from trades.services.instruments import instrument_of
from trades.services.open_exits import exits_of
from trades.services.recompute import trade_recompute
from trades.services.sent_forms import key_used_once, same_or_refuse
from trenddojo.domain import commission, positions
from trenddojo.domain.errors import FillError
from trenddojo.domain.money import check_decimal

NOTHING = Decimal(0)
ONE_MINUTE = timedelta(minutes=1)
COST_DIGITS, COST_PLACES = 16, 6


@dataclass(frozen=True, slots=True)
class FillInput:
    """What the trader says about one execution; costs that are None are estimated by the broker's schedule."""

    side: str
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    kind: str = FillKind.TRADE
    commission: Decimal | None = None
    fees: Decimal | None = None


@transaction.atomic
def fill_create(*, owner: User, trade_id: UUID, given: FillInput, creation_key: UUID, now: datetime) -> Fill:
    """Add a fill to a trade; the same key a second time returns the first fill.

    Raises Http404 for another's trade, FillError or NumberError with the field for what cannot have happened, and
    TradeError where the trade takes no fills.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id)
    fills = list(trade.fills.all())
    known = next((fill for fill in fills if fill.creation_key == creation_key), None)
    if known is not None:
        kept = (known.trade_id, known.side, known.quantity, known.price, known.executed_at)
        said = (trade.pk, given.side, given.quantity, given.price, given.executed_at)
        return same_or_refuse(known, said=said, kept=kept)
    if trade.status == TradeStatus.CANCELLED:
        raise TradeError("cancelled", "This plan was cancelled: reopen it before you record a fill.")
    fill = Fill(account_id=trade.account_id, trade=trade, creation_key=creation_key)
    fill_apply(fill, trade=trade, given=given, now=now)
    was = exits_of(trade, fills)
    fills.append(fill)
    _refuse_impossible(trade, fills)
    with key_used_once("fills_creation_key_key"), fills_following(trade, fills, was=was):
        trade_recompute(trade, fills)
    _audit(trade, owner, "fill.added", fill, before=None)
    return fill


@transaction.atomic
def fill_edit(*, owner: User, fill_id: UUID, given: FillInput, version: int, now: datetime) -> Fill:
    """Change a fill; `version` is the trade's, as the form knew it. Raises as fill_create, and StaleVersion."""
    trade, fill, others = _claim(owner, fill_id, version)
    given = _with_facts_kept(fill, given)
    before, fills = snapshot(fill), [*others, fill]
    was = exits_of(trade, fills)
    fill_apply(fill, trade=trade, given=given, now=now)
    _refuse_impossible(trade, fills)
    with fills_following(trade, fills, was=was):
        fill.save(force_update=True)
        trade_recompute(trade, fills)
    _audit(trade, owner, "fill.edited", fill, before=before)
    return fill


@transaction.atomic
def fill_delete(*, owner: User, fill_id: UUID, version: int) -> Trade:
    """Take a fill away; without its last fill the trade is a plan again. Raises as fill_edit."""
    trade, fill, others = _claim(owner, fill_id, version)
    refuse_broker_fill(fill)
    before = snapshot(fill)
    was = exits_of(trade, [*others, fill])
    _refuse_impossible(trade, others)
    with fills_following(trade, others, was=was):
        Fill.objects.filter(pk=fill.pk).delete()
        trade_recompute(trade, others)
    audit_record(
        account=trade.account,
        actor=owner,
        action="fill.deleted",
        subject=fill_id,
        before=before,
        after=None,
        trade_id=trade.pk,
    )
    return trade


def _with_facts_kept(fill: Fill, given: FillInput) -> FillInput:
    """Of an execution that the broker told only the costs change; a form shows its time to the minute."""
    same = (given.kind, given.side, given.quantity, given.price) == (fill.kind, fill.side, fill.quantity, fill.price)
    if same and abs(given.executed_at - fill.executed_at) < ONE_MINUTE:
        return replace(given, executed_at=fill.executed_at) if is_told_by_broker(fill) else given
    refuse_broker_fill(fill)
    return given


def fill_apply(fill: Fill, *, trade: Trade, given: FillInput, now: datetime) -> None:
    """Put what the trader said into the row, unsaved, with costs estimated where none were said.

    Raises FillError or NumberError naming the field of what cannot have happened by itself.
    """
    _refuse_wrong_kind(trade, given)
    fill.kind, fill.side = given.kind, given.side
    fill.quantity, fill.price, fill.executed_at = given.quantity, given.price, given.executed_at
    fill.commission, fill.fees = given.commission or NOTHING, given.fees or NOTHING
    positions.validate_fill(domain_fill(fill), now=now, instrument=instrument_of(trade))
    estimate = fill_costs(trade=trade, given=given)
    fill.has_estimated_costs = bool(estimate.schedule_name) and None in (given.commission, given.fees)
    fill.commission = estimate.commission if given.commission is None else given.commission
    fill.fees = estimate.fees if given.fees is None else given.fees
    for name in ("commission", "fees"):
        check_decimal(getattr(fill, name), max_digits=COST_DIGITS, places=COST_PLACES, field=name, name=name)
    fill.session = session_for(trade.account.exchange, given.executed_at)


def fill_costs(*, trade: Trade, given: FillInput) -> commission.CostEstimate:
    """What the account's broker probably charged: nothing for transfers, expiries and accounts without a schedule."""
    if given.kind != FillKind.TRADE:
        return commission.CostEstimate(NOTHING, NOTHING, "")
    return commission.estimate(
        trade.account.broker,
        instrument_of(trade).asset_class,
        side=positions.Side(given.side),
        quantity=given.quantity,
        price=given.price,
        multiplier=trade.multiplier,
        on=given.executed_at.astimezone(exchange_timezone(trade.account.exchange)).date(),
    )


def _refuse_wrong_kind(trade: Trade, given: FillInput) -> None:
    direction = positions.Direction(trade.direction)
    if given.kind == FillKind.TRANSFER_IN and given.side != direction.entry_side:
        raise FillError("wrong_side", f"A transfer in adds to the position: choose {direction.entry_side}.", "side")
    if given.kind in (FillKind.TRANSFER_OUT, FillKind.EXPIRY) and given.side != direction.exit_side:
        raise FillError("wrong_side", f"This reduces the position: choose {direction.exit_side}.", "side")
    if given.kind != FillKind.EXPIRY:
        return
    if trade.asset_class != "option":
        raise FillError("not_an_option", "Only options expire: choose another kind.", "kind")
    if given.price != NOTHING:
        raise FillError("expiry_price", "An option that expires does so at zero: enter 0 as its price.", "price")


def _refuse_impossible(trade: Trade, fills: Sequence[Fill]) -> None:
    """Exits must be covered by entries; a trade whose opening fills are missing cannot be held to that."""
    if not trade.is_incomplete:
        direction = positions.Direction(trade.direction)
        positions.validate_exits([domain_fill(fill) for fill in fills], direction=direction)


def _claim(owner: User, fill_id: UUID, version: int) -> tuple[Trade, Fill, list[Fill]]:
    """The trade under its account's lock, the fill, and the trade's others."""
    trade_id = Fill.objects.filter(pk=fill_id, account__owner=owner).values_list("trade_id", flat=True).first()
    if trade_id is None:
        raise Http404
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    fills = {fill.pk: fill for fill in trade.fills.all()}
    fill = fills.pop(fill_id, None)
    if fill is None:
        raise Http404
    return trade, fill, list(fills.values())


def _audit(trade: Trade, actor: User, action: str, fill: Fill, *, before: dict[str, object] | None) -> None:
    audit_record(
        account=trade.account,
        actor=actor,
        action=action,
        subject=fill,
        before=before,
        after=snapshot(fill),
        trade_id=trade.pk,
    )


def exit_side_of(trade: Trade) -> Side:
    return Side(positions.Direction(trade.direction).exit_side.value)
