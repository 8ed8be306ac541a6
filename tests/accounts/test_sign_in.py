"""Signing up, in and out: open or closed, throttled, and telling strangers nothing about who has an account."""

import base64
import hmac
import re
import struct
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services.recovery_codes import recovery_codes_make
from accounts.templatetags.browsers import browser_name
from tests.factories import make_account

SIGN_IN = "/auth/login/"
SIGN_UP = {
    "username": "dora",
    "email": "dora@example.com",
    "password1": "correct horse battery staple",
    "password2": "correct horse battery staple",
    "timezone": "Europe/Berlin",
}


def sign_in(client: Client, login: str, password: str) -> Any:
    return client.post(SIGN_IN, {"login": login, "password": password})


def signed_in_as(client: Client) -> str:
    return str(client.session.get("_auth_user_id", ""))


class TestSignUp:
    def test_it_makes_a_user_in_the_zone_given_and_leads_to_the_first_account(self, client: Client, db: None) -> None:
        answer = client.post("/auth/signup/", SIGN_UP)
        assert answer.url == reverse("accounts:account-first")
        dora = User.objects.get(username="dora")
        assert (dora.email, dora.timezone) == ("dora@example.com", "Europe/Berlin")
        assert signed_in_as(client) == str(dora.pk)

    def test_the_first_account_is_proposed_and_opened(self, client: Client, db: None) -> None:
        client.post("/auth/signup/", SIGN_UP)
        form = client.get("/accounts/first/").context["form"]
        assert form["currency"].value() == "EUR"
        body = {
            "creation_key": str(form["creation_key"].value()),
            "name": "Main",
            "currency": "EUR",
            "opened_on": "2024-01-02",
            "starting_balance": "25,000.00",
            "exchange": "XETR",
            "risk_per_trade_percent": "0.75",
        }
        refused = client.post("/accounts/first/", {**body, "opened_on": "2999-01-01"})
        assert refused.context["form"].errors == {"opened_on": ["Give a day from 1970-01-01 until today."]}
        assert client.post("/accounts/first/", body).url == "/"
        assert client.post("/accounts/first/", body).url == "/"
        account = User.objects.get(username="dora").trading_accounts.get()
        assert (str(account.starting_balance), account.currency) == ("25000.00", "EUR")
        assert str(account.risk_policy.risk_per_trade_percent) == "0.75"
        cash = {"creation_key": uuid4(), "kind": "deposit", "amount": "100", "moved_on": "2024-01-02", "note": ""}
        assert client.post(f"/accounts/{account.pk}/cash/new/", cash).status_code == 302
        assert account.cash_movements.get().moved_on == account.opened_on

    @pytest.mark.parametrize(
        ("address", "labels"),
        [
            ("/auth/login/", ["User name or e-mail address", "Password", "Stay signed in on this device"]),
            ("/auth/signup/", ["User name", "E-mail address", "Password", "Password (again)", "Time zone"]),
            ("/auth/password/reset/", ["E-mail address"]),
        ],
    )
    def test_names_and_addresses_are_called_the_same_everywhere(
        self, client: Client, db: None, address: str, labels: list[str]
    ) -> None:
        form = client.get(address).context["form"]
        assert sorted(field.label for field in form.visible_fields()) == sorted(labels)

    def test_closed_it_says_so_and_makes_nobody(self, client: Client, db: None, settings: Any) -> None:
        settings.SIGNUP_OPEN = False
        assert "Sign-up is closed" in client.get("/auth/signup/").content.decode()
        assert "Sign-up is closed" in client.post("/auth/signup/", SIGN_UP).content.decode()
        assert not User.objects.exists()

    def test_a_made_up_zone_is_refused_at_its_field(self, client: Client, db: None) -> None:
        answer = client.post("/auth/signup/", {**SIGN_UP, "timezone": "Mars/Olympus"})
        assert answer.context["form"].errors == {"timezone": ["Choose one of the time zones of the list."]}
        assert not User.objects.exists()

    def test_where_addresses_must_be_confirmed_a_taken_one_is_not_given_away(
        self, client: Client, alice: User, settings: Any
    ) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        fresh = client.post("/auth/signup/", SIGN_UP)
        taken = Client().post("/auth/signup/", {**SIGN_UP, "username": "eve", "email": "alice@example.com"})
        assert (fresh.status_code, fresh.url) == (taken.status_code, taken.url)
        assert not User.objects.filter(username="eve").exists()
        assert [message.to for message in mail.outbox] == [["dora@example.com"], ["alice@example.com"]]


