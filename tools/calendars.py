"""Write accounts/sessions/*.json anew: the sessions and hours of every exchange offered, from exchange_calendars.

The library is the source; it needs a second and pandas to start, which no web process should pay for. A test compares
the tables with the library, so that a new special closing is seen when the library is renewed.
"""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars

from accounts.calendars import EXCHANGES

FOLDER = Path(__file__).resolve().parent.parent / "accounts" / "sessions"
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2049, 12, 31)
SATURDAY = 5


def file_of(code: str) -> Path:
    return FOLDER / f"{code.replace('/', '-')}.json"


def table_of(code: str) -> dict[str, object]:
    """First and last known day, the days that break the rule "every weekday is a session", and the hours.

    `hours` are [from this session on, open, close] in minutes of the exchange's wall clock from the session's
    midnight; an exchange that opens the evening before has a negative opening.
    """
    name = exchange_calendars.resolve_alias(code)
    factory = exchange_calendars.calendar_utils._default_calendar_factories[name]  # noqa: SLF001 - no other address
    earliest, latest = factory.bound_min(), factory.bound_max()
    first = max(FIRST_DAY, earliest.date()) if earliest is not None else FIRST_DAY
    last = min(LAST_DAY, latest.date()) if latest is not None else LAST_DAY
    calendar = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    zone = ZoneInfo(str(calendar.tz))
    days = [stamp.date() for stamp in calendar.sessions]
    members, week = set(days), 7 if code == "24/7" else SATURDAY
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    hours: list[list[object]] = []
    for day, opens, closes in zip(days, calendar.opens, calendar.closes, strict=True):
        pair = [_minutes(stamp.to_pydatetime(), day, zone) for stamp in (opens, closes)]
        if not hours or hours[-1][1:] != pair:
            hours.append([day.isoformat(), *pair])
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "closed": [day.isoformat() for day in every if day.weekday() < week and day not in members],
        "extra": [day.isoformat() for day in every if day.weekday() >= week and day in members],
        "hours": hours,
    }


def text_of(code: str) -> str:
    return json.dumps(table_of(code), separators=(",", ":")) + "\n"


def _minutes(at: datetime, day: date, zone: ZoneInfo) -> int:
    wall = at.astimezone(zone).replace(tzinfo=None)
    return int((wall - datetime.combine(day, datetime.min.time())).total_seconds()) // 60


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for code in EXCHANGES:
        file_of(code).write_text(text_of(code), encoding="utf-8")


if __name__ == "__main__":
    main()
