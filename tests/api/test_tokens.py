"""Tokens made with a password, as signing in on the page is checked and counted; shown once, revoked."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, IdempotencyKey, User
from accounts.services.recovery_codes import recovery_codes_make
from accounts.services.tokens import digest_of, token_create, token_make
from tests.api.kit import Api, api_for, cache_away, error

__all__ = ["cache_away"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def anyone(db: None) -> Api:
    """A program without a token."""
    program = Api("")
    program.client = Client()
    return program


def ask(password: str, **changes: Any) -> dict[str, Any]:
    return {"username": "alice", "password": password, "name": "Backtester", "scope": "read"} | changes


@pytest.fixture(autouse=True)
def _patient(settings: Any) -> None:
    settings.API_TOKEN_CREATIONS_PER_MINUTE = 100


def second_factor(user: User) -> str:
    """Turns on the authenticator app; its code of now."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_a_token_is_made_with_a_password_and_opens_the_api(anyone, alice, password):
    made = anyone.post("/tokens/", ask(password, days=30))
    assert made.status_code == 201
    token = made.json()
    row = ApiToken.objects.get(user=alice)
    assert token == {
        "id": str(row.pk),
        "name": "Backtester",
        "scope": "read",
        "token": token["token"],
        "hint": token["token"][-4:],
        "expires_at": row.expires_at.isoformat().replace("+00:00", "Z"),
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
        "last_used_at": None,
    }
    assert timedelta(days=29, hours=23) < row.expires_at - timezone.now() < timedelta(days=30)
    assert (made["Cache-Control"], row.digest) == ("no-store", digest_of(token["token"]))
    listed = Api(token["token"]).get("/tokens/").json()["results"]
    assert [(one["name"], set(one)) for one in listed] == [("Backtester", set(token) - {"token"})]
    assert token["token"] not in str(listed)
    assert "sessionid" not in str(made.cookies)
    assert not made.cookies


def test_the_e_mail_address_serves_as_on_the_page(anyone, alice, password):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    assert anyone.post("/tokens/", ask(password, username=" Alice@Example.com ")).status_code == 201


def test_who_is_not_known_and_who_errs_are_answered_the_same(anyone, alice, password):
    wrong = anyone.post("/tokens/", ask("wrong"))
    unknown = anyone.post("/tokens/", ask(password, username="nobody"))
    blank = anyone.post("/tokens/", ask(f" {password}"))
    assert error(wrong) == error(blank) == (401, "wrong_credentials", None)
    assert wrong.json() == unknown.json()
    assert wrong["WWW-Authenticate"] == "Bearer"
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("username", ["alice", "alice@example.com", "nobody", "nobody@example.com"])
def test_a_wrong_password_takes_as_long_whoever_is_asked_for(anyone, alice, monkeypatch, username):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given: hashed.append(given[1]) or encode(*given))
    assert anyone.post("/tokens/", ask("wrong", username=username)).status_code == 401
    assert hashed == ["wrong"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scope": "admin"}, (400, "invalid_choice", "scope")),
        ({"scope": None}, (400, "null", "scope")),
        ({"name": ""}, (400, "blank", "name")),
        ({"name": "x" * 81}, (400, "max_length", "name")),
        ({"days": 0}, (400, "min_value", "days")),
        ({"days": 367}, (400, "max_value", "days")),
        ({"days": "30"}, (400, "invalid", "days")),
        ({"username": 5}, (400, "invalid", "username")),
        ({"username": ["alice"]}, (400, "invalid", "username")),
        ({"expires_at": "2030-01-01"}, (400, "unknown_field", "expires_at")),
        ({"name": "Taken"}, (400, "name_taken", "name")),
    ],
)
def test_a_wrong_request_is_said_at_its_field_and_makes_nothing(anyone, alice, password, change, said):
    token_create(user=alice, name="Taken", scope="read", now=timezone.now())
    assert error(anyone.post("/tokens/", ask(password, **change))) == said
    assert ApiToken.objects.count() == 1


def test_an_inactive_user_gets_no_token(anyone, alice, password):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert error(anyone.post("/tokens/", ask(password))) == (401, "inactive", None)
    assert error(anyone.post("/tokens/", ask("wrong"))) == (401, "wrong_credentials", None)
    assert not ApiToken.objects.exists()


