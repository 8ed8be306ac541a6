"""The words of the exchange: what goes in, what is kept and what comes out.

Money, prices and quantities are Decimal, times are aware and in UTC, identities are strings. A position's quantity is
negative when it is short. Nothing here knows how it is written on a wire.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from brokers.simulator.engine.words import (
    DONE,
    LISTED_OPEN,
    OrderClass,
    OrderType,
    Side,
    Status,
    TimeInForce,
    UpdateKind,
)

__all__ = [
    "DONE",
    "LISTED_OPEN",
    "ZERO",
    "AccountReport",
    "Activity",
    "ActivityQuery",
    "Asset",
    "Bar",
    "ClockReport",
    "DividendRecord",
    "Event",
    "ExitDraft",
    "Order",
    "OrderChanges",
    "OrderClass",
    "OrderDraft",
    "OrderQuery",
    "OrderType",
    "Outcome",
    "PositionReport",
    "Print",
    "Quote",
    "Rejection",
    "Session",
    "Side",
    "SplitRecord",
    "Status",
    "TimeInForce",
    "TradeUpdate",
    "UpdateKind",
]

ZERO = Decimal(0)


class Rejection(Exception):
    """The exchange refuses a request, in the words Alpaca uses.

    `http_status` and `code` are what a client may rely on (`code` is None where Alpaca sends none), `message` is the
    sentence and `extra` the further fields of the answer's body.
    """

    def __init__(self, http_status: int, code: int | None, message: str, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self.message = message
        self.extra = extra or {}


@dataclass(frozen=True, slots=True)
class Asset:
    id: str
    symbol: str
    name: str
    exchange: str
    tradable: bool = True
    marginable: bool = True
    shortable: bool = True
    easy_to_borrow: bool = True
    fractionable: bool = True


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask of a symbol from `at` on; sizes in shares. A price of zero means that side has no quote."""

    symbol: str
    at: datetime
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal

    @property
    def is_tradable(self) -> bool:
        """Whether both sides are quoted and not crossed. Nothing trades against any other quote."""
        return ZERO < self.bid <= self.ask

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Print:
    """A trade of the market at large; `size` in shares, `id` unique per symbol and day."""

    symbol: str
    at: datetime
    price: Decimal
    size: Decimal
    id: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The trades of one period that begins at `at`; `seconds` is its length (60 for a live bar)."""

    symbol: str
    at: datetime
    seconds: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trade_count: int
    vwap: Decimal


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """`ratio` new shares for one old, from `at` on."""

    symbol: str
    ratio: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class DividendRecord:
    """`amount` dollars a share, paid to who held it at `at`."""

    symbol: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class ExitDraft:
    """A leg asked for with an order: `take_profit` has a limit price, `stop_loss` a stop and perhaps a limit price."""

    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """An order as a client asks for it, either by `qty` (shares) or by `notional` (dollars)."""

    symbol: str
    side: Side
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    client_order_id: str | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: ExitDraft | None = None
    stop_loss: ExitDraft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanges:
    """What a replacement changes; None leaves a field as it is. `trail` is in the unit the order trails by."""

    qty: Decimal | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    client_order_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of an account. What the facade hands out is a copy as of that moment."""

    id: str
    client_order_id: str
    account_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    order_class: OrderClass
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    position_intent: str
    status: Status
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime
    expires_at: datetime | None
    # The order's place in the queue and in listings: rising with every order of the exchange.
    sequence: int
    hwm: Decimal | None = None
    filled_qty: Decimal = ZERO
    filled_avg_price: Decimal | None = None
    # Dollars paid or received for `filled_qty`; the average price is worked out from it.
    filled_value: Decimal = ZERO
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    parent_id: str | None = None
    legs: list[str] = field(default_factory=list)
    # A stop whose price was reached trades from then on as a market order, or as a limit order at `working_limit`.
    is_triggered: bool = False
    working_limit: Decimal | None = None

    @property
    def is_done(self) -> bool:
        return self.status in DONE


@dataclass(frozen=True, slots=True)
class TradeUpdate:
    """Something happened to an order. Only fills have an execution, a price and a quantity (of this execution)."""

    account_id: str
    kind: UpdateKind
    order: Order
    at: datetime
    event_id: str
    execution_id: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    # The account's position in the symbol after this event.
    position_qty: Decimal | None = None


Event = TradeUpdate | Quote | Print | Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A line of an account's statement; its `id` sorts by time and serves as a page token.

    Fills carry the fields from `side` to `order_status`, all others `net_amount` (dollars, negative when paid).
    """

    id: str
    account_id: str
    type: str
    at: datetime
    symbol: str | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    side: Side | None = None
    fill_kind: UpdateKind | None = None
    leaves_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    order_id: str | None = None
    order_status: Status | None = None
    execution_id: str | None = None
    net_amount: Decimal | None = None
    per_share_amount: Decimal | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport:
    """A position at the latest price. Shorts have negative `qty`, `qty_available`, `market_value` and `cost_basis`."""

    asset: Asset
    qty: Decimal
    qty_available: Decimal
    avg_entry_price: Decimal
    cost_basis: Decimal
    market_value: Decimal
    current_price: Decimal
    lastday_price: Decimal
    change_today: Decimal
    unrealized_pl: Decimal
    unrealized_plpc: Decimal
    unrealized_intraday_pl: Decimal
    unrealized_intraday_plpc: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """An account at the latest prices, in dollars."""

    id: str
    account_number: str
    kind: str
    created_at: datetime
    multiplier: int
    shorting_enabled: bool
    trading_blocked: bool
    account_blocked: bool
    cash: Decimal
    equity: Decimal
    last_equity: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    last_maintenance_margin: Decimal
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable_buying_power: Decimal
    realized_pl: Decimal
    pending_fees: Decimal
    balance_asof: date


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day. Extended hours run from `pre` to `open` and from `close` to `post`."""

    day: date
    pre: datetime
    open: datetime
    close: datetime
    post: datetime


@dataclass(frozen=True, slots=True)
class ClockReport:
    at: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Which orders to list. `status` is open, closed or all; `after` and `until` are exclusive, on `submitted_at`."""

    status: str = "open"
    limit: int = 50
    after: datetime | None = None
    until: datetime | None = None
    direction: str = "desc"
    nested: bool = False
    symbols: frozenset[str] = frozenset()
    side: Side | None = None
    after_order_id: str | None = None
    before_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityQuery:
    """Which activities to list; `types` empty means all. `page_token` is the id of the last one already seen."""

    types: frozenset[str] = frozenset()
    after: datetime | None = None
    until: datetime | None = None
    day: date | None = None
    direction: str = "desc"
    page_size: int = 100
    page_token: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order or position of a request about many: an HTTP status, and the order it concerns."""

    id: str
    symbol: str
    http_status: int
    order: Order | None = None
    rejection: Rejection | None = None
