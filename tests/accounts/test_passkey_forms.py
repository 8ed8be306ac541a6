"""What is sent in the place of a passkey's answer is refused on every form that takes one, and breaks none."""

from typing import Any

import pytest
from allauth.account.internal.flows import reauthentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from accounts.forms.fields import WrittenField
from accounts.models import User

# More digits than Python reads as a number, and lists as deep as no reader goes.
LONG, DEEP = "1" * 5000, "[" * 200_000
STRANGE = [
    LONG,
    DEEP,
    "{",
    "\x00",
    '{"id": 1}',
    '{"response": {}}',
    "7",
    "[[1]]",
    '{"id": "x", "rawId": "x", "response": []}',
]


@pytest.fixture(params=STRANGE, ids=[text[:12] for text in STRANGE])
def strange(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"credential": str(request.param), "name": "Laptop"}


def test_at_sign_in_without_a_password(db: None, client: Client, strange: dict[str, str]) -> None:
    assert client.post("/auth/2fa/webauthn/login/", strange).url == "/auth/login/"
    assert "_auth_user_id" not in client.session


def test_at_the_second_step(alice: User, client: Client, password: str, strange: dict[str, str]) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    client.post("/auth/login/", {"login": "alice", "password": password})
    assert client.post("/auth/2fa/authenticate/", strange).status_code == 200
    assert "_auth_user_id" not in client.session


def test_where_a_passkey_is_added(
    alice: User, alice_client: Client, strange: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reauthentication, "did_recently_reauthenticate", lambda request: True)
    answer = alice_client.post("/auth/2fa/webauthn/add/", strange)
    assert (answer.status_code, answer.context["form"].is_valid()) == (200, False)
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("text", [LONG, DEEP, "{"], ids=["long", "deep", "broken"])
def test_json_that_cannot_be_read_stays_as_it_was_typed(text: str) -> None:
    from django import forms

    class Typed(forms.Form):
        value = WrittenField()

    form: Any = Typed({"value": text})
    assert form.errors == {"value": ["Enter a valid JSON."]}
    assert form["value"].value() == text
    assert form.has_changed()
