"""Guessing is slow, known and unknown names are told apart by nothing, and no second factor can be walked around."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.core.internal import ratelimit
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth import hashers
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services.recovery_codes import recovery_codes_make
from tests.api.kit import Api, api_for, error
from tests.factories import make_account, make_connection

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
SIGN_IN, RESET, SIGN_UP = "/auth/login/", "/auth/password/reset/", "/auth/signup/"


def tries(name: str, forwarded: str, count: int) -> list[int]:
    browser = Client(headers={"x-forwarded-for": forwarded}) if forwarded else Client()
    return [browser.post(SIGN_IN, {"login": f"{name}-{n}", "password": "guess"}).status_code for n in range(count)]


def is_slowed(forwarded: str, login: str = "alice") -> bool:
    browser = Client(headers={"x-forwarded-for": forwarded})
    answer = browser.post(SIGN_IN, {"login": login, "password": "guess"})
    return answer.status_code == 429 or "Too many failed" in answer.content.decode()


def test_one_account_is_guarded_whatever_address_the_guesses_come_from(alice: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(5):
        assert not is_slowed(f"198.51.100.{number}")
    assert is_slowed("198.51.100.77")
    assert not is_slowed("198.51.100.78", "charlie")


def test_behind_a_proxy_each_visitor_is_counted_alone(alice: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    tries("one", "198.51.100.1", 12)
    assert is_slowed("198.51.100.1", "somebody")
    assert not is_slowed("198.51.100.2", "somebody")


def test_a_made_up_forwarded_address_gives_no_fresh_budget(alice: User, settings: Any) -> None:
    """What the visitor wrote stands to the left of what the proxy added."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(12):
        is_slowed(f"203.0.113.{number}, 198.51.100.1", f"somebody-{number}")
    assert is_slowed("203.0.113.99, 198.51.100.1", "somebody")


