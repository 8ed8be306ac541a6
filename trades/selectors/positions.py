"""The broker's positions beside the journal's, with what they are worth now and whether a stop works for them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Max, Q
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection, BrokerPosition, Quote
from trades.models import Direction, Fill, Order, Trade, TradeStatus
from trades.selectors.families import family
from trenddojo.domain.money import cents, rounded_price
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderRole, OrderType
from trenddojo.domain.reconciliation import PositionState, position_state

ZERO = Decimal(0)
# A price told longer ago than this is marked as old wherever it is shown.
OLD_SECONDS = 60
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_AT_WORK = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


class Key(NamedTuple):
    """One instrument in one account; brokers call ETFs stocks."""

    account_id: UUID
    symbol: str
    family: str


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One position. Quantities are signed, negative when short; broker's figures are None where no broker tells.

    `difference` is what the journal lacks. `market_price` was true at `priced_at`; unrealised figures are None without
    a price, and in R also without an initial risk. `working_stop` is the price of the stop order that works, or for an
    account without a broker the trade's stop.
    """

    account: TradingAccount
    connection: BrokerConnection | None
    symbol: str
    asset_class: str
    trade: Trade | None
    broker_quantity: Decimal | None
    broker_average: Decimal | None
    journal_quantity: Decimal
    journal_average: Decimal | None
    market_price: Decimal | None
    priced_at: datetime | None
    age_seconds: int | None
    unrealized_pnl: Decimal | None
    unrealized_r: Decimal | None
    working_stop: Decimal | None
    stop_quantity: Decimal
    as_of: datetime | None
    # False: something was executed since the broker told what is held, so its word is not held against the journal.
    is_settled: bool
    state: PositionState

    @property
    def is_old(self) -> bool:
        """Whether the price is too old to be taken for the present one."""
        return self.age_seconds is not None and self.age_seconds > OLD_SECONDS

    @property
    def is_by_hand(self) -> bool:
        """No broker to compare it with, and nothing is missing."""
        return self.connection is None and self.state is PositionState.MATCHED

    @property
    def difference(self) -> Decimal:
        return self.quantity - self.journal_quantity

    @property
    def quantity(self) -> Decimal:
        """What is held, by the broker's word where there is one and nothing was executed since."""
        if self.broker_quantity is None or not self.is_settled:
            return self.journal_quantity
        return self.broker_quantity


def positions_compared(
    owner: User, account: TradingAccount | None = None, *, now: datetime | None = None
) -> list[PositionLine]:
    """Every position of the owner, or of one account of theirs, by account and symbol; six queries."""
    accounts = TradingAccount.objects.filter(owner=owner, is_archived=False)
    accounts = accounts.filter(pk=account.pk) if account else accounts
    found = {one.pk: one for one in accounts.select_related("connection")}
    sources = _Sources(found)
    lines = [_line(key, sources, now=now or timezone.now()) for key in sources.positions()]
    # What was closed since the broker told what is held is no position any more.
    return [line for line in lines if line.quantity or line.journal_quantity]


class _Sources:
    """What the lines are made of."""

    def __init__(self, accounts: dict[UUID, TradingAccount]) -> None:
        self.accounts = accounts
        linked = {connection.pk: pk for pk, one in accounts.items() if (connection := getattr(one, "connection", None))}
        held = BrokerPosition.objects.filter(connection__in=linked)
        self.broker = {_key(linked[row.connection_id], row): row for row in held}
        active = Trade.objects.filter(account__in=accounts, status=TradeStatus.ACTIVE).defer("search")
        self.trades = {_key(trade.account_id, trade): trade for trade in active}
        self.stops = _working_stops(accounts)
        self.moved = _moved(
            accounts, [row.as_of for row in held] + [one for one in map(_last_sync, accounts.values()) if one]
        )
        self.quotes = _quotes(self.accounts, self.positions())

    def positions(self) -> list[Key]:
        order = {pk: place for place, pk in enumerate(self.accounts)}
        return sorted(self.broker.keys() | self.trades.keys(), key=lambda key: (order[key.account_id], key[1:]))

    def connection(self, key: Key) -> BrokerConnection | None:
        return getattr(self.accounts[key.account_id], "connection", None)


def _key(account_id: UUID, row: BrokerPosition | Trade | Order) -> Key:
    return Key(account_id, row.symbol, family(row.asset_class))


def _last_sync(account: TradingAccount) -> datetime | None:
    connection = getattr(account, "connection", None)
    return connection.last_sync if connection else None


