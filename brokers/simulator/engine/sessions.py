"""When the exchange trades: New York's calendar, or always.

The days of New York come from exchange_calendars, which takes seconds to import: it is asked on the first question
about a day, and its answer kept as plain times for the life of the process.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo

from brokers.simulator.engine.types import Session

NEW_YORK = ZoneInfo("America/New_York")
ONE_DAY = timedelta(days=1)
PRE_MARKET = time(4, 0)
AFTER_HOURS = timedelta(hours=4)
# Orders for the auctions: too late from here on, and taken for the next session from the evening on.
OPEN_CUTOFF = timedelta(minutes=2)
CLOSE_CUTOFF = timedelta(minutes=10)
EVENING = time(19, 0)
# When the exchange clears out orders that grew too old.
HOUSEKEEPING = timedelta(minutes=15)
FIRST_DAY = "2000-01-03"
LAST_DAY = "2049-12-31"


class Phase(StrEnum):
    CLOSED = "closed"
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


class Moment(StrEnum):
    """The turns of a session, in the order they are taken when they fall together."""

    CLOSE = "close"
    HOUSEKEEPING = "housekeeping"
    POST = "post"
    PRE = "pre"
    OPEN = "open"


class Sessions(Protocol):
    """A calendar. Days are the exchange's own dates."""

    def on(self, day: date) -> Session | None:
        """The session of a day, None on a holiday."""

    def after(self, day: date) -> Session:
        """The first session of a later day."""

    def before(self, day: date) -> Session:
        """The last session of an earlier day."""


class NewYork:
    """The New York Stock Exchange with its holidays and half days, and extended hours from 04:00 to 20:00."""

    def on(self, day: date) -> Session | None:
        return _new_york().get(day)

    def after(self, day: date) -> Session:
        days = _new_york_days()
        return _new_york()[days[bisect_right(days, day)]]

    def before(self, day: date) -> Session:
        days = _new_york_days()
        return _new_york()[days[bisect_left(days, day) - 1]]


class AlwaysOpen:
    """A market that never shuts: each day of New York is one session from midnight to midnight."""

    def on(self, day: date) -> Session | None:
        return _whole_day(day)

    def after(self, day: date) -> Session:
        return _whole_day(day + ONE_DAY)

    def before(self, day: date) -> Session:
        return _whole_day(day - ONE_DAY)


def sessions_between(sessions: Sessions, start: date, end: date) -> list[Session]:
    """All sessions from `start` to `end`, both included."""
    found = []
    session = sessions.after(start - ONE_DAY)
    while session.day <= end:
        found.append(session)
        session = sessions.after(session.day)
    return found


def new_york_day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def session_around(sessions: Sessions, at: datetime) -> Session | None:
    """The session whose hours, extended ones included, hold `at`; its end is no longer part of it."""
    session = sessions.on(new_york_day(at))
    return session if session is not None and session.pre <= at < session.post else None


def phase_at(sessions: Sessions, at: datetime) -> Phase:
    session = session_around(sessions, at)
    if session is None:
        return Phase.CLOSED
    if at < session.open:
        return Phase.PRE
    return Phase.REGULAR if at < session.close else Phase.POST


def phase_began(sessions: Sessions, at: datetime) -> datetime:
    """When the phase that runs at `at` began, as far as it belongs to a session; else the end of the last session."""
    session = session_around(sessions, at)
    if session is None:
        day = new_york_day(at)
        today = sessions.on(day)
        return today.post if today is not None and today.post <= at else sessions.before(day).post
    return max(turn for turn in (session.pre, session.open, session.close) if turn <= at)


def session_due(sessions: Sessions, at: datetime) -> Session:
    """The session an order for regular hours sent at `at` trades in: the one that has not closed yet."""
    day = new_york_day(at)
    session = sessions.on(day)
    return session if session is not None and at < session.close else sessions.after(day)


def extended_session_due(sessions: Sessions, at: datetime) -> Session:
    """The session an order for extended hours sent at `at` trades in."""
    day = new_york_day(at)
    session = sessions.on(day)
    return session if session is not None and at < session.post else sessions.after(day)


def next_open(sessions: Sessions, at: datetime) -> datetime:
    day = new_york_day(at)
    session = sessions.on(day)
    return session.open if session is not None and at < session.open else sessions.after(day).open


def moments_of(session: Session) -> list[tuple[datetime, Moment]]:
    """The turns of a session, in order of time."""
    turns = [
        (session.pre, Moment.PRE),
        (session.open, Moment.OPEN),
        (session.close, Moment.CLOSE),
        (min(session.close + HOUSEKEEPING, session.post), Moment.HOUSEKEEPING),
        (session.post, Moment.POST),
    ]
    return sorted(turns, key=lambda turn: turn[0])


def next_moment(sessions: Sessions, at: datetime) -> datetime:
    """The first turn of a session strictly after `at`."""
    day = new_york_day(at) - ONE_DAY
    session = sessions.after(day)
    while True:
        for turn, _ in moments_of(session):
            if turn > at:
                return turn
        session = sessions.after(session.day)


def moments_at(sessions: Sessions, at: datetime) -> list[tuple[Moment, Session]]:
    """The turns that fall on exactly `at`, those of the session that ends before those of the one that begins."""
    day = new_york_day(at)
    around = [session for session in (sessions.on(day - ONE_DAY), sessions.on(day)) if session is not None]
    return [(kind, session) for session in around for turn, kind in moments_of(session) if turn == at]


def opening_cutoff_passed(sessions: Sessions, at: datetime) -> bool:
    """Whether it is too late for this day's opening auction and too early for the next."""
    day = new_york_day(at)
    session = sessions.on(day)
    return session is not None and session.open - OPEN_CUTOFF <= at < _evening(day)


def closing_cutoff_passed(sessions: Sessions, at: datetime) -> bool:
    """Whether it is too late for this day's closing auction and too early for the next."""
    day = new_york_day(at)
    session = sessions.on(day)
    return session is not None and session.close - CLOSE_CUTOFF <= at < max(_evening(day), session.close)


def housekeeping_on(day: date) -> datetime:
    """16:15 in New York: when an order that is too old on `day` ends."""
    return datetime.combine(day, time(16, 15), NEW_YORK).astimezone(UTC)


def _evening(day: date) -> datetime:
    return datetime.combine(day, EVENING, NEW_YORK)


@cache
def _whole_day(day: date) -> Session:
    start = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    end = datetime.combine(day + ONE_DAY, time(), NEW_YORK).astimezone(UTC)
    return Session(day, start, start, end, end)


@cache
def _new_york() -> dict[date, Session]:
    import exchange_calendars as library

    schedule = library.get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY).schedule
    days = [stamp.date() for stamp in schedule.index]
    opens = [stamp.to_pydatetime().astimezone(UTC) for stamp in schedule["open"]]
    closes = [stamp.to_pydatetime().astimezone(UTC) for stamp in schedule["close"]]
    return {
        day: Session(day, _pre_market(day), opening, closing, closing + AFTER_HOURS)
        for day, opening, closing in zip(days, opens, closes, strict=True)
    }


@cache
def _new_york_days() -> list[date]:
    return list(_new_york())


def _pre_market(day: date) -> datetime:
    return datetime.combine(day, PRE_MARKET, NEW_YORK).astimezone(UTC)
