"""What every broker can be asked, in the product's own words. Decimal and aware UTC only; no model, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, TimeInForce


class Trait(StrEnum):
    """What an order can be beside its type; a broker may allow such orders less than others."""

    CRYPTO = "crypto"
    OPTION = "option"
    FRACTION = "fraction"
    EXTENDED_HOURS = "extended_hours"
    GROUP = "group"  # bracket, oto and oco
    TRAILING = "trailing"
    AUCTION = "auction"  # opg and cls


@dataclass(frozen=True, slots=True)
class Restriction:
    """Orders with this trait are only possible so; None: as other orders are."""

    trait: Trait
    order_types: frozenset[OrderType] | None = None
    times_in_force: frozenset[TimeInForce] | None = None
    order_classes: frozenset[OrderClass] | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker can do, as data: the ticket offers it, the adapters refuse the rest, the docs are made from it."""

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    order_classes: frozenset[OrderClass]
    asset_classes: frozenset[AssetClass]
    # False: what is recorded was placed by hand somewhere else.
    places_orders: bool = True
    extended_hours: bool = False
    fractions: bool = False
    shorts: bool = False
    replaces: bool = False
    trails_by_price: bool = False
    # client_order_id: may be sent; can be asked for; a second order with the same one is refused for ever.
    sends_client_order_id: bool = True
    finds_client_order_id: bool = True
    refuses_duplicate_ids: bool = False
    streams_orders: bool = False
    quotes: bool = False
    bars: bool = False
    # Orders sent while the market is shut are kept by the broker itself.
    keeps_orders_while_closed: bool = False
    # What does not go together, although each part is possible.
    restrictions: tuple[Restriction, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order ready to send: the terms, under an id of ours that was stored before."""

    client_order_id: str
    terms: OrderTerms
    asset_class: AssetClass = AssetClass.STOCK


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """What a replacement changes; None leaves it. The replacement gets a new `client_order_id`."""

    client_order_id: str
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    time_in_force: TimeInForce | None = None


@dataclass(frozen=True, slots=True)
class OrderRef:
    """Names an order at the broker; either id may be empty, not both."""

    broker_order_id: str = ""
    client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a broker said about an order. A word we do not know is None, and never guessed; the state's is kept raw."""

    broker_order_id: str
    client_order_id: str
    symbol: str
    asset_class: AssetClass
    side: Side | None
    type: OrderType | None
    time_in_force: TimeInForce | None
    order_class: OrderClass | None
    quantity: Decimal | None
    filled_quantity: Decimal
    filled_average_price: Decimal | None
    state: OrderState | None
    raw_status: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_price: Decimal | None = None
    extended_hours: bool = False
    submitted_at: datetime | None = None
    filled_at: datetime | None = None
    updated_at: datetime | None = None
    replaces: str = ""
    replaced_by: str = ""
    reason: str = ""
    legs: tuple["OrderReport", ...] = ()


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """A push about an order: a hint. `report` is None when it could not be read; executions are pulled, not read."""

    event: str
    report: OrderReport | None
    is_execution: bool


@dataclass(frozen=True, slots=True)
class FillReport:
    """One execution. `execution_id` is unique for the connection, for ever; `cursor` is where to go on reading."""

    execution_id: str
    broker_order_id: str
    symbol: str
    asset_class: AssetClass
    side: Side
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    commission: Decimal | None = None
    fees: Decimal | None = None
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class CashReport:
    """Money that moved other than by an execution. `amount` is signed; `kind` as accounts.CashMovementKind or "fee".

    `booked_at` is the moment the broker booked it, None where it names the day only.
    """

    activity_id: str
    kind: str
    amount: Decimal
    moved_on: date
    symbol: str = ""
    description: str = ""
    booked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PositionReport:
    """What is held. `quantity` is signed: negative when short."""

    symbol: str
    asset_class: AssetClass
    quantity: Decimal
    average_price: Decimal
    market_price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`broker_account_id` tells two accounts of one trader apart. `block` is empty, or why nothing may be traded."""

    broker_account_id: str
    currency: str
    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    block: str = ""
    allows_shorts: bool = False


@dataclass(frozen=True, slots=True)
class ClockReport:
    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True)
class QuoteReport:
    """Best bid and ask, both above zero and not crossed; `at` is the quote's own time."""

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last: Decimal | None = None

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class BarReport:
    """Prices as traded, not adjusted; `start` is the beginning of the bar."""

    symbol: str
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class SplitReport:
    """`ratio` new shares for one old, from the session `effective_on` on."""

    symbol: str
    effective_on: date
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What an adapter is built from. `credentials` never show in a repr."""

    connection_id: str
    broker: str
    is_paper: bool
    base_url: str
    data_url: str = ""
    stream_url: str = ""
    # Which of a broker's price feeds the account subscribes to, in the broker's word; empty: its default.
    data_feed: str = ""
    credentials: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One thing the trader types to connect; `is_secret` fields are never shown again."""

    name: str
    label: str
    help_text: str = ""
    is_secret: bool = True


class BrokerAdapter(Protocol):
    """One connection to one broker account. Every method raises the errors of `brokers.errors` and no others.

    `submit`, `cancel` and `replace` make exactly one attempt. A report means that the broker answered.
    """

    capabilities: Capabilities

    def verify(self) -> AccountReport:
        """A cheap read that proves the credentials. Raises CredentialsInvalid, WrongEnvironment or TryLater."""
        ...

    def submit(self, request: OrderRequest) -> OrderReport: ...

    def cancel(self, ref: OrderRef) -> None:
        """Ask for the cancellation; it has not happened until a report says so. Raises NotCancelable, UnknownOrder."""
        ...

    def replace(self, ref: OrderRef, changes: OrderChanges) -> OrderReport:
        """Ask for a replacement; returns the report of the new order."""
        ...

    def order(self, ref: OrderRef) -> OrderReport | None:
        """The order with its legs, or None when the broker positively says that it does not know it."""
        ...

    def orders(self, since: datetime | None = None) -> Sequence[OrderReport]:
        """Open orders; with `since` also all that were submitted after it. Legs are inside their parents."""
        ...

    def fills(self, since: datetime | None = None, cursor: str = "") -> Sequence[FillReport]:
        """Executions, oldest first, after the cursor (or since the time); all pages.

        The newest may come again: take each `execution_id` once, and go on from the last one's `cursor`.
        """
        ...

    def cash_movements(self, since: date, cursor: str = "") -> Sequence[CashReport]:
        """Money moved since the day, or since some days before the cursor (the last `activity_id` that was taken).

        What is booked late comes under its own day: take each `activity_id` once.
        """
        ...

    def positions(self) -> Sequence[PositionReport]: ...

    def account(self) -> AccountReport: ...

    def clock(self) -> ClockReport: ...

    def quote(self, symbol: str) -> QuoteReport:
        """Raises NoMarketData where there is none that can be used."""
        ...

    def quotes(self, symbols: Sequence[str]) -> dict[str, QuoteReport]:
        """Symbols without a usable quote are absent."""
        ...

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Sequence[BarReport]:
        """Oldest first; `timeframe` is 1Min, 5Min, 15Min, 1Hour or 1Day."""
        ...

    def splits(self, symbol: str, start: date, end: date) -> Sequence[SplitReport]: ...
