"""What a trader does with a position: close it, scale out, move or trail its stop.

Units that working exits hold cannot be sold a second time. Where a step needs them, those exits are cancelled first and
the new orders wait as `queued` rows until every cancellation in the symbol has come to its end; the release sweep looks
at the position as it is then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any, cast
from uuid import UUID, uuid5

from django.db import transaction
from django.http import Http404

from accounts.models import User
from brokers.models import BrokerPosition
from trades.execution.changing import OrderEdit, cancel_ask, replace_ask, working_in
from trades.execution.desks import Desk, Market, clock_at, desk_locked, desk_of, market_of
from trades.execution.gate import order_check
from trades.execution.placing import order_write
from trades.execution.shapes import OrderInput
from trades.models import Order, StopMove, Trade, TradeStatus
from trades.selectors.holdings import Holding, holding_of
from trades.services import stops
from trades.services.sent_forms import made_before, sent_before
from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.order_state import UNSENT
from trenddojo.domain.orders import (
    OrderClass,
    OrderError,
    OrderRole,
    OrderType,
    StopLoss,
    TakeProfit,
    TimeInForce,
)

# An order that waits until exits before it are cancelled; the release sweep knows it by this.
WAITS_FOR_EXITS = "waits_for_exits"
WAITING_SENTENCE = "It waits until the exits before it are cancelled."


@dataclass(frozen=True, slots=True)
class _Position:
    """A position under its account's lock, with everything that works in its symbol."""

    desk: Desk
    market: Market
    symbol: str
    holding: Holding
    working: Sequence[Order]

    @property
    def size(self) -> Decimal:
        return abs(self.holding.quantity)

    @property
    def side(self) -> Side:
        """The side that takes away from it."""
        return Side.SELL if self.holding.quantity > 0 else Side.BUY

    @property
    def exits(self) -> list[Order]:
        return [order for order in self.working if order.side == self.side]

    @property
    def entries(self) -> list[Order]:
        return [order for order in self.working if order.side != self.side and order.parent_id is None]

    def price_of(self, role: OrderRole, name: str) -> Decimal | None:
        """A price of the newest working exit of this role."""
        found = [getattr(order, name) for order in self.exits if order.role == role]
        return found[-1] if found else None


# What makes two sendings of one form the same, by the column that an order keeps it in.
_SAID = {"trade_id": "trade_id", "account_id": "account_id", "symbol": "symbol", "quantity": "quantity",
         "price": "stop_price", "trail_percent": "trail_percent"}  # fmt: skip


