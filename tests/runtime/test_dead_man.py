"""A whole desk: each process gives signs of life, and one that stands still is missed by the others."""

import os
import signal
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.runtime.desk_process import DeskProcess, copy_checkout, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]


@pytest.fixture
def desk() -> Iterator[DeskProcess]:
    found = DeskProcess(copy_checkout(), DEAD_MAN_SECONDS="30")
    try:
        yield found.start()
    finally:
        found.clear_away()


def rows(desk: DeskProcess, question: str) -> list[tuple[object, ...]]:
    parts = urlsplit(desk.addresses()["DATABASE_URL"])
    folder = parse_qs(parts.query)["host"][0]
    with psycopg.connect(host=folder, user=parts.username, dbname=parts.path[1:], autocommit=True) as link:
        return link.execute(question).fetchall()


def fresh(desk: DeskProcess) -> set[object]:
    """Who was heard of within the last seconds."""
    return {name for (name,) in rows(desk, "SELECT name FROM pulses WHERE at > clock_timestamp() - interval '15 s'")}


def test_a_worker_that_stands_still_is_missed_until_it_goes_on(desk: DeskProcess) -> None:
    everybody = {"orders", "worker", "stream", "beat"}
    wait_for(lambda: fresh(desk) == everybody, "a sign of life of every process", 60)
    pid = desk.entries()["orders"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: rows(desk, "SELECT 1 FROM silences WHERE ended_at IS NULL"), "the silence", 120)
        assert fresh(desk) == everybody - {"orders"}
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: rows(desk, "SELECT 1 FROM silences WHERE ended_at IS NOT NULL"), "the end of the silence", 60)
    assert rows(desk, "SELECT subject FROM silences") == [("desk",)]


def test_a_stream_that_is_stopped_in_order_is_not_missed(desk: DeskProcess) -> None:
    wait_for(lambda: "stream" in fresh(desk), "a sign of life of the stream", 60)
    desk.end(signal.SIGTERM)
    desk.start()
    wait_for(lambda: "stream" in fresh(desk), "a sign of life of the next stream", 60)
    assert rows(desk, "SELECT 1 FROM silences") == []
