"""Alpaca behind the interface of brokers.base; also the stand-in exchange, which speaks the same protocol."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import quote as quoted

from brokers.alpaca import config, mapping, prices
from brokers.alpaca.client import AlpacaClient, later
from brokers.alpaca.failures import keys_for, wrong_environment
from brokers.alpaca.listing import activities_to_the_end, at, orders_to_the_end, pages_to_the_end
from brokers.alpaca.parsing import rows
from brokers.alpaca.symbols import is_crypto, is_option, theirs
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
from brokers.errors import NoMarketData, OutcomeUnknown, UnknownOrder, Unsupported
from brokers.http import Gate
from trenddojo.domain.orders import OrderClass

Result = TypeVar("Result")

# Executions this young may still get neighbours that are listed before them: they are read again next time.
UNSETTLED: Final = timedelta(seconds=60)
# Fees are booked days later, under the day they belong to.
CASH_AGAIN: Final = timedelta(days=10)
# Without a subscription the consolidated tape is free once it is a quarter of an hour old.
TAPE_DELAY: Final = timedelta(minutes=16)
TIMEFRAMES: Final = frozenset({"1Min", "5Min", "15Min", "1Hour", "1Day"})


class AlpacaAdapter(BrokerAdapter):
    """One account at Alpaca."""

    capabilities = config.CAPABILITIES

    def __init__(self, settings: ConnectionSettings, gate: Gate | None = None) -> None:
        self._client = AlpacaClient(settings, gate)
        self._keys_for = keys_for(settings)
        self._feed = settings.data_feed or config.DEFAULT_FEED

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> OrderReport:
        refuse_unsupported(self.capabilities, request.terms, request.asset_class)
        report = mapping.order_report(self._client.post(config.ORDERS, mapping.order_body(request)))
        if report.client_order_id != request.client_order_id:
            raise OutcomeUnknown("Alpaca answered about another order.", code="wrong_order")
        return report

    def cancel(self, ref: OrderRef) -> None:
        self._client.delete(self._path(ref))

    def replace(self, ref: OrderRef, changes: OrderChanges) -> OrderReport:
        return mapping.order_report(self._client.patch(self._path(ref), mapping.changes_body(changes)))

    def order(self, ref: OrderRef) -> OrderReport | None:
        if ref.broker_order_id:
            return self._order(_path_of(ref.broker_order_id), {"nested": "true"})
        found = self._order(config.ORDER_BY_CLIENT_ID, {"client_order_id": ref.client_order_id})
        if found is None or found.legs or found.order_class is OrderClass.SIMPLE:
            return found
        # This address knows no legs. Whatever the other one says, the order is known.
        return self._order(_path_of(found.broker_order_id), {"nested": "true"}) or found

    def orders(self, since: datetime | None = None) -> Sequence[OrderReport]:
        found = list(_read(lambda: list(self._orders({"status": "open"}))))
        if since is None:
            return found
        seen = {report.broker_order_id for order in found for report in (order, *order.legs)}
        newer = _read(lambda: list(self._orders({"status": "all", "after": at(since)})))
        return [*found, *(report for report in newer if report.broker_order_id not in seen)]

    def fills(self, since: datetime | None = None, cursor: str = "") -> Sequence[FillReport]:
        params: dict[str, str | int] = {"page_token": cursor} if cursor else {}
        if since is not None and not cursor:
            params["after"] = at(since)
        raw = activities_to_the_end(lambda page: self._client.get(config.FILLS, page), params)
        found = _read(lambda: [mapping.fill_report(activity) for activity in raw])
        return list(_with_cursors(found, cursor, settled_until=datetime.now(UTC) - UNSETTLED))

    # -- the account --------------------------------------------------------------------------------------------------

    def verify(self) -> AccountReport:
        # Behind an address of the desk's own both kinds may work: live keys must not trade as paper, without a switch.
        if self._keys_for:
            raise wrong_environment(self._keys_for)
        return self.account()

    def account(self) -> AccountReport:
        return _read(lambda: mapping.account_report(self._client.account(config.ACCOUNT)))

    def positions(self) -> Sequence[PositionReport]:
        return _read(lambda: [mapping.position_report(raw) for raw in rows(self._client.get(config.POSITIONS))])

    def cash_movements(self, since: date, cursor: str = "") -> Sequence[CashReport]:
        """Also gives again what was booked for the ten days before the cursor: take each `activity_id` once."""
        start = max(since, (_day_of(cursor) or since) - CASH_AGAIN)
        kinds = ",".join(sorted(mapping.CASH_KINDS.keys() | mapping.CASH_BOTH_WAYS))
        params: dict[str, str | int] = {
            "activity_types": kinds,
            "after": (start - timedelta(days=1)).isoformat(),
        }
        raw = activities_to_the_end(lambda page: self._client.get(config.ACTIVITIES, page), params)
        found = _read(lambda: [mapping.cash_report(activity) for activity in raw])
        return [report for report in found if report and report.moved_on >= start]

    # -- the market ---------------------------------------------------------------------------------------------------

    def clock(self) -> ClockReport:
        return _read(lambda: mapping.clock_report(self._client.account(config.CLOCK)))

    def quote(self, symbol: str) -> QuoteReport:
        found = self.quotes([symbol]).get(symbol)
        if found is None:
            sentence = f"There is no usable quote for {symbol}: bid or ask is missing or they are crossed."
            raise NoMarketData(sentence, code="no_quote")
        return found

    def quotes(self, symbols: Sequence[str]) -> dict[str, QuoteReport]:
        by_their_name = {theirs(symbol): symbol for symbol in symbols}
        found: dict[str, QuoteReport] = {}
        for path, chosen in _by_market(list(by_their_name), config.LATEST_QUOTES):
            for some in _in_parts(chosen, config.SYMBOLS_A_REQUEST):
                answer = self._client.data(path, {"symbols": ",".join(some), **self._feed_of(path, self._feed)})
                found |= _read(lambda answer=answer: prices.quotes_from(answer))  # type: ignore[misc]
        return {
            by_their_name[name]: replace(report, symbol=by_their_name[name])
            for name, report in found.items()
            if name in by_their_name
        }

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Sequence[BarReport]:
        if timeframe not in TIMEFRAMES:
            raise Unsupported(f"There are no bars of “{timeframe}”.", code="timeframe")
        path = _by_market([theirs(symbol)], config.BARS)[0][0]
        feed = config.PAST_OF_FEED.get(self._feed, self._feed)
        params: dict[str, str | int] = {
            "symbols": theirs(symbol),
            "timeframe": timeframe,
            "start": at(start),
            "end": at(end if feed == self._feed else min(end, datetime.now(UTC) - TAPE_DELAY)),
            "limit": config.BARS_A_PAGE,
            "sort": "asc",
            **self._feed_of(path, feed),
        }
        if path == config.BARS["stocks"]:
            params["adjustment"] = "raw"
        pages = pages_to_the_end(lambda page: self._client.data(path, page), params, prices.next_page)
        bars = _read(lambda: [bar for page in pages for bar in prices.bars_from(page, theirs(symbol))])
        return [replace(bar, symbol=symbol) for bar in bars]

    def splits(self, symbol: str, start: date, end: date) -> Sequence[SplitReport]:
        if is_crypto(symbol) or is_option(symbol):
            return []
        params: dict[str, str | int] = {
            "symbols": theirs(symbol),
            "types": "forward_split,reverse_split",
            "start": start.isoformat(),
            "end": end.isoformat(),
            "limit": config.ACTIONS_A_PAGE,
        }
        pages = pages_to_the_end(
            lambda page: self._client.data(config.CORPORATE_ACTIONS, page), params, prices.next_page
        )
        return _read(lambda: [split for page in pages for split in prices.splits_from(page, theirs(symbol))])

    # -- how ----------------------------------------------------------------------------------------------------------

    def _orders(self, params: dict[str, str | int]) -> Iterator[OrderReport]:
        return orders_to_the_end(lambda page: self._client.get(config.ORDERS, page), params)

    def _order(self, path: str, params: dict[str, str | int]) -> OrderReport | None:
        try:
            raw = self._client.get(path, params)
        except UnknownOrder:
            return None
        return _read(lambda: mapping.order_report(raw))

    def _path(self, ref: OrderRef) -> str:
        """Where the order is changed: by the broker's id, which is looked up where only ours is known."""
        if ref.broker_order_id:
            return _path_of(ref.broker_order_id)
        found = self._order(config.ORDER_BY_CLIENT_ID, {"client_order_id": ref.client_order_id})
        if found is None:
            raise UnknownOrder("Alpaca does not know this order.", code="unknown_order")
        return _path_of(found.broker_order_id)

    def _feed_of(self, path: str, feed: str) -> dict[str, str]:
        return {"feed": feed} if path.startswith("/v2/stocks") else {}


