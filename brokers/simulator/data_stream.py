"""The sockets /v2/iex, /v2/sip and /v2/test: quotes, trades and minute bars of the symbols a client subscribes to.

/v2/test is there at any hour, with one symbol that does not exist: FAKEPACA.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgpack
from aiohttp import WSCloseCode, web

from brokers.simulator import data_wire, wire
from brokers.simulator.engine.types import Asset, Bar, Print, Quote
from brokers.simulator.sockets import Frames, Socket, frames_for
from brokers.simulator.stream_faults import Gate

CHANNELS = {"quotes": "q", "trades": "t", "bars": "b"}
# Channels of Alpaca's that may be subscribed to and stay silent here.
SILENT = ("updatedBars", "dailyBars", "statuses", "lulds", "corrections", "cancelErrors")
ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    406: "connection limit exceeded",
    410: "invalid subscribe action for this feed",
}
TEST_SYMBOL = "FAKEPACA"
TEST_PERIOD = 1.0
Message = dict[str, Any]
Item = Quote | Print | Bar


class Subscriber:
    """One connection and what it wants to hear."""

    def __init__(self, socket: Socket, feed: str) -> None:
        self.socket = socket
        self.feed = feed
        self.account_id = ""
        self.wanted: dict[str, set[str]] = {channel: set() for channel in (*CHANNELS, *SILENT)}

    def wants(self, channel: str, symbol: str) -> bool:
        return bool(self.wanted[channel] & {symbol, "*"})

    def subscription(self) -> Message:
        return {"T": "subscription", **{channel: sorted(symbols) for channel, symbols in self.wanted.items()}}


class DataStream:
    """Every connection to market data. `watch` is told which symbols anybody wants; "*" stands for all."""

    def __init__(
        self,
        account_of: Callable[[str, str], str | None],
        asset_of: Callable[[str], Asset | None],
        watch: Callable[[set[str]], None],
    ) -> None:
        self.account_of = account_of
        self.asset_of = asset_of
        self.watch = watch
        self.gate = Gate()
        self.subscribers: set[Subscriber] = set()

    def serving(self, feed: str) -> Callable[[web.Request], Any]:
        """The handler of one feed's address."""

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, feed)

        return serve

    def publish(self, item: Item) -> None:
        """What the market shows, to everybody who wants it."""
        channel, _ = _kind(item)
        hearers = [each for each in self.subscribers if each.feed != "test" and each.wants(channel, item.symbol)]
        if hearers:
            self._send(item, hearers)

    def connections(self) -> list[str]:
        return sorted(each.socket.key_id for each in self.subscribers if each.account_id)

    def watched(self) -> list[str]:
        """The symbols anybody wants; "*" stands for all."""
        return sorted({name for each in self.subscribers for channel in CHANNELS for name in each.wanted[channel]})

    async def close_all(self, code: int = WSCloseCode.GOING_AWAY, reason: str = "") -> None:
        for subscriber in list(self.subscribers):
            await subscriber.socket.close(code, reason)

    async def run_test_feed(self) -> None:
        """A quote and a trade a second for whoever tries out a connection."""
        while True:
            await asyncio.sleep(TEST_PERIOD)
            for item in test_items(datetime.now(UTC)):
                channel, _ = _kind(item)
                hearers = [
                    each for each in self.subscribers if each.feed == "test" and each.wants(channel, TEST_SYMBOL)
                ]
                self._send(item, hearers)

    def _send(self, item: Item, hearers: Iterable[Subscriber]) -> None:
        _, letter = _kind(item)
        for delay, passed in self.gate.passes({"item": item}):
            for subscriber in hearers:
                content = self._write(passed["item"], subscriber.socket.frames)
                subscriber.socket.send([{"T": letter, "S": item.symbol, **content}], delay)

    def _write(self, item: Item, frames: Frames) -> Message:
        at: Any = wire.timestamp(item.at)
        if frames is Frames.MSGPACK:
            at = msgpack.Timestamp.from_datetime(item.at)
        if isinstance(item, Bar):
            return data_wire.bar(item, at)
        tape = data_wire.tape(self.asset_of(item.symbol))
        return data_wire.quote(item, tape, at) if isinstance(item, Quote) else data_wire.trade(item, tape, at)

    # --- a connection ------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request, feed: str) -> web.StreamResponse:
        if self.gate.refuses_connection():
            return web.json_response({"message": "connection limit exceeded"}, status=429)
        socket = Socket(frames_for(request, Frames.TEXT))
        response = await socket.accept(request)
        subscriber = Subscriber(socket, feed)
        self.subscribers.add(subscriber)
        socket.send([{"T": "success", "msg": "connected"}])
        self._greet_by_headers(subscriber, request)
        try:
            await self._converse(subscriber)
        finally:
            self.subscribers.discard(subscriber)
            self._tell_what_is_wanted()
            with contextlib.suppress(ConnectionError):
                await socket.close(WSCloseCode.OK)
        return response

    def _greet_by_headers(self, subscriber: Subscriber, request: web.Request) -> None:
        """Keys may come with the handshake already."""
        key_id = request.headers.get("APCA-API-KEY-ID")
        if key_id:
            secret = request.headers.get("APCA-API-SECRET-KEY", "")
            self._authenticate(subscriber, {"key": key_id, "secret": secret})

    async def _converse(self, subscriber: Subscriber) -> None:
        goes_on = True
        while goes_on:
            try:
                message = await subscriber.socket.receive()
            except ValueError:
                _refuse(subscriber, 400)
                continue
            if message is None:
                return
            goes_on = self._answer(subscriber, message)

    def _answer(self, subscriber: Subscriber, message: Any) -> bool:
        """Whether the conversation goes on."""
        action = message.get("action") if isinstance(message, dict) else None
        if action == "auth":
            return self._authenticate(subscriber, message)
        if action not in {"subscribe", "unsubscribe"}:
            return _refuse(subscriber, 400)
        if not subscriber.account_id:
            return _refuse(subscriber, 401)
        return self._subscribe(subscriber, message, action)

    def _authenticate(self, subscriber: Subscriber, message: Message) -> bool:
        if subscriber.account_id:
            return _refuse(subscriber, 403)
        key_id = str(message.get("key", ""))
        account_id = self.account_of(key_id, str(message.get("secret", "")))
        if account_id is None:
            return _refuse(subscriber, 402)
        if any(other.socket.key_id == key_id and other.feed == subscriber.feed for other in self.subscribers):
            _refuse(subscriber, 406)
            return False
        subscriber.account_id = account_id
        subscriber.socket.key_id = key_id
        subscriber.socket.send([{"T": "success", "msg": "authenticated"}])
        return True

    def _subscribe(self, subscriber: Subscriber, message: Message, action: str) -> bool:
        for channel, wanted in subscriber.wanted.items():
            symbols = message.get(channel) or []
            if not isinstance(symbols, list):
                return _refuse(subscriber, 400)
            change = wanted.update if action == "subscribe" else wanted.difference_update
            change(str(symbol) for symbol in symbols)
        self._tell_what_is_wanted()
        subscriber.socket.send([subscriber.subscription()])
        return True

    def _tell_what_is_wanted(self) -> None:
        self.watch(set(self.watched()))


def test_items(now: datetime) -> list[Item]:
    """What the feed for trying out shows at a moment: the price goes through a dollar in a minute and a half."""
    price = 100 + Decimal(int(now.timestamp()) % 100) / 100
    cent, size = Decimal("0.01"), Decimal(100)
    return [
        Quote(TEST_SYMBOL, now, price - cent, size, price + cent, size),
        Print(TEST_SYMBOL, now, price, size, int(now.timestamp())),
    ]


def _kind(item: Item) -> tuple[str, str]:
    if isinstance(item, Quote):
        return "quotes", "q"
    return ("trades", "t") if isinstance(item, Print) else ("bars", "b")


def _refuse(subscriber: Subscriber, code: int) -> bool:
    subscriber.socket.send([{"T": "error", "code": code, "msg": ERRORS[code]}])
    return True
