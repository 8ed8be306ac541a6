"""What an account holds in a symbol: the journal's word or the broker's, whoever spoke last."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from accounts.models import TradingAccount
from brokers.models import BrokerConnection, BrokerPosition
from trades.models import Direction, Trade
from trenddojo.statements import columns_of, made_from, models_of, rows_of

ZERO = Decimal(0)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


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
        return _with(_by_journal(trade), _untold(account, symbol, since=EVER))
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


# Only what our own orders say: those made elsewhere may be older than the journal. Brokers differ in whether a
# replacement counts what the orders before it had filled: all their fills are held against the last one's word.
_UNTOLD = """
SELECT coalesce(sum(greatest(o.filled_quantity - told.quantity, 0) * CASE o.side WHEN 'buy' THEN 1 ELSE -1 END), 0)
FROM orders o CROSS JOIN LATERAL (
    WITH RECURSIVE line AS (
        SELECT o.id, o.replaces_id
        UNION ALL SELECT p.id, p.replaces_id FROM orders p JOIN line ON p.id = line.replaces_id
    )
    SELECT coalesce(sum(f.quantity), 0) AS quantity FROM line JOIN fills f ON f.order_id = line.id
) told
WHERE o.account_id = %(account)s AND o.symbol = %(symbol)s AND o.origin = 'desk' AND o.filled_quantity > 0
    AND o.reported_at > %(since)s AND NOT EXISTS (SELECT FROM orders n WHERE n.replaces_id = o.id)
"""


def _untold(account: TradingAccount, symbol: str, *, since: datetime) -> Decimal:
    """Signed units that our orders report as filled after `since`, beyond the fills booked."""
    ((units,),) = rows_of(_UNTOLD, {"account": account.pk, "symbol": symbol, "since": since})
    return Decimal(units)


_TRADE = """
SELECT (SELECT max(f.created_at) FROM fills f WHERE f.trade_id = t.id), {columns}
FROM trades t WHERE t.account_id = %(account)s AND t.symbol = %(symbol)s AND t.status = 'active' LIMIT 1
"""


@cache
def _trade_statement() -> str:
    return _TRADE.format(columns=columns_of(Trade, "t"))


def _trade(account: TradingAccount, symbol: str) -> Trade | None:
    """The open trade in a symbol, with `last_fill_at`."""
    for last_fill_at, *columns in rows_of(_trade_statement(), {"account": account.pk, "symbol": symbol}):
        trade = made_from(iter(columns), Trade)
        trade.account, trade.last_fill_at = account, last_fill_at
        return trade
    return None


_POSITION = "connection_id = %(connection)s AND symbol = %(symbol)s LIMIT 1"


def _broker_word(connection: BrokerConnection | None, symbol: str) -> tuple[datetime, BrokerPosition | None] | None:
    """When the broker last told its positions, and the one in this symbol; None before the first sync."""
    if connection is None or connection.last_sync is None:
        return None
    given = {"connection": connection.pk, "symbol": symbol}
    position = next(iter(models_of(BrokerPosition, _POSITION, given)), None)
    return (position.as_of if position else connection.last_sync), position


def _by_journal(trade: Trade | None) -> Holding:
    if trade is None:
        return Holding()
    sign = 1 if trade.direction == Direction.LONG else -1
    return Holding(sign * trade.open_quantity, trade.open_value, trade.actual_entry, trade)
