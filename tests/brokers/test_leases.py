"""The stream of a connection is held by one process; another takes over when that process is gone."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.services.leases import LEASE, lease_release, leases_release, leases_renew, leases_take
from tests.factories import make_account, make_connection

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
BROKERS = ["simulator"]


@pytest.fixture
def connection(alice):
    return make_connection(make_account(alice))


def test_a_stream_is_held_by_one_process(connection) -> None:
    assert leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5) == [connection.pk]
    assert leases_take(owner="two", brokers=BROKERS, now=NOW, limit=5) == []


def test_another_process_takes_over_when_the_lease_ran_out_and_the_first_learns_it(connection) -> None:
    leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5)
    later = NOW + LEASE
    assert leases_take(owner="two", brokers=BROKERS, now=later, limit=5) == [connection.pk]
    assert leases_renew(owner="one", heard=[connection.pk], now=later) == set()
    connection.refresh_from_db()
    assert (connection.stream_owner, connection.stream_heard_at) == ("two", None)


def test_a_renewed_lease_stays_and_says_when_the_socket_was_alive(connection) -> None:
    leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5)
    later = NOW + timedelta(seconds=10)
    assert leases_renew(owner="one", heard=[connection.pk], now=later) == {connection.pk}
    connection.refresh_from_db()
    assert (connection.stream_leased_until, connection.stream_heard_at) == (later + LEASE, later)


def test_a_process_that_was_paused_past_its_lease_does_not_get_it_back(connection) -> None:
    leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5)
    assert leases_renew(owner="one", heard=[], now=NOW + LEASE) == set()


def test_a_released_stream_is_free_at_once(connection) -> None:
    leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5)
    leases_release(owner="one")
    assert leases_take(owner="two", brokers=BROKERS, now=NOW, limit=5) == [connection.pk]
    lease_release(owner="one", connection_id=connection.pk)
    assert leases_renew(owner="two", heard=[], now=NOW) == {connection.pk}


def test_disabled_connections_and_brokers_without_a_stream_are_left_alone(alice, connection) -> None:
    make_connection(make_account(alice, "Second"), is_active=False, status="disabled")
    make_connection(make_account(alice, "Third"), broker="mock")
    assert leases_take(owner="one", brokers=BROKERS, now=NOW, limit=5) == [connection.pk]
