"""A password an administrator typed for somebody is good for a while, opens nothing but its change, and is not kept."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.api.kit import api_for, token_for
from tests.conftest import PASSWORD
from tests.trades.page_kit import page_of

pytestmark = pytest.mark.django_db

GIVEN, OWN = "lighthouse keeper 47", "nobody else knows this one"
SIGN_IN, CHANGE = "/auth/login/", "/auth/password/change/"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
JSON = "application/json"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def given(alice: User, bob_client: Client) -> User:
    """Bob, an administrator, typed a password for Alice."""
    typed(bob_client, alice, GIVEN)
    alice.refresh_from_db()
    return alice


def typed(administrator: Client, user: User, password: str) -> Any:
    form = {"usable_password": "true", "password1": password, "password2": password}
    return administrator.post(reverse("admin:auth_user_password_change", args=[user.pk]), form)


def sign_in(password: str = GIVEN) -> Client:
    browser = Client()
    browser.answer = browser.post(SIGN_IN, {"login": "alice", "password": password})
    return browser


def without_tokens(page: Any) -> str:
    """A page but for what differs each time it is shown."""
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "", page_of(page))


def change(browser: Client, old: str, new: str) -> Any:
    return browser.post(CHANGE, {"oldpassword": old, "password1": new, "password2": new})


# --- Typed ------------------------------------------------------------------------------------------------------------


def test_one_that_is_reset_in_the_admin_is_good_for_a_day(given: User) -> None:
    assert given.password_good_until == NOW + timedelta(hours=24)


def test_the_operator_says_for_how_long(alice: User, bob_client: Client, settings: Any) -> None:
    settings.INITIAL_PASSWORD_HOURS = 2
    page = bob_client.get(reverse("admin:auth_user_password_change", args=[alice.pk]))
    assert "Good for 2 hours, and changed by its owner at the first sign-in" in page.content.decode()
    typed(bob_client, alice, GIVEN)
    alice.refresh_from_db()
    assert alice.password_good_until == NOW + timedelta(hours=2)


@pytest.mark.parametrize(("usable", "until"), [("true", NOW + timedelta(hours=24)), ("false", None)])
def test_one_of_a_user_made_in_the_admin_is_too(bob_client: Client, usable: str, until: datetime | None) -> None:
    words = {"password1": GIVEN, "password2": GIVEN} if usable == "true" else {}
    form = {"username": "dora", "email": "dora@example.com", "timezone": "UTC", "usable_password": usable, **words}
    assert "Good for 24 hours" in bob_client.get(reverse("admin:accounts_user_add")).content.decode()
    assert bob_client.post(reverse("admin:accounts_user_add"), form).status_code == 302
    assert User.objects.get(username="dora").password_good_until == until


def test_the_administrator_sees_until_when(given: User, bob_client: Client) -> None:
    page = page_of(bob_client.get(reverse("admin:accounts_user_change", args=[given.pk])))
    assert "Given password good until" in page


def test_an_administrators_own_is_their_own(bob: User, bob_client: Client) -> None:
    typed(bob_client, bob, GIVEN)
    bob.refresh_from_db()
    assert bob.check_password(GIVEN)
    assert bob.password_good_until is None


def test_it_ends_the_sessions_and_the_tokens_there_were(alice: User, bob_client: Client) -> None:
    browser, api = sign_in(PASSWORD), api_for(alice)
    typed(bob_client, alice, GIVEN)
    assert browser.get("/settings/").url == f"{SIGN_IN}?next=/settings/"
    assert api.get("/accounts/").status_code == 401


# --- Signed in with it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/settings/", "/orders/", "/auth/2fa/", "/auth/email/", "/settings/export/"])
def test_nothing_opens_before_it_is_changed(given: User, address: str) -> None:
    browser = sign_in()
    sent = browser.get(address)
    assert sent.url == f"{CHANGE}?next={address.replace('/', '%2F')}"
    page = page_of(browser.get(sent.url))
    assert "Choose your own password" in page
    assert "An administrator gave you your password" in page
    assert browser.post(address, {}).url == f"{CHANGE}?next=%2F"
    assert browser.get(address, headers={"hx-request": "true"}).status_code == 401


def test_a_page_that_stays_open_is_not_loaded_anew_for_its_parts(given: User) -> None:
    browser = sign_in()
    for page, status in ((CHANGE, 204), ("/settings/", 401), ("/nowhere/", 401), ("", 401)):
        asked = {"hx-request": "true", "hx-current-url": f"http://testserver{page}?next=%2F"}
        assert browser.get("/trades/", headers=asked).status_code == status


def test_the_admin_does_not_open_either(charlie: User, bob_client: Client) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    typed(bob_client, charlie, GIVEN)
    browser = Client()
    browser.post(SIGN_IN, {"login": "charlie", "password": GIVEN})
    assert browser.get("/admin/").url == f"{CHANGE}?next=%2Fadmin%2F"


def test_a_passkey_or_an_app_leads_to_the_same_page(given: User, client_for: Any) -> None:
    TOTP.activate(given, "JBSWY3DPEHPK3PXP")
    assert client_for(given).get("/settings/").url.startswith(CHANGE)


def test_programs_are_refused_and_say_why(given: User) -> None:
    browser = sign_in()
    answer = browser.get("/api/v1/accounts/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "password_change_required")
    asked = {"username": "alice", "password": GIVEN, "name": "x", "scope": "read"}
    made = Client().post("/api/v1/tokens/", asked, JSON)
    assert (made.status_code, made.json()["errors"][0]["code"]) == (403, "password_change_required")
    assert "sign in on the page" in made.json()["errors"][0]["detail"]


def test_changing_it_opens_everything(given: User) -> None:
    browser = sign_in()
    sent = browser.get("/settings/")
    form = {"oldpassword": GIVEN, "password1": OWN, "password2": OWN, "next": "/settings/"}
    assert browser.post(sent.url, form).url == "/settings/"
    given.refresh_from_db()
    assert given.password_good_until is None
    assert browser.get("/settings/").status_code == 200
    again = sign_in(OWN)
    assert again.get("/settings/").status_code == 200
    assert Client(headers={"Authorization": f"Bearer {token_for(given)}"}).get("/api/v1/accounts/").status_code == 200


def test_it_is_not_kept(given: User) -> None:
    refused = change(sign_in(), GIVEN, GIVEN)
    assert "Choose another one." in page_of(refused)
    given.refresh_from_db()
    assert given.password_good_until is not None
    assert sign_in().get("/settings/").url.startswith(CHANGE)


def test_leaving_and_asking_for_a_link_stay_open(given: User) -> None:
    browser = sign_in()
    assert browser.get("/auth/password/reset/").status_code == 200
    assert browser.post("/auth/logout/").status_code == 302


def test_whoever_chose_their_own_is_asked_nothing(alice: User, alice_client: Client) -> None:
    assert alice_client.get("/settings/").status_code == 200
    assert "Choose your own password" not in page_of(alice_client.get(CHANGE))


# --- After its time ---------------------------------------------------------------------------------------------------


def test_after_its_time_it_is_answered_as_a_wrong_one(
    given: User, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = without_tokens(sign_in("quite another one").answer)
    clock.shift(timedelta(hours=24))
    over = without_tokens(sign_in().answer)
    assert over == wrong
    assert "A password that an administrator gave you works for a limited time" in over
    assert f"signin.password.over person={given.pk}" in caplog.text
    answers = [
        Client().post("/api/v1/tokens/", {"username": "alice", "password": word, "name": "x", "scope": "read"}, JSON)
        for word in (GIVEN, "quite another one")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


def test_until_the_last_moment_it_is_taken(given: User, clock: Any) -> None:
    clock.shift(timedelta(hours=24) - timedelta(seconds=1))
    assert sign_in().answer.status_code == 302


def test_a_session_that_began_in_time_does_not_change_it_after_its_time(given: User, clock: Any) -> None:
    clock.shift(timedelta(hours=23, minutes=50))
    browser = sign_in()
    clock.shift(timedelta(minutes=20))
    assert "its time is over" in page_of(change(browser, GIVEN, OWN))
    given.refresh_from_db()
    assert given.check_password(GIVEN)


def test_a_link_by_mail_is_the_way_out(given: User, clock: Any, mailoutbox: list[Any]) -> None:
    clock.shift(timedelta(hours=25))
    browser = Client()
    browser.post("/auth/password/reset/", {"email": given.email})
    link = next(word for word in mailoutbox[-1].body.split() if "/auth/password/reset/key/" in word)
    page = browser.get(link.removeprefix("http://testserver"), follow=True)
    form = page.redirect_chain[-1][0]
    assert "Choose another one." in page_of(browser.post(form, {"password1": GIVEN, "password2": GIVEN}))
    browser.post(form, {"password1": OWN, "password2": OWN})
    assert sign_in(OWN).get("/settings/").status_code == 200


def test_an_administrator_types_another_one(given: User, bob: User, client_for: Any, clock: Any) -> None:
    clock.shift(timedelta(hours=25))
    administrator = client_for(bob)
    assert "Choose another one." in typed(administrator, given, GIVEN).content.decode()
    typed(administrator, given, "a second one, by telephone")
    assert sign_in("a second one, by telephone").get("/settings/").url.startswith(CHANGE)


def test_a_token_made_on_the_server_meanwhile_goes_on(given: User) -> None:
    assert api_for(given).get("/accounts/").status_code == 200
