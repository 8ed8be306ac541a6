"""Alpaca's market data paths below /v2/stocks."""

import base64
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from brokers.simulator import data_wire, parsing, wire
from brokers.simulator.engine.types import Asset, Bar, Print, Quote, Rejection
from brokers.simulator.errors import ApiError, bad_data_request
from brokers.simulator.floor import Floor

FEEDS = frozenset({"iex", "sip", "delayed_sip", "otc", "boats", "overnight"})
ADJUSTMENTS = {"raw": "raw", "split": "split", "dividend": "raw", "all": "split"}
USUAL_LIMIT, HIGHEST_LIMIT = 1_000, 10_000
LOOKS_BACK = timedelta(days=30)
Item = Quote | Print | Bar
Fields = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a page begins: in this symbol, at this moment, after so many items of the same moment."""

    symbol: str
    at: datetime
    seen: int

    def token(self) -> str:
        return base64.urlsafe_b64encode(f"{self.symbol}|{self.at.isoformat()}|{self.seen}".encode()).decode()


class DataApi:
    """Latest data, history and snapshots; for many symbols by ?symbols=, or for one in the path."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        # The plural is what lists are named, the singular what the latest of one symbol is named.
        self.kinds: dict[str, tuple[str, Callable[[str], Item | None]]] = {
            "quotes": ("quote", floor.exchange.latest_quote),
            "trades": ("trade", floor.exchange.latest_trade),
            "bars": ("bar", floor.exchange.latest_bar),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/stocks/snapshots", self.snapshots),
            web.get("/v2/stocks/{kind:quotes|trades|bars}/latest", self.latest),
            web.get("/v2/stocks/{kind:quotes|trades|bars}", self.history),
            web.get("/v2/stocks/{symbol}/snapshot", self.snapshot),
            web.get("/v2/stocks/{symbol}/{kind:quotes|trades|bars}/latest", self.latest_of_one),
            web.get("/v2/stocks/{symbol}/{kind:quotes|trades|bars}", self.history_of_one),
        ]

    # --- latest ------------------------------------------------------------------------------------------------------

    async def latest(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        kind = request.match_info["kind"]
        return web.json_response({kind: self._latest(kind, _symbols(request))})

    async def latest_of_one(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        kind, symbol = request.match_info["kind"], request.match_info["symbol"].upper()
        singular, _ = self.kinds[kind]
        found = self._latest(kind, [symbol])
        if symbol not in found:
            raise ApiError(404, None, f"no {singular} found for {symbol}")
        return web.json_response({"symbol": symbol, singular: found[symbol]})

    def _latest(self, kind: str, symbols: Iterable[str]) -> dict[str, Fields]:
        """Symbols without data are absent."""
        _, latest = self.kinds[kind]
        found = {symbol: latest(symbol) for symbol in symbols if self._asset(symbol) is not None}
        return {symbol: self.write(item) for symbol, item in found.items() if item is not None}

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def snapshots(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        symbols = [symbol for symbol in _symbols(request) if self._asset(symbol) is not None]
        return web.json_response({symbol: self._snapshot(symbol) for symbol in symbols})

    async def snapshot(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        symbol = request.match_info["symbol"].upper()
        if self._asset(symbol) is None:
            raise ApiError(404, None, f"no snapshot found for {symbol}")
        return web.json_response({"symbol": symbol, **self._snapshot(symbol)})

    def _snapshot(self, symbol: str) -> Fields:
        exchange, now = self.floor.exchange, self.floor.exchange.now
        days = list(exchange.bars(symbol, "1Day", now - LOOKS_BACK, now))
        parts: dict[str, Item | None] = {
            "latestTrade": exchange.latest_trade(symbol),
            "latestQuote": exchange.latest_quote(symbol),
            "minuteBar": exchange.latest_bar(symbol),
            "dailyBar": days[-1] if days else None,
            "prevDailyBar": days[-2] if len(days) > 1 else None,
        }
        return {name: self.write(item) for name, item in parts.items() if item is not None}

    # --- history -----------------------------------------------------------------------------------------------------

    async def history(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        found, token = self._page(request, sorted(_symbols(request)))
        kind = request.match_info["kind"]
        return web.json_response({kind: found, "next_page_token": token})

    async def history_of_one(self, request: web.Request) -> web.Response:
        _refuse_unknown_feed(request)
        symbol, kind = request.match_info["symbol"].upper(), request.match_info["kind"]
        found, token = self._page(request, [symbol])
        return web.json_response({"symbol": symbol, kind: found.get(symbol, []), "next_page_token": token})

    def _page(self, request: web.Request, symbols: list[str]) -> tuple[dict[str, list[Fields]], str | None]:
        """Sorted by symbol, then by time: one symbol may fill the page. The limit counts over all of them."""
        limit = _limit(request)
        page = list(itertools.islice(self._from(request, symbols), limit + 1))
        found: dict[str, list[Fields]] = {}
        for item, _ in page[:limit]:
            found.setdefault(item.symbol, []).append(self.write(item))
        if len(page) <= limit:
            return found, None
        item, seen = page[limit]
        return found, Place(item.symbol, item.at, seen).token()

    def _from(self, request: web.Request, symbols: list[str]) -> Iterator[tuple[Item, int]]:
        """Every item from the page's place on, with how many of its moment and symbol came before it."""
        place = _place(request)
        for symbol in symbols:
            if place is not None and symbol < place.symbol:
                continue
            begins = place if place is not None and symbol == place.symbol else None
            yield from _after(self._items(request, symbol, begins), begins)

    def _items(self, request: web.Request, symbol: str, begins: Place | None) -> Iterable[Item]:
        if self._asset(symbol) is None:
            return ()
        start, end = self._span(request)
        descending = _is_descending(request)
        if begins is not None:
            start, end = (start, begins.at) if descending else (begins.at, end)
        items = self._history(request, symbol, start, end)
        return reversed(list(items)) if descending else items

    def _history(self, request: web.Request, symbol: str, start: datetime, end: datetime) -> Iterable[Item]:
        exchange, kind = self.floor.exchange, request.match_info["kind"]
        if kind == "quotes":
            return exchange.quotes(symbol, start, end)
        if kind == "trades":
            return exchange.trades(symbol, start, end)
        adjustment = ADJUSTMENTS.get(request.query.get("adjustment", "raw"))
        if adjustment is None:
            raise bad_data_request("invalid adjustment")
        try:
            return exchange.bars(symbol, request.query.get("timeframe", ""), start, end, adjustment=adjustment)
        except ValueError as problem:
            raise bad_data_request(f"invalid timeframe: {request.query.get('timeframe', '')}") from problem

    def _span(self, request: web.Request) -> tuple[datetime, datetime]:
        """From the day's beginning to now, where the request does not say."""
        now = self.floor.exchange.now
        try:
            start, end = parsing.moment(request.query, "start"), parsing.moment(request.query, "end")
        except ApiError as problem:
            raise bad_data_request(problem.message) from problem
        return start or now.replace(hour=0, minute=0, second=0, microsecond=0), end or now

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, item: Item) -> Fields:
        at = wire.timestamp(item.at)
        if isinstance(item, Bar):
            return data_wire.bar(item, at)
        tape = data_wire.tape(self._asset(item.symbol))
        return data_wire.quote(item, tape, at) if isinstance(item, Quote) else data_wire.trade(item, tape, at)

    def _asset(self, symbol: str) -> Asset | None:
        try:
            return self.floor.exchange.asset(symbol)
        except Rejection:
            return None


def _after(items: Iterable[Item], begins: Place | None) -> Iterator[tuple[Item, int]]:
    """The items with their number within their moment, without those a page before has given."""
    for at, group in itertools.groupby(items, lambda item: item.at):
        skip = begins.seen if begins is not None and at == begins.at else 0
        for seen, item in enumerate(group):
            if seen >= skip:
                yield item, seen


def _symbols(request: web.Request) -> list[str]:
    named = sorted(parsing.symbols(request.query))
    if not named:
        raise bad_data_request("symbols is required")
    return named


def _limit(request: web.Request) -> int:
    try:
        return parsing.whole(request.query, "limit", USUAL_LIMIT, HIGHEST_LIMIT)
    except ApiError as problem:
        raise bad_data_request(problem.message) from problem


def _is_descending(request: web.Request) -> bool:
    sort = request.query.get("sort", "asc")
    if sort not in {"asc", "desc"}:
        raise bad_data_request("invalid sort")
    return sort == "desc"


def _refuse_unknown_feed(request: web.Request) -> None:
    feed = request.query.get("feed", "iex")
    if feed not in FEEDS:
        raise bad_data_request(f"invalid feed: {feed}")


def _place(request: web.Request) -> Place | None:
    token = request.query.get("page_token")
    if not token:
        return None
    try:
        symbol, at, seen = base64.urlsafe_b64decode(token).decode().split("|")
        return Place(symbol, datetime.fromisoformat(at), int(seen))
    except ValueError as problem:
        raise bad_data_request("invalid page_token") from problem
