"""Who is answered when more is asked than a web process can do: orders and halts first, pages in turns or later.

Pages wait for one of a few turns; where too many wait already, or a page waited too long, it is refused at once with
503 and when to come back. What places, changes, cancels or halts takes no turn: the threads that pages may not have are
kept for it. docs/adr/0033-pages-wait-orders-do-not.md has the figures.
"""

import json
import random
import socket
import struct
import threading
import time
import weakref
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve

from trenddojo.api.middleware import ROOT, error_answer
from trenddojo.crowd import is_crowded, is_full, is_told_to_wait
from trenddojo.handover import SOCKET
from trenddojo.middleware import GetResponse

# Pages that are answered at once in a process, and those that may wait for them. The Procfile starts as many threads
# as both and RESERVE together.
AT_ONCE: Final = 4
WAITING: Final = 16
RESERVE: Final = 4
# The same while orders crowd: what pages do not take, sends them.
CROWD_AT_ONCE: Final = 1
CROWD_WAITING: Final = 4
# A process that answered a page takes no other for so many times as long: while orders crowd; and where there are too
# many, when none waits either.
CROWD_REST: Final = 2
FULL_REST: Final = 6
# Seconds after which a visitor is rather told to come back than kept waiting.
PAGE_PATIENCE: Final = 2.0
# Nobody knows any more whether an order is still meant that waited for longer.
ORDER_PATIENCE: Final = 5.0
# Seconds, drawn anew each time: those who are refused together do not come back together.
COME_BACK: Final = (2, 5)
ORDERS_COME_BACK: Final = (5, 15)


class Kind(Enum):
    """What a request is, with the seconds after which it is refused; None: never."""

    ALWAYS = None
    ORDER = ORDER_PATIENCE
    PAGE = PAGE_PATIENCE


ORDERS: Final = {
    "trades": (
        *("order-create", "order-cancel", "order-cancel-all", "order-replace", "account-halt", "account-resume"),
        *("position-close", "position-close-symbol", "positions-close-all"),
        *("position-scale-out", "position-stop", "position-trail", "halt", "halt-resume", "flatten"),
    ),
    "brokers": ("connection-disable", "live-off"),
    "api": (
        *("order-cancel", "order-cancel-all", "account-halt", "account-resume", "connection-disable"),
        *("connection-live-off", "trade-submit", "trade-close"),
        *("position-close", "position-close-all", "position-stop", "position-trail"),
        *("halt", "resume", "flatten", "account-flatten"),
    ),
}
HALTS: Final = ("add", "resume_desk", "changelist", "change", "history", "delete")
HEALTH: Final = ("trenddojo:healthz", "trenddojo:readyz", "trenddojo:metrics")
KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(HEALTH, Kind.ALWAYS),
    **{f"admin:accounts_halt_{name}": Kind.ORDER for name in HALTS},
    **{f"{room}:{name}": Kind.ORDER for room, names in ORDERS.items() for name in names},
}
# Lists and single objects stand at the same addresses of the API as what makes and changes them.
CHANGES: Final[dict[str, Kind]] = dict.fromkeys(("api:order-list", "api:order-detail"), Kind.ORDER)
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

BUSY: Final = ("busy", "More is asked than this desk can answer now, and this was not begun: try again in {wait} s.")
AGAIN: Final = ("desk_busy", "More orders wait than this desk can send now: send this one again in {wait} s.")
PLACING: Final = "api:order-list"
# Bytes; what is longer is looked at.
LONGEST_ENTRY: Final = 4096
# Where Linux keeps the milliseconds since something last came, in what it tells of a connection.
LAST_CAME, TCP_INFO_BYTES = 52, 104


class Room(NamedTuple):
    """Turns that are had at once, those that are had or waited for, and the rest after one, in times of its length."""

    at_once: int
    most: int
    rest: int


USUAL: Final = Room(AT_ONCE, AT_ONCE + WAITING, 0)
CROWDED: Final = Room(CROWD_AT_ONCE, CROWD_AT_ONCE + CROWD_WAITING, CROWD_REST)
FULL: Final = Room(CROWD_AT_ONCE, CROWD_AT_ONCE, FULL_REST)


