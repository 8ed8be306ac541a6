"""Alpaca's corporate actions: the splits of the stocks listed here."""

from datetime import date
from fractions import Fraction
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from brokers.simulator import parsing
from brokers.simulator.engine.types import SplitRecord
from brokers.simulator.errors import ApiError, bad_data_request
from brokers.simulator.floor import Floor
from brokers.simulator.wire import NEW_YORK

USUAL_LIMIT, HIGHEST_LIMIT = 100, 1_000
KINDS = {"forward_split": "forward_splits", "reverse_split": "reverse_splits"}
Fields = dict[str, Any]


class ActionsApi:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/corporate-actions", self.actions)]

    async def actions(self, request: web.Request) -> web.Response:
        """Of other kinds than splits there are none."""
        try:
            limit = parsing.whole(request.query, "limit", USUAL_LIMIT, HIGHEST_LIMIT)
            start, end = parsing.day(request.query, "start"), parsing.day(request.query, "end")
            first = int(request.query.get("page_token") or 0)
        except (ApiError, ValueError) as problem:
            raise bad_data_request(str(problem)) from problem
        found = [
            (kind_of(split), fields) for split in self._asked(request) if is_within(fields := of(split), start, end)
        ]
        named = [name for name in request.query.get("types", "").split(",") if name] or list(KINDS)
        chosen = [(kind, fields) for kind, fields in found if kind in named]
        page = chosen[first : first + limit]
        actions: dict[str, list[Fields]] = {}
        for kind, fields in page:
            actions.setdefault(KINDS[kind], []).append(fields)
        token = str(first + limit) if len(chosen) > first + limit else None
        return web.json_response({"corporate_actions": actions, "next_page_token": token})

    def _asked(self, request: web.Request) -> list[SplitRecord]:
        symbols = parsing.symbols(request.query)
        return [split for split in self.floor.exchange.splits() if not symbols or split.symbol in symbols]


def kind_of(split: SplitRecord) -> str:
    return "forward_split" if split.ratio >= 1 else "reverse_split"


def of(split: SplitRecord) -> Fields:
    """As Alpaca writes it: so many new shares for so many old."""
    ratio, day = Fraction(split.ratio).limit_denominator(10_000), split.at.astimezone(NEW_YORK).date().isoformat()
    cusip = uuid5(NAMESPACE_URL, f"cusip/{split.symbol}").hex[:9].upper()
    cusips = {"cusip": cusip} if split.ratio >= 1 else {"old_cusip": cusip, "new_cusip": cusip[::-1]}
    return {
        "id": str(uuid5(NAMESPACE_URL, f"split/{split.symbol}/{split.at.isoformat()}")),
        "symbol": split.symbol,
        "new_rate": ratio.numerator,
        "old_rate": ratio.denominator,
        "process_date": day,
        "ex_date": day,
        **cusips,
    }


def is_within(fields: Fields, start: date | None, end: date | None) -> bool:
    day = date.fromisoformat(fields["ex_date"])
    return (start is None or day >= start) and (end is None or day <= end)
