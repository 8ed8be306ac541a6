"""Trading sessions: on which day of an exchange something counts.

The sessions come from exchange_calendars. It brings pandas along and takes seconds to import, so it is imported on
the first question about a session and its answer kept as plain dates for the life of the process.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
SATURDAY = 5
# The library would end a year after today, and a figure must not depend on the day the process was started.
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2049, 12, 31)


DEFAULT_EXCHANGE = "XNYS"


class Exchange(NamedTuple):
    name: str
    timezone: str


EXCHANGES: dict[str, Exchange] = {
    "XNYS": Exchange("New York Stock Exchange", "America/New_York"),
    "XNAS": Exchange("Nasdaq", "America/New_York"),
    "CMES": Exchange("CME, Chicago (futures)", "America/Chicago"),
    "XTSE": Exchange("Toronto Stock Exchange", "America/Toronto"),
    "XLON": Exchange("London Stock Exchange", "Europe/London"),
    "XETR": Exchange("Xetra, Frankfurt", "Europe/Berlin"),
    "XPAR": Exchange("Euronext Paris", "Europe/Paris"),
    "XAMS": Exchange("Euronext Amsterdam", "Europe/Amsterdam"),
    "XBRU": Exchange("Euronext Brussels", "Europe/Brussels"),
    "XMIL": Exchange("Borsa Italiana, Milan", "Europe/Rome"),
    "XMAD": Exchange("Bolsa de Madrid", "Europe/Madrid"),
    "XSWX": Exchange("SIX Swiss Exchange", "Europe/Zurich"),
    "XSTO": Exchange("Nasdaq Stockholm", "Europe/Stockholm"),
    "XWAR": Exchange("Warsaw Stock Exchange", "Europe/Warsaw"),
    "XTKS": Exchange("Tokyo Stock Exchange", "Asia/Tokyo"),
    "XHKG": Exchange("Hong Kong Stock Exchange", "Asia/Hong_Kong"),
    "XSES": Exchange("Singapore Exchange", "Asia/Singapore"),
    "XKRX": Exchange("Korea Exchange, Seoul", "Asia/Seoul"),
    "XBOM": Exchange("Bombay Stock Exchange", "Asia/Kolkata"),
    "XASX": Exchange("Australian Securities Exchange", "Australia/Sydney"),
    "24/7": Exchange("Always open (crypto, UTC days)", "UTC"),
}


def exchange_choices() -> list[tuple[str, str]]:
    """The exchanges an account can follow, as (code, label)."""
    return [(code, f"{exchange.name} ({code})") for code, exchange in EXCHANGES.items()]


@cache
def exchange_timezone(code: str) -> ZoneInfo:
    """The exchange's own zone. Raises KeyError for a code that is not offered."""
    return ZoneInfo(EXCHANGES[code].timezone)


def session_for(code: str, at: datetime) -> date:
    """The session something at `at` (aware) counts in: the exchange's date, or the next session when it is none."""
    day = at.astimezone(exchange_timezone(code)).date()
    sessions = _sessions(code)
    return day if day in sessions.members else _session_on_or_after(sessions, day)


def sessions_between(code: str, start: date, end: date) -> list[date]:
    """All sessions from `start` to `end`, both included; empty when `end` is before `start`."""
    sessions = _sessions(code)
    days = sessions.days
    inside = days[bisect_left(days, start) : bisect_right(days, end)]
    before = _weekdays(start, min(end, sessions.first_known - ONE_DAY), sessions)
    after = _weekdays(max(start, sessions.last_known + ONE_DAY), end, sessions)
    return before + inside + after


def session_count(code: str, first: date, last: date) -> int:
    """How many sessions there are from `first` to `last`, both included."""
    sessions = _sessions(code)
    if sessions.first_known <= first and last <= sessions.last_known:
        return max(0, bisect_right(sessions.days, last) - bisect_left(sessions.days, first))
    return len(sessions_between(code, first, last))


def sessions_warm() -> None:
    """Read the sessions of the exchange accounts start with, so that no request waits for the library."""
    _sessions(DEFAULT_EXCHANGE)


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The sessions of one exchange between the first and the last day the library knows."""

    days: list[date]
    members: frozenset[date]
    first_known: date
    last_known: date
    is_open_at_weekends: bool


@cache
def _sessions(code: str) -> _Sessions:
    import exchange_calendars as library

    name = library.resolve_alias(code)
    factory = library.calendar_utils._default_calendar_factories[name]  # noqa: SLF001 - bounds have no other address
    earliest, latest = factory.bound_min(), factory.bound_max()
    first = max(FIRST_DAY, earliest.date()) if earliest is not None else FIRST_DAY
    last = min(LAST_DAY, latest.date()) if latest is not None else LAST_DAY
    calendar = library.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    days = [stamp.date() for stamp in calendar.sessions]
    return _Sessions(days, frozenset(days), first, last, is_open_at_weekends=code == "24/7")


def _session_on_or_after(sessions: _Sessions, day: date) -> date:
    if sessions.first_known <= day <= sessions.last_known:
        at = bisect_left(sessions.days, day)
        if at < len(sessions.days):
            return sessions.days[at]
        day = sessions.last_known + ONE_DAY
    while not _is_weekday(day, sessions):
        day += ONE_DAY
    return day


def _is_weekday(day: date, sessions: _Sessions) -> bool:
    """The rule outside the years the library knows, such as Tokyo before 1997: every weekday is a session.

    A fill there is still booked on its own day; refusing it for want of a holiday table would lose it.
    """
    return sessions.is_open_at_weekends or day.weekday() < SATURDAY


def _weekdays(start: date, end: date, sessions: _Sessions) -> list[date]:
    days = ((start + timedelta(days=n)) for n in range((end - start).days + 1))
    return [day for day in days if _is_weekday(day, sessions)]
