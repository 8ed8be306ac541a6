"""Sessions: on which day of an exchange something counts."""

from datetime import UTC, date, datetime

import pytest

from accounts.calendars import (
    EXCHANGES,
    exchange_choices,
    exchange_timezone,
    market_hours,
    session_count,
    session_for,
    sessions_between,
)


@pytest.mark.parametrize(
    ("code", "at", "session"),
    [
        # Friday 2026-07-03 is the holiday of Independence Day in New York: the next session is Monday.
        ("XNYS", datetime(2026, 7, 3, 15, tzinfo=UTC), date(2026, 7, 6)),
        ("XNYS", datetime(2026, 7, 2, 15, tzinfo=UTC), date(2026, 7, 2)),
        # 03:00 UTC is still the evening before in New York.
        ("XNYS", datetime(2026, 7, 3, 3, tzinfo=UTC), date(2026, 7, 2)),
        ("XNYS", datetime(1970, 1, 1, 15, tzinfo=UTC), date(1970, 1, 2)),
        # Late on Sunday in UTC it is Monday in Tokyo.
        ("XTKS", datetime(2026, 11, 8, 23, tzinfo=UTC), date(2026, 11, 9)),
        ("24/7", datetime(2026, 7, 4, 23, tzinfo=UTC), date(2026, 7, 4)),
        # Tokyo's holidays are known from 1997 on; before, every weekday is a session.
        ("XTKS", datetime(1990, 1, 6, 3, tzinfo=UTC), date(1990, 1, 8)),
        ("XNYS", datetime(2061, 1, 2, 15, tzinfo=UTC), date(2061, 1, 3)),
        # The last day of the known years is no session in Frankfurt.
        ("XETR", datetime(2049, 12, 31, 12, tzinfo=UTC), date(2050, 1, 3)),
    ],
)
def test_a_moment_counts_in_the_exchanges_session(code: str, at: datetime, session: date) -> None:
    assert session_for(code, at) == session


def test_sessions_between_two_days_include_both() -> None:
    week = sessions_between("XNYS", date(2026, 6, 29), date(2026, 7, 6))
    assert [day.day for day in week] == [29, 30, 1, 2, 6]
    assert session_count("XNYS", date(2026, 6, 29), date(2026, 7, 6)) == 5


def test_no_session_lies_between_days_in_the_wrong_order() -> None:
    assert sessions_between("XNYS", date(2026, 7, 6), date(2026, 6, 29)) == []


def test_sessions_run_on_without_a_seam_where_the_holiday_table_begins_and_ends() -> None:
    assert sessions_between("XTKS", date(1996, 12, 30), date(1997, 1, 6)) == [
        date(1996, 12, 30),
        date(1996, 12, 31),
        date(1997, 1, 6),
    ]
    assert session_count("XNYS", date(2049, 12, 31), date(2050, 1, 4)) == 3


@pytest.mark.parametrize(
    ("code", "at", "expected"),
    [
        # Friday after Thanksgiving: New York closes at 13:00, which is 18:00 UTC.
        ("XNYS", datetime(2026, 11, 27, 17, 59, tzinfo=UTC), (True, datetime(2026, 11, 30, 14, 30, tzinfo=UTC))),
        ("XNYS", datetime(2026, 11, 27, 18, tzinfo=UTC), (False, datetime(2026, 11, 30, 14, 30, tzinfo=UTC))),
        # The clocks changed on the Sunday before: half past nine is an hour earlier in UTC.
        ("XNYS", datetime(2026, 3, 8, 12, tzinfo=UTC), (False, datetime(2026, 3, 9, 13, 30, tzinfo=UTC))),
        ("XNYS", datetime(2026, 3, 9, 13, 30, tzinfo=UTC), (True, datetime(2026, 3, 10, 13, 30, tzinfo=UTC))),
        # Chicago's Monday begins at 17:00 on Sunday, 23:00 UTC.
        ("CMES", datetime(2026, 11, 22, 22, 59, tzinfo=UTC), (False, datetime(2026, 11, 22, 23, tzinfo=UTC))),
        ("CMES", datetime(2026, 11, 22, 23, tzinfo=UTC), (True, datetime(2026, 11, 23, 23, tzinfo=UTC))),
        ("24/7", datetime(2026, 11, 22, 23, 59, tzinfo=UTC), (True, datetime(2026, 11, 23, tzinfo=UTC))),
    ],
)
def test_the_market_is_open_in_the_sessions_hours(code: str, at: datetime, expected: tuple[bool, datetime]) -> None:
    hours = market_hours(code, at)
    assert (hours.is_open, hours.next_open) == expected
    assert at < hours.closes


@pytest.mark.parametrize("code", EXCHANGES)
def test_the_table_of_an_exchange_is_what_the_library_says(code: str) -> None:
    from tools.calendars import file_of, text_of

    assert file_of(code).read_text() == text_of(code), "Run python -m tools.calendars to write the tables again."


@pytest.mark.parametrize("code", EXCHANGES)
def test_every_exchange_offered_has_sessions_and_the_zone_the_library_gives_it(code: str) -> None:
    import exchange_calendars

    assert session_count(code, date(2026, 3, 2), date(2026, 3, 6)) >= 3
    assert str(exchange_calendars.get_calendar(code, start="2025-01-01").tz) == exchange_timezone(code).key


def test_the_choices_name_the_exchange_and_its_code() -> None:
    assert ("XNYS", "New York Stock Exchange (XNYS)") in exchange_choices()
