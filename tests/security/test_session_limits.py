"""A session ends when nobody did anything in it for long, and some days after sign-in whatever was done.

What an open page asks for by itself is nobody's doing. Whoever comes back is told why and led to where they were.
"""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.api.event_access import Follower, still_allowed
from accounts.middleware import SENTENCES
from accounts.models import User
from accounts.services.stream_places import Place
from accounts.session_limits import BEGAN, IDLE, LIFETIME, SEEN
from tests.conftest import PASSWORD
from tests.trades.page_kit import page_of

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLL = {"hx-request": "true"}


def signed_in(**options: Any) -> Client:
    browser = Client()
    browser.post("/auth/login/", {"login": "alice", "password": PASSWORD, **options})
    return browser


@pytest.fixture
def clock() -> Any:
    """The time, stood still; `shift` moves it on."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def later(clock: Any, span: timedelta) -> None:
    clock.shift(span)
    cache.clear()  # its clock is its server's; the sessions are in the database


def is_in(browser: Client, **headers: str) -> bool:
    return browser.get("/settings/", headers=headers).status_code == 200


def test_it_ends_after_twelve_hours_in_which_nobody_did_anything(alice: User, clock: Any) -> None:
    browser = signed_in()
    later(clock, 12 * HOUR - timedelta(seconds=1))
    assert is_in(browser)
    later(clock, 12 * HOUR)
    assert not is_in(browser)
    assert Session.objects.filter(session_data="").count() == 0
    assert not UserSession.objects.exists()


def test_whoever_comes_back_is_told_why_and_led_to_where_they_were(alice: User, clock: Any) -> None:
    browser = signed_in()
    later(clock, 13 * HOUR)
    sent = browser.get("/settings/tokens/?page=2")
    assert sent.url == "/auth/login/?next=/settings/tokens/%3Fpage%3D2"
    assert SENTENCES[IDLE] in page_of(browser.get(sent.url))
    assert browser.post(sent.url, {"login": "alice", "password": PASSWORD}).url == "/settings/tokens/?page=2"
    assert is_in(browser)


def test_where_one_stays_signed_in_seven_days_may_pass(alice: User, clock: Any) -> None:
    browser = signed_in(remember="on")
    later(clock, 7 * DAY - HOUR)
    assert is_in(browser)
    later(clock, 7 * DAY)
    assert not is_in(browser)


def test_it_ends_fourteen_days_after_sign_in_however_busy_it_was(alice: User, clock: Any) -> None:
    browser = signed_in(remember="on")
    for _ in range(27):
        later(clock, DAY / 2)
        assert browser.post("/settings/", {"timezone": "UTC"}).status_code == 302
    later(clock, DAY / 2)
    sent = browser.get("/settings/")
    assert sent.status_code == 302
    assert SENTENCES[LIFETIME] in page_of(browser.get(sent.url))


def test_being_asked_again_begins_no_new_lifetime(alice: User, clock: Any) -> None:
    browser = signed_in(remember="on")
    began = browser.session[BEGAN]
    later(clock, 6 * DAY)
    browser.post("/auth/reauthenticate/", {"password": PASSWORD})
    assert browser.session[BEGAN] == began


@pytest.mark.parametrize(("idle", "lifetime"), [(5, 14), (43_200, 1)])
def test_the_operator_says_how_long(alice: User, clock: Any, settings: Any, idle: int, lifetime: int) -> None:
    settings.SESSION_IDLE_MINUTES, settings.SESSION_LIFETIME_DAYS = idle, lifetime
    browser = signed_in()
    later(clock, min(timedelta(minutes=idle), lifetime * DAY) - timedelta(seconds=1))
    assert is_in(browser)
    later(clock, timedelta(minutes=idle) if idle == 5 else timedelta(seconds=1))
    assert not is_in(browser)


def test_a_page_left_open_keeps_no_session_alive(alice: User, clock: Any) -> None:
    browser = signed_in()
    for _ in range(11):
        later(clock, HOUR)
        assert is_in(browser, **POLL)
        assert browser.get("/api/v1/accounts/").status_code == 200
    later(clock, HOUR)
    assert not is_in(browser)


def test_nor_does_a_preview_that_an_open_ticket_asks_for(alice: User, clock: Any) -> None:
    browser = signed_in()
    for _ in range(11):
        later(clock, HOUR)
        assert browser.post("/orders/new/preview/", headers=POLL | {"asked-by": "page"}).status_code == 200
    later(clock, HOUR)
    assert not is_in(browser)


def test_a_preview_of_what_is_typed_keeps_it_alive(alice: User, clock: Any) -> None:
    browser = signed_in()
    for _ in range(3):
        later(clock, 11 * HOUR)
        assert browser.post("/orders/new/preview/", headers=POLL).status_code == 200
    assert is_in(browser)


def test_what_somebody_sends_from_a_page_does(alice: User, clock: Any) -> None:
    browser = signed_in()
    later(clock, 11 * HOUR)
    browser.post("/settings/", {"timezone": "UTC"}, headers=POLL)
    later(clock, 11 * HOUR)
    assert is_in(browser)


def test_a_part_of_a_page_is_refused_and_never_shows_the_sign_in_page(alice: User, clock: Any) -> None:
    browser = signed_in()
    later(clock, 13 * HOUR)
    part = browser.get("/settings/", headers=POLL)
    assert (part.status_code, part.content) == (401, b"")
    page = browser.get("/settings/")
    assert page.url == "/auth/login/?next=/settings/"
    assert SENTENCES[IDLE] in page_of(browser.get(page.url))
    assert Client().get("/settings/", headers=POLL).status_code == 401


def test_a_program_in_a_browser_is_told_it_is_not_signed_in(alice: User, clock: Any) -> None:
    browser = signed_in()
    later(clock, 13 * HOUR)
    assert browser.get("/api/v1/accounts/").status_code == 401


def test_an_open_stream_of_events_ends_with_its_session(alice: User, clock: Any) -> None:
    browser = signed_in()
    stream = Follower(user_id=alice.pk, place=Place(alice.pk), session_key=browser.session.session_key)
    assert still_allowed([stream]) == {stream}
    later(clock, 12 * HOUR)
    assert still_allowed([stream]) == set()


def test_it_is_written_once_a_minute_at_most(alice: User, clock: Any) -> None:
    browser = signed_in()
    seen = browser.session[SEEN]

    def writings() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.get("/settings/")
        return sum(query["sql"].startswith("UPDATE") for query in queries)

    later(clock, timedelta(seconds=59))
    assert (writings(), browser.session[SEEN]) == (0, seen)
    later(clock, timedelta(seconds=1))
    assert (writings(), browser.session[SEEN]) == (1, seen + 60)


def test_a_session_from_before_there_were_limits_begins_now(alice: User, clock: Any) -> None:
    browser = signed_in()
    session = browser.session
    del session[BEGAN], session[SEEN]
    # As the store of before wrote it.
    super(type(session), session).save()
    assert BEGAN not in browser.session
    assert is_in(browser, **POLL)
    assert browser.session[BEGAN] == int(time.time())


def test_sessions_that_are_over_are_listed_no_more(alice: User, clock: Any) -> None:
    signed_in()
    later(clock, 13 * HOUR)
    here = signed_in()
    listed = here.get("/auth/sessions/").context["sessions"]
    assert [session.session_key for session in listed] == [here.session.session_key]
