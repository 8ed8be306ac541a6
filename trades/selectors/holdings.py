"""What an account holds in a symbol: the journal's word or the broker's, whoever spoke last."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, Subquery

from accounts.models import TradingAccount
from brokers.models import BrokerConnection, BrokerPosition
from trades.models import Direction, Fill, Trade, TradeStatus

ZERO = Decimal(0)


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
    """Two queries."""
    trade = _trade(account, symbol)
    sync = _broker_word(connection, symbol)
    if sync is None or (trade is not None and trade.last_fill_at is not None and trade.last_fill_at > sync[0]):
        return _by_journal(trade)
    position = sync[1]
    if position is None:
        return Holding(trade=trade)
    price = position.market_price or position.average_price
    value = abs(position.quantity) * price * (trade.multiplier if trade else 1)
    return Holding(position.quantity, max(value, trade.open_value if trade else ZERO), price, trade)


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
