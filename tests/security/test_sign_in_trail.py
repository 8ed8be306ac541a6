"""Every way in, its failures, the way out and every refusal are one line of the log each, with no secret in it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.usersessions.models import UserSession
from cryptography.exceptions import InvalidSignature
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from accounts.services.recovery_codes import recovery_codes_make
from tests.accounts.test_sign_in import code_of
from tests.api.kit import api_for, token_for
from tests.conftest import PASSWORD
from tests.factories import make_account

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
SIGN_IN, CODE = "/auth/login/", "/auth/2fa/authenticate/"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """The lines of events that begin so, without the event's first words; forgotten once they are asked for."""
    caplog.set_level(logging.INFO)

    def lines(begin: str) -> list[str]:
        found = [record.getMessage() for record in caplog.records if record.getMessage().startswith(begin)]
        caplog.clear()
        return found

    return lines


def password_given(browser: Client, password: str = PASSWORD) -> Any:
    return browser.post(SIGN_IN, {"login": "alice", "password": password})


def test_a_sign_in_with_a_password(alice: User, client: Client, said: Any) -> None:
    password_given(client, "guess")
    assert said("sign") == ["signin.password.wrong address=127.0.0.1"]
    password_given(client)
    assert said("sign") == [f"signin.password.right person={alice.pk}", f"signin.begun person={alice.pk} by=password"]


def test_a_sign_in_with_a_code(alice: User, client: Client, said: Any) -> None:
    TOTP.activate(alice, SECRET)
    password_given(client)
    assert said("signin.begun") == []
    client.post(CODE, {"code": "000000"})
    assert said("sign") == [f"signin.factor.wrong person={alice.pk} kind=code address=127.0.0.1"]
    client.post(CODE, {"code": code_of(SECRET)})
    assert said("sign") == [
        f"signin.factor.right person={alice.pk} kind=totp",
        f"signin.begun person={alice.pk} by=password+totp",
    ]


def test_a_recovery_code(alice: User, client: Client, said: Any) -> None:
    TOTP.activate(alice, SECRET)
    code = recovery_codes_make(user=alice)[0]
    password_given(client)
    client.post(CODE, {"code": code})
    assert f"signin.factor.right person={alice.pk} kind=recovery_codes" in said("sign")


