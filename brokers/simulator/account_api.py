"""Alpaca's account paths: the account, its settings, its statement and its history."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from brokers.simulator import data_wire, parsing, wire
from brokers.simulator.door import ACCOUNT
from brokers.simulator.errors import malformed
from brokers.simulator.floor import Floor

# What may be changed is what has an effect here.
CHANGEABLE = frozenset({"suspend_trade", "trade_confirm_email"})
CONFIGURATION = {
    "disable_overnight_trading": False,
    "fractional_trading": True,
    "max_margin_multiplier": "2",
    "max_options_trading_level": 0,
    "no_shorting": False,
    "ptp_no_exception_entry": False,
    "suspend_trade": False,
    "trade_confirm_email": "all",
}
TRADE_TYPES = frozenset({"FILL"})
OTHER_TYPES = frozenset({"FEE", "DIV", "SPLIT", "CSD", "CSW", "JNLC"})
TIMEFRAMES = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    "1H": timedelta(hours=1),
    "1D": timedelta(days=1),
}
PERIODS = {"D": 1, "W": 7, "M": 30, "A": 365}
RATE = Decimal("0.000001")


class AccountApi:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/account", self.account),
            web.get("/v2/account/configurations", self.configuration),
            web.patch("/v2/account/configurations", self.configure),
            web.get("/v2/account/activities", self.activities),
            web.get("/v2/account/activities/{type}", self.activities_of_type),
            web.get("/v2/account/portfolio/history", self.history),
        ]

    async def account(self, request: web.Request) -> web.Response:
        account_id = request[ACCOUNT]
        report = self.floor.exchange.account_report(account_id)
        return web.json_response(wire.account(report, is_suspended=self.floor.is_suspended(account_id)))

    async def configuration(self, request: web.Request) -> web.Response:
        return web.json_response(self._configuration(request[ACCOUNT]))

    async def configure(self, request: web.Request) -> web.Response:
        changes = parsing.plain(parsing.json_body(await request.read()))
        unknown = sorted(set(changes) - CHANGEABLE)
        if unknown:
            raise malformed(f"{unknown[0]} cannot be changed")
        parsing.flag(changes, "suspend_trade")
        self.floor.execute("configure", account_id=request[ACCOUNT], changes=changes)
        return web.json_response(self._configuration(request[ACCOUNT]))

    def _configuration(self, account_id: str) -> dict[str, Any]:
        return {**CONFIGURATION, **self.floor.world.configurations.get(account_id, {})}

    # --- the statement -----------------------------------------------------------------------------------------------

    async def activities(self, request: web.Request) -> web.Response:
        named = request.query.get("activity_types", "")
        types = frozenset(name.strip() for name in named.split(",") if name.strip())
        category = request.query.get("category")
        if category:
            types = _types_of(category)
        return self._page(request, types)

    async def activities_of_type(self, request: web.Request) -> web.Response:
        return self._page(request, frozenset({request.match_info["type"].upper()}))

    def _page(self, request: web.Request, types: frozenset[str]) -> web.Response:
        query = parsing.activity_query(request.query, types)
        found = self.floor.exchange.activities(request[ACCOUNT], query)
        return web.json_response([wire.activity(line) for line in found])

    # --- history -----------------------------------------------------------------------------------------------------

    async def history(self, request: web.Request) -> web.Response:
        """Profit and loss are counted from the value before the first point, or from the first."""
        account_id = request[ACCOUNT]
        start, end = self._span(request)
        timeframe = request.query.get("timeframe") or _usual_timeframe(end - start)
        if timeframe not in TIMEFRAMES:
            raise malformed(f"invalid timeframe: {timeframe}")
        series = self.floor.history.series(account_id, start, end, TIMEFRAMES[timeframe])
        base = self.floor.history.before(account_id, start) or (series[0][1] if series else Decimal(0))
        profits = [equity - base for _, equity in series]
        return web.json_response(
            {
                "timestamp": [at for at, _ in series],
                "equity": [data_wire.price(equity) for _, equity in series],
                "profit_loss": [data_wire.price(profit) for profit in profits],
                "profit_loss_pct": [
                    data_wire.price((profit / base).quantize(RATE)) if base else 0 for profit in profits
                ],
                "base_value": data_wire.price(base),
                "base_value_asof": start.date().isoformat(),
                "timeframe": timeframe,
            }
        )

    def _span(self, request: web.Request) -> tuple[datetime, datetime]:
        start = parsing.moment(request.query, "start") or parsing.moment(request.query, "date_start")
        end = parsing.moment(request.query, "end") or self.floor.exchange.now
        return (start or end - _period(request.query.get("period") or "1M")), end


def _types_of(category: str) -> frozenset[str]:
    types = {"trade_activity": TRADE_TYPES, "non_trade_activity": OTHER_TYPES}.get(category)
    if types is None:
        raise malformed(f"invalid category: {category}")
    return types


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,3})([DWMA])", text)
    if match is None:
        raise malformed(f"invalid period: {text}")
    return timedelta(days=int(match[1]) * PERIODS[match[2]])


def _usual_timeframe(span: timedelta) -> str:
    if span < timedelta(days=7):
        return "1Min"
    return "15Min" if span < timedelta(days=30) else "1D"
