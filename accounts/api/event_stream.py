"""One client's connection: what is written to it, without ever waiting for it."""

import json
import socket
from contextlib import suppress
from typing import Any

from accounts.api.event_access import Follower
from accounts.models import Event
from accounts.services.webhook_sending import body_of

RETRY_MS = 2000
# What a client may leave unread before it is dropped, and for how many seconds.
MOST_UNSENT = 256 * 1024
MOST_STALLED = 30.0
# Seconds after which a system gives up a connection whose other end answers nothing at all.
SILENCE = 60
# Whoever reads events has nothing to say.
READ = 4096
LOST = "Something between is not kept any more: read everything anew. What happens from now on follows."


class Stream:
    """A connection with what waits to be written to it. `seen`: the place up to which its client was told all."""

    def __init__(self, connection: socket.socket, head: bytes, follower: Follower, *, now: float) -> None:
        self.connection = connection
        self.follower = follower
        self.began = self.moved = self.allowed = now
        self.seen = 0
        self.is_behind = False
        self.is_open = True
        self.unsent = bytearray(head)
        _watch(connection)

    @property
    def is_full(self) -> bool:
        """Whether its client has more to read than it does."""
        return bool(self.unsent)

    def begin(self, *, last: int, place: int) -> None:
        """Say where this stream stands: `last` is the newest number there is, `place` where live events go on."""
        after = self.follower.after
        self._write(f"retry: {RETRY_MS}\n\n")
        if after is None:
            self.seen = last
            self._write(f"id: {last}\n\n")
        elif after > last:
            self.reset(last)
        else:
            self.seen = after
            self.is_behind = after < place

    def tell(self, event: Event) -> None:
        """One event, unless its client was told of it or did not ask for it."""
        if event.seq is None or event.seq <= self.seen:
            return
        self.seen = event.seq
        if self.follower.wants(event):
            self._write(text_of(f"{event.subject}.{event.action}", event.seq, body_of(event)))

    def beat(self, place: int) -> None:
        """Say that the connection lives, and where a client that returns would go on: all was told up to `place`."""
        if not self.is_behind:
            self.seen = max(self.seen, place)
        self._write(f": heartbeat\nid: {self.seen}\n\n")

    def reset(self, place: int) -> None:
        """Tell the client to read everything anew."""
        self.seen, self.is_behind = place, False
        body = {"id": place, "type": "reset", "at": None, "object": None, "detail": LOST}
        self._write(text_of("reset", place, body))

    def hear(self) -> None:
        """Take what the client sent, which is nothing but the end."""
        try:
            if not self.connection.recv(READ):
                self.drop()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.drop()

    def send(self, *, now: float) -> None:
        """Write what the connection takes; whoever reads too little for too long is dropped."""
        if not self.is_open:
            return
        try:
            sent = self.connection.send(self.unsent) if self.unsent else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.drop()
            return
        del self.unsent[:sent]
        if sent or not self.unsent:
            self.moved = now
        if len(self.unsent) > MOST_UNSENT or now - self.moved > MOST_STALLED:
            self.drop()

    def close(self) -> None:
        """End it so that the client has read everything that was sent."""
        if self.is_open:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
            self.drop()

    def drop(self) -> None:
        """Nothing more is written. Whoever watches the connection closes it: its number may be another's at once."""
        self.is_open = False

    def _write(self, text: str) -> None:
        if self.is_open:
            self.unsent += text.encode()


def text_of(kind: str, place: int, body: dict[str, Any]) -> str:
    """One message of a stream: JSON has no line breaks of its own."""
    return f"id: {place}\nevent: {kind}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"


def _watch(connection: socket.socket) -> None:
    """Let the system notice a client that is gone without a word; a socket of a file has no such options."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)
