"""Alpaca's trade_updates socket: who listens is told at once, and never twice or in order for sure.

The socket has no replay and no sequence numbers: what it says is a hint, and the caller pulls what is true. Frames come
as text or, on paper, as bytes of JSON. One connection a key is allowed; a second is turned away with 429 or a sentence.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from brokers.alpaca.mapping import order_report
from brokers.alpaca.parsing import text
from brokers.base import ConnectionSettings, OrderUpdate
from brokers.errors import BrokerError, CredentialsInvalid, TryLater

# Seconds: to open and be let in; and between signs of life, which the library asks for with pings.
HANDSHAKE, SIGN_OF_LIFE = 10.0, 10.0
LARGEST_FRAME = 2**20
# Whoever holds the stream of these keys is not asked to share it more often, in seconds.
TAKEN_FOR = 30
EXECUTIONS = frozenset({"fill", "partial_fill", "trade_bust", "trade_correct"})


@asynccontextmanager
async def order_updates(settings: ConnectionSettings) -> AsyncIterator[AsyncIterator[OrderUpdate]]:
    """Open the socket, sign in and subscribe; inside, iterate over what comes.

    Raises CredentialsInvalid when the keys are refused, and TryLater when the socket cannot be opened, is turned away
    or ends: reconnect with a growing, jittered pause.
    """
    try:
        async with asyncio.timeout(HANDSHAKE):
            socket = await connect(
                settings.stream_url,
                open_timeout=HANDSHAKE,
                ping_interval=SIGN_OF_LIFE,
                ping_timeout=SIGN_OF_LIFE,
                max_size=LARGEST_FRAME,
                proxy=None,
            )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as problem:
        raise TryLater("The broker's order stream cannot be reached.", after=1, code="stream_unreachable") from problem
    async with socket:
        await _sign_in(socket, settings)
        yield _updates(socket)


async def _sign_in(socket: ClientConnection, settings: ConnectionSettings) -> None:
    keys = {"key_id": settings.credentials["api_key"], "secret_key": settings.credentials["secret_key"]}
    await _send(socket, {"action": "authenticate", "data": keys})
    answer = await _answer(socket, "authorization")
    if answer.get("status") != "authorized":
        sentence = "The broker's order stream refuses these keys: reconnect with new ones."
        raise CredentialsInvalid(sentence, code="credentials_invalid")
    await _send(socket, {"action": "listen", "data": {"streams": ["trade_updates"]}})
    answer = await _answer(socket, "listening")
    # A stream that is not to be had is silently left out of the answer.
    streams = answer.get("streams")
    if not isinstance(streams, list) or "trade_updates" not in streams:
        raise TryLater("The broker's order stream does not give order updates.", after=60, code="stream_refused")


async def _send(socket: ClientConnection, message: dict[str, Any]) -> None:
    try:
        await socket.send(json.dumps(message))
    except ConnectionClosed as closed:
        raise _ended() from closed


async def _answer(socket: ClientConnection, stream: str) -> dict[str, Any]:
    """The answer to what was just asked; other frames before it are not ours yet."""
    try:
        async with asyncio.timeout(HANDSHAKE):
            async for frame in socket:
                message = _read(frame)
                if message.get("stream") == stream:
                    return _data(message)
                _refuse_turned_away(message)
    except TimeoutError as late:
        raise TryLater("The broker's order stream does not answer.", after=5, code="stream_silent") from late
    except ConnectionClosed as closed:
        raise _ended() from closed
    raise _ended()


async def _updates(socket: ClientConnection) -> AsyncIterator[OrderUpdate]:
    try:
        async for frame in socket:
            message = _read(frame)
            _refuse_turned_away(message)
            if message.get("stream") == "trade_updates":
                yield _update(_data(message))
    except ConnectionClosed as closed:
        raise _ended() from closed
    raise _ended()


def _update(data: dict[str, Any]) -> OrderUpdate:
    event = text(data.get("event"))
    try:
        report = order_report(data.get("order") or {})
    except BrokerError:
        # A frame that cannot be read still says that something happened: the pull tells what.
        report = None
    return OrderUpdate(event=event, report=report, is_execution=event in EXECUTIONS)


def _read(frame: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _data(message: dict[str, Any]) -> dict[str, Any]:
    data = message.get("data")
    return data if isinstance(data, dict) else {}


def _refuse_turned_away(message: dict[str, Any]) -> None:
    data = _data(message)
    said = (text(data.get("error_message")), text(data.get("error")), text(message.get("msg")))
    if any("limit exceeded" in words for words in said):
        sentence = "Another program holds the order stream of these keys."
        raise TryLater(sentence, after=TAKEN_FOR, code="stream_taken")


def _ended() -> TryLater:
    return TryLater("The broker's order stream ended.", after=1, code="stream_ended")
