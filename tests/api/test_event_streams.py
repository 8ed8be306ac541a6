"""Event streams: what a client reads, where it goes on, and when its stream ends."""

import json
import socket

import pytest
from django.contrib.sessions.backends.cached_db import SessionStore
from django.utils import timezone

from accounts.api import event_hub, event_stream
from accounts.api.event_hub import BEAT, LONGEST, PAGE, PAUSE, UNCHECKED, Hub
from accounts.models import ApiToken, Event
from accounts.services.events import events_settle
from accounts.services.stream_places import MOST, place_take, places_free, places_keep
from accounts.services.tokens import token_revoke
from tests.api.streams_kit import Client, Clock, happen, token_for, turn
from tests.factories import make_account, make_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hub(clock):
    return Hub(clock)


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
