"""The stop: moved, never rewritten. The initial risk stays what it was."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import User
from trades.models import StopMove, Trade, TradeStatus
from trades.services.audit import audit_record, snapshot
from trades.services.claims import trade_locked
from trades.services.errors import TradeError
from trades.services.figures import figures_following
from trades.services.instruments import instrument_of
from trades.services.recompute import trade_recompute
from trenddojo.domain.errors import FillError
from trenddojo.domain.fill_checks import EARLIEST
from trenddojo.domain.money import check_decimal, check_positive


@transaction.atomic
def stop_move(
    *, owner: User, trade_id: UUID, price: Decimal, moved_at: datetime, note: str, version: int, now: datetime
) -> StopMove:
    """Note that the stop lies at `price` since `moved_at`.

    It may trail into profit. A first stop dated at or before the first fill of a trade without a plan is its initial
    stop and gives it an R. Raises Http404, StaleVersion, NumberError, FillError or TradeError with the field.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id, version=version)
    _refuse(trade, price=price, moved_at=moved_at, now=now)
    earlier = trade.stop_moves.filter(moved_at__lte=moved_at).order_by("moved_at", "created_at").last()
    move = StopMove(
        trade=trade, moved_at=moved_at, from_price=earlier.to_price if earlier else None, to_price=price, note=note
    )
    with figures_following(trade.account, [trade.pk]):
        move.save()
        latest = trade.stop_moves.order_by("moved_at", "created_at").last()
        trade.stop_loss = latest.to_price if latest else price
        Trade.objects.filter(pk=trade.pk).update(stop_loss=trade.stop_loss)
        trade_recompute(trade)
    audit_record(
        account=trade.account,
        actor=owner,
        action="stop.moved",
        subject=move,
        before={"stop": move.from_price},
        after={**snapshot(move), "stop": price},
        trade_id=trade.pk,
    )
    return move


def _refuse(trade: Trade, *, price: Decimal, moved_at: datetime, now: datetime) -> None:
    if trade.status in (TradeStatus.PLANNED, TradeStatus.PENDING):
        raise TradeError("not_open", "Nothing is filled yet: change the stop in the plan.", "price")
    if trade.status == TradeStatus.CANCELLED:
        raise TradeError("cancelled", "This plan was cancelled: it has no stop to move.", "price")
    places = instrument_of(trade).price_places
    check_positive(price, field="price", name="stop")
    check_decimal(price, max_digits=11 + places, places=places, field="price", name="stop")
    if moved_at > now:
        raise FillError("in_future", "This time lies in the future: enter when the stop was moved.", "moved_at")
    if moved_at < EARLIEST:
        raise FillError("before_1970", "This time is before 1970: check the year.", "moved_at")
    if trade.exit_date and moved_at > trade.exit_date:
        raise FillError("after_exit", "The trade was closed before this time: check the time.", "moved_at")