@pytest.fixture
def passkey(alice: User, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    """alice's, which the browser's word proves without a look: whether it does is the library's business."""
    key = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Key", "credential": {}})
    monkeypatch.setattr(webauthn, "parse_authentication_response", lambda credential: credential)
    monkeypatch.setattr(webauthn, "extract_user_from_response", lambda credential: alice)
    monkeypatch.setattr(webauthn, "complete_authentication", lambda user, credential: key)
    return key


def test_a_passkey(alice: User, client: Client, passkey: Authenticator, said: Any) -> None:
    client.post("/auth/2fa/webauthn/login/", {"credential": '{"id": "x"}'})
    assert said("sign") == [
        f"signin.factor.right person={alice.pk} kind=webauthn",
        f"signin.begun person={alice.pk} by=webauthn",
    ]


def test_a_passkey_that_is_not_known(
    alice: User, client: Client, passkey: Authenticator, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(user: User, credential: Any) -> None:
        raise ValidationError("Incorrect code.", "incorrect_code")

    monkeypatch.setattr(webauthn, "complete_authentication", refuse)
    client.post("/auth/2fa/webauthn/login/", {"credential": '{"id": "x"}'})
    assert said("sign") == ["signin.factor.wrong person=- kind=passkey address=127.0.0.1"]


@pytest.mark.parametrize("credential", ['{"id": "x"}', "7", '"x"', '{"id": null, "response": []}'])
def test_what_no_browser_sends_as_a_passkey_is_refused(db: None, client: Client, said: Any, credential: str) -> None:
    sent = client.post("/auth/2fa/webauthn/login/", {"credential": credential})
    assert (sent.status_code, sent.url) == (302, "/auth/login/")
    (line,) = said("signin.factor")
    assert line.startswith(("signin.factor.malformed", "signin.factor.wrong person=-"))


def test_a_passkeys_answer_that_no_key_signed_is_refused(
    alice: User, client: Client, passkey: Authenticator, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(user: User, credential: Any) -> None:
        raise InvalidSignature

    monkeypatch.setattr(webauthn, "complete_authentication", forged)
    assert client.post("/auth/2fa/webauthn/login/", {"credential": '{"id": "x"}'}).url == "/auth/login/"
    assert said("sign") == ["signin.factor.malformed address=127.0.0.1"]
    assert "_auth_user_id" not in client.session


def test_signing_out_of_the_admin(bob: User, bob_client: Client, said: Any) -> None:
    bob_client.post("/admin/logout/")
    assert said("signout") == [f"signout.done person={bob.pk}"]


def test_being_asked_again(alice: User, alice_client: Client, said: Any) -> None:
    alice_client.post("/auth/reauthenticate/", {"password": "guess"})
    assert said("signin.again") == [f"signin.again.wrong person={alice.pk} by=password"]
    alice_client.post("/auth/reauthenticate/", {"password": PASSWORD})
    assert said("signin.again") == [f"signin.again.right person={alice.pk} by=password"]


def test_signing_out_here_and_elsewhere(alice: User, client: Client, said: Any) -> None:
    password_given(client)
    other = Client()
    password_given(other)
    client.post("/auth/reauthenticate/", {"password": PASSWORD})
    session = UserSession.objects.get(session_key=other.session.session_key)
    client.post("/auth/sessions/")
    assert said("session.") == [f"session.ended person={alice.pk} session={session.pk}"]
    client.post("/auth/logout/")
    assert said("signout") == [f"signout.done person={alice.pk}"]


def test_no_line_has_a_name_a_password_or_a_code(alice: User, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    TOTP.activate(alice, SECRET)
    code = code_of(SECRET)
    for given in ("guess", PASSWORD):
        password_given(client, given)
    for tried in ("424242", code):
        client.post(CODE, {"code": tried})
    for secret in ("alice", "guess", PASSWORD, "424242", code, SECRET):
        assert secret not in caplog.text


def test_a_form_without_the_token_of_its_page(alice_client: Client, said: Any) -> None:
    alice_client.handler.enforce_csrf_checks = True
    alice_client.post("/settings/", {"timezone": "UTC"})
    assert said("http.refused") == ["http.refused method=POST route=accounts:settings status=403 reason=form_token"]


def test_anothers_object(charlie_client: Client, alice: User, said: Any) -> None:
    account = make_account(alice)
    charlie_client.get(f"/accounts/{account.pk}/")
    assert said("http.refused") == ["http.refused method=GET route=accounts:account-detail status=404 reason=not_there"]
    charlie_client.get("/no-such-page/")
    assert said("http.refused") == []


def test_a_trader_at_the_admins_door(alice_client: Client, said: Any) -> None:
    alice_client.get("/admin/login/?next=/admin/")
    assert said("http.refused") == ["http.refused method=GET route=admin:login status=403 reason=not_allowed"]


def test_a_token_that_may_only_read(alice: User, client: Client, said: Any) -> None:
    token = token_for(alice, "read")
    client.post("/api/v1/accounts/", {}, headers={"authorization": f"Bearer {token}"})
    assert said("http.refused") == ["http.refused method=POST route=api:account-list status=403 reason=missing_scope"]


def test_a_token_that_is_none(client: Client, said: Any) -> None:
    client.get("/api/v1/accounts/", headers={"authorization": "Bearer td_unknown"})
    assert said("http.refused") == ["http.refused method=GET route=api:account-list status=401 reason=invalid_token"]


def test_asking_too_often(alice: User, settings: Any, said: Any) -> None:
    settings.API_TOKEN_PER_MINUTE = 1
    api = api_for(alice)
    api.get("/accounts/")
    api.get("/accounts/")
    assert said("http.refused") == ["http.refused method=GET route=api:account-list status=429 reason=throttled"]


def test_too_many_sign_ins(client: Client, said: Any) -> None:
    for number in range(31):
        client.post(SIGN_IN, {"login": f"user-{number}", "password": "guess"})
    assert said("http.refused") == ["http.refused method=POST route=account_login status=429 reason=too_often"]