def _first_stands(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let a key that made an order return it, where its second sending would be refused by now."""

    @wraps(make)
    def made(*, owner: User, creation_key: UUID, **given: Any) -> Any:
        try:
            return make(owner=owner, creation_key=creation_key, **given)
        except (DomainError, Http404):
            known = made_before(Order, creation_key, owner=owner)
            said = {name: given[name] for name in _SAID if given.get(name)}
            said |= {"symbol": said["symbol"].upper()} if "symbol" in said else {}
            if known is None or any(getattr(known, _SAID[name]) != value for name, value in said.items()):
                raise
            return known

    return made


@_first_stands
def position_close(
    *,
    owner: User,
    creation_key: UUID,
    now: datetime,
    trade_id: UUID | None = None,
    account_id: UUID | None = None,
    symbol: str = "",
    quantity: Decimal | None = None,
) -> Order:
    """Sell what is held, or buy back what is owed, at the market; with a quantity a part of it (see scale_out).

    Exits and entries that work in the symbol are cancelled first where they are in the way. The same key closes once.
    Raises Http404, and OrderError with the field.
    """
    desk, symbol, asset_class = _named(owner, trade_id=trade_id, account_id=account_id, symbol=symbol)
    market = clock_at(desk, asset_class, now=now)
    with transaction.atomic():
        desk = desk_locked(owner, desk.account.pk)
        known = sent_before(Order, creation_key, owner=owner)
        if known is not None:
            return known
        position = _held(desk, market, symbol)
        _refuse_closing(position)
        part = position.size if quantity is None else quantity
        _refuse_part(position, part)
        return _reduce(position, part, key=creation_key)


def scale_out(*, owner: User, trade_id: UUID, quantity: Decimal, creation_key: UUID, now: datetime) -> Order:
    """Sell a part at the market and protect the rest anew with the same stop and target. Raises as position_close."""
    return position_close(owner=owner, trade_id=trade_id, quantity=quantity, creation_key=creation_key, now=now)


@_first_stands
def stop_move(
    *, owner: User, trade_id: UUID, price: Decimal, creation_key: UUID, now: datetime, note: str = ""
) -> Order | StopMove:
    """Move the stop of an open trade: its working stop order is replaced, or a first one placed.

    In an account kept by hand the move is noted in the journal. The trade's own stop follows when the broker shows the
    order. Raises Http404, and OrderError, TradeError, LimitsBroken or NumberError with the field.
    """
    trade = _open_trade(owner, trade_id)
    if getattr(trade.account, "connection", None) is None:
        return stops.stop_move(
            owner=owner, trade_id=trade_id, price=price, moved_at=now, note=note, version=trade.version, now=now
        )
    desk = desk_of(owner, trade.account_id)
    market = market_of(desk, trade.symbol, trade.asset_class, now=now)
    with transaction.atomic():
        desk = desk_locked(owner, trade.account_id)
        known = sent_before(Order, creation_key, owner=owner)
        if known is not None:
            return known
        position = _held(desk, market, trade.symbol)
        _refuse_met(position, price)
        stop = _working_stop(position)
        if stop is not None and stop.type != OrderType.TRAILING_STOP and desk.capabilities.replaces:
            changes = OrderEdit(stop_price=price, limit_price=_moved_limit(stop, price))
            return replace_ask(owner=owner, order_id=stop.pk, changes=changes, market=market, key=creation_key)
        return _protect(position, stop=price, key=creation_key)


@_first_stands
def stop_trail(*, owner: User, trade_id: UUID, trail_percent: Decimal, creation_key: UUID, now: datetime) -> Order:
    """Let the stop of an open trade trail by so many percent; a target that works with it goes. Raises as stop_move."""
    trade = _open_trade(owner, trade_id)
    desk = desk_of(owner, trade.account_id)
    market = clock_at(desk, trade.asset_class, now=now)
    with transaction.atomic():
        desk = desk_locked(owner, trade.account_id)
        known = sent_before(Order, creation_key, owner=owner)
        if known is not None:
            return known
        position = _held(desk, market, trade.symbol)
        stop = _working_stop(position)
        if stop is not None and stop.type == OrderType.TRAILING_STOP and desk.capabilities.replaces:
            changes = OrderEdit(trail_percent=trail_percent)
            return replace_ask(owner=owner, order_id=stop.pk, changes=changes, market=market, key=creation_key)
        released = _make_room(position, position.size)
        terms = _protection(stop=None, trail=trail_percent, target=None, is_whole=position.size % 1 == 0)
        return _write(position, position.size, key=creation_key, released=released, **terms)


@_first_stands
def position_stop(
    *, owner: User, account_id: UUID, symbol: str, price: Decimal, creation_key: UUID, now: datetime
) -> Order:
    """As stop_move, for what a connected account holds of a symbol. Raises OrderError for an account kept by hand."""
    trade_id = _trade_in(owner, account_id, symbol)
    moved = stop_move(owner=owner, trade_id=trade_id, price=price, creation_key=creation_key, now=now)
    return cast("Order", moved)


@_first_stands
def position_trail(
    *, owner: User, account_id: UUID, symbol: str, trail_percent: Decimal, creation_key: UUID, now: datetime
) -> Order:
    """As stop_trail, for what a connected account holds of a symbol. Raises as position_stop."""
    trade_id = _trade_in(owner, account_id, symbol)
    return stop_trail(owner=owner, trade_id=trade_id, trail_percent=trail_percent, creation_key=creation_key, now=now)


def _trade_in(owner: User, account_id: UUID, symbol: str) -> UUID:
    """The open trade of a connected account in a symbol. Raises Http404 and OrderError."""
    desk, symbol = desk_of(owner, account_id), validate_symbol(symbol)
    found = Trade.objects.filter(account=desk.account, symbol=symbol, status=TradeStatus.ACTIVE).order_by()
    trade_id = found.values_list("pk", flat=True).first()
    if trade_id is None:
        raise OrderError("not_open", f"The journal has no open position in {symbol}: adopt it first.", "symbol")
    return trade_id


def _named(owner: User, *, trade_id: UUID | None, account_id: UUID | None, symbol: str) -> tuple[Desk, str, str]:
    """The desk, the symbol and the asset class of what is meant: a trade, or a position of an account."""
    if trade_id is not None:
        trade = _open_trade(owner, trade_id)
        return desk_of(owner, trade.account_id), trade.symbol, trade.asset_class
    if account_id is None:
        raise Http404
    desk, symbol = desk_of(owner, account_id), symbol.strip().upper()
    held = BrokerPosition.objects.filter(connection=desk.connection, symbol=symbol).first()
    return desk, symbol, held.asset_class if held else "stock"


def _open_trade(owner: User, trade_id: UUID) -> Trade:
    found = Trade.objects.filter(pk=trade_id, owner=owner).defer("search").select_related("account__connection")
    trade = found.order_by().first()
    if trade is None:
        raise Http404
    if trade.status != TradeStatus.ACTIVE:
        raise OrderError("not_open", "This trade has no open position.", "trade")
    return trade


def _held(desk: Desk, market: Market, symbol: str) -> _Position:
    """The position under the account's lock. Raises OrderError (nothing_held) for an empty one."""
    holding = holding_of(desk.account, desk.connection, symbol)
    if not holding.quantity:
        raise OrderError("nothing_held", f"There is no open position in {symbol}.", "symbol")
    return _Position(desk, market, symbol, holding, working_in(desk, symbol))


def _refuse_closing(position: _Position) -> None:
    """A position that is being sold at the market is not sold once more."""
    for order in position.exits:
        if order.role == OrderRole.EXIT and order.type == OrderType.MARKET and order.quantity == position.size:
            raise OrderError("closing", "An order that closes this position works already.")


def _refuse_part(position: _Position, part: Decimal) -> None:
    if part <= 0:
        raise OrderError("not_positive", "The quantity must be greater than zero.", "quantity")
    if part > position.size:
        sentence = f"You hold {position.size.normalize():f}: give at most that many."
        raise OrderError("exceeds_position", sentence, "quantity")


def _refuse_met(position: _Position, price: Decimal) -> None:
    """A stop the market has passed already would sell at once."""
    quote = position.market.quote_state()
    if quote is None:
        return
    is_long = position.side is Side.SELL
    if price >= quote.bid if is_long else price <= quote.ask:
        word, at = ("below", quote.bid) if is_long else ("above", quote.ask)
        raise OrderError("stop_wrong_side", f"The stop belongs {word} the market's {at.normalize():f}.", "price")


def _reduce(position: _Position, part: Decimal, *, key: UUID) -> Order:
    """Close a part, or all of it, and protect what stays as it was protected."""
    stop, target = position.price_of(OrderRole.STOP_LOSS, "stop_price"), _target(position)
    trail = position.price_of(OrderRole.STOP_LOSS, "trail_percent")
    released = _make_room(position, part)
    order = _write(position, part, key=key, released=released, type=OrderType.MARKET)
    rest = position.size - part
    if rest and released and (stop or trail or target):
        _write(
            position,
            rest,
            key=uuid5(key, "rest"),
            released=released,
            **_protection(stop=None if trail else stop, trail=trail, target=target, is_whole=rest % 1 == 0),
        )
    return order


def _target(position: _Position) -> Decimal | None:
    return position.price_of(OrderRole.TAKE_PROFIT, "limit_price")


def _protect(position: _Position, *, stop: Decimal, key: UUID) -> Order:
    """Place a stop for all of the position, with the target that works already."""
    target = _target(position)
    released = _make_room(position, position.size)
    terms = _protection(stop=stop, trail=None, target=target, is_whole=position.size % 1 == 0)
    return _write(position, position.size, key=key, released=released, **terms)


def _protection(
    *, stop: Decimal | None, trail: Decimal | None, target: Decimal | None, is_whole: bool
) -> dict[str, Any]:
    """The terms of exits with these prices. Parts of a share take one simple order that ends with the day."""
    lasting = TimeInForce.GTC if is_whole else TimeInForce.DAY
    if stop is not None and target is not None and is_whole:
        return {
            "type": OrderType.LIMIT,
            "order_class": OrderClass.OCO,
            "time_in_force": lasting,
            "stop_loss": StopLoss(stop),
            "take_profit": TakeProfit(target),
        }
    if trail is not None:
        return {"type": OrderType.TRAILING_STOP, "trail_percent": trail, "time_in_force": lasting}
    if stop is not None:
        return {"type": OrderType.STOP, "stop_price": stop, "time_in_force": lasting}
    return {"type": OrderType.LIMIT, "limit_price": target, "time_in_force": lasting}


def _make_room(position: _Position, part: Decimal) -> list[Order]:
    """Cancel what is in the way of so many units: exits that hold them, and entries that would add to them."""
    released = [*position.entries]
    holding = [order for order in position.exits if order.role != OrderRole.EXIT or order.type != OrderType.MARKET]
    if part > position.size - _units(position.exits):
        released += holding
    for order in released:
        if order.status in UNSENT and order.parent_id is not None:
            continue  # goes with the order it belongs to
        if order.cancel_asked_at is None:
            cancel_ask(order, now=position.market.now, reason="position_closed")
    return released


def _units(exits: Sequence[Order]) -> Decimal:
    """Units these exits hold; of a group once."""
    groups: dict[UUID, Decimal] = {}
    for order in exits:
        group = order.parent_id or order.pk
        groups[group] = max(groups.get(group, Decimal(0)), order.quantity - order.filled_quantity)
    return sum(groups.values(), Decimal(0))


def _write(position: _Position, quantity: Decimal, *, key: UUID, released: Sequence[Order], **terms: Any) -> Order:
    """Write an exit; it waits where orders that were cancelled for it are still at the broker."""
    trade = position.holding.trade
    given = OrderInput(
        account_id=position.desk.account.pk,
        symbol=position.symbol,
        side=position.side.value,
        quantity=quantity,
        trade_id=trade.pk if trade else None,
        asset_class=trade.asset_class if trade else _asset_class(position),
        **terms,
    )
    market, desk = position.market, position.desk
    checked = order_check(desk, given, market, now=market.now, without_orders=[order.pk for order in released])
    waits = any(order.status not in UNSENT and order.done_at is None for order in released)
    columns: dict[str, Any] = {}
    if waits and not checked.breaches:
        columns = {
            "status": "queued",
            "send_after": checked.send_after or market.now,
            "reason_code": WAITS_FOR_EXITS,
            "reason_detail": WAITING_SENTENCE,
        }
    return order_write(desk, given, checked, creation_key=key, now=market.now, **columns)


def _asset_class(position: _Position) -> str:
    found = BrokerPosition.objects.filter(connection=position.desk.connection, symbol=position.symbol)
    return found.values_list("asset_class", flat=True).first() or "stock"


def _working_stop(position: _Position) -> Order | None:
    """The newest stop order that protects the position."""
    found = [order for order in position.exits if order.role == OrderRole.STOP_LOSS and order.status not in UNSENT]
    return found[-1] if found else None


def _moved_limit(stop: Order, price: Decimal) -> Decimal | None:
    """A stop-limit keeps the distance of its limit."""
    if stop.limit_price is None or stop.stop_price is None:
        return None
    return stop.limit_price + price - stop.stop_price
