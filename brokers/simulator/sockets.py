"""A websocket that is written to from plain code: messages queue up and one task sends them in order."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgpack
from aiohttp import WSCloseCode, WSMsgType, web

PONG_PATIENCE = 30.0
# A client that reads this slowly is let go, as Alpaca does.
LONGEST_QUEUE = 10_000


class Frames(Enum):
    """How messages are written: JSON in text frames, JSON in binary frames as paper trading does, or msgpack."""

    TEXT = "text"
    BINARY = "binary"
    MSGPACK = "msgpack"


def _text(message: Any) -> str:
    return json.dumps(message, separators=(",", ":"))


ENCODERS: dict[Frames, Callable[[Any], str | bytes]] = {
    Frames.TEXT: _text,
    Frames.BINARY: lambda message: _text(message).encode(),
    Frames.MSGPACK: msgpack.packb,
}


def frames_for(request: web.Request, otherwise: Frames) -> Frames:
    """A client asks for msgpack by its Content-Type."""
    return Frames.MSGPACK if request.headers.get("Content-Type") == "application/msgpack" else otherwise


class Socket:
    """One connected client."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.key_id = ""
        self._socket = web.WebSocketResponse(heartbeat=PONG_PATIENCE, compress=False)
        self._queue: asyncio.Queue[tuple[float, Any]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        await self._socket.prepare(request)
        self._sender = asyncio.create_task(self._send_in_order())
        return self._socket

    def send(self, message: Any, delay: float = 0.0) -> None:
        """Queue a message; whoever does not read loses the connection."""
        if self._queue.qsize() >= LONGEST_QUEUE:
            self._closing = asyncio.create_task(self.close(WSCloseCode.POLICY_VIOLATION, "slow client"))
            return
        self._queue.put_nowait((delay, message))

    async def receive(self) -> Any:
        """The next message, ``None`` at the end of the connection; raises ValueError for what cannot be read."""
        frame = await self._socket.receive()
        if frame.type is WSMsgType.TEXT:
            return json.loads(frame.data)
        if frame.type is WSMsgType.BINARY:
            return _unpacked(frame.data)
        return None

    async def close(self, code: int = WSCloseCode.GOING_AWAY, reason: str = "") -> None:
        """Send what is queued, then close."""
        if self._sender is not None:
            # The order of things said before the close is kept.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._queue.join(), timeout=1)
            self._sender.cancel()
        await self._socket.close(code=code, message=reason.encode())

    async def _send_in_order(self) -> None:
        while True:
            delay, message = await self._queue.get()
            try:
                if delay:
                    await asyncio.sleep(delay)
                await self._write(ENCODERS[self.frames](message))
            except (ConnectionError, RuntimeError):
                return
            finally:
                self._queue.task_done()

    async def _write(self, encoded: str | bytes) -> None:
        if isinstance(encoded, str):
            await self._socket.send_str(encoded)
        else:
            await self._socket.send_bytes(encoded)


def _unpacked(data: bytes) -> Any:
    """Binary frames hold msgpack or JSON."""
    if data[:1] in {b"{", b"["}:
        return json.loads(data)
    try:
        return msgpack.unpackb(data)
    except msgpack.exceptions.ExtraData as problem:
        raise ValueError("more than one message in a frame") from problem