def test_an_unconfirmed_address_is_refused_where_it_must_be_confirmed(anyone, alice, password, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.create(user=alice, email=alice.email, verified=False, primary=True)
    assert error(anyone.post("/tokens/", ask(password))) == (403, "email_unverified", None)
    EmailAddress.objects.update(verified=True)
    assert anyone.post("/tokens/", ask(password)).status_code == 201


def test_a_second_factor_is_asked_for_and_each_code_serves_once(anyone, alice, password):
    code = second_factor(alice)
    assert error(anyone.post("/tokens/", ask(password))) == (401, "otp_required", None)
    assert error(anyone.post("/tokens/", ask(password, otp="000000x"))) == (401, "otp_invalid", None)
    assert error(anyone.post("/tokens/", ask("wrong", otp=code))) == (401, "wrong_credentials", None)
    assert anyone.post("/tokens/", ask(password, otp=code)).status_code == 201
    assert error(anyone.post("/tokens/", ask(password, otp=code, name="Two"))) == (401, "otp_invalid", None)
    assert ApiToken.objects.count() == 1
    assert Authenticator.objects.get(user=alice, type="totp").last_used_at is not None


def test_a_recovery_code_serves_once(anyone, alice, password):
    second_factor(alice)
    code = recovery_codes_make(user=alice)[0]
    assert anyone.post("/tokens/", ask(password, otp=code)).status_code == 201
    assert error(anyone.post("/tokens/", ask(password, otp=code, name="Two"))) == (401, "otp_invalid", None)


def test_codes_cannot_be_guessed(anyone, alice, password):
    second_factor(alice)
    tried = [error(anyone.post("/tokens/", ask(password, otp=str(number)))) for number in range(6)]
    assert tried == [(401, "otp_invalid", None)] * 5 + [(429, "throttled", None)]


def test_a_passkey_alone_is_sent_to_the_page(anyone, alice, password):
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={"name": "Key"})
    assert error(anyone.post("/tokens/", ask(password, otp="1"))) == (403, "passkey_only", None)
    assert not ApiToken.objects.exists()


def test_a_repeated_request_is_answered_again_though_its_code_was_used(anyone, alice, password):
    code = second_factor(alice)
    headers = {"Idempotency-Key": "token-1"}
    body = ask(password, otp=code)
    first = anyone.post("/tokens/", body, headers=headers)
    again = anyone.post("/tokens/", body, headers=headers)
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert again["Cache-Control"] == "no-store"
    other = anyone.post("/tokens/", ask(password, otp="123456"), headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)
    assert error(anyone.post("/tokens/", body | {"password": "wrong"}, headers=headers))[1] == "wrong_credentials"
    assert ApiToken.objects.count() == 1
    kept = IdempotencyKey.objects.get()
    assert first.json()["token"] not in kept.body
    assert kept.user == alice


def test_a_request_that_died_halfway_is_done_again_with_a_text_that_works(alice):
    key, now = uuid.uuid4(), timezone.now()
    wanted = {"user": alice, "name": "One", "scope": "read", "days": 1, "now": now, "pk": key}
    lost, lost_text = token_make(**wanted)
    found, text = token_make(**wanted)
    assert (found.pk, lost.pk) == (key, key)
    assert list(ApiToken.objects.values_list("digest", flat=True)) == [digest_of(text)]
    assert digest_of(lost_text) != digest_of(text)


def test_the_page_and_the_api_count_tries_together(anyone, client, alice, password):
    for _ in range(3):
        client.post("/auth/login/", {"login": "alice", "password": "wrong"})
    for _ in range(2):
        assert error(anyone.post("/tokens/", ask("wrong"))) == (401, "wrong_credentials", None)
    refused = anyone.post("/tokens/", ask(password))
    assert error(refused) == (429, "throttled", None)
    assert int(refused["Retry-After"]) == 300
    page = client.post("/auth/login/", {"login": "alice", "password": password})
    assert page.status_code == 200
    assert not ApiToken.objects.exists()


