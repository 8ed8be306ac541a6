"""The address of event streams: what is asked for and refused, and how the connection changes hands."""

import re
import socket

import pytest

from accounts.api import event_hub, events
from accounts.api.event_hub import BEAT, Hub
from accounts.services.events import events_settle
from accounts.services.stream_places import MOST
from tests.api.kit import error
from tests.api.streams_kit import Clock, happen, turn
from trenddojo.handover import HandedOver, handing_over, taken_from

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub():
    return Hub(Clock())


@pytest.fixture
def server():
    """What gunicorn gives with a request."""
    near, far = socket.socketpair()
    with near, far:
        yield {"gunicorn.socket": near}


def test_a_token_to_read_opens_a_stream(reader, server):
    answer = reader.get("/events/?types=order,trade", **server)
    assert isinstance(answer, HandedOver)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-cache, no-transform", "no")


@pytest.mark.parametrize("by", ["token", "session"])
def test_what_was_asked_for_is_what_is_followed(hub, alice, reader, alice_client, server, monkeypatch, by):
    monkeypatch.setattr(events, "hub", lambda: hub)
    happen(alice, 1, 3)
    place = events_settle() - 2
    address = f"/events/?types=order,trade&last_event_id={place - 1}"
    headers = {"Last-Event-ID": str(place)}
    if by == "token":
        answer = reader.get(address, headers=headers, **server)
    else:
        answer = alice_client.get(f"/api/v1{address}", headers=headers, **server)
    near, far = socket.socketpair()
    near.setblocking(False)
    answer.receiver(near, b"")
    happen(alice, 4, subject="position")
    happen(alice, 5, subject="trade")
    for _ in range(3):
        turn(hub)
    turn(hub, BEAT)
    text = far.recv(65536).decode()
    assert re.findall(r'"object":{"id":"(\d)"', text) == ["2", "3", "5"]
    assert text.endswith(f": heartbeat\nid: {events_settle()}\n\n")
    far.close()


def test_the_eleventh_stream_is_refused_for_a_while(reader, server):
    for _ in range(MOST):
        assert reader.get("/events/", **server).status_code == 200
    answer = reader.get("/events/", **server)
    assert error(answer) == (429, "too_many_streams", None)
    assert answer["Retry-After"] == "50"
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "headers", "said"),
    [
        ("?types=order,cash", {}, (400, "invalid_choice", "types")),
        ("?types=", {}, (400, "invalid_choice", "types")),
        ("?types=order&types=trade", {}, (400, "given_twice", "types")),
        ("?since=4", {}, (400, "unknown_field", "since")),
        ("?last_event_id=-1", {}, (400, "invalid", "last_event_id")),
        ("?last_event_id=x", {"Last-Event-ID": "5"}, (400, "invalid", "last_event_id")),
        ("", {"Last-Event-ID": "4711x"}, (400, "invalid", "last_event_id")),
        ("", {"Last-Event-ID": "9" * 19}, (400, "invalid", "last_event_id")),
        ("", {"Accept": "application/json"}, (406, "not_acceptable", None)),
    ],
)
def test_what_cannot_be_followed_is_said_before_a_stream_begins(reader, server, query, headers, said):
    answer = reader.get(f"/events/{query}", headers=headers, **server)
    assert error(answer) == said
    assert answer["Content-Type"] == "application/json"


def test_a_process_that_is_full_says_to_come_back_soon(reader, server, monkeypatch):
    monkeypatch.setattr(event_hub, "MOST_STREAMS", 0)
    reader.client.raise_request_exception = False
    answer = reader.get("/events/", **server)
    assert error(answer) == (503, "unavailable", None)
    assert answer["Retry-After"] == "5"


def test_a_stranger_follows_nothing(client):
    assert error(client.get("/api/v1/events/")) == (401, "not_authenticated", None)


def test_asking_for_the_head_opens_no_stream(reader, server):
    answer = reader.head("/events/", **server)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "text/event-stream", b"")
    assert not isinstance(answer, HandedOver)


def test_a_server_that_keeps_its_connections_says_so(reader):
    reader.client.raise_request_exception = False
    assert error(reader.get("/events/")) == (503, "no_stream", None)


def test_the_connection_is_taken_with_the_head_and_the_server_is_left_one_whose_client_is_gone():
    near, far = socket.socketpair()
    taken = []
    answer = HandedOver(lambda link, head: taken.append((link, head)), content_type="text/event-stream")
    answer.set_cookie("a", "b")
    app = handing_over(lambda environ, start_response: answer)
    assert app({"gunicorn.socket": near}, None) is answer
    [(link, head)] = taken
    with pytest.raises(BrokenPipeError):
        near.sendall(b"HTTP/1.1 200 OK")
    near.close()
    link.send(head)
    lines = far.recv(4096).decode().split("\r\n")
    assert lines[:3] == ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Set-Cookie: a=b; Path=/"]
    assert lines[-3:] == ["Connection: close", "", ""]
    link.close()
    assert far.recv(1) == b""


def test_a_socket_that_is_taken_never_waits():
    near, far = socket.socketpair()
    with near, far, taken_from(near) as link, pytest.raises(BlockingIOError):
        link.recv(1)
