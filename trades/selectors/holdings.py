"""What an account holds in a symbol: the journal's word or the broker's, whoever spoke last."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, F, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts.models import TradingAccount
from brokers.models import BrokerConnection, BrokerPosition
from trades.models import Direction, Fill, Order, Trade, TradeStatus
from trades.models.order import OrderOrigin

ZERO = Decimal(0)
NOTHING = Value(ZERO, output_field=DecimalField(max_digits=20, decimal_places=9))


@dataclass(frozen=True, slots=True)
class Holding:
    """`quantity` is signed, `value` what it is worth to the limits in money, `trade` the journal's trade of it.

    `price` is the last price the broker told, or the average paid; None when nothing is held.
    """

    quantity: Decimal = ZERO
    value: Decimal = ZERO
    price: Decimal | None = None
    trade: Trade | None = None


def holding_of(account: TradingAccount, connection: BrokerConnection | None, symbol: str) -> Holding:
    """What is held now, with what orders say is filled and no fill tells yet. Three queries."""
    trade = _trade(account, symbol)
    sync = _broker_word(connection, symbol)
    if sync is None or (trade is not None and trade.last_fill_at is not None and trade.last_fill_at > sync[0]):
        return _with(_by_journal(trade), _untold(account, symbol, since=None))
    held = _by_broker(sync[1], trade)
    return _with(held, _untold(account, symbol, since=sync[0]))


def _by_broker(position: BrokerPosition | None, trade: Trade | None) -> Holding:
    if position is None:
        return Holding(trade=trade)
    price = position.market_price or position.average_price
    value = abs(position.quantity) * price * (trade.multiplier if trade else 1)
    return Holding(position.quantity, max(value, trade.open_value if trade else ZERO), price, trade)


def _with(held: Holding, untold: Decimal) -> Holding:
    return replace(held, quantity=held.quantity + untold) if untold else held


def _untold(account: TradingAccount, symbol: str, *, since: datetime | None) -> Decimal:
    """Signed units that our orders report as filled, since the broker told its positions, beyond the fills booked."""
    ours = Order.objects.filter(account=account, symbol=symbol, origin=OrderOrigin.DESK)
    filled = ours.filter(filled_quantity__gt=0, reported_at__isnull=False)
    if since is not None:
        filled = filled.filter(reported_at__gt=since)
    told = Fill.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=Sum("quantity"))
    open_ones = filled.annotate(told=Coalesce(Subquery(told.values("sum")), NOTHING)).exclude(filled_quantity=F("told"))
    rows = open_ones.order_by().values_list("side", "filled_quantity", "told")
    return sum(((filled - told) * (1 if side == "buy" else -1) for side, filled, told in rows), ZERO)


def _trade(account: TradingAccount, symbol: str) -> Trade | None:
    last = Fill.objects.filter(trade=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    found = Trade.objects.filter(account=account, symbol=symbol, status=TradeStatus.ACTIVE).defer("search")
    trade = found.annotate(last_fill_at=Subquery(last)).order_by().first()
    if trade is not None:
        trade.account = account
    return trade


def _broker_word(connection: BrokerConnection | None, symbol: str) -> tuple[datetime, BrokerPosition | None] | None:
    """When the broker last told its positions, and the one in this symbol; None before the first sync."""
    if connection is None or connection.last_sync is None:
        return None
    position = BrokerPosition.objects.filter(connection=connection, symbol=symbol).first()
    return (position.as_of if position else connection.last_sync), position


def _by_journal(trade: Trade | None) -> Holding:
    if trade is None:
        return Holding()
    sign = 1 if trade.direction == Direction.LONG else -1
    return Holding(sign * trade.open_quantity, trade.open_value, trade.actual_entry, trade)
