"""What docs/runbook.md says of order streams is done with two connections and several processes: the alarms end."""

import os
import signal
import sys
from collections import Counter

import pytest

from tests.runtime.operated import Operated, desk, ids, running, until
from tests.runtime.test_remedies import is_each_at_the_exchange_once, state
from tests.trenddojo.alert_kit import Between, Scrape

__all__ = ["desk", "running"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

STREAM = ("manage.py", "stream_orders")
HEARD = """
SELECT stream_owner FROM broker_connections
WHERE stream_leased_until > now() AND stream_heard_at > now() - interval '40 seconds'
"""
LAGS = "trenddojo_stream_lag_seconds_count"


@pytest.fixture
def two(desk: Operated) -> Operated:
    """A second trader, at an account of its own."""
    if desk.sql("SELECT count(*) FROM broker_connections") == [(1,)]:
        desk.one_more_trader("second")
    until(lambda: held(desk) == [2], "two streams, held by one process", 120)
    return desk


def holders(desk: Operated) -> "Counter[str]":
    """The processes that hold streams which are heard, and how many each."""
    return Counter(owner for (owner,) in desk.sql(HEARD))


def held(desk: Operated) -> list[int]:
    return sorted(holders(desk).values())


def sockets(desk: Operated) -> list[str]:
    """The keys that the exchange's stream of orders has a listener for, once for each."""
    return sorted(desk.exchange.control.connections()["trades"])


def test_more_connections_than_one_process_serves_are_taken_by_another(two: Operated) -> None:
    with two.killed("stream"), two.beside(*STREAM, "--most", "1"):
        until(lambda: held(two) == [1], "one stream of two", 120)
        two.fires("StreamsDown", within=60)
        with two.beside(*STREAM):
            until(lambda: "StreamsDown" not in two.fires(), "both streams", 120)
            assert held(two) == [1, 1]


def test_connections_of_a_process_that_stands_still_are_taken_by_another(two: Operated) -> None:
    with two.stopped("stream"):
        two.fires("StreamsDown", within=120)
        with two.beside(*STREAM):
            until(lambda: "StreamsDown" not in two.fires(), "both streams", 120)
            further = holders(two)
            assert held(two) == [2]
            # The one that wakes up finds its leases gone and lets go: each stream has one listener.
            os.killpg(two.desk.entries()["stream"].pid, signal.SIGCONT)
            until(lambda: len(sockets(two)) == len(set(sockets(two))) == 2, "one listener for each key", 60)
            assert holders(two) == further
    # What the further process let go the first takes again.
    until(lambda: held(two) == [2] and holders(two) != further, "the first holds both again", 120)


def test_two_processes_with_half_of_the_connections_each_take_the_place_of_one_that_is_late(two: Operated) -> None:
    before = two.scrape()
    until(lambda: is_late(two, before), "a lag", 180)

    half = (*STREAM, "--most", "1")
    with two.killed("stream"), two.beside(*half), two.beside(*half):
        until(lambda: held(two) == [1, 1], "one stream for each process", 120)
        since = two.scrape()
        is_each_at_the_exchange_once(two, ids([two.order() for _ in range(2)]))
        until(lambda: two.value(LAGS) > sum(since[LAGS].values()), "words of the stream", 60)
        assert not {"StreamsLag", "StreamsDown"} & Between(since, two.scrape()).firing()


def is_late(desk: Operated, before: Scrape) -> bool:
    """The stream process stands still until what the exchange tells it is more than ten seconds old."""
    with desk.stopped("stream"):
        (order,) = ids([desk.order()])
        until(lambda: state(desk, order) == "accepted", "the order")
        old = "SELECT 1 FROM orders WHERE id = %s AND created_at < now() - interval '13 seconds'"
        until(lambda: desk.sql(old, order), "an event that is old")
    counted = desk.value(LAGS)
    try:
        until(lambda: desk.value(LAGS) > counted, "a word of the stream", 20)
    except AssertionError:
        return False
    return "StreamsLag" in Between(before, desk.scrape()).firing()