class TestSignIn:
    @pytest.mark.parametrize("login", ["alice", "alice@example.com", "ALICE@example.com"])
    def test_it_works_by_name_and_by_address(self, client: Client, alice: User, password: str, login: str) -> None:
        make_account(alice)
        assert sign_in(client, login, password).url == "/"
        assert signed_in_as(client) == str(alice.pk)

    def test_whoever_has_no_account_yet_is_led_to_the_first(self, client: Client, alice: User, password: str) -> None:
        assert sign_in(client, "alice", password).url == reverse("accounts:account-first")

    def test_it_leads_to_the_page_asked_for_but_never_to_another_site(
        self, client: Client, alice: User, password: str
    ) -> None:
        body = {"login": "alice", "password": password}
        assert client.post(f"{SIGN_IN}?next=/settings/", body).url == "/settings/"
        elsewhere = Client().post(SIGN_IN, {**body, "next": "https://evil.example/"})
        assert elsewhere.url == reverse("accounts:account-first")

    def test_a_wrong_password_and_an_unknown_name_read_the_same(self, client: Client, alice: User) -> None:
        wrong = sign_in(client, "alice", "nope").context["form"].errors
        unknown = sign_in(client, "nobody", "nope").context["form"].errors
        by_mail = sign_in(client, "nobody@example.com", "nope").context["form"].errors
        assert wrong == unknown
        assert len(by_mail["__all__"]) == 1
        assert signed_in_as(client) == ""

    def test_guessing_is_slowed_down_and_even_the_right_password_waits(
        self, client: Client, alice: User, password: str
    ) -> None:
        for _ in range(5):
            sign_in(client, "alice", "guess")
        answer = sign_in(client, "alice", password)
        assert "Too many failed login attempts" in str(answer.context["form"].errors)
        assert signed_in_as(client) == ""

    def test_a_flood_from_one_address_is_answered_429_with_a_sentence(self, client: Client, alice: User) -> None:
        for number in range(30):
            sign_in(client, f"user-{number}", "guess")
        answer = sign_in(client, "alice", "guess")
        assert answer.status_code == 429
        assert "Wait a few minutes" in answer.content.decode()

    def test_sign_out_needs_a_post(self, alice_client: Client) -> None:
        assert alice_client.get("/auth/logout/").status_code == 200
        assert signed_in_as(alice_client) != ""
        assert alice_client.post("/auth/logout/").status_code == 302
        assert signed_in_as(alice_client) == ""


class TestPassword:
    def test_it_is_reset_by_a_link_that_works_once(self, client: Client, alice: User) -> None:
        assert client.post("/auth/password/reset/", {"email": "alice@example.com"}).status_code == 302
        message = mail.outbox[0]
        assert message.subject == "[TrendDojo] Reset your password"
        link = re.search(r"http://testserver(/auth/password/reset/key/\S+)", str(message.body))
        assert link is not None
        page = client.get(link[1], follow=True)
        fresh = {"password1": "a much better passphrase", "password2": "a much better passphrase"}
        client.post(page.request["PATH_INFO"], fresh)
        alice.refresh_from_db()
        assert alice.check_password("a much better passphrase")
        assert "This link does not work" in Client().get(link[1], follow=True).content.decode()

    def test_asking_for_an_unknown_address_reads_the_same(self, client: Client, alice: User) -> None:
        known = client.post("/auth/password/reset/", {"email": "alice@example.com"})
        unknown = client.post("/auth/password/reset/", {"email": "nobody@example.com"})
        assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
        assert "No user here has this address" in str(mail.outbox[1].body)

    def test_changing_it_signs_other_browsers_out_and_tells_the_owner(
        self, alice: User, alice_client: Client, client_for: Any, password: str
    ) -> None:
        other = client_for(alice)
        body = {"oldpassword": password, "password1": "a much better one", "password2": "a much better one"}
        assert alice_client.post("/auth/password/change/", body).status_code == 302
        assert alice_client.get("/settings/").status_code == 200
        assert other.get("/settings/").status_code == 302
        assert [message.subject for message in mail.outbox] == ["[TrendDojo] Password Changed"]
        assert "reset your password at once" in str(mail.outbox[0].body)


class TestEmail:
    def test_a_new_address_counts_once_its_link_is_opened(self, client: Client, alice: User, password: str) -> None:
        EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
        sign_in(client, "alice", password)
        asked = client.post("/auth/email/", {"action_add": "", "email": "new@example.com"})
        assert (asked.url, mail.outbox) == ("/auth/reauthenticate/?next=%2Fauth%2Femail%2F", [])
        assert client.post(asked.url, {"password": password}).url == "/auth/email/"
        alice.refresh_from_db()
        assert alice.email == "alice@example.com"
        link = re.search(r"http://testserver(/auth/confirm-email/\S+)", str(mail.outbox[-1].body))
        assert link is not None
        client.post(link[1])
        alice.refresh_from_db()
        assert alice.email == "new@example.com"
        assert mail.outbox[-1].to == ["alice@example.com"]


