"""Bodies a real web process does not take, over a real connection: refused in the API's shape, before they are read."""

import http.client
import json
import signal
import socket
import sys

import pytest
from django.utils import timezone

from accounts.services.tokens import token_create
from tests.runtime.web_process import WebProcess
from trenddojo.api.parsers import MOST_BYTES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="The web process is the Procfile's, as on a server."),
]

ADDRESS = "/api/v1/tags/"
LENGTH = ("length_required", "Say the body's length in Content-Length: this server takes no chunked bodies.")


@pytest.fixture(scope="module")
def served(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        web = WebProcess()
    yield web
    web.end(signal.SIGTERM)


@pytest.fixture
def answered(served, transactional_db, alice):
    """Sends a head and the beginning of a body with a trader's token; status, code, sentence."""
    _token, token = token_create(user=alice, name="Bodies", scope="trade", now=timezone.now())

    def send(method, headers, body=b""):
        head = [f"{method} {ADDRESS} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
        head += ["Content-Type: application/json", *headers, "Connection: close"]
        with socket.create_connection(("localhost", served.port), timeout=20) as link:
            link.sendall("\r\n".join([*head, "", ""]).encode() + body)
            answer = http.client.HTTPResponse(link)
            answer.begin()
            reasons = json.loads(answer.read())
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Request-ID"]
        assert set(reasons) == {"type", "errors"}
        [reason] = reasons["errors"]
        return answer.status, reason["code"], reason["detail"]

    return send


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_body_in_chunks_is_refused_rather_than_taken_for_none(answered, method):
    chunked = b'10\r\n{"name": "Calm"}\r\n0\r\n\r\n'
    assert answered(method, ["Transfer-Encoding: chunked"], chunked) == (411, *LENGTH)


def test_a_large_body_is_refused_by_its_length_before_it_comes(answered):
    """Nothing follows the head: whoever waited for a body would wait for ever."""
    said = answered("POST", [f"Content-Length: {MOST_BYTES + 1}"])
    assert said == (413, "too_large", "Send at most 256 KiB of JSON.")


def test_a_body_as_large_as_is_taken_is_read(answered):
    text = json.dumps({"name": "x" * 300}).encode()
    body = text + b" " * (MOST_BYTES - len(text))
    status, code, _sentence = answered("POST", [f"Content-Length: {MOST_BYTES}"], body)
    assert (status, code) == (400, "max_length")
