"""Taking a client's connection out of the hands of the web server, so that no thread waits on it."""

import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpResponse
from django.utils.http import http_date

SOCKET = "gunicorn.socket"
# The server's framing is not ours: what follows lasts until the connection closes.
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "date"})

Receiver = Callable[[socket.socket, bytes], None]
StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Any]


class HandedOver(HttpResponse):
    """A response whose body somebody else sends: `receiver` is given the connection and the head to begin with."""

    def __init__(self, receiver: Receiver, **options: Any) -> None:
        super().__init__(**options)
        self.receiver = receiver


def can_hand_over(environ: dict[str, Any]) -> bool:
    """Whether this server gives connections away; gunicorn's threaded workers do, unless they speak TLS themselves."""
    return type(environ.get(SOCKET)) is socket.socket


def handing_over(application: Wsgi) -> Wsgi:
    """The application; a HandedOver response takes the connection with it."""

    def wrapped(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = application(environ, start_response)
        if isinstance(response, HandedOver):
            response.receiver(taken_from(environ[SOCKET]), head_of(response))
        return response  # type: ignore[no-any-return]

    return wrapped


def taken_from(connection: socket.socket) -> socket.socket:
    """The client's connection as a socket of our own.

    The server is left with one whose other end is gone, and closes it as it does when a client leaves early.
    """
    ours = socket.socket(fileno=os.dup(connection.fileno()))
    left, gone = socket.socketpair()
    gone.close()
    with left:
        os.dup2(left.fileno(), connection.fileno(), inheritable=False)
    ours.setblocking(False)
    return ours


def head_of(response: HttpResponse) -> bytes:
    """Status line and headers, for a body that ends with the connection."""
    headers = [(name, value) for name, value in response.items() if name.lower() not in FRAMING]
    headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    headers += [("Date", http_date()), ("Connection", "close")]
    lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
