"""New York's days for the exchange, from the table of `accounts.calendars`: no library is loaded for them."""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime
from functools import cache

from accounts import calendars
from brokers.simulator.engine.sessions import AFTER_HOURS, NEW_YORK, PRE_MARKET
from brokers.simulator.engine.types import Session

EXCHANGE = "XNYS"
FIRST_DAY, LAST_DAY = date(2000, 1, 3), date(2049, 12, 31)


class NewYorkHours:
    """The New York Stock Exchange with its holidays and half days, and extended hours from 04:00 to 20:00."""

    def on(self, day: date) -> Session | None:
        days = _days()
        place = bisect_left(days, day)
        return _session(day) if place < len(days) and days[place] == day else None

    def after(self, day: date) -> Session:
        return _session(_days()[bisect_right(_days(), day)])

    def before(self, day: date) -> Session:
        return _session(_days()[bisect_left(_days(), day) - 1])


@cache
def _days() -> list[date]:
    return calendars.sessions_between(EXCHANGE, FIRST_DAY, LAST_DAY)


@cache
def _session(day: date) -> Session:
    opening, closing = calendars.session_hours(EXCHANGE, day)
    pre_market = datetime.combine(day, PRE_MARKET, NEW_YORK).astimezone(UTC)
    return Session(day, pre_market, opening, closing, closing + AFTER_HOURS)
