"""A broker without a network: it fills at once, or does what it is scripted to do."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from brokers.base import (
    AccountReport,
    BarReport,
    BrokerAdapter,
    CashReport,
    ClockReport,
    ConnectionSettings,
    FillReport,
    OrderChanges,
    OrderRef,
    OrderReport,
    OrderRequest,
    PositionReport,
    QuoteReport,
    SplitReport,
)
from brokers.capabilities import refuse_unsupported
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    DuplicateOrder,
    MarketClosed,
    NoMarketData,
    NotCancelable,
    OutcomeUnknown,
    Refused,
    TryLater,
    UnknownOrder,
    Unsupported,
)
from brokers.http import Gate
from brokers.mock import config
from brokers.mock.book import FILLED_AT_ONCE, Book, Outcome, book_of, side_of
from trenddojo.domain.order_state import TERMINAL, OrderState
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType

A_DAY: Final = timedelta(days=1)
TWO: Final = Decimal(2)

# Raised before anything is done.
BEFORE: Final[dict[Outcome, Callable[[], BrokerError]]] = {
    Outcome.RATE_LIMITED: lambda: TryLater("The mock broker is busy.", after=2, code="rate_limited"),
    Outcome.UNREACHABLE: lambda: TryLater("The mock broker cannot be reached.", after=2, code="unreachable"),
    Outcome.BAD_KEY: lambda: CredentialsInvalid("The mock broker refuses the keys.", code="credentials_invalid"),
    Outcome.TIMEOUT_BEFORE: lambda: OutcomeUnknown("The mock broker did not answer.", code="no_answer"),
    Outcome.REJECT: lambda: Refused(
        "The mock broker refused the order: insufficient buying power.",
        code="insufficient_buying_power",
        figures={"buying_power": "80000"},
    ),
}
# The order itself goes as if nothing had been scripted.
UNSCRIPTED: Final = frozenset({None, Outcome.TIMEOUT_AFTER})
TIMEOUTS: Final = frozenset({Outcome.TIMEOUT_BEFORE, Outcome.TIMEOUT_AFTER})


class MockAdapter(BrokerAdapter):
    """One mock account. Its book is in this process (brokers.mock.book)."""

    capabilities = config.CAPABILITIES

    def __init__(self, settings: ConnectionSettings, _gate: Gate | None = None) -> None:
        self._settings = settings
        self.book: Book = book_of(settings.connection_id)

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> OrderReport:
        refuse_unsupported(self.capabilities, request.terms, request.asset_class)
        with self.book.lock:
            outcome = self._before_write("submit")
            if self.book.by_client_id(request.client_order_id):
                raise DuplicateOrder("The mock broker knows this order id already.", code="duplicate")
            if outcome is Outcome.CLOSED or not self.book.is_open:
                raise MarketClosed("The market is closed.", next_open=self.clock().next_open)
            report = self.book.add(request)
            self._work(report, outcome)
            self._after_write(outcome)
            return self.book.whole(self.book.orders[report.broker_order_id])

    def cancel(self, ref: OrderRef) -> None:
        with self.book.lock:
            outcome = self._before_write("cancel")
            order = self._known(ref)
            if order.state in TERMINAL:
                raise NotCancelable("The order is done.", code="not_cancelable")
            self.book.end(order.broker_order_id, OrderState.CANCELLED)
            self._after_write(outcome)

    def replace(self, ref: OrderRef, changes: OrderChanges) -> OrderReport:
        with self.book.lock:
            outcome = self._before_write("replace")
            old = self._known(ref)
            if old.state in TERMINAL:
                raise NotCancelable("The order is done.", code="not_replaceable")
            if self.book.by_client_id(changes.client_order_id):
                raise DuplicateOrder("The mock broker knows this order id already.", code="duplicate")
            request = OrderRequest(changes.client_order_id, _changed(old, changes), old.asset_class)
            new = self.book.add(request, replaces=old.broker_order_id)
            self.book.supersede(old, new)
            self._after_write(outcome)
            return self.book.whole(self.book.orders[new.broker_order_id])

    def order(self, ref: OrderRef) -> OrderReport | None:
        with self.book.lock:
            is_hidden = self._before_read("order") is Outcome.NOT_FOUND_YET
            found = None if is_hidden else self._find(ref)
            return self.book.whole(found) if found else None

    def orders(self, since: datetime | None = None) -> Sequence[OrderReport]:
        with self.book.lock:
            self._before_read("orders")
            return [order for order in self.book.parents() if _is_listed(order, since)]

    def fills(self, since: datetime | None = None, cursor: str = "") -> Sequence[FillReport]:
        with self.book.lock:
            self._before_read("fills")
            if cursor:
                return [fill for fill in self.book.fills if fill.cursor > cursor]
            return [fill for fill in self.book.fills if since is None or fill.executed_at > since]

    # -- the account --------------------------------------------------------------------------------------------------

    def verify(self) -> AccountReport:
        return self.account()

    def account(self) -> AccountReport:
        """The same figures always: no fill changes them."""
        self._before_read("account")
        return AccountReport(
            broker_account_id=f"MOCK-{self._settings.connection_id[:8]}",
            currency="USD",
            equity=config.EQUITY,
            cash=config.CASH,
            buying_power=config.BUYING_POWER,
            allows_shorts=True,
        )

    def positions(self) -> Sequence[PositionReport]:
        with self.book.lock:
            self._before_read("positions")
            return self.book.positions()

    def cash_movements(self, since: date, cursor: str = "") -> Sequence[CashReport]:
        self._before_read("cash_movements")
        return [report for report in self.book.cash if report.moved_on >= since]

    # -- the market ---------------------------------------------------------------------------------------------------

    def clock(self) -> ClockReport:
        now = self.book.now()
        return ClockReport(now, self.book.is_open, next_open=now + A_DAY, next_close=now + A_DAY)

    def quote(self, symbol: str) -> QuoteReport:
        self._before_read("quote")
        found = self._quote(symbol)
        if found is None:
            raise NoMarketData(f"There is no usable quote for {symbol}.", code="no_quote")
        return found

    def quotes(self, symbols: Sequence[str]) -> dict[str, QuoteReport]:
        self._before_read("quotes")
        found = {symbol: self._quote(symbol) for symbol in symbols}
        return {symbol: report for symbol, report in found.items() if report}

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Sequence[BarReport]:
        raise Unsupported("The mock broker has no bars.", code="bars")

    def splits(self, symbol: str, start: date, end: date) -> Sequence[SplitReport]:
        return []

    # -- how ----------------------------------------------------------------------------------------------------------

    def _quote(self, symbol: str) -> QuoteReport | None:
        bid, ask = self.book.quote(symbol)
        return QuoteReport(symbol, bid, ask, self.book.now(), last=self.book.price(symbol)) if 0 < bid <= ask else None

    def _work(self, order: OrderReport, outcome: Outcome | None) -> None:
        """Let happen to a new order what the script says, or what happens by itself."""
        key = order.broker_order_id
        if outcome is Outcome.REJECT_LATER:
            self.book.end(key, OrderState.REJECTED)
        elif outcome is Outcome.UNKNOWN_STATUS:
            self.book.mystify(order)
        elif outcome is Outcome.PARTIAL and order.quantity:
            self.book.fill(key, order.quantity // TWO or order.quantity / TWO)
        elif outcome is Outcome.FILL or (outcome in UNSCRIPTED and _fills_at_once(order)):
            self.book.fill(key)

    def _before_write(self, verb: str) -> Outcome | None:
        outcome = self.book.next_outcome(verb)
        _raise_for(outcome)
        return outcome

    def _after_write(self, outcome: Outcome | None) -> None:
        if outcome is Outcome.TIMEOUT_AFTER:
            raise OutcomeUnknown("The mock broker did not answer.", code="no_answer")

    def _before_read(self, verb: str) -> Outcome | None:
        outcome = self.book.next_outcome(verb)
        if outcome in TIMEOUTS:
            raise TryLater("The mock broker did not answer.", after=2, code="no_answer")
        _raise_for(outcome)
        return outcome

    def _find(self, ref: OrderRef) -> OrderReport | None:
        if ref.broker_order_id:
            return self.book.orders.get(ref.broker_order_id)
        return self.book.by_client_id(ref.client_order_id)

    def _known(self, ref: OrderRef) -> OrderReport:
        found = self._find(ref)
        if found is None:
            raise UnknownOrder("The mock broker does not know this order.", code="unknown_order")
        return found


def _raise_for(outcome: Outcome | None) -> None:
    if outcome in BEFORE:
        error = BEFORE[outcome]()
        raise error


def _is_listed(order: OrderReport, since: datetime | None) -> bool:
    if order.state not in TERMINAL or any(leg.state not in TERMINAL for leg in order.legs):
        return True
    return since is not None and order.submitted_at is not None and order.submitted_at > since


def _fills_at_once(order: OrderReport) -> bool:
    """A pair of exits waits for its price."""
    return order.type in FILLED_AT_ONCE and order.order_class is not OrderClass.OCO


def _changed(old: OrderReport, changes: OrderChanges) -> OrderTerms:
    """The terms of the order that replaces this one; it takes over the legs."""

    def either(name: str) -> Decimal | None:
        found: Decimal | None = getattr(changes, name) or getattr(old, name)
        return found

    return OrderTerms(
        symbol=old.symbol,
        side=side_of(old),
        type=old.type or OrderType.MARKET,
        quantity=either("quantity") or Decimal(0),
        limit_price=either("limit_price"),
        stop_price=either("stop_price"),
        trail_percent=either("trail_percent"),
        trail_price=old.trail_price,
        time_in_force=changes.time_in_force or old.time_in_force,  # type: ignore[arg-type]
        extended_hours=old.extended_hours,
        order_class=old.order_class or OrderClass.SIMPLE,
    )
