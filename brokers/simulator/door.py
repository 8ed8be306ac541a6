"""What every request passes on its way in: it is counted, befallen by faults, and asked for its keys."""

import base64
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from brokers.simulator import faults
from brokers.simulator.engine.types import Rejection
from brokers.simulator.errors import ApiError, forbidden, too_many_requests, unauthorized
from brokers.simulator.faults import Faults
from brokers.simulator.floor import Floor
from brokers.simulator.rate_limit import RateLimiter

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ACCOUNT: web.RequestKey[str] = web.RequestKey("account", str)
REMEMBERED = 10_000


class Door:
    """The state of the entrance. Trading and market data have budgets of their own."""

    def __init__(self, floor: Floor, limit: int) -> None:
        self.floor = floor
        self.faults = Faults()
        self.limits = {"trading": RateLimiter(limit), "data": RateLimiter(limit)}
        self.counts: Counter[str] = Counter()
        self.log: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def middlewares(self) -> list[Any]:
        """Outermost first."""
        return [self.mark, self.befall, self.explain, self.admit]

    @web.middleware
    async def mark(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the request, and give the answer its id and its limits."""
        key_id, _ = keys_of(request)
        entry = self._remember(request, key_id)
        allowance = self.limits[_service(request)].take(key_id)
        request[GRANTED] = allowance.granted
        answer = await handler(request)
        if not answer.prepared:
            for name, value in {"X-Request-ID": uuid.uuid4().hex, **allowance.headers()}.items():
                answer.headers.setdefault(name, value)
        entry["request_id"] = answer.headers.get("X-Request-ID", "")
        return answer

    @web.middleware
    async def befall(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key_id, _ = keys_of(request)
        fault = self.faults.take(request.method, request.path, key_id)
        if fault is None:
            return await handler(request)
        return await faults.apply(fault, request, handler)

    @web.middleware
    async def explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn refusals into answers."""
        try:
            return await handler(request)
        except ApiError as error:
            return web.json_response(error.body(), status=error.status)
        except Rejection as refusal:
            told = ApiError(refusal.http_status, refusal.code, refusal.message, **refusal.extra)
            return web.json_response(told.body(), status=told.status, dumps=dumps)
        except web.HTTPException as problem:
            return web.json_response({"message": f"{problem.reason.lower()}."}, status=problem.status)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Sockets ask for keys themselves, in their own protocol."""
        if "Upgrade" in request.headers:
            return await handler(request)
        account_id = self._account(request)
        if not request[GRANTED]:
            raise too_many_requests()
        self.floor.catch_up()
        request[ACCOUNT] = account_id
        return await handler(request)

    def _account(self, request: web.Request) -> str:
        key_id, secret_key = keys_of(request)
        if not key_id and not secret_key:
            raise forbidden()
        account_id = self.floor.exchange.account_for(key_id, secret_key)
        if account_id is not None:
            return account_id
        # Keys for live trading, which begin so, are of another house than this one.
        raise forbidden() if key_id.startswith("AK") else unauthorized()

    def _remember(self, request: web.Request, key_id: str) -> dict[str, Any]:
        route = request.match_info.route.resource
        place = route.canonical if route is not None else request.path
        self.counts[f"{request.method} {place}"] += 1
        entry: dict[str, Any] = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "key_id": key_id,
            # The machine's clock, so that others on it can say how long the way here took.
            "received_at": time.time(),
        }
        self.log.append(entry)
        return entry


GRANTED: web.RequestKey[bool] = web.RequestKey("granted", bool)


def keys_of(request: web.Request) -> tuple[str, str]:
    """The pair a request shows: in Alpaca's headers, as Basic, or both halves in a Bearer token KEY:SECRET."""
    key_id = request.headers.get("APCA-API-KEY-ID", "")
    if key_id:
        return key_id, request.headers.get("APCA-API-SECRET-KEY", "")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            token = base64.b64decode(token).decode()
        except ValueError:
            return "", ""
    key_id, _, secret_key = token.partition(":")
    return key_id, secret_key


def _service(request: web.Request) -> str:
    return "data" if request.path.startswith(("/v2/stocks", "/v1/corporate-actions")) else "trading"


def dumps(content: Any) -> str:
    """JSON in which what is no JSON is written as text, such as a Decimal."""
    import json

    return json.dumps(content, default=str)