def code_of(secret: str) -> str:
    """The code an authenticator app would show now: RFC 6238 with SHA-1, 30 seconds and six digits."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    at = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _early_in_the_step(self) -> Iterator[None]:
        """A code is good for its half minute: a slow machine must not carry a test into the next one."""
        with time_machine.travel(int(time.time()) // 30 * 30 + 1, tick=True):
            yield

    @pytest.fixture
    def secret(self, alice: User) -> str:
        TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
        return "JBSWY3DPEHPK3PXP"

    def test_the_app_is_turned_on_with_a_code_and_recovery_codes_come_with_it(
        self, client: Client, alice: User, password: str
    ) -> None:
        sign_in(client, "alice", password)
        asked = client.get("/auth/2fa/totp/activate/")
        assert client.post(asked.url, {"password": "guess"}).context["form"].errors
        page = client.post(asked.url, {"password": password}, follow=True)
        secret = page.context["form"].secret
        assert client.post("/auth/2fa/totp/activate/", {"code": "000000"}).context["form"].errors
        shown = client.post("/auth/2fa/totp/activate/", {"code": code_of(secret)})
        kinds = Authenticator.objects.filter(user=alice).values_list("type", flat=True)
        assert sorted(kinds) == ["recovery_codes", "totp"]
        assert len(shown.context["codes"]) == 10

    def test_signing_in_asks_for_the_code(self, client: Client, alice: User, password: str, secret: str) -> None:
        assert sign_in(client, "alice", password).url == reverse("mfa_authenticate")
        assert signed_in_as(client) == ""
        assert client.post("/auth/2fa/authenticate/", {"code": "000000"}).context["form"].errors
        client.post("/auth/2fa/authenticate/", {"code": code_of(secret)})
        assert signed_in_as(client) == str(alice.pk)

    def test_a_code_works_once(self, alice: User, password: str, secret: str) -> None:
        code = code_of(secret)
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, "alice", password)
            client.post("/auth/2fa/authenticate/", {"code": code})
        assert [signed_in_as(first), signed_in_as(second)] == [str(alice.pk), ""]

    def test_a_recovery_code_signs_in_once(self, alice: User, password: str, secret: str) -> None:
        code = recovery_codes_make(user=alice)[0]
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, "alice", password)
            client.post("/auth/2fa/authenticate/", {"code": code})
        assert [signed_in_as(first), signed_in_as(second)] == [str(alice.pk), ""]

    def test_turning_it_off_asks_who_is_there(self, alice_client: Client, secret: str) -> None:
        answer = alice_client.get("/auth/2fa/totp/deactivate/")
        assert "/reauthenticate/" in answer.url
        assert Authenticator.objects.filter(type="totp").exists()

    def test_the_security_page_says_what_is_on(self, alice_client: Client, secret: str) -> None:
        body = alice_client.get("/auth/2fa/").content.decode()
        for part in ("Password", "E-mail address", "Authenticator app", "Passkeys", "Recovery codes", "Sessions"):
            assert part in body
        assert "Signing in asks for a code of your app." in body


class TestSessions:
    @pytest.fixture
    def two(self, alice: User, password: str) -> tuple[Client, Client]:
        here, there = Client(), Client(headers={"user-agent": "Netscape"})
        for client in (here, there):
            sign_in(client, "alice", password)
        return here, there

    def test_one_browser_is_signed_out_from_another(self, two: tuple[Client, Client], password: str) -> None:
        here, there = two
        assert "Netscape" in here.get("/auth/sessions/").content.decode()
        other = UserSession.objects.get(user_agent="Netscape")
        end = reverse("accounts:session-end", args=[other.pk])
        asked = here.post(end)
        assert there.get("/settings/").status_code == 200
        assert here.post(asked.url, {"password": password}).url == "/auth/sessions/"
        assert there.get("/settings/").status_code == 302
        assert here.get("/settings/").status_code == 200

    def test_all_others_are_signed_out_at_once(self, two: tuple[Client, Client], password: str) -> None:
        here, there = two
        asked = here.post("/auth/sessions/")
        assert there.get("/settings/").status_code == 200
        here.post(asked.url, {"password": password})
        assert (here.get("/settings/").status_code, there.get("/settings/").status_code) == (200, 302)

    def test_charlie_ends_no_session_of_alices(self, two: tuple[Client, Client], charlie_client: Client) -> None:
        other = UserSession.objects.get(user_agent="Netscape")
        assert charlie_client.post(reverse("accounts:session-end", args=[other.pk])).status_code == 404
        assert two[1].get("/settings/").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/18 Safari/605.1",
            "Safari on macOS",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown browser"),
    ],
)
def test_a_session_is_called_by_its_browser(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name
