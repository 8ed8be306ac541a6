"""A trade that happened already, recorded whole: its executions are the truth, no limit is asked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from accounts.selectors import account_get_locked
from trades.models import Fill, StopMove, Tag, Trade
from trades.services.audit import audit_record, snapshot
from trades.services.columns import domain_fill
from trades.services.errors import TradeError
from trades.services.figures import figures_following
from trades.services.fills import FillInput, fill_apply
from trades.services.instruments import account_instrument
from trades.services.plan_parts import checklist_write, plan_snapshot
from trades.services.plans import setup_of
from trades.services.recompute import trade_recompute
from trades.services.sent_forms import same_or_refuse, sent_before
from trenddojo.domain import positions
from trenddojo.domain.errors import DomainError, FillError
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.sizing import check_levels

MOST_FILLS = 500
WHOLE = "executions"


@dataclass(frozen=True, slots=True)
class RecordInput:
    """A trade as it happened; `stop` is the one it was opened with, None for a trade without."""

    account_id: UUID
    symbol: str
    asset_class: str
    direction: str
    fills: Sequence[FillInput]
    multiplier: Decimal | None = None
    stop: Decimal | None = None
    setup_id: UUID | None = None


@transaction.atomic
def trade_record(*, owner: User, given: RecordInput, creation_key: UUID, now: datetime) -> Trade:
    """Record a trade with all its executions, or nothing; the same key a second time returns the first one.

    It stays open where the executions leave something open. Raises Http404 for another's account, and domain errors
    with the field: symbol, multiplier, stop, setup, executions, or executions.0.price for one of them.
    """
    account = account_get_locked(owner, given.account_id)
    known = sent_before(Trade, creation_key, owner=owner)
    if known is not None:
        started = min(fill.executed_at for fill in given.fills)
        said = (validate_symbol(given.symbol), given.direction, started)
        return same_or_refuse(known, said=said, kept=(known.symbol, known.direction, known.occurred_at))
    if account.is_archived:
        raise TradeError("archived", "This account is archived: choose another one.", "account")
    instrument = account_instrument(account, given.symbol, given.asset_class, given.multiplier)
    trade = Trade(
        owner=owner,
        account=account,
        creation_key=creation_key,
        symbol=instrument.symbol,
        asset_class=given.asset_class,
        multiplier=instrument.multiplier,
        direction=given.direction,
        stop_loss=given.stop,
        setup=setup_of(owner, given.setup_id),
    )
    fills = sorted(_fills(trade, given.fills, now=now), key=lambda fill: fill.executed_at)
    trade.occurred_at = fills[0].executed_at
    if given.stop is not None:
        direction = positions.Direction(given.direction)
        check_levels(direction, entry=fills[0].price, stop=given.stop, places=instrument.price_places)
    try:
        positions.validate_fills([domain_fill(fill) for fill in fills], now=now, direction=direction_of(trade))
        recorded_write(trade, fills)
    except FillError as problem:
        raise FillError(problem.code, problem.sentence, WHOLE) from problem
    return trade


def direction_of(trade: Trade) -> positions.Direction:
    return positions.Direction(trade.direction)


def _fills(trade: Trade, given: Sequence[FillInput], *, now: datetime) -> list[Fill]:
    found = []
    for number, said in enumerate(given):
        fill = Fill(account=trade.account, trade=trade, creation_key=uuid4())
        try:
            fill_apply(fill, trade=trade, given=said, now=now)
        except DomainError as problem:
            field = f"{WHOLE}.{number}.{problem.field}" if problem.field else f"{WHOLE}.{number}"
            raise type(problem)(problem.code, problem.sentence, field) from problem
        found.append(fill)
    return found


def recorded_write(trade: Trade, fills: Sequence[Fill], tag_ids: Collection[UUID] = ()) -> None:
    """Write a trade that is not saved yet with its executions in time order, its stop and its tags.

    The caller is inside a transaction and holds the account's lock. Raises FillError and TradeError.
    """
    with figures_following(trade.account, []) as following:
        trade.save(force_insert=True)
        if trade.stop_loss is not None:
            opened = fills[0].executed_at
            StopMove.objects.create(trade=trade, moved_at=opened, from_price=None, to_price=trade.stop_loss)
        Fill.objects.bulk_create(fills)
        trade.tags.set(Tag.objects.filter(owner=trade.owner, pk__in=tag_ids))
        checklist_write(trade, trade.setup, {})
        trade_recompute(trade)
        following.add([trade.pk])
    audit_record(
        account=trade.account,
        actor=trade.owner,
        action="trade.recorded",
        subject=trade,
        before=None,
        after={**plan_snapshot(trade), "fills": [snapshot(fill) for fill in fills]},
        trade_id=trade.pk,
    )