def test_without_a_proxy_the_header_is_not_believed(alice: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    for number in range(12):
        is_slowed(f"203.0.113.{number}", f"somebody-{number}")
    assert is_slowed("203.0.113.99", "somebody")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often a password was hashed: that is what takes the time."""
    count: list[int] = []
    encode = hashers.MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        count.append(1)
        return str(encode(self, password, salt))

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counted)
    return count


@pytest.mark.parametrize("login", ["alice", "alice@example.com", "nobody", "nobody@example.com"])
def test_signing_in_hashes_once_whether_the_name_is_known_or_not(alice: User, hashed: list[int], login: str) -> None:
    hashed.clear()
    Client().post(SIGN_IN, {"login": login, "password": "guess"})
    assert len(hashed) == 1


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_reset_sends_one_mail_and_hashes_nothing_for_known_and_unknown(
    alice: User, hashed: list[int], email: str
) -> None:
    hashed.clear()
    answer = Client().post(RESET, {"email": email})
    assert (answer.status_code, answer["Location"]) == (302, "/auth/password/reset/done/")
    assert ([message.to for message in mail.outbox], hashed) == ([[email]], [])


@pytest.fixture
def _a_minute_that_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the tries of a test take, they fall into one minute."""
    now = time.time()
    stopped = SimpleNamespace(time=lambda: now, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(ratelimit, "time", stopped)


def resets(emails: Iterable[str], forwarded: str = "198.51.100.1") -> list[HttpResponse]:
    """Answers to somebody who asks for a new password, of each of these addresses in turn."""
    return [Client(headers={"x-forwarded-for": forwarded}).post(RESET, {"email": email}) for email in emails]


def seen(answer: HttpResponse) -> tuple[Any, ...]:
    """All a visitor can see of an answer, but what is new in each."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    text = re.sub(r'"X-CSRFToken": "\w+"', "", answer.content.decode())
    return answer.status_code, headers, sorted(answer.cookies), text


@pytest.mark.usefixtures("_a_minute_that_does_not_pass")
@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_sixth_reset_of_one_mail_address_in_a_minute_is_refused_from_wherever_it_comes(
    alice: User, settings: Any, email: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    codes = [resets([email], f"198.51.100.{number}")[0].status_code for number in range(6)]
    (otherwise_written,) = resets([email.upper()], "198.51.100.77")
    (of_another,) = resets(["charlie@example.com"], "198.51.100.77")
    assert codes == [302] * 5 + [429]
    assert (otherwise_written.status_code, of_another.status_code) == (429, 302)
    assert [message.to for message in mail.outbox] == [[email]] * 5 + [["charlie@example.com"]]


@pytest.mark.usefixtures("_a_minute_that_does_not_pass")
def test_a_twenty_first_reset_from_one_address_in_a_minute_is_refused(alice: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    codes = [answer.status_code for answer in resets(f"nobody-{number}@example.com" for number in range(20))]
    refused = resets([alice.email, "somebody@example.com"])
    (elsewhere,) = resets([alice.email], "198.51.100.2")
    assert codes == [302] * 20
    assert [answer.status_code for answer in refused] == [429, 429]
    assert (elsewhere.status_code, len(mail.outbox)) == (302, 21)


@pytest.mark.usefixtures("_a_minute_that_does_not_pass")
def test_a_refused_reset_tells_nothing_of_whether_the_address_is_known(
    alice: User, settings: Any, hashed: list[int]
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    hashed.clear()
    known, unknown = resets([alice.email] * 6)[-1], resets(["nobody@example.com"] * 6)[-1]
    assert known.status_code == 429
    assert seen(known) == seen(unknown)
    resets(f"nobody-{number}@example.com" for number in range(10))
    by_place = resets([alice.email, "somebody@example.com"])
    assert [seen(answer) for answer in by_place] == [seen(known)] * 2
    assert hashed == []


def test_signing_up_and_confirming_again_tell_nothing_where_addresses_must_be_confirmed(
    alice: User, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    body = {"password1": "a long pass phrase", "password2": "a long pass phrase", "timezone": "UTC"}
    answers = [
        Client().post(SIGN_UP, {**body, "username": name, "email": email})
        for name, email in (("dora", "dora@example.com"), ("eve", "alice@example.com"))
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/auth/confirm-email/")}
    assert "alice" not in Client().get("/auth/confirm-email/").content.decode()


def test_a_desk_that_cannot_send_mail_tells_at_sign_up_that_an_address_is_known_and_nothing_more(alice: User) -> None:
    """The default without a mail server; docs/security.md says so."""
    body = {"password1": "a long pass phrase", "password2": "a long pass phrase", "timezone": "UTC"}
    fresh = Client().post(SIGN_UP, {**body, "username": "dora", "email": "dora@example.com"})
    known = Client().post(SIGN_UP, {**body, "username": "eve", "email": "alice@example.com"})
    assert (fresh.status_code, known.status_code) == (302, 200)
    assert known.context["form"].errors == {"email": ["A user is already registered with this email address."]}
    assert "alice" not in known.content.decode().replace("alice@example.com", "")
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.parametrize(
    ("url", "said", "verification"),
    [
        ("", "", "optional"),
        ("consolemail://", "", "optional"),
        ("smtp+tls://desk:secret@mail.example.com:587", "", "mandatory"),
        ("smtp+ssl://desk:secret@mail.example.com:465", "", "mandatory"),
        ("smtp+tls://desk:secret@mail.example.com:587", "optional", "optional"),
    ],
)
def test_addresses_must_be_confirmed_as_soon_as_there_is_a_mail_server(url: str, said: str, verification: str) -> None:
    given = {name: value for name, value in (("EMAIL_URL", url), ("EMAIL_VERIFICATION", said)) if value}
    look = "from trenddojo import settings; print(settings.ACCOUNT_EMAIL_VERIFICATION)"
    base = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "k" * 60}
    answer = subprocess.run(
        [sys.executable, "-c", look],
        cwd=ROOT,
        env={**base, "DATABASE_URL": "postgres://trader@db/desk", **given},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (answer.stdout.strip(), answer.stderr) == (verification, "")


def test_a_new_password_does_not_skip_the_second_factor(alice: User) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    browser = Client()
    browser.post(RESET, {"email": alice.email})
    link = next(word for word in str(mail.outbox[0].body).split() if "/reset/key/" in word)
    form = browser.get(link.removeprefix("http://testserver"), follow=True)
    new = "a much better pass phrase"
    browser.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    assert "_auth_user_id" not in browser.session
    asked = browser.post(SIGN_IN, {"login": "alice", "password": new})
    assert asked["Location"].startswith("/auth/2fa/authenticate/")
    assert browser.get("/settings/").status_code == 302
    assert browser.get("/api/v1/accounts/").status_code == 401


def test_half_a_sign_in_opens_nothing(alice: User, password: str) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    browser = Client()
    browser.post(SIGN_IN, {"login": "alice", "password": password})
    for address in (
        "/",
        "/admin/",
        "/api/v1/accounts/",
        "/auth/2fa/",
        "/auth/reauthenticate/",
        "/settings/tokens/new/",
    ):
        assert browser.get(address).status_code in {302, 401}
    assert "_auth_user_id" not in browser.session


def test_codes_of_the_second_factor_cannot_be_guessed_on_the_page(alice: User, password: str) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    browser = Client()
    browser.post(SIGN_IN, {"login": "alice", "password": password})
    pages = [browser.post("/auth/2fa/authenticate/", {"code": f"{n:06}"}) for n in range(8)]
    assert "Too many" in pages[-1].content.decode() or pages[-1].status_code == 429


@pytest.mark.parametrize(
    "address",
    [
        "/auth/2fa/totp/deactivate/",
        "/auth/2fa/recovery-codes/generate/",
        "/auth/2fa/webauthn/add/",
        "/settings/tokens/new/",
    ],
)
def test_means_of_signing_in_are_changed_after_being_asked_again(
    alice: User, alice_client: Client, address: str
) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    recovery_codes_make(user=alice)
    assert "/reauthenticate/" in alice_client.get(address)["Location"]
    sent = alice_client.post(address)
    assert sent.status_code == 405 or "/reauthenticate/" in sent["Location"]


def test_unknown_tokens_are_slowed_down_for_their_address_and_good_ones_are_not(alice: User) -> None:
    good = api_for(alice)
    bad = [Api("td_unknown").get("/accounts/") for _ in range(61)]
    assert {answer.status_code for answer in bad[:60]} == {401}
    assert error(bad[60]) == (429, "throttled", None)
    assert 1 <= int(bad[60]["Retry-After"]) <= 60
    assert good.get("/accounts/").status_code == 200


def test_kept_keys_are_tried_by_programs_as_rarely_as_on_the_page(alice: User, settings: Any) -> None:
    connection = make_connection(make_account(alice), "mock", keys={})
    api = api_for(alice)
    codes = [api.post(f"/connections/{connection.pk}/verify/").status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
    browser = Client()
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.post(f"{reverse('brokers:connection-create')}?broker=mock").status_code == 429
