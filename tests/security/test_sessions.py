"""Sessions: a new one at every sign-in, ended for good, in cookies no script and no other site can use."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings as desk
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from accounts.session_store import SessionStore
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
COOKIE = "trenddojo_session"


def sign_in(client: Client, **options: Any) -> Any:
    return client.post("/auth/login/", {"login": "alice", "password": PASSWORD, **options})


def test_signing_in_throws_a_session_away_that_somebody_else_may_know(alice: User) -> None:
    browser = Client()
    browser.get("/auth/login/")
    planted = browser.session
    planted["planted"] = "yes"
    planted.save()
    browser.cookies[COOKIE] = before = planted.session_key
    sign_in(browser)
    assert browser.cookies[COOKIE].value != before
    assert not Session.objects.filter(session_key=before).exists()
    thief = Client()
    thief.cookies[COOKIE] = before
    assert thief.get("/settings/").status_code == 302


def test_a_made_up_session_key_is_not_adopted(alice: User) -> None:
    browser = Client()
    browser.cookies[COOKIE] = "a" * 32
    sign_in(browser)
    assert browser.cookies[COOKIE].value != "a" * 32


def test_a_signed_out_session_opens_nothing_any_more(alice: User) -> None:
    browser, thief = Client(), Client()
    sign_in(browser)
    thief.cookies[COOKIE] = browser.cookies[COOKIE].value
    assert thief.get("/settings/").status_code == 200
    browser.post("/auth/logout/")
    assert thief.get("/settings/").status_code == 302
    assert Session.objects.count() == 0


def test_not_remembered_it_ends_with_the_browser(alice: User) -> None:
    browser = Client()
    sign_in(browser)
    assert browser.cookies[COOKIE]["max-age"] == ""


def test_no_script_and_no_other_site_gets_the_cookies(alice: User) -> None:
    browser = Client()
    browser.get("/auth/login/")
    sign_in(browser)
    session, form = browser.cookies[COOKIE], browser.cookies["trenddojo_csrf"]
    assert (session["httponly"], session["samesite"], form["samesite"]) == (True, "Lax", "Lax")
    assert session["domain"] == ""


def test_a_changed_password_ends_every_session_but_this_one(alice: User) -> None:
    here, there = Client(), Client()
    sign_in(here)
    sign_in(there)
    new = "a much better pass phrase"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/auth/password/change/", form).url == "/auth/2fa/"
    assert here.get("/settings/").status_code == 200
    assert there.get("/settings/").status_code == 302


def test_a_changed_password_goes_on_under_a_new_key_and_the_old_one_opens_nothing(alice: User) -> None:
    browser, thief = Client(), Client()
    sign_in(browser)
    before = thief.cookies[COOKIE] = browser.cookies[COOKIE].value
    began = UserSession.objects.get().created_at
    new = "a much better pass phrase"
    browser.post("/auth/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    after = browser.cookies[COOKIE].value
    assert after != before
    assert thief.get("/settings/").status_code == 302
    (listed,) = UserSession.objects.all()
    assert (listed.session_key, listed.created_at) == (after, began)


def test_the_pages_say_what_a_changed_password_ends(alice_client: Client) -> None:
    assert "signs you out everywhere else" in alice_client.get("/auth/2fa/").content.decode()
    page = alice_client.get("/auth/password/change/").content.decode()
    assert "You stay signed in here. Every other browser is signed out, and your API tokens are revoked." in page


def in_production(program: str) -> str:
    """What a program prints under the settings of docs/production.env.example."""
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(ROOT / "docs" / "production.env.example")}
    environment["DJANGO_SETTINGS_MODULE"] = "trenddojo.settings"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_in_production_cookies_travel_over_tls_alone_and_are_bound_to_the_host() -> None:
    program = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE,"
        " s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_SSL_REDIRECT, s.ADMIN_SECOND_FACTOR,"
        " s.DEBUG, s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_DOMAIN)"
    )
    expected = "True True 31536000 True True True False / None"
    assert in_production(program) == expected


def test_in_production_every_cookie_has_the_prefix_that_binds_it_to_the_host() -> None:
    program = (
        "import django; django.setup();"
        "from django.conf import settings as s; from trenddojo import kept_forms;"
        "from trenddojo.message_storage import HostCookieStorage;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, HostCookieStorage.cookie_name, kept_forms.MARK,"
        " kept_forms.WAITING, s.MESSAGE_STORAGE)"
    )
    names = " ".join(f"__Host-trenddojo_{name}" for name in ("session", "csrf", "messages", "typist", "typed"))
    assert in_production(program) == f"{names} trenddojo.message_storage.MessageStorage"


def test_every_cookie_the_desk_sets_is_one_of_these(alice: User) -> None:
    browser = Client()
    browser.get("/auth/login/")
    sign_in(browser)
    browser.post("/trades/plan/", {})
    browser.cookies.pop(COOKIE)
    browser.post("/trades/plan/", {"symbol": "nvda"}, headers={"referer": "http://testserver/trades/plan/"})
    assert set(browser.cookies) <= {f"trenddojo_{name}" for name in ("session", "csrf", "messages", "typist", "typed")}


def test_sessions_are_kept_on_the_server_under_random_keys() -> None:
    assert desk.SESSION_ENGINE == "accounts.session_store"
    session = SessionStore()
    session.create()
    assert len(session.session_key) == 32
    assert Session.objects.get().session_key == session.session_key
