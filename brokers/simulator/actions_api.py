"""Alpaca's corporate actions: the splits and cash dividends of the stocks listed here."""

from datetime import date
from fractions import Fraction
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from brokers.simulator import parsing
from brokers.simulator.engine.types import DividendRecord, SplitRecord
from brokers.simulator.errors import ApiError, bad_data_request
from brokers.simulator.floor import Floor
from brokers.simulator.wire import NEW_YORK

USUAL_LIMIT, HIGHEST_LIMIT = 100, 1_000
KINDS = {
    "forward_split": "forward_splits",
    "reverse_split": "reverse_splits",
    "cash_dividend": "cash_dividends",
}
Fields = dict[str, Any]
Action = SplitRecord | DividendRecord


class ActionsApi:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/corporate-actions", self.actions)]

    async def actions(self, request: web.Request) -> web.Response:
        """Of other kinds than splits and cash dividends there are none."""
        try:
            limit = parsing.whole(request.query, "limit", USUAL_LIMIT, HIGHEST_LIMIT)
            start, end = parsing.day(request.query, "start"), parsing.day(request.query, "end")
            first = int(request.query.get("page_token") or 0)
        except (ApiError, ValueError) as problem:
            raise bad_data_request(str(problem)) from problem
        found = [(kind_of(one), fields) for one in self._asked(request) if is_within(fields := of(one), start, end)]
        named = [name for name in request.query.get("types", "").split(",") if name] or list(KINDS)
        chosen = [(kind, fields) for kind, fields in found if kind in named]
        page = chosen[first : first + limit]
        actions: dict[str, list[Fields]] = {}
        for kind, fields in page:
            actions.setdefault(KINDS[kind], []).append(fields)
        token = str(first + limit) if len(chosen) > first + limit else None
        return web.json_response({"corporate_actions": actions, "next_page_token": token})

    def _asked(self, request: web.Request) -> list[Action]:
        """In the order in which they happened."""
        symbols, exchange = parsing.symbols(request.query), self.floor.exchange
        happened: list[Action] = sorted([*exchange.splits(), *exchange.dividends()], key=lambda one: one.at)
        return [one for one in happened if not symbols or one.symbol in symbols]


def kind_of(action: Action) -> str:
    if isinstance(action, DividendRecord):
        return "cash_dividend"
    return "forward_split" if action.ratio >= 1 else "reverse_split"


def of(action: Action) -> Fields:
    """As Alpaca writes it. What happens here is over at once, so that all its days are the same."""
    day = action.at.astimezone(NEW_YORK).date().isoformat()
    own = _of_dividend(action, day) if isinstance(action, DividendRecord) else _of_split(action)
    return {"symbol": action.symbol, "process_date": day, "ex_date": day, **own}


def _of_split(split: SplitRecord) -> Fields:
    """So many new shares for so many old."""
    ratio, cusip = Fraction(split.ratio).limit_denominator(10_000), _cusip(split.symbol)
    cusips = {"cusip": cusip} if split.ratio >= 1 else {"old_cusip": cusip, "new_cusip": cusip[::-1]}
    return {
        "id": str(uuid5(NAMESPACE_URL, f"split/{split.symbol}/{split.at.isoformat()}")),
        "new_rate": ratio.numerator,
        "old_rate": ratio.denominator,
        **cusips,
    }


def _of_dividend(dividend: DividendRecord, day: str) -> Fields:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"dividend/{dividend.symbol}/{dividend.at.isoformat()}")),
        "cusip": _cusip(dividend.symbol),
        # A number on the wire, as Alpaca writes it; the books keep the decimal.
        "rate": float(dividend.amount),
        "special": False,
        "foreign": False,
        "record_date": day,
        "payable_date": day,
    }


def _cusip(symbol: str) -> str:
    return uuid5(NAMESPACE_URL, f"cusip/{symbol}").hex[:9].upper()


def is_within(fields: Fields, start: date | None, end: date | None) -> bool:
    day = date.fromisoformat(fields["ex_date"])
    return (start is None or day >= start) and (end is None or day <= end)
