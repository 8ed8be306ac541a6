"""Who may ask: tokens in the header, signed-in browsers; and how often."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services.tokens import token_create
from tests.api.kit import Api, api_for, cache_away, error
from tests.factories import make_tag
from trades.models import Tag

__all__ = ["cache_away"]

pytestmark = pytest.mark.django_db

TAGS = "/api/v1/tags/"


def asked(header: str | None = None, path: str = TAGS, **extra: Any) -> Any:
    headers = {} if header is None else {"Authorization": header}
    return Client().get(path, headers=headers, **extra)


def made(user: User, **changes: Any) -> tuple[ApiToken, str]:
    return token_create(user=user, **({"name": "One", "scope": "trade", "now": timezone.now()} | changes))


def test_a_token_opens_what_its_owner_owns(alice, charlie):
    _, text = made(alice)
    make_tag(alice, "gap")
    make_tag(charlie, "other")
    answer = asked(f"Bearer {text}")
    assert [tag["name"] for tag in answer.json()["results"]] == ["gap"]
    assert asked(f"bearer {text}").status_code == 200


def test_nobody_is_answered_without_a_token(db):
    answer = asked()
    assert error(answer) == (401, "not_authenticated", None)
    assert (answer["WWW-Authenticate"], answer.json()["type"]) == ("Bearer", "client_error")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer", "bad_header"),
        ("Bearer ", "bad_header"),
        ("Bearer one two", "bad_header"),
        ("Basic YWxpY2U6eA==", "bad_header"),
        ("Token td_abc", "bad_header"),
        ("Bearer td_unknown", "invalid_token"),
        ("Bearer " + "x" * 5000, "invalid_token"),
        ("Bearer t\u00f6d_", "invalid_token"),
    ],
)
def test_what_is_no_token_opens_nothing(db, header, code):
    answer = asked(header)
    assert error(answer) == (401, code, None)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_is_taken_whole_and_letter_for_letter(alice):
    _, text = made(alice)
    for changed in (text[:-1], text + "A", text.swapcase(), text.removeprefix("td_")):
        assert error(asked(f"Bearer {changed}")) == (401, "invalid_token", None)


def test_expired_revoked_and_inactive_are_told_apart_by_their_owner_alone(alice):
    expired, text = made(alice, days=1)
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    assert error(asked(f"Bearer {text}")) == (401, "token_expired", None)
    ApiToken.objects.filter(pk=expired.pk).update(revoked_at=timezone.now())
    assert error(asked(f"Bearer {text}")) == (401, "invalid_token", None)
    _, good = made(alice, name="Two")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert error(asked(f"Bearer {good}")) == (401, "inactive", None)


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "Authorization"])
def test_a_token_in_an_address_is_refused_though_another_is_in_the_header(alice, name):
    _, text = made(alice)
    answer = asked(f"Bearer {text}", f"{TAGS}?{name}={text}")
    assert error(answer) == (401, "token_in_address", None)
    assert text not in answer.content.decode()
    assert ApiToken.objects.get().last_used_at is None


def test_a_signed_in_browser_needs_the_csrf_token_to_change_something(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get(TAGS).status_code == 200
    body = {"name": "gap"}
    refused = browser.post(TAGS, body, content_type="application/json")
    assert error(refused) == (403, "permission_denied", None)
    assert not Tag.objects.exists()
    browser.get("/settings/")
    token = browser.cookies["trenddojo_csrf"].value
    allowed = browser.post(TAGS, body, content_type="application/json", headers={"X-CSRFToken": token})
    assert allowed.status_code == 201


def test_a_program_needs_no_csrf_token_whatever_cookies_it_sends(alice):
    _, text = made(alice)
    program = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {text}"})
    assert program.post(TAGS, {"name": "gap"}, content_type="application/json").status_code == 201


def test_a_password_without_its_second_factor_is_no_session(client, alice, password):
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={"name": "Key"})
    client.post("/auth/login/", {"login": "alice", "password": password})
    assert error(client.get(TAGS)) == (401, "not_authenticated", None)


def test_a_wrong_token_is_not_mended_by_a_session(alice_client):
    answer = alice_client.get(TAGS, headers={"Authorization": "Bearer td_unknown"})
    assert error(answer) == (401, "invalid_token", None)


def test_the_last_use_is_written_once_a_minute(alice):
    token, text = made(alice)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        asked(f"Bearer {text}")
        clock.shift(59)
        asked(f"Bearer {text}")
        token.refresh_from_db()
        assert token.last_used_at == start
        clock.shift(2)
        asked(f"Bearer {text}")
    token.refresh_from_db()
    assert token.last_used_at == start + timedelta(seconds=61)


def test_one_query_finds_the_token_and_its_user(alice, django_assert_num_queries):
    token, text = made(alice)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    with django_assert_num_queries(2):  # the other one reads the tags
        assert asked(f"Bearer {text}").status_code == 200


def test_a_token_has_a_budget_and_its_user_another(alice, settings):
    settings.API_TOKEN_PER_MINUTE = 2
    settings.API_USER_PER_MINUTE = 3
    one, two = api_for(alice), api_for(alice, "read")
    assert [one.get("/tags/").status_code for _ in range(3)] == [200, 200, 429]
    refused = two.get("/tags/")
    assert error(refused) == (429, "throttled", None)
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_one_users_budget_is_not_anothers(alice, charlie, settings):
    settings.API_USER_PER_MINUTE = 1
    hers, his = api_for(alice), api_for(charlie)
    assert [hers.get("/tags/").status_code for _ in range(2)] == [200, 429]
    assert his.get("/tags/").status_code == 200


def test_budgets_are_kept_by_each_process_while_the_cache_is_away(alice, settings, cache_away):
    settings.API_TOKEN_PER_MINUTE = 2
    program = api_for(alice)
    answers = [program.get("/tags/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_an_unknown_method_and_an_unknown_address_answer_in_one_shape(api):
    assert error(api.put("/tags/", {})) == (405, "method_not_allowed", None)
    assert error(api.get("/nothing/here/")) == (404, "not_found", None)


def test_every_answer_carries_the_id_that_is_in_the_logs(alice):
    _, text = made(alice)
    assert asked(f"Bearer {text}")["X-Request-ID"]
    assert Api(text).get("/tags/", headers={"X-Request-ID": "mine-1234"})["X-Request-ID"] == "mine-1234"
