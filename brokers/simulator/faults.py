"""Faults on demand: what a network and a broker do to requests on a bad day, one kind a line in KINDS.

A kind that ends in `before` never reaches the exchange; one that ends in `after` has acted before the
answer is lost or changed.
"""

import asyncio
import fnmatch
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from brokers.simulator.errors import (
    ApiError,
    SimulatorError,
    duplicate_client_order_id,
    forbidden,
    not_found,
    too_many_requests,
    unauthorized,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES = {
    500: ("application/json", '{"code":50010000,"message":"internal server error occurred"}'),
    502: ("text/html", "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    503: ("application/json", '{"message":"service unavailable"}'),
    504: ("text/html", "<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"),
}
NOTICES_A_LEFT_CLIENT_EVERY = 0.05


@dataclass
class Fault:
    """What happens to the next `times` requests that match; `seconds` is how long a hang or a delay lasts."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    seconds: float = 30.0
    status: int = 500
    body: str | None = None
    # Seconds from now in X-RateLimit-Reset of a 429.
    reset: int = 1
    # For replace_fields: what the answer's fields are changed to.
    fields: dict[str, Any] = field(default_factory=dict)
    # Only requests with this API key; empty: all.
    key_id: str = ""
    number: int = 0
    # Under which its strikes are counted; empty: they are not.
    label: str = ""

    def matches(self, method: str, path: str, key_id: str) -> bool:
        return (
            self.times > 0
            and self.method in {"*", method}
            and fnmatch.fnmatchcase(path, self.path)
            and self.key_id in {"", key_id}
        )


class Faults:
    """The faults that wait for their requests, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        # Requests that were befallen, by label.
        self.struck: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> Fault:
        """Raises SimulatorError for a kind that does not exist."""
        if fault.kind not in KINDS:
            raise SimulatorError(f"There is no fault '{fault.kind}': use one of {', '.join(sorted(KINDS))}.")
        fault.number = next(self._numbers)
        self.waiting.append(fault)
        return fault

    def take(self, method: str, path: str, key_id: str) -> Fault | None:
        """The fault for this request, used up by one."""
        fault = next((fault for fault in self.waiting if fault.matches(method, path, key_id)), None)
        if fault is None:
            return None
        fault.times -= 1
        if fault.label:
            self.struck[fault.label] += 1
        self.waiting = [fault for fault in self.waiting if fault.times > 0]
        return fault

    def clear(self) -> None:
        self.waiting.clear()

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.waiting]


async def apply(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the request as the fault says."""
    return await KINDS[fault.kind](fault, request, handler)


# --- the connection -----------------------------------------------------------------------------------------------


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _hold(request: web.Request, seconds: float) -> None:
    """Say nothing until the time is over or the client has given up."""
    deadline = time.monotonic() + seconds
    # The transport tells nobody when the client closes it: it has to be asked.
    while time.monotonic() < deadline and _is_connected(request):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(NOTICES_A_LEFT_CLIENT_EVERY)


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _drop_before(_fault: Fault, request: web.Request, _handler: Handler) -> web.StreamResponse:
    return _hang_up(request)


async def _drop_after(_fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    return _hang_up(request)


async def _hang_before(fault: Fault, request: web.Request, _handler: Handler) -> web.StreamResponse:
    await _hold(request, fault.seconds)
    return _hang_up(request)


async def _hang_after(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    await _hold(request, fault.seconds)
    return _hang_up(request)


async def _slow_before(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Acts in the end, also when the client has long given up. The body is read while it still comes."""
    await request.read()
    await asyncio.sleep(fault.seconds)
    return await handler(request)


async def _slow_after(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    answer = await handler(request)
    await asyncio.sleep(fault.seconds)
    return answer


# --- the answer ---------------------------------------------------------------------------------------------------


def _page(fault: Fault) -> web.Response:
    content_type, body = PAGES.get(fault.status, ("text/html", f"<html><body>{fault.status}</body></html>"))
    return web.Response(status=fault.status, text=fault.body or body, content_type=content_type)


async def _status_before(fault: Fault, _request: web.Request, _handler: Handler) -> web.StreamResponse:
    return _page(fault)


async def _status_after(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    return _page(fault)


async def _rate_limited(fault: Fault, _request: web.Request, _handler: Handler) -> web.StreamResponse:
    error = too_many_requests()
    reset = str(int(time.time()) + fault.reset)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    return web.json_response(error.body(), status=error.status, headers=headers)


def _refusing(make: Callable[[], ApiError]) -> "Kind":
    async def refuse(_fault: Fault, _request: web.Request, _handler: Handler) -> web.StreamResponse:
        error = make()
        return web.json_response(error.body(), status=error.status)

    return refuse


async def _cut_off(_fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Promise the whole body, send half of it, and close."""
    whole = _body(await handler(request))
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await answer.prepare(request)
    await answer.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer


async def _unreadable(_fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    whole = _body(await handler(request))
    return web.Response(body=whole[: len(whole) // 2], content_type="application/json")


async def _replace_fields(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    answer = await handler(request)
    said = json.loads(_body(answer))
    for entity in said if isinstance(said, list) else [said]:
        entity.update(fault.fields)
    return web.json_response(said, status=answer.status)


def _body(answer: web.StreamResponse) -> bytes:
    body = answer.body if isinstance(answer, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


Kind = Callable[[Fault, web.Request, Handler], Awaitable[web.StreamResponse]]
KINDS: dict[str, Kind] = {
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "hang_before": _hang_before,
    "hang_after": _hang_after,
    "slow_before": _slow_before,
    "slow_after": _slow_after,
    "status_before": _status_before,
    "status_after": _status_after,
    "rate_limited": _rate_limited,
    "unauthorized": _refusing(unauthorized),
    "forbidden": _refusing(forbidden),
    "duplicate_id": _refusing(duplicate_client_order_id),
    # On /v2/orders:by_client_order_id: an order that was accepted is not found yet.
    "not_found": _refusing(lambda: not_found("order not found")),
    "cut_off": _cut_off,
    "unreadable": _unreadable,
    "replace_fields": _replace_fields,
}
