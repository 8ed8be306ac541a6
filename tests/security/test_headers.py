"""What every answer tells the browser: nothing foreign runs, frames, keeps or learns it."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.security.may_kit import EVERYBODY
from tests.security.may_objects import SPECIAL, address_of
from tests.security.may_pages import PAGES
from tests.test_ownership import objects

__all__ = ["objects"]

pytestmark = pytest.mark.django_db

SHOWN = [name for name, (methods, _) in PAGES.items() if "GET" in methods and name not in SPECIAL]
# Kept for an hour by the owner's browser: a picture under its random name never changes.
KEPT = {"trades:screenshot-view"}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}


def policy_of(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("address", ["/", "/auth/login/", "/nothing/here", "/admin/", "/api/v1/", "/healthz"])
def test_every_answer_says_how_it_may_be_used(alice_client: Client, address: str) -> None:
    answer = alice_client.get(address)
    assert POLICY.items() <= policy_of(answer).items()
    assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert (answer["Referrer-Policy"], answer["Cross-Origin-Opener-Policy"]) == ("same-origin", "same-origin")
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    for asked in ("camera=()", "geolocation=()", "microphone=()", "payment=()"):
        assert asked in answer["Permissions-Policy"]


def test_scripts_and_styles_come_from_files_of_the_desk_alone(objects: dict[str, Any], alice_client: Client) -> None:
    """A policy without 'unsafe-inline' makes an inline script a page that does not work."""
    assert not any("unsafe" in value or "*" in value for value in policy_of(alice_client.get("/")).values())
    inline = re.compile(rb"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=[\"']|<style|javascript:")
    found = {}
    for name in SHOWN:
        answer = alice_client.get(address_of(name, objects))
        if not answer.streaming and "html" in answer.get("Content-Type", "") and inline.search(answer.content):
            found[name] = inline.search(answer.content)
    assert found == {}


def test_no_browser_and_no_proxy_keeps_what_somebody_is_shown(objects: dict[str, Any], alice_client: Client) -> None:
    found = {}
    for name in SHOWN:
        if name in KEPT or PAGES[name][1] is EVERYBODY:
            continue
        answer = alice_client.get(address_of(name, objects))
        if answer.status_code == 200 and "no-store" not in answer.get("Cache-Control", ""):
            found[name] = answer.get("Cache-Control")
    assert found == {}


def test_what_a_token_is_answered_is_not_kept_either(api: Any) -> None:
    assert "no-store" in api.get("/accounts/")["Cache-Control"]


@pytest.mark.parametrize("header", ["HTTP_HOST", "HTTP_X_FORWARDED_HOST"])
def test_no_mail_leads_where_the_sender_of_a_request_wants(alice: User, settings: Any, header: str) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "desk.example.com"]
    answer = Client().post("/auth/password/reset/", {"email": alice.email}, **{header: "evil.example"})
    assert answer.status_code == (400 if header == "HTTP_HOST" else 302)
    assert not any("evil.example" in str(message.body) for message in mail.outbox)


def test_a_foreign_host_is_answered_with_nothing(alice: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["desk.example.com"]
    for address in ("/", "/auth/login/", "/api/v1/"):
        answer = Client().get(address, headers={"host": "evil.example"})
        assert answer.status_code == 400
        assert b"evil.example" not in answer.content


def test_a_page_that_breaks_shows_nothing_of_why(alice: User, client_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("SELECT password 4711")

    monkeypatch.setattr("accounts.views.people.profile_save", broken)
    browser = client_for(alice)
    browser.raise_request_exception = False
    answer = browser.post("/settings/", {"timezone": "UTC"})
    assert answer.status_code == 500
    page = answer.content.decode()
    assert not any(word in page for word in ("4711", "RuntimeError", "Traceback", "profile_save", ".py"))


FOREIGN = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "https:evil.example",
    "http://testserver@evil.example/",
    " https://evil.example",
    "/\t/evil.example",
]


@pytest.mark.parametrize("where", FOREIGN)
def test_no_next_leads_to_another_site(alice: User, password: str, where: str) -> None:
    browser = Client()
    signed_in = browser.post("/auth/login/", {"login": "alice", "password": password, "next": where})
    already = browser.get("/auth/login/", {"next": where})
    again = browser.post("/auth/reauthenticate/", {"password": password, "next": where})
    out = browser.post("/auth/logout/", {"next": where})
    for answer in (signed_in, already, again, out):
        place = answer.headers.get("Location", "/")
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\", "/\t"))


def test_a_notification_leads_nowhere_else(alice: User, alice_client: Client) -> None:
    from accounts.models import Notification

    told = Notification.objects.create(
        user=alice, kind="connection", key="x", title="x", text="x", path="//evil.example"
    )
    assert alice_client.post(reverse("accounts:notification-open", args=[told.pk]))["Location"] == "/notifications/"


@pytest.fixture
def api(alice: User) -> Any:
    from tests.api.kit import api_for

    return api_for(alice)
