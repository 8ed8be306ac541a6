"""Trading sessions: on which day of an exchange something counts.

The sessions come from exchange_calendars, as tables that tools/calendars.py writes and a test compares: the library
itself brings pandas along and takes seconds to start, which no web process should pay for.
"""

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
SATURDAY = 5
TABLES = Path(__file__).resolve().parent / "sessions"


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
    """Read the sessions of the exchange accounts start with, so that no request waits for the table."""
    _sessions(DEFAULT_EXCHANGE)


class MarketHours(NamedTuple):
    """Whether an exchange is open, and the session that is running or comes next; aware, in UTC."""

    is_open: bool
    opens: datetime
    closes: datetime
    next_open: datetime


def market_hours(code: str, at: datetime) -> MarketHours:
    """The exchange's hours at `at` (aware): holidays and half days are in it, breaks at noon are not."""
    # An exchange that opens the evening before may have begun tomorrow's session.
    day = at.astimezone(exchange_timezone(code)).date() - ONE_DAY
    while True:
        day = _session_on_or_after(_sessions(code), day)
        opens, closes = session_hours(code, day)
        if at < closes:
            break
        day += ONE_DAY
    if at < opens:
        return MarketHours(is_open=False, opens=opens, closes=closes, next_open=opens)
    following = _session_on_or_after(_sessions(code), day + ONE_DAY)
    return MarketHours(is_open=True, opens=opens, closes=closes, next_open=session_hours(code, following)[0])


def session_hours(code: str, session: date) -> tuple[datetime, datetime]:
    """When a session opens and closes, in UTC."""
    hours = _sessions(code).hours
    _since, opens, closes = hours[max(0, bisect_right(hours, session, key=lambda row: row[0]) - 1)]
    midnight, zone = datetime.combine(session, time()), exchange_timezone(code)
    # Added on the wall clock, so that the day on which the clocks change opens at its usual time.
    opened, closed = ((midnight + timedelta(minutes=n)).replace(tzinfo=zone).astimezone(UTC) for n in (opens, closes))
    return opened, closed


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The sessions of one exchange between the first and the last day the library knows."""

    days: list[date]
    members: frozenset[date]
    first_known: date
    last_known: date
    is_open_at_weekends: bool
    # From this session on: minutes from its midnight to the open and the close, on the exchange's wall clock.
    hours: list[tuple[date, int, int]]


@cache
def _sessions(code: str) -> _Sessions:
    table = json.loads((TABLES / f"{code.replace('/', '-')}.json").read_text(encoding="utf-8"))
    first, last = date.fromisoformat(table["first"]), date.fromisoformat(table["last"])
    closed, extra = ({date.fromisoformat(day) for day in table[name]} for name in ("closed", "extra"))
    always = code == "24/7"
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    days = [day for day in every if day in extra or ((always or day.weekday() < SATURDAY) and day not in closed)]
    hours = [(date.fromisoformat(day), opens, closes) for day, opens, closes in table["hours"]]
    return _Sessions(days, frozenset(days), first, last, is_open_at_weekends=always, hours=hours)


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