def test_few_tries_a_minute_from_one_address_and_for_one_name(anyone, alice, password, settings):
    settings.API_TOKEN_CREATIONS_PER_MINUTE = 2
    for name in ("one", "two"):
        assert error(anyone.post("/tokens/", ask(password, username=name)))[0] == 401
    refused = anyone.post("/tokens/", ask(password), headers={"X-Forwarded-For": "10.1.2.3"})
    assert error(refused) == (429, "throttled", None)
    assert 1 <= int(refused["Retry-After"]) <= 60
    elsewhere = [anyone.post("/tokens/", ask(password, name=str(n)), REMOTE_ADDR=f"10.0.0.{n}") for n in range(3)]
    assert [answer.status_code for answer in elsewhere] == [201, 429, 429]
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    behind = {"X-Forwarded-For": "203.0.113.7"}
    assert error(anyone.post("/tokens/", ask(password, username="x"), headers=behind))[0] == 401


def test_nobody_gets_a_token_with_a_password_while_tries_cannot_be_counted(anyone, alice, password, cache_away):
    anyone.client.raise_request_exception = False
    refused = anyone.post("/tokens/", ask(password))
    assert error(refused) == (503, "unavailable", None)
    assert refused["Retry-After"] == "60"
    assert not ApiToken.objects.exists()


def test_a_token_or_session_is_not_enough_to_make_one(api, alice_client, alice):
    before = ApiToken.objects.count()
    body = {"name": "More", "scope": "trade"}
    assert error(api.post("/tokens/", body)) == (400, "required", "username")
    answer = alice_client.post("/api/v1/tokens/", body, content_type="application/json")
    assert error(answer) == (400, "required", "username")
    assert ApiToken.objects.count() == before


def test_a_token_is_revoked_at_once_and_twice_is_once(api, alice):
    token, text = token_create(user=alice, name="Old", scope="read", now=timezone.now())
    program = Api(text)
    assert program.get("/tokens/").status_code == 200
    assert api.delete(f"/tokens/{token.pk}/").status_code == 204
    assert error(program.get("/tokens/")) == (401, "invalid_token", None)
    assert api.delete(f"/tokens/{token.pk}/").status_code == 204
    assert [row["name"] for row in api.get("/tokens/").json()["results"]] == ["Test trade"]
    token.refresh_from_db()
    assert token.revoked_at is not None
    again, _ = token_create(user=alice, name="Old", scope="read", now=timezone.now())
    assert api.get(f"/tokens/{again.pk}/").json()["name"] == "Old"


def test_a_token_to_read_revokes_nothing_and_anothers_does_not_exist(reader, stranger, alice):
    token = ApiToken.objects.get(user=alice)
    assert error(reader.delete(f"/tokens/{token.pk}/")) == (403, "missing_scope", None)
    for answer in (
        stranger.delete(f"/tokens/{token.pk}/"),
        stranger.get(f"/tokens/{token.pk}/"),
        stranger.delete(f"/tokens/{uuid.uuid4()}/"),
    ):
        assert error(answer) == (404, "not_found", None)
    token.refresh_from_db()
    assert token.revoked_at is None


def test_tokens_are_filtered_and_ordered(api, alice):
    for name, scope in (("A", "read"), ("B", "trade")):
        token_create(user=alice, name=name, scope=scope, now=timezone.now())

    def names(query: str) -> list[str]:
        return [row["name"] for row in api.get(f"/tokens/?{query}").json()["results"]]

    assert names("") == ["B", "A", "Test trade"]
    assert names("ordering=name") == ["A", "B", "Test trade"]
    assert names("scope=read") == ["A"]
    assert error(api.get("/tokens/?name=A")) == (400, "unknown_field", "name")


def test_a_change_of_the_password_revokes_all_tokens(alice, alice_client, password, client):
    program = api_for(alice)
    new = "another horse battery staple"
    form = {"oldpassword": password, "password1": new, "password2": new}
    assert alice_client.post("/auth/password/change/", form).status_code == 302
    assert error(program.get("/tokens/")) == (401, "invalid_token", None)
    assert not ApiToken.objects.filter(revoked_at=None).exists()


def test_a_token_is_not_made_for_a_password_that_was_changed_meanwhile(alice):
    late = User.objects.get(pk=alice.pk)
    alice.set_password("another horse battery staple")
    alice.save()
    with pytest.raises(Exception, match="changed meanwhile"):
        token_create(user=late, name="Late", scope="trade", now=timezone.now())
    assert not ApiToken.objects.exists()