@dataclass
class Turns:
    """Turns for pages in one process: some are had, some are waited for, and there are no more."""

    usual: Room = USUAL
    crowded: Room = CROWDED
    full: Room = FULL

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.had = self.wanted = 0
        self.given_back = self.lasted = 0.0

    @property
    def room(self) -> Room:
        if is_full():
            return self.full
        return self.crowded if is_crowded() else self.usual

    def take(self, patience: float) -> bool:
        """Whether there was a turn within so many seconds; whoever had one gives it back."""
        with self.changed:
            room = self.room
            rests = time.monotonic() < self.given_back + room.rest * self.lasted
            if rests or self.had + self.wanted >= room.most:
                return False
            self.wanted += 1
            is_ours = self.changed.wait_for(lambda: self.had < self.room.at_once, patience)
            self.wanted -= 1
            self.had += is_ours
            return is_ours

    def give_back(self, had_since: float) -> None:
        """A turn that was had since this moment of the monotonic clock."""
        with self.changed:
            self.had -= 1
            self.given_back = time.monotonic()
            self.lasted = self.given_back - had_since
            self.changed.notify()


class AdmissionMiddleware:
    """Before sessions and users are looked up: a refusal costs less than a millisecond, and no other server."""

    turns = Turns()

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        kind = kind_of(request)
        if kind is Kind.ALWAYS:
            return self.get_response(request)
        left = kind.value - seconds_waited(request.META)
        if left <= 0:
            return _refusal(request)
        if kind is Kind.ORDER:
            return _too_soon() if _comes_too_soon(request) else self.get_response(request)
        if not self.turns.take(left):
            return _refusal(request)
        return self._answered(request)

    def _answered(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        try:
            response = self.get_response(request)
        except BaseException:
            self.turns.give_back(began)
            raise
        # A thread is free when the last of its answer is written, or nobody has the answer any more.
        over = weakref.finalize(response, self.turns.give_back, began)
        over.atexit = False
        response._resource_closers.append(over)  # noqa: SLF001 - what Django calls when it closes
        return response


def kind_of(request: HttpRequest) -> Kind:
    """By the name of the address; one that does not exist is a page like others."""
    try:
        match = request.resolver_match = resolve(request.path_info)
    except Resolver404:
        return Kind.PAGE
    found = KINDS.get(match.view_name)
    if found is None and request.method not in READS:
        found = CHANGES.get(match.view_name)
    return found or Kind.PAGE


def seconds_waited(environ: dict[str, Any]) -> float:
    """Since the last of this request came to this machine, in the system's queues and in ours; 0 where nobody knows."""
    link = environ.get(SOCKET)
    if not isinstance(link, socket.socket) or link.family not in {socket.AF_INET, socket.AF_INET6}:
        return 0.0
    number = getattr(socket, "TCP_INFO", None)
    if number is None:
        return 0.0
    try:
        told = link.getsockopt(socket.IPPROTO_TCP, number, TCP_INFO_BYTES)
    except OSError:
        return 0.0
    return struct.unpack_from("I", told, LAST_CAME)[0] / 1000 if len(told) > LAST_CAME + 4 else 0.0


def _comes_too_soon(request: HttpRequest) -> bool:
    """An entry by the API that was just told to come back later, as orders wait: the same is said without a look."""
    if request.resolver_match is None or request.resolver_match.view_name != PLACING or not is_full():
        return False
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length) > LONGEST_ENTRY:
        return False
    try:
        order = json.loads(request.body)
    except (ValueError, RecursionError, UnreadablePostError):
        return False
    return isinstance(order, dict) and is_told_to_wait(request.headers.get("Authorization", ""), order)


def _too_soon() -> HttpResponse:
    wait = order_comes_back()
    return _told(_api_refusal(AGAIN, wait), wait)


def order_comes_back() -> int:
    """Seconds until an entry that was not taken may be sent again."""
    return random.randint(*ORDERS_COME_BACK)  # noqa: S311 - spreads programs, hides nothing


def _refusal(request: HttpRequest) -> HttpResponse:
    wait = random.randint(*COME_BACK)  # noqa: S311 - spreads visitors, hides nothing
    if request.path_info.startswith(ROOT):
        return _told(_api_refusal(BUSY, wait), wait)
    page = _page(wait, may_reload=request.method in READS)
    return _told(HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE), wait)


def _api_refusal(said: tuple[str, str], wait: int) -> HttpResponse:
    code, sentence = said
    return error_answer(HTTPStatus.SERVICE_UNAVAILABLE, code, sentence.format(wait=wait))


def _told(response: HttpResponse, wait: int) -> HttpResponse:
    response.headers["Retry-After"] = str(wait)
    response.headers["Cache-Control"] = "no-store"
    # It is counted like every answer; a line of warning for each would cost more than the refusal.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - as Django marks what it wrote down
    return response


@lru_cache(maxsize=16)
def _page(wait: int, *, may_reload: bool) -> str:
    """Rendered once: what is said to everybody costs next to nothing."""
    return render_to_string("503.html", {"wait": wait, "may_reload": may_reload})
