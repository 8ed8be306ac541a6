"""A server that answers as it is told and remembers what it was asked, byte by byte."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from brokers.alpaca.adapter import AlpacaAdapter
from brokers.base import ConnectionSettings

SECRET = "the-secret-of-this-key"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """`answers` are given in order: a body alone is a 200; (status, body) or (status, body, headers) otherwise."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, *answers: Any) -> None:
        self.answers.extend(answers)


@contextlib.contextmanager
def serving() -> Iterator[Wire]:
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            wire.asked.append(Asked(self.command, parts.path, query, dict(self.headers), body))
            status, said, headers = parts_of(wire.answers.pop(0))
            text = said if isinstance(said, str) else json.dumps(said)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text.encode())), "X-Request-ID": "req-1", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - the library's names

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    wire.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def parts_of(answer: Any) -> tuple[int, Any, dict[str, str]]:
    if not isinstance(answer, tuple):
        return 200, answer, {}
    status, said, *headers = answer
    return status, said, headers[0] if headers else {}


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serving() as made:
        yield made


def adapter_at(wire: Wire, *, feed: str = "", gate: Any = None) -> AlpacaAdapter:
    keys = {"api_key": "PKTEST", "secret_key": SECRET}
    settings = ConnectionSettings("c", "alpaca", True, wire.url, wire.url, data_feed=feed, credentials=keys)
    return AlpacaAdapter(settings, gate)
