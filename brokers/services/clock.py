"""Whether a connection's market is open: the broker's word, or the exchange's calendar while the broker is silent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.calendars import market_hours
from brokers.base import ClockReport
from brokers.errors import BrokerError, TryLater
from brokers.models import BrokerConnection
from brokers.registry import adapter_for
from brokers.services.calls import market_call
from trenddojo.cache import spare

LONGEST_KEPT = timedelta(seconds=30)
# A broker that just did not answer is not waited for again by every page of this long, in seconds.
SILENCE = 10


@dataclass(frozen=True, slots=True)
class CalendarClock(ClockReport):
    """What the exchange's calendar says where the broker says nothing: its market may keep other hours."""


def clock_of(connection: BrokerConnection, *, exchange: str, now: datetime) -> ClockReport:
    """The market's clock at `now`, asked for at most every half minute and at its next turn. May use the network."""
    key = f"clock:{connection.pk}"
    kept: ClockReport | None = spare.get(key)
    if kept is not None and kept.now <= now + LONGEST_KEPT:
        return kept
    if is_silent(connection):
        return clock_by_calendar(exchange, now)
    try:
        with market_call(connection):
            report = adapter_for(connection).clock()
    except BrokerError as error:
        silence_note(connection, error)
        return clock_by_calendar(exchange, now)
    turn = report.next_close if report.is_open else report.next_open
    seconds = min(LONGEST_KEPT, turn - report.now).total_seconds()
    if seconds >= 1:
        spare.set(key, report, timeout=int(seconds))
    return report


def is_silent(connection: BrokerConnection) -> bool:
    """Whether the broker lately left somebody without an answer."""
    return bool(silence_of(connection))


def silence_of(connection: BrokerConnection) -> str:
    """Why the broker lately gave no answer, as the code of the error; empty where it did, or was not asked."""
    code: str | None = spare.get(f"silent:{connection.pk}")
    return code or ""


def silence_note(connection: BrokerConnection, error: BrokerError) -> None:
    """Remember for a while that the broker does not answer; what it refuses is an answer."""
    if isinstance(error, TryLater):
        spare.set(f"silent:{connection.pk}", error.code, timeout=SILENCE)


def clock_by_calendar(exchange: str, now: datetime) -> CalendarClock:
    """What the exchange's calendar says, holidays and half days included."""
    hours = market_hours(exchange, now)
    return CalendarClock(now=now, is_open=hours.is_open, next_open=hours.next_open, next_close=hours.closes)
