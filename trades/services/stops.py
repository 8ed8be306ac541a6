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
from trenddojo.domain.errors import FillError, SizingError
from trenddojo.domain.fill_checks import EARLIEST
from trenddojo.domain.fills import Direction
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
        _mend_next(move)
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


def _mend_next(move: StopMove) -> None:
    """A move noted late comes between two others: the later one moved the stop from here."""
    later = StopMove.objects.filter(trade=move.trade, moved_at__gt=move.moved_at).order_by("moved_at", "created_at")
    following = later.first()
    if following is not None:
        StopMove.objects.filter(pk=following.pk).update(from_price=move.to_price)


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
    if trade.entry_date and moved_at <= trade.entry_date:
        _refuse_initial(trade, price)


def _refuse_initial(trade: Trade, price: Decimal) -> None:
    """The stop a position was opened with is frozen, and lies where the trade would lose."""
    if trade.initial_stop is not None:
        raise FillError(
            "initial_is_frozen",
            "The stop the trade was opened with is kept as it was: enter a time after the first fill.",
            "moved_at",
        )
    direction = Direction(trade.direction)
    if trade.actual_entry is not None and direction.sign * (trade.actual_entry - price) <= 0:
        side = "below" if direction is Direction.LONG else "above"
        raise SizingError(
            "stop_wrong_side", f"The initial stop of a {direction} trade belongs {side} the entry.", "price"
        )
