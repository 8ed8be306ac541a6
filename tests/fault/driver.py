"""Traders at work: each places, changes and cancels orders through the API and the pages, by a seed.

A request whose answer is lost is sent again with the same key, as a careful program and a browser's reload do.
"""

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from random import Random
from typing import Any
from uuid import UUID

import requests

from tests.fault.brakes import Brakes
from tests.fault.form_reader import form_with
from tests.fault.lab import Lab
from tests.fault.market import CENT, SYMBOLS, Market
from tests.fault.traders import Trader

# Nobody knows what became of the request, or it may be made again as it is.
AGAIN = {409, 429, 500, 502, 503, 504}
# Seconds a trader waits for one answer before doing something else, and altogether: a key whose first request was killed
# is answered by another process after a minute and a half.
PATIENCE, LONGEST = 10, 180
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
# Where a page says what is wrong, and what is to be left out of it.
PROBLEM = re.compile(r'class="(?:[^"]* )?(?:invalid-feedback|alert)[^"]*"[^>]*>(.*?)</div>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
CANCEL_TAKEN, NOT_CANCELLED = "You asked to cancel the order", "The order was not cancelled"
PLACE = re.compile(r"/orders/([0-9a-f-]{36})/")
# How the deeds of a trader are drawn, by weight.
DEEDS = {"place": 67.0, "cancel": 14.0, "change": 12.0, "close": 4.0, "look": 2.0, "halt": 1.4, "flatten": 0.4}
RECENT = 40
# Entries are on one side of a symbol, so that the gate lets them pass: these are sold short.
SHORTED = frozenset({"TSLA", "NVDA"})
PARTS_SOLD = 0.06


@dataclass
class Intent:
    """Something a trader meant to do once, under one key."""

    key: str
    trader: str
    kind: str
    way: str
    began: float
    body: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    status: int = 0
    # The order it made or is about, when an answer said so.
    order: str = ""
    # Those it made, where they may be several.
    orders: list[str] = field(default_factory=list)
    answered: float = 0.0
    # Why it was refused, in the answer's words.
    said: str = ""

    @property
    def is_answered(self) -> bool:
        return bool(self.answered)

    @property
    def is_taken(self) -> bool:
        """Whether a cancellation or a change was answered as done, or as being done."""
        if self.way == "api":
            return self.status == HTTPStatus.OK
        if self.kind == "cancel":
            return CANCEL_TAKEN in self.said and NOT_CANCELLED not in self.said
        return self.status == HTTPStatus.FOUND


class Client:
    """One trader's program and browser."""

    def __init__(self, lab: Lab, trader: Trader) -> None:
        self.lab = lab
        self.trader = trader
        self.api = requests.Session()
        self.api.headers["Authorization"] = f"Bearer {trader.token}"
        self.pages = requests.Session()
        self.pages.headers["Referer"] = lab.url

    def sign_in(self) -> None:
        shown = self.pages.get(f"{self.lab.url}/auth/login/", timeout=30)
        words = {"login": self.trader.name, "password": self.trader.password}
        answer = self.pages.post(shown.url, {**words, **_hidden(shown.text)}, timeout=30, allow_redirects=False)
        if answer.status_code != HTTPStatus.FOUND:
            raise AssertionError(f"{self.trader.name} could not sign in: {answer.status_code} {answer.text[:300]}")

    def call(self, method: str, path: str, key: str = "", body: Any = None) -> requests.Response:
        headers = {"Idempotency-Key": key} if key else {}
        address = f"{self.lab.url}/api/v1/{path}"
        return self.api.request(method, address, json=body, headers=headers, timeout=60)

    def open_page(self, path: str) -> requests.Response:
        return self.pages.get(f"{self.lab.url}{path}", timeout=60)

    def post_page(self, path: str, words: dict[str, Any]) -> requests.Response:
        given = {"csrfmiddlewaretoken": self.pages.cookies.get("trenddojo_csrf", ""), **words}
        return self.pages.post(f"{self.lab.url}{path}", given, timeout=60, allow_redirects=False)


Send = Callable[[Intent], requests.Response]


def _hidden(page: str) -> dict[str, str]:
    found = CSRF.search(page)
    return {"csrfmiddlewaretoken": found.group(1)} if found else {}


class Hand:
    """What one trader does, one deed after the other."""

    def __init__(self, lab: Lab, market: Market, trader: Trader, rng: Random) -> None:
        self.lab, self.market, self.trader, self.rng = lab, market, trader, rng
        self.client = Client(lab, trader)
        self.intents: list[Intent] = []
        self.recent: deque[str] = deque(maxlen=RECENT)
        # Asked and not answered yet, with how they are asked again.
        self.parked: list[tuple[Intent, Send]] = []
        self.answers: Counter[str] = Counter()
        self.brakes = Brakes(self)

    def do(self) -> Intent:
        if self.brakes.is_to_resume():
            return self.brakes.resume()
        if self.brakes.wish:
            return self.brakes.follow_wish()
        deed = self.rng.choices(list(DEEDS), list(DEEDS.values()))[0]
        if deed in ("cancel", "change", "look") and not self.recent:
            deed = "place"
        return {
            "place": self.place, "cancel": self.cancel, "change": self.change, "close": self.close, "look": self.look,
            "halt": self.brakes.halt, "flatten": self.brakes.flatten,
        }[deed]()  # fmt: skip

    # --- deeds -------------------------------------------------------------------------------------------------------

    def place(self, way: str = "", **changes: Any) -> Intent:
        body = {**self._drawn(), **changes}
        body = {name: value for name, value in body.items() if value is not None}
        intent = self.intent("place", way or self.rng.choices(["api", "page"], [3, 1])[0], body)
        if intent.way == "page" and "stop_loss" in body:
            intent.way = "api"
        self.insist(intent, self._post_order if intent.way == "api" else self._send_order)
        if intent.order and intent.status in (HTTPStatus.CREATED, HTTPStatus.FOUND):
            self.recent.append(intent.order)
        return intent

    def cancel(self, order: str = "", way: str = "") -> Intent:
        intent = self.intent("cancel", way or self.rng.choice(["api", "page"]))
        intent.order = order or self.rng.choice(self.recent)
        self.insist(intent, self._post_cancel if intent.way == "api" else self._send_cancel)
        return intent

    def change(self, order: str = "", way: str = "", **wanted: Any) -> Intent:
        """Where the answer is lost the wish may have been kept: asked again, it is refused as on its way."""
        price = self.market.bids[self.rng.choice(SYMBOLS)] - Decimal(self.rng.randint(-20, 500)) * CENT
        intent = self.intent("change", way or self.rng.choices(["api", "page"], [3, 1])[0])
        intent.body = wanted or {"limit_price": str(price)}
        intent.order = order or self.rng.choice(self.recent)
        self.insist(intent, self._patch_order if intent.way == "api" else self._send_change)
        return intent

    def close(self, symbol: str = "") -> Intent:
        intent = self.intent("close", "api")
        intent.body = {"account": self.trader.account, "symbol": symbol or self.rng.choice(SYMBOLS)}
        self.insist(intent, self._post_close)
        return intent

    def look(self) -> Intent:
        """Pages that read what is written meanwhile; and a connection that was switched off is used again."""
        intent = self.intent("look", "page")
        intent.order = self.rng.choice(self.recent)
        self.insist(intent, lambda one: self.client.open_page(f"/orders/{one.order}/"))
        return intent

    def reconnect(self) -> bool:
        """As a trader who was told does: type the keys the broker has by now. Whether it was needed."""
        found = self.client.call("GET", f"connections/{self.trader.connection}/")
        if found.status_code != HTTPStatus.OK or found.json()["is_active"]:
            return False
        body = {"credentials": dict(zip(("api_key", "secret_key"), self.lab.keys[self.trader.name], strict=True))}
        answer = self.client.call("PATCH", f"connections/{self.trader.connection}/", body=body)
        self.answers[f"reconnect {answer.status_code}"] += 1
        return True

    # --- how they are made -------------------------------------------------------------------------------------------

    def _drawn(self) -> dict[str, Any]:
        rng = self.rng
        symbol = rng.choice(SYMBOLS)
        bid = self.market.bids[symbol]
        body: dict[str, Any] = {
            "account": self.trader.account, "symbol": symbol, "side": "sell" if symbol in SHORTED else "buy",
            "quantity": str(rng.randint(1, 40)), "time_in_force": rng.choice(["day", "gtc"]), "type": "limit",
        }  # fmt: skip
        if rng.random() < PARTS_SOLD:
            # Out of a part of what may be held: refused where it is not, which is an answer too.
            body |= {"side": "buy" if symbol in SHORTED else "sell", "quantity": "1"}
        sign = -1 if body["side"] == "buy" else 1
        kind = rng.choices(["near", "market", "far", "bracket"], [45, 18, 27, 10])[0]
        if kind == "market":
            return {**body, "type": "market", "time_in_force": "day"}
        away = Decimal(rng.randint(-5, 60)) if kind != "far" else Decimal(rng.randint(300, 1500))
        price = bid + sign * away * CENT
        body["limit_price"] = str(price)
        if kind == "bracket":
            body["stop_loss"] = {"stop_price": str(price + sign * 4)}
            body["take_profit"] = {"limit_price": str(price - sign * 4)}
        return body

    def _post_order(self, intent: Intent) -> requests.Response:
        answer = self.client.call("POST", "orders/", intent.key, intent.body)
        _take_order(intent, answer)
        return answer

    def _send_order(self, intent: Intent) -> requests.Response:
        words = {**intent.body, "asset_class": "stock", "step": "send", "creation_key": intent.key}
        answer = self.client.post_page("/orders/new/", words)
        _take_place(intent, answer)
        return answer

    def _post_cancel(self, intent: Intent) -> requests.Response:
        return self.client.call("POST", f"orders/{intent.order}/cancel/")

    def _send_cancel(self, intent: Intent) -> requests.Response:
        """The page it leads to says what came of it."""
        answer = self.client.post_page(f"/orders/{intent.order}/cancel/", {})
        return answer if answer.status_code != HTTPStatus.FOUND else self.client.open_page(f"/orders/{intent.order}/")

    def _patch_order(self, intent: Intent) -> requests.Response:
        return self.client.call("PATCH", f"orders/{intent.order}/", body=intent.body)

    def _send_change(self, intent: Intent) -> requests.Response:
        address = f"/orders/{intent.order}/replace/"
        shown = self.client.open_page(address)
        if shown.status_code != HTTPStatus.OK:
            return shown
        words = {**form_with(shown.text, "creation_key"), **intent.body, "creation_key": intent.key}
        return self.client.post_page(address, words)

    def _post_close(self, intent: Intent) -> requests.Response:
        answer = self.client.call("POST", "positions/close/", intent.key, intent.body)
        _take_order(intent, answer)
        return answer

    def intent(self, kind: str, way: str, body: dict[str, Any] | None = None) -> Intent:
        key = str(UUID(int=self.rng.getrandbits(128), version=4))
        intent = Intent(key, self.trader.name, kind, way, time.time(), body or {})
        self.intents.append(intent)
        return intent

    def insist(self, intent: Intent, send: "Send") -> None:
        """Until there is an answer; after a while it is asked again between other things."""
        deadline = time.monotonic() + PATIENCE
        while not self._ask(intent, send):
            if time.monotonic() > deadline:
                self.parked.append((intent, send))
                return
            time.sleep(0.3)

    def _ask(self, intent: Intent, send: "Send") -> bool:
        intent.tries += 1
        try:
            answer = send(intent)
        except requests.RequestException:
            intent.status = 0
            return False
        intent.status = answer.status_code
        if _is_to_repeat(answer):
            return False
        intent.answered, intent.said = time.time(), _refusal(answer)
        self.answers[f"{intent.kind} {intent.way} {intent.status}"] += 1
        self.brakes.note(intent)
        return True

    def ask_parked(self) -> None:
        """Once more for everything that is not answered."""
        self.parked = [(intent, send) for intent, send in self.parked if not self._ask(intent, send)]

    def drain(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (self.parked or self.brakes.is_on) and time.monotonic() < deadline:
            self.ask_parked()
            if self.brakes.is_on and not self.parked:
                self.brakes.resume()
            time.sleep(2 if self.parked else 0)
        for intent, _ in self.parked:
            self.answers[f"{intent.kind} {intent.way} {intent.status or 'silence'}, given up"] += 1


def _is_to_repeat(answer: requests.Response) -> bool:
    if answer.status_code != HTTPStatus.CONFLICT:
        return answer.status_code in AGAIN
    return "in_progress" in answer.text


def _refusal(answer: requests.Response) -> str:
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        return answer.text[:500]
    return " | ".join(" ".join(TAG.sub(" ", found).split()) for found in PROBLEM.findall(answer.text))[:500]


def _take_order(intent: Intent, answer: requests.Response) -> None:
    """The order is named in the body, or, where it was denied and kept, in Location."""
    found = PLACE.search(answer.headers.get("Location", ""))
    if answer.status_code == HTTPStatus.CREATED:
        intent.order = str(answer.json()["id"])
    elif found:
        intent.order = found.group(1)


def _take_place(intent: Intent, answer: requests.Response) -> None:
    found = PLACE.search(answer.headers.get("Location", ""))
    if answer.status_code == HTTPStatus.FOUND and found:
        intent.order = found.group(1)


class Driver:
    """All traders at once, each in a thread, together at so many deeds a second."""

    def __init__(self, lab: Lab, market: Market, *, seed: int, rate: float) -> None:
        self.lab = lab
        self.pause = len(lab.traders) / rate
        # A run is repeated by its seed: no secret is made of it.
        self.hands = [Hand(lab, market, each, Random(f"{seed}:{each.name}")) for each in lab.traders]  # noqa: S311
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.broken: list[str] = []

    def start(self) -> None:
        for hand in self.hands:
            hand.client.sign_in()
        for hand in self.hands:
            thread = threading.Thread(target=self._work, args=(hand,), daemon=True, name=hand.trader.name)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Nothing new is begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + 120)

    def drain(self) -> None:
        """What was begun is answered; to be called when there are no more faults."""
        threads = [threading.Thread(target=hand.drain, args=(LONGEST,), daemon=True) for hand in self.hands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @property
    def intents(self) -> list[Intent]:
        return [intent for hand in self.hands for intent in list(hand.intents)]

    def answers(self) -> Counter[str]:
        return sum((hand.answers for hand in self.hands), Counter())

    def placed(self) -> int:
        taken = (HTTPStatus.CREATED, HTTPStatus.FOUND)
        return sum(one.kind in ("place", "close") and one.status in taken for one in self.intents)

    def wish(self, deed: str) -> None:
        """What each trader does next."""
        for hand in self.hands:
            hand.brakes.wish = deed

    def reconnect_all(self) -> None:
        for hand in self.hands:
            try:
                hand.reconnect()
            except requests.RequestException:
                continue

    def _work(self, hand: Hand) -> None:
        looked = time.monotonic()
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                hand.do()
                if began - looked > 5:
                    looked = began
                    hand.reconnect()
                    hand.ask_parked()
            except requests.RequestException:
                continue
            except Exception as problem:  # a driver that dies silently would prove nothing
                self.broken.append(f"{hand.trader.name}: {problem!r}")
                raise
            jitter = self.pause * hand.rng.uniform(0.5, 1.5)
            self._stop.wait(max(0.0, jitter - (time.monotonic() - began)))
