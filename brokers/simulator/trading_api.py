"""Alpaca's trading paths below /v2: orders, positions, assets and the market's hours."""

import itertools
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from brokers.simulator import parsing, wire
from brokers.simulator.door import ACCOUNT
from brokers.simulator.engine.types import Order
from brokers.simulator.errors import ApiError, malformed, not_found
from brokers.simulator.floor import Floor

# The calendar is known a little further, for the days on which the last of these are settled.
FIRST_DAY, LAST_DAY = date(2000, 2, 1), date(2049, 12, 1)
TO_SETTLE = timedelta(days=10)


class TradingApi:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/orders", self.orders),
            web.post("/v2/orders", self.submit),
            web.delete("/v2/orders", self.cancel_all),
            web.get("/v2/orders:by_client_order_id", self.order_by_client_id),
            web.get("/v2/orders/{order_id}", self.order),
            web.patch("/v2/orders/{order_id}", self.replace),
            web.delete("/v2/orders/{order_id}", self.cancel),
            web.get("/v2/positions", self.positions),
            web.delete("/v2/positions", self.close_all),
            web.get("/v2/positions/{symbol}", self.position),
            web.delete("/v2/positions/{symbol}", self.close_position),
            web.get("/v2/assets", self.assets),
            web.get("/v2/assets/{symbol}", self.asset),
            web.get("/v2/clock", self.clock),
            web.get("/v2/calendar", self.calendar),
        ]

    # --- orders ------------------------------------------------------------------------------------------------------

    async def submit(self, request: web.Request) -> web.Response:
        body = parsing.json_body(await request.read())
        if body.get("order_class") == "mleg":
            raise ApiError(422, 42210000, "options are not traded here")
        self._refuse_suspended(request[ACCOUNT])
        order = self.floor.execute("submit", account_id=request[ACCOUNT], order=parsing.plain(body))
        return web.json_response(self.write(order, nested=True))

    async def orders(self, request: web.Request) -> web.Response:
        query = parsing.order_query(request.query)
        found = self.floor.exchange.orders(request[ACCOUNT], query)
        return web.json_response([self.write(order, nested=query.nested) for order in found])

    async def order(self, request: web.Request) -> web.Response:
        nested = parsing.flag(request.query, "nested")
        order = self.floor.exchange.order(request[ACCOUNT], request.match_info["order_id"])
        return web.json_response(self.write(order, nested=nested))

    async def order_by_client_id(self, request: web.Request) -> web.Response:
        client_order_id = request.query.get("client_order_id")
        if not client_order_id:
            raise malformed("client_order_id is required")
        order = self.floor.exchange.order_by_client_id(request[ACCOUNT], client_order_id)
        return web.json_response(self.write(order, nested=True))

    async def replace(self, request: web.Request) -> web.Response:
        changes = parsing.plain(parsing.json_body(await request.read()))
        order_id = request.match_info["order_id"]
        order = self.floor.execute("replace", account_id=request[ACCOUNT], order_id=order_id, changes=changes)
        return web.json_response(self.write(order, nested=True))

    async def cancel(self, request: web.Request) -> web.Response:
        self.floor.execute("cancel", account_id=request[ACCOUNT], order_id=request.match_info["order_id"])
        return web.Response(status=204)

    async def cancel_all(self, request: web.Request) -> web.Response:
        outcomes = self.floor.execute("cancel_all", account_id=request[ACCOUNT])
        return web.json_response([wire.cancelled(outcome) for outcome in outcomes], status=207)

    # --- positions ---------------------------------------------------------------------------------------------------

    async def positions(self, request: web.Request) -> web.Response:
        return web.json_response([wire.position(report) for report in self.floor.exchange.positions(request[ACCOUNT])])

    async def position(self, request: web.Request) -> web.Response:
        report = self.floor.exchange.position(request[ACCOUNT], request.match_info["symbol"])
        return web.json_response(wire.position(report))

    async def close_position(self, request: web.Request) -> web.Response:
        self._refuse_suspended(request[ACCOUNT])
        asked = {name: request.query[name] for name in ("qty", "percentage") if name in request.query}
        symbol = request.match_info["symbol"]
        order = self.floor.execute("close_position", account_id=request[ACCOUNT], symbol=symbol, **asked)
        return web.json_response(self.write(order, nested=True))

    async def close_all(self, request: web.Request) -> web.Response:
        self._refuse_suspended(request[ACCOUNT])
        cancel_orders = parsing.flag(request.query, "cancel_orders")
        outcomes = self.floor.execute("close_all", account_id=request[ACCOUNT], cancel_orders=cancel_orders)
        closed = [wire.closed(outcome, lambda order: self.write(order, nested=True)) for outcome in outcomes]
        return web.json_response(closed, status=207)

    # --- assets and hours --------------------------------------------------------------------------------------------

    async def assets(self, request: web.Request) -> web.Response:
        wanted = {name: request.query[name] for name in ("status", "exchange") if name in request.query}
        asked = request.query.get("asset_class", "us_equity")
        written = [wire.asset(asset) for asset in self.floor.exchange.assets()] if asked == "us_equity" else []
        return web.json_response([fields for fields in written if wanted.items() <= fields.items()])

    async def asset(self, request: web.Request) -> web.Response:
        return web.json_response(wire.asset(self.floor.exchange.asset(request.match_info["symbol"])))

    async def clock(self, _request: web.Request) -> web.Response:
        return web.json_response(wire.clock(self.floor.exchange.clock()))

    async def calendar(self, request: web.Request) -> web.Response:
        start = max(parsing.day(request.query, "start") or FIRST_DAY, FIRST_DAY)
        end = min(parsing.day(request.query, "end") or LAST_DAY, LAST_DAY)
        by_settlement = _counts_settlement(request)
        sessions = self.floor.exchange.calendar(start - TO_SETTLE, end + TO_SETTLE)
        settlements = {session.day: after.day for session, after in itertools.pairwise(sessions)}
        days = settlements if by_settlement else {session.day: session.day for session in sessions}
        listed = [session for session in sessions if session.day in days and start <= days[session.day] <= end]
        return web.json_response(wire.calendar(listed, settlements))

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, order: Order, *, nested: bool) -> dict[str, Any]:
        legs = [self.write(leg, nested=False) for leg in self.floor.exchange.legs(order)] if nested else []
        return wire.order(order, self.floor.asset_id(order.symbol), legs or None)

    def _refuse_suspended(self, account_id: str) -> None:
        if self.floor.is_suspended(account_id):
            raise ApiError(403, 40310000, "trading is suspended by the account's owner")


def _counts_settlement(request: web.Request) -> bool:
    asked = request.query.get("date_type", "TRADING").upper()
    if asked not in {"TRADING", "SETTLEMENT"}:
        raise malformed("invalid date_type")
    return asked == "SETTLEMENT"


async def missing(_request: web.Request) -> web.Response:
    """Everything else: Alpaca has it or not, this exchange does not."""
    raise not_found("endpoint not found.")
