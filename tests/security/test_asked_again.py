"""Whoever changes what signs them in, or signs other browsers out, proves who they are, and goes on under a new key."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.test_sign_in import code_of
from tests.conftest import PASSWORD
from tests.trades.page_kit import page_of

pytestmark = pytest.mark.django_db

COOKIE = "trenddojo_session"
AGAIN = "/auth/reauthenticate/"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def browser(alice: User) -> Client:
    """alice's, who signed in a moment ago: that alone is not being asked again."""
    client = Client()
    client.post("/auth/login/", {"login": "alice", "password": PASSWORD})
    return client


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/auth/email/", {"action_add": "", "email": "new@example.com"}),
        ("/auth/2fa/totp/activate/", {"code": "123456"}),
        ("/auth/2fa/webauthn/add/", {"name": "Key"}),
        ("/auth/sessions/", {}),
    ],
)
def test_nothing_is_changed_before(browser: Client, alice: User, address: str, body: dict[str, str]) -> None:
    other = Client()
    other.post("/auth/login/", {"login": "alice", "password": PASSWORD})
    sent = browser.post(address, body)
    assert sent.url == f"{AGAIN}?next={address.replace('/', '%2F')}"
    assert mail.outbox == []
    assert not Authenticator.objects.exists()
    assert other.get("/settings/").status_code == 200
    assert browser.post(sent.url, {"password": "guess"}).status_code == 200
    assert other.get("/settings/").status_code == 200


def test_what_was_asked_for_goes_on_afterwards(browser: Client, alice: User) -> None:
    sent = browser.post("/auth/email/", {"action_add": "", "email": "new@example.com"})
    page = page_of(browser.get(sent.url))
    assert "Is it you?" in page
    assert "What you asked for goes on afterwards" in page
    browser.post(sent.url, {"password": PASSWORD})
    assert [message.to for message in mail.outbox][-1] == ["new@example.com"]
    sent_once = len(mail.outbox)
    browser.post("/auth/email/", {"action_add": "", "email": "newer@example.com"})
    assert len(mail.outbox) > sent_once, "asked once in a quarter of an hour"


def test_an_address_that_waits_to_be_confirmed_is_taken_back_after_being_asked_again(
    browser: Client, alice: User
) -> None:
    sent = browser.post("/auth/email/", {"action_remove": "", "email": "alice@example.com"})
    assert sent.url.startswith(AGAIN)


@pytest.mark.parametrize("way", ["password", "code"])
def test_it_goes_on_under_a_new_key_and_the_old_one_opens_nothing(browser: Client, alice: User, way: str) -> None:
    before = browser.cookies[COOKIE].value
    if way == "code":
        TOTP.activate(alice, SECRET)
        browser.post("/auth/2fa/reauthenticate/", {"code": code_of(SECRET)})
    else:
        browser.post(AGAIN, {"password": PASSWORD})
    after = browser.cookies[COOKIE].value
    assert after != before
    assert not Session.objects.filter(session_key=before).exists()
    assert UserSession.objects.get().session_key == after
    assert browser.get("/settings/").status_code == 200
    thief = Client()
    thief.cookies[COOKIE] = before
    assert thief.get("/settings/").status_code == 302


def test_a_wrong_answer_changes_no_key(browser: Client) -> None:
    before = browser.cookies[COOKIE].value
    assert browser.post(AGAIN, {"password": "guess"}).status_code == 200
    assert browser.cookies[COOKIE].value == before


def test_another_way_to_prove_it_is_offered(browser: Client, alice: User) -> None:
    TOTP.activate(alice, SECRET)
    page: Any = browser.get(f"{AGAIN}?next=/settings/tokens/new/")
    assert 'href="/auth/2fa/reauthenticate/?next=%2Fsettings%2Ftokens%2Fnew%2F"' in page.content.decode()
