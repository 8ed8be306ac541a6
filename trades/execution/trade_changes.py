"""A trade changed or closed where the broker has a say in it: the order leads, the journal follows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.http import Http404

from accounts.models import User
from trades.execution.placing import order_create, order_from_trade
from trades.execution.positions import position_close, stop_move
from trades.models import Fill, Order, Trade, TradeStatus
from trades.services import trade_changes
from trades.services.errors import StaleVersion, TradeError
from trades.services.fills import FillInput, exit_side_of, fill_create
from trades.services.trade_changes import TradeChange
from trenddojo.domain.orders import OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class ExitInput:
    """How a trade is closed: all that is open, or so many. The rest is for accounts kept by hand."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    executed_at: datetime | None = None
    commission: Decimal | None = None
    fees: Decimal | None = None


BY_HAND_ONLY = ("price", "executed_at", "commission", "fees")


def trade_change(*, owner: User, trade_id: UUID, change: TradeChange, version: int, now: datetime) -> None:
    """As the service of this name; the stop of a position at a broker is moved there, and the trade's follows.

    Such a stop is changed by itself, because the order leaves only after everything else is kept.
    """
    trade = _trade(owner, trade_id)
    if "stop" not in change.plan or trade.status != TradeStatus.ACTIVE or not _is_connected(trade):
        trade_changes.trade_change(owner=owner, trade_id=trade_id, change=change, version=version, now=now)
        return
    if len(change.plan) > 1 or change.words or change.status:
        sentence = "The stop of a position at a broker is moved by an order: send it by itself, the rest in another."
        raise TradeError("alone", sentence, "stop")
    if trade.version != version:
        raise StaleVersion(trade)
    stop_move(owner=owner, trade_id=trade_id, price=change.plan["stop"], creation_key=uuid4(), now=now)


def trade_submit(
    *,
    owner: User,
    trade_id: UUID,
    creation_key: UUID,
    now: datetime,
    type: str = OrderType.LIMIT,  # noqa: A002 - the word of the order
    quantity: Decimal | None = None,
    time_in_force: str = TimeInForce.GTC,
) -> Order:
    """Send the planned entry with its stop and its target. Raises as order_from_trade and order_create."""
    known = Order.objects.filter(creation_key=creation_key, owner=owner).first()
    if known is not None:
        return known
    given = order_from_trade(owner=owner, trade_id=trade_id, type=type, quantity=quantity, time_in_force=time_in_force)
    return order_create(owner=owner, given=given, creation_key=creation_key, now=now)


def trade_close(*, owner: User, trade_id: UUID, given: ExitInput, creation_key: UUID, now: datetime) -> Order | Fill:
    """Close a trade: by an order where its account is at a broker, by an exit in the journal where it is kept by hand.

    The same key closes once. Raises as position_close and fill_create, and TradeError with the field.
    """
    trade = _trade(owner, trade_id)
    if not _is_connected(trade):
        return _closed_by_hand(trade, given, creation_key=creation_key, now=now)
    for name in BY_HAND_ONLY:
        if getattr(given, name) is not None:
            raise TradeError("told_by_broker", "The broker tells this once the order is filled: leave it out.", name)
    return position_close(owner=owner, trade_id=trade_id, quantity=given.quantity, creation_key=creation_key, now=now)


def _closed_by_hand(trade: Trade, given: ExitInput, *, creation_key: UUID, now: datetime) -> Fill:
    known = trade.fills.filter(creation_key=creation_key).first()
    if known is not None:
        return known
    if trade.status != TradeStatus.ACTIVE:
        raise TradeError("not_open", "This trade has no open position.")
    if given.price is None:
        raise TradeError("required", "Say at which price it was closed.", "price")
    said = FillInput(
        side=exit_side_of(trade),
        quantity=trade.open_quantity if given.quantity is None else given.quantity,
        price=given.price,
        executed_at=given.executed_at or now,
        commission=given.commission,
        fees=given.fees,
    )
    return fill_create(owner=trade.owner, trade_id=trade.pk, given=said, creation_key=creation_key, now=now)


def _trade(owner: User, trade_id: UUID) -> Trade:
    found = Trade.objects.filter(pk=trade_id, owner=owner).defer("search").select_related("account__connection")
    trade = found.order_by().first()
    if trade is None:
        raise Http404
    return trade


def _is_connected(trade: Trade) -> bool:
    return getattr(trade.account, "connection", None) is not None