def _moved(accounts: Iterable[UUID], told_at: Sequence[datetime]) -> dict[Key, datetime]:
    """When something was last executed, as far as that is later than the oldest word of a broker."""
    since = min(told_at, default=None)
    if since is None:
        return {}
    names = ("account_id", "trade__symbol", "trade__asset_class")
    fills = Fill.objects.filter(account__in=accounts, executed_at__gt=since).order_by()
    found: dict[Key, datetime] = {}
    for account_id, symbol, asset_class, at in fills.values_list(*names).annotate(at=Max("executed_at")):
        key = Key(account_id, symbol, family(asset_class))
        found[key] = max(at, found.get(key, at))
    return found


def _working_stops(accounts: Iterable[UUID]) -> dict[Key, list[Order]]:
    found: dict[Key, list[Order]] = defaultdict(list)
    stops = Order.objects.filter(
        Q(role=OrderRole.STOP_LOSS) | Q(role=OrderRole.EXIT, type__in=_STOPS),
        account__in=accounts,
        status__in=_AT_WORK,
    )
    for order in stops.order_by("submitted_at", "created_at"):
        found[_key(order.account_id, order)].append(order)
    return found


def _quotes(accounts: dict[UUID, TradingAccount], keys: Iterable[Key]) -> dict[tuple[str, str], Quote]:
    symbols = {key.symbol for key in keys}
    feeds = {connection.feed for one in accounts.values() if (connection := getattr(one, "connection", None))}
    rows = Quote.objects.filter(feed__in=feeds, symbol__in=symbols)
    return {(row.feed, row.symbol): row for row in rows}


def _line(key: Key, sources: _Sources, *, now: datetime) -> PositionLine:
    account, connection = sources.accounts[key.account_id], sources.connection(key)
    trade, row = sources.trades.get(key), sources.broker.get(key)
    journal = _signed(trade)
    as_of = row.as_of if row else (connection.last_sync if connection else None)
    told = (row.quantity if row else ZERO) if connection and as_of else None
    is_settled = as_of is None or sources.moved.get(key, as_of) <= as_of
    held = journal if told is None or not is_settled else told
    average = _average(trade)
    price, priced_at = _price(row, sources.quotes.get((connection.feed if connection else "", key.symbol)))
    stop, covered = _stop(trade, connection, sources.stops[key], quantity=held)
    entry, quantity = (average, journal) if trade else (row.average_price if row else None, held)
    gain = _gain(quantity, entry, price, trade.multiplier if trade else Decimal(1))
    return PositionLine(
        account=account,
        connection=connection,
        symbol=key.symbol,
        asset_class=trade.asset_class if trade else key.family,
        trade=trade,
        broker_quantity=told,
        broker_average=row.average_price if row else None,
        journal_quantity=journal,
        journal_average=average,
        market_price=price,
        priced_at=priced_at,
        age_seconds=max(0, int((now - priced_at).total_seconds())) if priced_at else None,
        unrealized_pnl=gain,
        unrealized_r=_in_r(gain, trade),
        working_stop=stop,
        stop_quantity=covered,
        as_of=as_of,
        is_settled=is_settled,
        state=position_state(journal, held, covered=covered),
    )


def _signed(trade: Trade | None) -> Decimal:
    if trade is None:
        return ZERO
    return trade.open_quantity if trade.direction == Direction.LONG else -trade.open_quantity


def _average(trade: Trade | None) -> Decimal | None:
    """What the open rest was entered at, as its account's cost method says."""
    if trade is None or not trade.open_quantity:
        return None
    return rounded_price(trade.open_value / trade.open_quantity / trade.multiplier)


def _price(row: BrokerPosition | None, quote: Quote | None) -> tuple[Decimal | None, datetime | None]:
    """The newest price anybody told, and when it was true."""
    if quote is not None and (row is None or row.market_price is None or quote.at >= row.as_of):
        return (quote.bid + quote.ask) / 2, quote.at
    if row is not None and row.market_price is not None:
        return row.market_price, row.as_of
    return None, None


def _stop(
    trade: Trade | None, connection: BrokerConnection | None, stops: Iterable[Order], *, quantity: Decimal
) -> tuple[Decimal | None, Decimal]:
    """The stop in force and the quantity it covers; without a broker the trader's own stop covers everything."""
    if connection is None:
        stop = trade.stop_loss if trade else None
        return stop, abs(quantity) if stop is not None else ZERO
    closing = "sell" if quantity > 0 else "buy"
    working = [order for order in stops if order.side == closing]
    covered = sum((order.quantity - order.filled_quantity for order in working), ZERO)
    return (working[-1].stop_price if working else None), covered


def _gain(quantity: Decimal, entry: Decimal | None, price: Decimal | None, multiplier: Decimal) -> Decimal | None:
    if entry is None or price is None or not quantity:
        return None
    return cents((price - entry) * quantity * multiplier)


def _in_r(gain: Decimal | None, trade: Trade | None) -> Decimal | None:
    if gain is None or trade is None or not trade.initial_risk:
        return None
    return round(gain / trade.initial_risk, 2)
