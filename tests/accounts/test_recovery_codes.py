"""Recovery codes are shown once, kept as salted hashes, and good for one sign-in each."""

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.hashers import check_password
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.sealing import secret_box
from accounts.services.recovery_codes import COUNT, recovery_codes_make
from tests.accounts.test_sign_in import code_of
from tests.trades.page_kit import page_of

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
PAGE, MAKE, FILE = (f"/auth/2fa/recovery-codes/{end}" for end in ("", "generate/", "download/"))
SHAPE = re.compile(r"\d{4}-\d{4}-\d{4}")


@pytest.fixture
def app(alice: User) -> None:
    TOTP.activate(alice, SECRET)


@pytest.fixture
def browser(app: None, alice_client: Client, password: str) -> Client:
    """Alice, just asked who she is."""
    alice_client.post("/auth/reauthenticate/", {"password": password})
    return alice_client


def wrapped(user: User) -> Any:
    return Authenticator.objects.get(user=user, type="recovery_codes").wrap()


def kept(user: User) -> list[str]:
    """What is in the database, opened with the desk's key."""
    sealed = wrapped(user).instance.data["migrated_codes"]
    return [secret_box(b"second-factor").decrypt(one).decode() for one in sealed]


# --- How they are kept ------------------------------------------------------------------------------------------------


def test_a_copy_of_the_database_with_the_desks_key_has_hashes_and_no_code(alice: User) -> None:
    codes = recovery_codes_make(user=alice)
    hashes = [text.split(":", 2)[2] for text in kept(alice)]
    assert len(hashes) == COUNT
    assert all(check_password(code.replace("-", ""), one) for code, one in zip(codes, hashes, strict=True))
    everything = json.dumps(wrapped(alice).instance.data) + "".join(kept(alice))
    assert not any(code in everything or code.replace("-", "") in everything for code in codes)


def test_each_has_a_salt_of_its_own_and_is_hashed_as_slowly_as_passwords(alice: User, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    recovery_codes_make(user=alice)
    parts = [text.split(":", 2)[2].split("$") for text in kept(alice)]
    assert {(algorithm, rounds) for algorithm, rounds, _, _ in parts} == {("pbkdf2_sha256", "1000000")}
    assert len({salt for _, _, salt, _ in parts}) == COUNT


def test_a_set_has_ten_codes_of_eleven_random_digits_behind_their_number(alice: User) -> None:
    codes = recovery_codes_make(user=alice)
    assert all(SHAPE.fullmatch(code) for code in codes)
    assert [code[0] for code in codes] == list("0123456789")
    assert not set(codes) & set(recovery_codes_make(user=alice))


def test_a_try_costs_one_hash_and_a_code_of_the_app_none(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.services import recovery_codes

    tried: list[str] = []
    recovery_codes_make(user=alice)
    monkeypatch.setattr(recovery_codes, "check_password", lambda code, _: tried.append(code))
    assert not wrapped(alice).validate_code("3000-0000-0000")
    assert not wrapped(alice).validate_code("123456")
    assert tried == ["300000000000"]


def test_whoever_opens_one_in_the_code_sees_no_hash(alice: User) -> None:
    recovery_codes_make(user=alice)
    assert {str(one) for one in wrapped(alice).get_unused_codes()} == {"••••"}


# --- Used -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [str, lambda code: code.replace("-", ""), lambda code: code.replace("-", " ")])
def test_it_is_taken_once_however_it_is_grouped(alice: User, spelling: Any) -> None:
    code = spelling(recovery_codes_make(user=alice)[4])
    assert [wrapped(alice).validate_code(code), wrapped(alice).validate_code(code)] == [True, False]
    assert len(wrapped(alice).get_unused_codes()) == COUNT - 1


@pytest.mark.parametrize("typed", ["", "0", "0000-0000-0000", "é" * 12, "٠" * 12, "••••", "hashed:0:x"])
def test_anything_else_is_refused(alice: User, typed: str) -> None:
    recovery_codes_make(user=alice)
    assert not wrapped(alice).validate_code(typed)
    assert len(wrapped(alice).get_unused_codes()) == COUNT


def test_codes_an_older_version_sealed_are_taken_until_they_are_used_or_made_anew(alice: User) -> None:
    first, second, *_ = RecoveryCodes.activate(alice).get_unused_codes()
    assert [wrapped(alice).validate_code(first), wrapped(alice).validate_code(first)] == [True, False]
    recovery_codes_make(user=alice)
    assert not wrapped(alice).validate_code(second)


def test_an_older_version_takes_none_of_the_new_ones_and_breaks_on_none(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While two versions answer, the older one calls a new code wrong; it counts as many as there are."""
    from accounts import adapter

    code = recovery_codes_make(user=alice)[0]
    monkeypatch.setattr(adapter, "recovery_code_opened", str)
    assert not wrapped(alice).validate_code(code)
    assert len(wrapped(alice).get_unused_codes()) == COUNT


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_they_are_shown_by_the_page_that_makes_them_and_nowhere_else(alice: User, browser: Client) -> None:
    shown = browser.post(MAKE)
    codes = shown.context["codes"]
    body = page_of(shown)
    assert len(codes) == COUNT
    assert all(code in body for code in codes)
    assert "they are not shown again" in body
    assert "no-store" in shown.headers["Cache-Control"]
    for address in (PAGE, MAKE, FILE, "/auth/2fa/", "/settings/export/"):
        answer = browser.get(address, follow=True)
        said = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert not any(code.encode() in said for code in codes)


def test_the_page_says_that_nobody_can_show_them_again_and_what_to_do(browser: Client, alice: User) -> None:
    recovery_codes_make(user=alice)
    body = page_of(browser.get(PAGE))
    assert "10 codes are unused" in body
    assert "nobody can show them again. If you have not got them any more, make new ones" in body
    assert f'href="{MAKE}"' in browser.get(PAGE).content.decode()


def test_whoever_has_none_or_used_all_is_told(browser: Client, alice: User) -> None:
    assert "There are none yet." in page_of(browser.get(PAGE))
    for code in recovery_codes_make(user=alice):
        assert wrapped(alice).validate_code(code)
    assert "All of them were used." in page_of(browser.get(PAGE))


def test_the_file_is_in_the_page_and_holds_what_the_page_shows(browser: Client) -> None:
    shown = browser.post(MAKE)
    assert 'download="recovery-codes.txt"' in shown.content.decode()
    assert unquote(shown.context["file"]).splitlines()[2:] == list(shown.context["codes"])
    assert browser.get(FILE).url == PAGE


def test_making_new_ones_ends_the_old_and_tells_the_owner(browser: Client, alice: User) -> None:
    old = recovery_codes_make(user=alice)[0]
    mail.outbox.clear()
    new = browser.post(MAKE).context["codes"][0]
    assert not wrapped(alice).validate_code(old)
    assert wrapped(alice).validate_code(new)
    assert [message.to for message in mail.outbox] == [[alice.email]]


def test_a_second_way_of_signing_in_leaves_the_codes_of_the_first(alice: User, browser: Client) -> None:
    recovery_codes_make(user=alice)
    Authenticator.objects.filter(type="totp").delete()
    Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop", "credential": {}})
    form = browser.get("/auth/2fa/totp/activate/").context["form"]
    assert browser.post("/auth/2fa/totp/activate/", {"code": code_of(form.secret)}).url == "/auth/2fa/"
    assert len(wrapped(alice).get_unused_codes()) == COUNT


def test_sets_are_made_five_times_a_minute_at_most(browser: Client) -> None:
    assert [browser.post(MAKE).status_code for _ in range(6)] == [200] * 5 + [429]
