"""The socket /stream: authenticate, listen to trade_updates, and hear what happens to the account's orders.

One connection per key, no replay of what was missed, no sequence numbers: as Alpaca's.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, web

from brokers.simulator.sockets import Frames, Socket, frames_for
from brokers.simulator.stream_faults import Gate

STREAM = "trade_updates"
Message = dict[str, Any]


class TradeStream:
    """Every connection to /stream. `account_of` gives the account of a key pair, or ``None``."""

    def __init__(self, account_of: Callable[[str, str], str | None]) -> None:
        self.account_of = account_of
        self.gate = Gate()
        self.frames = Frames.TEXT
        self._authorized: dict[str, Socket] = {}
        self._accounts: dict[Socket, str] = {}
        self._listening: set[Socket] = set()
        self._open: set[Socket] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection from its handshake to its end."""
        if self.gate.refuses_connection():
            return web.json_response({"message": "connection limit exceeded"}, status=429)
        socket = Socket(frames_for(request, self.frames))
        response = await socket.accept(request)
        self._open.add(socket)
        try:
            await self._converse(socket)
        finally:
            self._forget(socket)
            with contextlib.suppress(ConnectionError):
                await socket.close(WSCloseCode.OK)
        return response

    def publish(self, account_id: str, update: Message) -> None:
        """An event of an account, to everybody who listens to it."""
        listeners = [socket for socket in self._listening if self._accounts[socket] == account_id]
        for delay, message in self.gate.passes({"stream": STREAM, "data": update}, is_heard=bool(listeners)):
            for socket in listeners:
                socket.send(message, delay)

    def connections(self) -> list[str]:
        """The keys that are connected and authorized."""
        return sorted(self._authorized)

    def listeners(self) -> list[str]:
        """The keys that hear trade updates."""
        return sorted(socket.key_id for socket in self._listening)

    async def close_all(self, code: int = WSCloseCode.GOING_AWAY, reason: str = "") -> None:
        for socket in list(self._open):
            await socket.close(code, reason)

    async def _converse(self, socket: Socket) -> None:
        while True:
            try:
                message = await socket.receive()
            except ValueError:
                socket.send({"action": "error", "data": {"error_message": "invalid syntax"}})
                continue
            if message is None:
                return
            if not self._answer(socket, message):
                return

    def _answer(self, socket: Socket, message: Any) -> bool:
        """Whether the conversation goes on."""
        action = message.get("action") if isinstance(message, dict) else None
        data = message.get("data") if isinstance(message, dict) else None
        data = data if isinstance(data, dict) else {}
        if action in {"authenticate", "auth"}:
            return self._authenticate(socket, data, message)
        if action == "listen":
            return self._listen(socket, data)
        socket.send({"action": "error", "data": {"error_message": "invalid action"}})
        return True

    def _authenticate(self, socket: Socket, data: Message, message: Message) -> bool:
        # The newer form carries the keys beside the action.
        key_id = str(data.get("key_id") or message.get("key") or "")
        secret = str(data.get("secret_key") or message.get("secret") or "")
        account_id = self.account_of(key_id, secret)
        if account_id is None:
            socket.send(_authorization("unauthorized", "authenticate"))
            return True
        if self._authorized.get(key_id, socket) is not socket:
            socket.send({"action": "error", "data": {"error_message": "connection limit exceeded"}})
            return False
        socket.key_id = key_id
        self._authorized[key_id] = socket
        self._accounts[socket] = account_id
        socket.send(_authorization("authorized", "authenticate"))
        return True

    def _listen(self, socket: Socket, data: Message) -> bool:
        if socket not in self._accounts:
            socket.send(_authorization("unauthorized", "listen"))
            return True
        streams = data.get("streams")
        # Streams that do not exist are absent from the answer, without a word.
        heard = [STREAM] if isinstance(streams, list) and STREAM in streams else []
        (self._listening.add if heard else self._listening.discard)(socket)
        socket.send({"stream": "listening", "data": {"streams": heard}})
        return True

    def _forget(self, socket: Socket) -> None:
        self._open.discard(socket)
        self._listening.discard(socket)
        self._accounts.pop(socket, None)
        if self._authorized.get(socket.key_id) is socket:
            del self._authorized[socket.key_id]


def _authorization(status: str, action: str) -> Message:
    return {"stream": "authorization", "data": {"status": status, "action": action}}
