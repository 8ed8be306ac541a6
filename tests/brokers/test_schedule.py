"""Turns and claims: spread evenly, taken once, held by one worker at a time, free again when a worker dies."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import TradingAccount
from brokers.models import BrokerConnection
from brokers.services.schedule import CLAIM, claimed, next_poll, next_turn, polls_take, sync_soon, syncs_take
from tests.factories import make_account, make_connection

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


@pytest.fixture
def account(alice) -> TradingAccount:
    return make_account(alice)


def test_ten_thousand_connections_come_due_evenly_over_the_cycle() -> None:
    ids = [UUID(int=(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128) for n in range(10_000)]
    seconds = Counter(int((next_turn(one, cycle=60, now=NOW) - NOW).total_seconds()) % 60 for one in ids)
    assert set(seconds) == set(range(60))
    assert max(seconds.values()) < 2 * 10_000 / 60


@given(st.uuids(), st.integers(1, 3600), st.integers(0, 10**9))
def test_the_next_turn_is_ahead_and_within_one_cycle_and_then_a_cycle_later(one: UUID, cycle: int, after: int) -> None:
    now = NOW + timedelta(milliseconds=after)
    turn = next_turn(one, cycle=cycle, now=now)
    assert timedelta(0) < turn - now <= timedelta(seconds=cycle, milliseconds=1)
    following = next_turn(one, cycle=cycle, now=turn + timedelta(milliseconds=1))
    assert abs((following - turn).total_seconds() - cycle) < 0.01


@given(st.uuids(), st.sampled_from([(60, 30), (60, 4), (300, 30)]))
def test_polls_come_half_a_cycle_beside_syncs(one: UUID, cycles: tuple[int, int]) -> None:
    sync, poll = (turn(one, cycle=cycle, now=NOW) for turn, cycle in zip((next_turn, next_poll), cycles, strict=True))
    assert timedelta(0) < poll - NOW <= timedelta(seconds=cycles[1], milliseconds=1)
    beside = (poll - sync).total_seconds() % cycles[1]
    assert abs(beside - cycles[1] / 2) < 0.01


def test_a_due_connection_is_handed_out_once_and_its_next_turn_is_set(account, settings) -> None:
    connection = make_connection(account)
    assert syncs_take(now=NOW, limit=10) == [connection.pk]
    assert syncs_take(now=NOW, limit=10) == []
    connection.refresh_from_db()
    assert connection.next_sync_at == next_turn(connection.pk, cycle=settings.SYNC_SECONDS, now=NOW)
    assert syncs_take(now=connection.next_sync_at, limit=10) == [connection.pk]


def test_sync_now_makes_it_due_at_once(account) -> None:
    connection = make_connection(account)
    syncs_take(now=NOW, limit=10)
    sync_soon(connection.pk)
    assert syncs_take(now=NOW, limit=10) == [connection.pk]


def test_an_inactive_connection_gets_no_turn(account) -> None:
    make_connection(account, is_active=False, status="disabled")
    assert syncs_take(now=NOW, limit=10) == []
    assert polls_take(BrokerConnection.objects.all(), now=NOW, limit=10) == []


def test_orders_are_asked_for_seldom_while_a_stream_is_up_and_soon_when_it_is_mute(account, settings) -> None:
    connection = make_connection(account, stream_leased_until=NOW + timedelta(seconds=20), stream_heard_at=NOW)
    everyone = BrokerConnection.objects.all()
    assert polls_take(everyone, now=NOW, limit=10) == [connection.pk]
    connection.refresh_from_db()
    assert connection.next_poll_at == next_poll(connection.pk, cycle=settings.POLL_SECONDS_WITH_STREAM, now=NOW)
    BrokerConnection.objects.update(next_poll_at=None, stream_heard_at=NOW - timedelta(seconds=41))
    assert polls_take(everyone, now=NOW, limit=10) == [connection.pk]
    connection.refresh_from_db()
    assert connection.next_poll_at == next_poll(connection.pk, cycle=settings.POLL_SECONDS, now=NOW)


def test_a_claimed_connection_is_nobody_elses_until_it_is_let_go(account) -> None:
    connection = make_connection(account)
    with claimed(connection.pk) as first:
        assert first == connection
        with claimed(connection.pk) as second:
            assert second is None
    with claimed(connection.pk) as again:
        assert again == connection


def test_the_claim_of_a_killed_worker_runs_out(account) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    connection = make_connection(account, claimed_by=uuid4(), claimed_until=past)
    with claimed(connection.pk) as found:
        assert found == connection
        assert timedelta(0) < found.claimed_until - datetime.now(UTC) <= CLAIM


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_hold_the_same_connection(alice) -> None:
    connection = make_connection(make_account(alice))
    together, held = Barrier(2), []

    def work() -> None:
        try:
            together.wait()
            with claimed(connection.pk) as found:
                together.wait()
                held.append(found is not None)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == [False, True]
