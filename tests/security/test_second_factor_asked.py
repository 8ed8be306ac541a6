"""Where the operator asks everybody for a second factor, nothing is shown before there is one, to programs neither."""

from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from accounts.models import User
from tests.accounts.test_sign_in import code_of
from tests.api.kit import api_for, error
from tests.conftest import PASSWORD
from tests.security.test_sessions import in_production
from tests.trades.page_kit import page_of

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
JSON = "application/json"


@pytest.fixture
def _asked(settings: Any) -> None:
    settings.TRADER_SECOND_FACTOR = True


def test_by_default_traders_are_not_asked(alice_client: Client, settings: Any) -> None:
    assert settings.TRADER_SECOND_FACTOR is False
    assert alice_client.get("/").status_code == 200


def test_in_production_everybody_is_asked() -> None:
    program = "from django.conf import settings as s; print(s.TRADER_SECOND_FACTOR, s.ADMIN_SECOND_FACTOR)"
    assert in_production(program) == "True True"


@pytest.mark.usefixtures("_asked")
@pytest.mark.parametrize("address", ["/", "/settings/", "/orders/", "/trades/plan/", "/settings/tokens/new/"])
def test_whoever_has_none_is_led_to_turn_one_on(alice: User, alice_client: Client, address: str) -> None:
    sent = alice_client.get(address)
    assert sent.url == "/auth/2fa/"
    assert "This desk asks everybody for a second factor" in page_of(alice_client.get(sent.url))
    assert alice_client.post("/trades/plan/", {}).url == "/auth/2fa/"
    assert alice_client.get(address, headers={"hx-request": "true"}).status_code == 401
    TOTP.activate(alice, SECRET)
    assert alice_client.get(address).headers.get("Location", "") != "/auth/2fa/"


@pytest.mark.usefixtures("_asked")
def test_the_page_to_turn_one_on_is_not_loaded_anew_for_its_parts(alice_client: Client) -> None:
    for page, status in (("/auth/2fa/", 204), ("/orders/", 401)):
        asked = {"hx-request": "true", "hx-current-url": f"http://testserver{page}"}
        assert alice_client.get("/trades/", headers=asked).status_code == status


@pytest.mark.usefixtures("_asked")
def test_the_system_page_waits_for_one(bob_client: Client) -> None:
    assert bob_client.get("/system/").url == "/auth/2fa/"


@pytest.mark.usefixtures("_asked")
def test_turning_one_on_and_leaving_stay_open(alice: User, client: Client) -> None:
    client.post("/auth/login/", {"login": "alice", "password": PASSWORD})
    asked = client.get("/auth/2fa/totp/activate/")
    form = client.post(asked.url, {"password": PASSWORD}, follow=True).context["form"]
    client.post("/auth/2fa/totp/activate/", {"code": code_of(form.secret)})
    assert client.get("/settings/").status_code == 200
    assert client.post("/auth/logout/").status_code == 302


@pytest.mark.usefixtures("_asked")
def test_programs_of_whoever_has_none_are_refused_and_say_why(alice: User, alice_client: Client) -> None:
    api = api_for(alice)
    assert error(api.get("/accounts/")) == (403, "second_factor_required", None)
    assert alice_client.get("/api/v1/accounts/").status_code == 403
    made = Client().post(
        "/api/v1/tokens/", {"username": "alice", "password": PASSWORD, "name": "x", "scope": "read"}, JSON
    )
    assert (made.status_code, made.json()["errors"][0]["code"]) == (403, "second_factor_required")
    TOTP.activate(alice, SECRET)
    assert api.get("/accounts/").status_code == 200


@pytest.mark.usefixtures("_asked")
def test_strangers_are_asked_to_sign_in_as_ever(client: Client, db: None) -> None:
    assert client.get("/settings/").url == "/auth/login/?next=/settings/"
    assert client.get("/healthz").status_code == 200


# --- A second factor that was sealed under a key that is gone -----------------------------------------------------------


@pytest.fixture
def sealed(alice: User, settings: Any) -> User:
    TOTP.activate(alice, SECRET)
    RecoveryCodes.activate(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, []
    return alice


def test_sign_in_says_so_and_lets_nobody_past(sealed: User, client: Client) -> None:
    client.post("/auth/login/", {"login": "alice", "password": PASSWORD})
    for code in (code_of(SECRET), "000000", ""):
        page = client.post("/auth/2fa/authenticate/", {"code": code})
        assert page.status_code == 200
    page = page_of(client.post("/auth/2fa/authenticate/", {"code": "000000"}))
    assert "cannot be checked any more" in page
    assert "Ask the administrator of this desk to remove it" in page
    assert "_auth_user_id" not in client.session
    assert client.get("/settings/").status_code == 302


def test_a_program_is_told_the_same(sealed: User) -> None:
    body = {"username": "alice", "password": PASSWORD, "otp": "000000", "name": "x", "scope": "read"}
    answer = Client().post("/api/v1/tokens/", body, JSON)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "second_factor_sealed")


def test_an_administrator_removes_it_and_the_person_signs_in(sealed: User, bob_client: Client, client: Client) -> None:
    for factor in sealed.authenticator_set.all():
        bob_client.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})
    client.post("/auth/login/", {"login": "alice", "password": PASSWORD})
    assert client.get("/settings/").status_code == 200


def test_whoever_is_signed_in_still_turns_it_off_with_the_password(sealed: User, client_for: Any) -> None:
    browser = client_for(sealed)
    assert browser.get("/auth/2fa/").status_code == 200
    browser.post("/auth/reauthenticate/", {"password": PASSWORD})
    for address in ("/auth/2fa/recovery-codes/", "/auth/2fa/recovery-codes/generate/"):
        assert "cannot be read any more" in page_of(browser.get(address, follow=True))
    assert browser.post("/auth/2fa/totp/deactivate/").status_code == 302
    assert not sealed.authenticator_set.exists()