class StandInAdapter(AlpacaAdapter):
    """One account at the stand-in exchange."""

    capabilities = config.STAND_IN_CAPABILITIES


def _path_of(broker_order_id: str) -> str:
    return f"{config.ORDERS}/{quoted(broker_order_id, safe='')}"


def _read(parse: Callable[[], Result]) -> Result:
    """A question may be asked again when its answer cannot be read."""
    try:
        return parse()
    except OutcomeUnknown as problem:
        raise later(problem) from None


def _with_cursors(fills: Sequence[FillReport], start: str, *, settled_until: datetime) -> Iterator[FillReport]:
    """Where to go on reading after each fill: behind the last one that can get no more neighbours before it."""
    cursor, is_settled = start, True
    for fill in fills:
        is_settled = is_settled and fill.executed_at <= settled_until
        cursor = fill.cursor if is_settled else cursor
        yield replace(fill, cursor=cursor)


def _by_market(symbols: list[str], paths: dict[str, str]) -> list[tuple[str, list[str]]]:
    """The symbols of each market with its address."""
    markets = {
        "crypto": [symbol for symbol in symbols if is_crypto(symbol)],
        "options": [symbol for symbol in symbols if is_option(symbol)],
        "stocks": [symbol for symbol in symbols if not is_crypto(symbol) and not is_option(symbol)],
    }
    return [(paths[market], chosen) for market, chosen in markets.items() if chosen]


def _in_parts(symbols: list[str], size: int) -> list[list[str]]:
    return [symbols[start : start + size] for start in range(0, len(symbols), size)]


def _day_of(activity_id: str) -> date | None:
    """Ids of activities begin with the day."""
    try:
        return datetime.strptime(activity_id[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
