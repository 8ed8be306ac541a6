"""Event streams of a real web process: quick, complete after any break, and in nobody's way."""

import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.services.tokens import token_create, token_revoke
from tests.factories import make_account
from tests.runtime.desk_process import wait_for
from tests.runtime.web_process import Follower, WebProcess
from trades.models import Order

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to count threads"),
]

WRITE = "INSERT INTO events (user_id, subject, action, object_id, detail) VALUES (%s, 'order', 'changed', %s, '{}')"


@pytest.fixture(scope="module")
def served(django_db_setup, django_db_blocker):
    """One web process for all tests that leave it running."""
    with django_db_blocker.unblock():
        web = WebProcess()
    yield web
    web.end(signal.SIGTERM)


@pytest.fixture
def web(served, transactional_db):
    """The process, and a database in which what is written is committed."""
    return served


@pytest.fixture
def token(transactional_db, alice):
    return token_of(alice)


def token_of(user, name="Streams"):
    return token_create(user=user, name=name, scope="read", now=timezone.now())[1]


def writes(user, numbers, pause=0.0):
    """One transaction for each."""
    for number in numbers:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(WRITE, [user.pk, str(number)])
        threading.Event().wait(pause)
    connection.close()


def test_a_change_of_an_order_arrives_within_a_second(web, alice, token):
    follower = Follower(web, token)
    account = make_account(alice)
    order = Order.objects.create(
        owner=alice, account=account, symbol="SPY", side="buy", type="market", quantity=10, client_order_id="td-1"
    )
    took = []
    for told in (2, 3, 4):
        began = time.monotonic()
        Order.objects.filter(pk=order.pk).update(status="accepted", version=F("version") + 1)
        wait_for(partial(follower.has, told), "the event")
        took.append(time.monotonic() - began)
    assert min(took) < 1
    assert [event["type"] for event in follower.events] == ["order.created", *["order.changed"] * 3]
    assert follower.events[-1]["object"]["id"] == str(order.pk)
    assert follower.answer.headers["Content-Type"] == "text/event-stream"
    follower.leave()


def test_who_breaks_off_again_and_again_while_events_are_written_misses_none_and_reads_none_twice(web, alice, token):
    numbers = [str(number) for number in range(400)]
    follower, found = Follower(web, token), []
    writer = threading.Thread(target=writes, args=(alice, numbers, 0.005))
    writer.start()
    breaks = 0
    while len(found) < len(numbers):
        wait_for(partial(follower.has, 1), "an event")
        place, names = follower.read()
        # What was read after this is read again by the next one.
        if len(found) + len(names) < len(numbers):
            follower.leave()
            follower = Follower(web, token, after=place)
            breaks += 1
        found += names
    writer.join()
    follower.leave()
    assert found == numbers
    assert breaks > 3


def test_forty_open_streams_take_no_thread_and_pages_answer_as_before(web, alice):
    people = [
        User(username=f"user{number}", email=f"user{number}@example.com", password=make_password(None))
        for number in range(4)
    ]
    User.objects.bulk_create(people)
    tokens = [token_of(user) for user in people]
    Follower(web, tokens[0]).leave()
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda _: web.page(), range(40)))
        before = median(web.page() for _ in range(60))
        threads = web.threads()
        followers = [Follower(web, token) for token in tokens for _ in range(9)]
        assert web.threads() == threads
        assert len(list(many.map(lambda _: web.page(), range(80)))) == 80
        after = min(median(web.page() for _ in range(60)) for _ in range(3))
    writes(people[0], ["told to nine"])
    wait_for(lambda: sum(len(one.events) for one in followers) == 9, "the event at all nine streams of its user")
    for one in followers:
        one.leave()
    assert after < before * 1.5 + 0.005


def test_a_killed_process_loses_nothing_another_goes_on_where_it_stopped(web, alice, token):
    killed = WebProcess()
    follower = Follower(killed, token)
    writes(alice, range(3))
    wait_for(lambda: follower.names == ["0", "1", "2"], "the events before")
    killed.end(signal.SIGKILL)
    wait_for(lambda: follower.is_ended, "the end of the stream")
    writes(alice, range(3, 6))
    again = Follower(web, token, after=follower.place)
    wait_for(lambda: len(again.names) >= 3, "the events after")
    writes(alice, [6])
    wait_for(lambda: len(again.names) >= 4, "the next event")
    assert again.names == ["3", "4", "5", "6"]
    again.leave()


def test_a_stream_outlives_its_connection_to_the_database(web, alice, token):
    follower = Follower(web, token)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    writes(alice, range(3))
    wait_for(partial(follower.has, 3), "the events after")
    assert follower.names == ["0", "1", "2"]
    assert not follower.is_ended
    follower.leave()


def test_a_stream_beats_and_ends_soon_after_its_token_was_revoked(web, alice):
    token, text = token_create(user=alice, name="Short", scope="read", now=timezone.now())
    follower, kept = Follower(web, text), Follower(web, token_of(alice, "Long"))
    wait_for(lambda: follower.comments == [": heartbeat"], "the heartbeat", 20)
    token_revoke(user=alice, pk=token.pk, now=timezone.now())
    wait_for(lambda: follower.is_ended, "the end of the stream", 20)
    assert not kept.is_ended
    kept.leave()


def test_a_process_that_is_asked_to_stop_ends_its_streams_properly_and_says_nothing(web, alice, token):
    stopped = WebProcess()
    followers = [Follower(stopped, token), Follower(stopped, token, version="1.0")]
    writes(alice, ["last"])
    wait_for(lambda: all(one.names for one in followers), "the event")
    took = stopped.end(signal.SIGTERM)
    wait_for(lambda: all(one.is_ended for one in followers), "the end of the streams", 5)
    assert took < 8
    assert [one.names for one in followers] == [["last"], ["last"]]
    assert not [line for line in stopped.output if "Traceback" in line or "Error" in line]


def test_a_connection_that_has_carried_pages_carries_a_stream_and_then_nothing_else(web, alice, token):
    page = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    stream = f"GET /api/v1/events/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.create_connection(("localhost", web.port), timeout=10) as link:
        link.sendall(page)
        assert link.recv(65536).startswith(b"HTTP/1.1 200")
        link.sendall(stream + page)
        text = b""
        while b"\nid: " not in text:
            text += link.recv(65536)
        writes(alice, ["told"])
        while b"order.changed" not in text:
            text += link.recv(65536)
    assert text.count(b"HTTP/1.1") == 1
    assert b"transfer-encoding" not in text.lower()
    assert web.page() > 0


def test_whoever_leaves_makes_room_for_another_stream(web, alice, token):
    followers = [Follower(web, token) for _ in range(10)]
    assert Follower(web, token).answer.status == 429
    followers.pop().leave()
    wait_for(lambda: followers.append(Follower(web, token)) or followers[-1].answer.status == 200, "room for another")
    for one in followers:
        one.leave()
