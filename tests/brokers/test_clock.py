"""Whether the market is open is the broker's word; a silent broker is not waited for by every page."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.base import ClockReport
from brokers.errors import CredentialsInvalid, TryLater
from brokers.services import clock as service
from brokers.services.clock import clock_of, is_silent
from tests.factories import make_account, make_connection

# A Wednesday, 20:00 in New York.
EVENING = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
OPEN = ClockReport(
    EVENING, is_open=True, next_open=EVENING + timedelta(hours=2), next_close=EVENING + timedelta(hours=1)
)


class Broker:
    """Answers with what it is given, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: ClockReport | Exception = OPEN

    def clock(self) -> ClockReport:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def broker(monkeypatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(service, "adapter_for", lambda connection: found)
    return found


@pytest.fixture
def connection(alice):
    return make_connection(make_account(alice))


def test_the_brokers_word_counts_more_than_the_calendar_and_is_kept_for_a_while(connection, broker) -> None:
    for _ in range(3):
        assert clock_of(connection, exchange="XNYS", now=EVENING).is_open
    assert broker.asked == 1


def test_a_broker_that_does_not_answer_is_asked_once_and_the_calendar_speaks(connection, broker) -> None:
    broker.answer = TryLater("The broker does not answer.", after=5)
    for _ in range(3):
        assert not clock_of(connection, exchange="XNYS", now=EVENING).is_open
    assert broker.asked == 1
    assert is_silent(connection)


def test_a_refusal_is_an_answer(connection, broker) -> None:
    broker.answer = CredentialsInvalid("The keys are refused.")
    assert not clock_of(connection, exchange="XNYS", now=EVENING).is_open
    assert not is_silent(connection)
