"""Event streams: what a client reads, where it goes on, and when its stream ends."""

import json
import re
import socket

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.db import connection
from django.utils import timezone

from accounts.api import event_hub, event_stream, events
from accounts.api.event_access import Follower
from accounts.api.event_hub import BEAT, LONGEST, PAGE, PAUSE, UNCHECKED, Hub
from accounts.models import ApiToken, Event
from accounts.services.events import events_settle
from accounts.services.stream_places import MOST, Place, place_take, places_free, places_keep
from accounts.services.tokens import token_create, token_revoke
from tests.api.kit import error
from tests.factories import make_account, make_plan
from trenddojo.handover import HandedOver, handing_over, taken_from

pytestmark = pytest.mark.django_db

WRITE = """INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT %s, %s, 'changed', number::text, %s FROM generate_series(%s, %s) AS number"""


def happen(user, first, last=None, subject="order", detail="{}"):
    """Events named by numbers."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [user.pk, subject, detail, first, last or first])


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Client:
    """The other end of a stream, and what it read."""

    def __init__(self, hub, user, *, after=None, subjects=(), token=None, session=None):
        self.hub = hub
        ours, self.link = socket.socketpair()
        ours.setblocking(False)
        self.link.setblocking(False)
        self.text = ""
        self.is_ended = False
        token = token or (None if session else token_for(user))
        given = Follower(user.pk, Place(user.pk), token and token.pk, session, frozenset(subjects), after)
        hub.take(ours, b"HEAD\r\n\r\n", given)

    def read(self):
        while True:
            try:
                found = self.link.recv(65536)
            except BlockingIOError:
                return self
            if not found:
                self.is_ended = True
                return self
            self.text += found.decode()

    @property
    def messages(self):
        """Every message as a dictionary of its fields, comments left out."""
        self.read()
        blocks = self.text.removeprefix("HEAD\r\n\r\n").split("\n\n")
        lines = [[line.split(": ", 1) for line in block.split("\n") if not line.startswith(":")] for block in blocks]
        return [dict(found) for found in lines if found != [[""]]]

    @property
    def names(self):
        return [json.loads(found["data"])["object"]["id"] for found in self.messages if "data" in found]

    @property
    def place(self):
        return int([found["id"] for found in self.messages if "id" in found][-1])


def token_for(user):
    found = ApiToken.objects.filter(user=user, name="Streams").first()
    return found or token_create(user=user, name="Streams", scope="read", now=timezone.now())[0]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hub(clock):
    return Hub(clock)


def turn(hub, seconds=0.5):
    hub.clock.now += seconds
    hub.turn()


def test_a_stream_begins_with_what_happens_from_now_on(hub, alice, charlie):
    happen(alice, 1)
    client = Client(hub, alice)
    turn(hub)
    begin = events_settle()
    assert client.read().text == f"HEAD\r\n\r\nretry: 2000\n\nid: {begin}\n\n"
    happen(charlie, 2)
    happen(alice, 3, detail='{"symbol": "SPY\\n"}')
    turn(hub)
    event = Event.objects.get(object_id="3")
    at = event.at.isoformat().replace("+00:00", "Z")
    assert client.read().text.partition(f"id: {begin}\n\n")[2] == (
        f"id: {event.seq}\nevent: order.changed\n"
        f'data: {{"id":{event.seq},"type":"order.changed","at":"{at}","object":{{"id":"3","symbol":"SPY\\n"}}}}\n\n'
    )


def test_what_was_committed_before_a_second_client_came_is_told_to_the_first_only(hub, alice):
    first = Client(hub, alice)
    turn(hub)
    happen(alice, 1)
    second = Client(hub, alice)
    turn(hub, 0)
    happen(alice, 2)
    turn(hub)
    assert (first.names, second.names) == (["1", "2"], ["2"])


def test_who_comes_back_is_told_what_it_missed_once_and_in_order(hub, alice, charlie):
    client = Client(hub, alice)
    turn(hub)
    happen(alice, 1, 3)
    turn(hub)
    place = client.place
    client.link.close()
    turn(hub)
    assert not hub.streams
    happen(alice, 4, 4 + 2 * PAGE)
    happen(charlie, 9000, 9010)
    again = Client(hub, alice, after=place)
    watching = Client(hub, alice)
    turn(hub)
    happen(alice, 5000, 5005)
    turns = 0
    while again.names[-1:] != ["5005"]:
        turn(hub)
        turns += 1
        assert turns < 10
    expected = [str(number) for number in [*range(4, 5 + 2 * PAGE), *range(5000, 5006)]]
    assert again.names == expected
    assert watching.names == expected[-6:]
    turn(hub)
    assert again.names == expected


def test_who_comes_back_to_another_process_is_told_the_same(hub, clock, alice):
    client = Client(hub, alice)
    turn(hub)
    happen(alice, 1, 3)
    turn(hub)
    happen(alice, 4, 6)
    other = Hub(clock)
    again = Client(other, alice, after=client.place - 1)
    turn(other)
    turn(other)
    assert again.names == ["3", "4", "5", "6"]


def test_only_the_subjects_asked_for_are_told_and_the_place_moves_on_with_the_others(hub, alice):
    client = Client(hub, alice, subjects=["trade", "position"])
    turn(hub)
    for number, subject in enumerate(("order", "trade", "notification", "position", "order")):
        happen(alice, number, subject=subject)
    turn(hub)
    assert client.names == ["1", "3"]
    turn(hub, BEAT)
    assert client.messages[-1] == {"id": str(events_settle())}


def test_a_place_that_is_not_kept_or_not_known_is_answered_by_a_reset(hub, alice):
    happen(alice, 1, 5)
    last = events_settle()
    Event.objects.filter(object_id__in=["1", "2"]).delete()
    early, ahead, whole = (Client(hub, alice, after=place) for place in (last - 5, last + 1, last - 3))
    turn(hub)
    turn(hub)
    for client in (early, ahead):
        assert client.messages[-1]["event"] == "reset"
        assert client.messages[-1]["id"] == str(last)
    assert whole.names == ["3", "4", "5"]
    happen(alice, 6)
    turn(hub)
    assert [json.loads(client.messages[-1]["data"])["type"] for client in (early, ahead)] == ["order.changed"] * 2


def test_a_heartbeat_says_that_the_stream_lives_and_where_it_stands(hub, alice, charlie):
    client = Client(hub, alice)
    turn(hub)
    happen(charlie, 1, 4)
    turn(hub, BEAT)
    assert client.read().text.endswith(f"\n\n: heartbeat\nid: {events_settle()}\n\n")


def test_a_stream_ends_with_its_token(hub, alice, charlie):
    clients = [Client(hub, alice), Client(hub, charlie)]
    turn(hub)
    token_revoke(user=alice, pk=token_for(alice).pk, now=timezone.now())
    turn(hub, BEAT)
    assert [client.read().is_ended for client in clients] == [True, False]
    ApiToken.objects.filter(user=charlie).update(expires_at=timezone.now())
    turn(hub, BEAT)
    assert clients[1].read().is_ended
    assert not hub.streams


def test_a_stream_ends_when_its_user_may_not_sign_in_any_more(hub, alice):
    client = Client(hub, alice)
    turn(hub)
    alice.is_active = False
    alice.save()
    turn(hub, BEAT)
    assert client.read().is_ended


@pytest.mark.parametrize("how", ["signed out", "new password"])
def test_a_browsers_stream_ends_with_its_session(hub, alice, alice_client, how):
    key = alice_client.session.session_key
    client = Client(hub, alice, session=key)
    turn(hub)
    turn(hub, BEAT)
    assert not client.read().is_ended
    if how == "signed out":
        SessionStore(key).delete()
    else:
        alice.set_password("another battery staple")
        alice.save()
    turn(hub, BEAT)
    assert client.read().is_ended


def test_a_stream_ends_after_an_hour_and_gives_its_place_back(hub, alice):
    client = Client(hub, alice)
    turn(hub)
    turn(hub, LONGEST)
    assert not client.read().is_ended
    turn(hub, BEAT)
    assert client.read().is_ended


def test_who_does_not_read_is_dropped_and_nobody_else_waits(hub, alice, monkeypatch):
    monkeypatch.setattr(event_stream, "MOST_UNSENT", 20_000)
    lazy, keen = Client(hub, alice), Client(hub, alice)
    turn(hub)
    detail = json.dumps({"title": "x" * 1000})
    number = 0
    while len(hub.streams[alice.pk]) == 2:
        happen(alice, number, number + 49, detail=detail)
        turn(hub)
        keen.read()
        number += 50
        assert number < 5000
    happen(alice, number)
    turn(hub)
    assert keen.names == [str(one) for one in range(number + 1)]
    assert lazy.read().is_ended


def test_who_takes_nothing_for_half_a_minute_is_dropped(hub, alice):
    client = Client(hub, alice)
    turn(hub)
    [stream] = hub.streams[alice.pk]
    client.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    stream.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    happen(alice, 1, 150, detail=json.dumps({"title": "x" * 1000}))
    turn(hub)
    assert stream.is_full
    turn(hub, 10)
    assert hub.streams
    turn(hub, 31)
    assert not hub.streams


def test_while_the_database_is_away_streams_wait_and_end_when_nobody_can_say_who_may_read(hub, alice, monkeypatch):
    client = Client(hub, alice)
    turn(hub)

    def away(*_args, **_options):
        from django.db import OperationalError

        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(event_hub, "events_number", away)
        broken.setattr(event_hub.connection, "close", lambda: None)
        turn(hub)
        assert hub._patience() == PAUSE
        happen(alice, 1)
        turn(hub, PAUSE / 2)
    assert not client.read().is_ended
    turn(hub, PAUSE)
    assert client.names == ["1"]
    monkeypatch.setattr(event_hub, "events_number", away)
    monkeypatch.setattr(event_hub.connection, "close", lambda: None)
    turn(hub, UNCHECKED + 1)
    assert client.read().is_ended


def test_a_user_may_have_ten_streams_and_those_that_end_make_room(alice, charlie):
    places = [place_take(alice.pk) for _ in range(MOST)]
    assert all(places)
    assert place_take(alice.pk) is None
    assert place_take(charlie.pk) is not None
    places_keep(places)
    places_free(places[:1])
    assert place_take(alice.pk) is not None
    assert place_take(alice.pk) is None


# --- the request ------------------------------------------------------------------------------------------------------


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


def test_a_change_of_a_trade_reaches_its_owner_with_what_tells_whether_to_read_it(hub, alice):
    client = Client(hub, alice)
    turn(hub)
    trade = make_plan(make_account(alice))
    turn(hub)
    body = json.loads(client.messages[-1]["data"])
    account = str(trade.account_id)
    assert body["object"] == {
        "id": str(trade.pk),
        "account": account,
        "symbol": "AAPL",
        "status": "planned",
        "version": 1,
    }
