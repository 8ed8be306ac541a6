"""The page of API tokens: made after signing in again, shown once, revoked; the command and the administrators' list."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, IdempotencyKey, User
from accounts.services.tokens import digest_of, token_create, tokens_clean
from brokers.services.cleaning import records_clean

pytestmark = pytest.mark.django_db

LIST, NEW = "/settings/tokens/", "/settings/tokens/new/"


@pytest.fixture
def sure(alice: User, alice_client: Client, password: str) -> Client:
    """alice, who has just proven who she is."""
    assert alice_client.post("/auth/reauthenticate/", {"password": password}).status_code == 302
    return alice_client


def form(**changes: Any) -> dict[str, Any]:
    return {"creation_key": str(uuid4()), "name": "Backtester", "scope": "read", "days": "30"} | changes


def shown(page: Any) -> str:
    return re.search(r'value="(td_[^"]+)"', page.content.decode()).group(1)


def test_who_has_none_is_shown_the_way(alice_client: Client) -> None:
    page = alice_client.get(LIST).content.decode()
    assert "No API tokens" in page
    assert f'href="{NEW}"' in page
    assert f'href="{LIST}"' in alice_client.get("/settings/").content.decode()


def test_a_token_is_made_after_signing_in_again_only(alice: User, alice_client: Client, password: str) -> None:
    asked = alice_client.get(NEW)
    assert (asked.status_code, asked.url) == (302, f"/auth/reauthenticate/?next={NEW.replace('/', '%2F')}")
    assert alice_client.post(NEW, form()).status_code == 302
    assert not ApiToken.objects.exists()
    alice_client.get(asked.url)
    back = alice_client.post(asked.url, {"password": password})
    assert back.status_code in {200, 302}
    assert alice_client.get(NEW).status_code == 200


def test_it_is_shown_once_and_kept_by_nobody(alice: User, sure: Client) -> None:
    body = form(scope="trade")
    page = sure.post(NEW, body)
    text = shown(page)
    token = ApiToken.objects.get(user=alice)
    assert (token.digest, token.hint, token.scope) == (digest_of(text), text[-4:], "trade")
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert "no-store" in page["Cache-Control"]
    listed = sure.get(LIST).content.decode()
    assert "Backtester" in listed
    assert text[-4:] in listed
    assert text not in listed
    again = sure.post(NEW, body)
    assert "made already" in again.content.decode()
    assert "td_" not in again.content.decode()
    assert ApiToken.objects.count() == 1
    assert Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/tags/").status_code == 200


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"name": "x" * 81}, {"scope": "admin"}, {"days": "0"}, {"days": "9999"}, {"name": "Taken"}]
)
def test_what_cannot_be_made_is_said_and_not_made(alice: User, sure: Client, change: dict[str, str]) -> None:
    token_create(user=alice, name="Taken", scope="read", now=timezone.now())
    page = sure.post(NEW, form(**change))
    assert page.context["form"].errors
    assert ApiToken.objects.count() == 1


def test_an_expired_one_is_marked_and_a_used_one_says_when(alice: User, alice_client: Client) -> None:
    token_create(user=alice, name="Old", scope="read", now=timezone.now() - timedelta(days=100))
    assert "Expired" in alice_client.get(LIST).content.decode()
    assert "never" in alice_client.get(LIST).content.decode()
    ApiToken.objects.update(last_used_at=timezone.now())
    assert "never" not in alice_client.get(LIST).content.decode()


def test_it_is_revoked_when_that_is_meant(alice: User, alice_client: Client) -> None:
    token, _ = token_create(user=alice, name="Old", scope="read", now=timezone.now())
    asked = alice_client.get(f"{LIST}{token.pk}/revoke/")
    assert "Revoke Old?" in asked.content.decode()
    assert ApiToken.objects.get().revoked_at is None
    answer = alice_client.post(f"{LIST}{token.pk}/revoke/")
    assert (answer.status_code, answer.url) == (302, LIST)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "Old is revoked: it opens nothing any more."
    ]
    assert ApiToken.objects.get().revoked_at is not None
    assert "No API tokens" in alice_client.get(LIST).content.decode()


def test_a_password_that_is_reset_or_set_by_an_administrator_revokes_them(alice: User, bob_client: Client) -> None:
    from allauth.account.adapter import get_adapter

    token_create(user=alice, name="One", scope="read", now=timezone.now())
    get_adapter().set_password(alice, "another horse battery staple")
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    token_create(user=alice, name="Two", scope="read", now=timezone.now())
    new = "a third horse battery staple"
    address = f"/admin/accounts/user/{alice.pk}/password/"
    answer = bob_client.post(address, {"password1": new, "password2": new, "usable_password": "true"})
    assert answer.status_code == 302
    assert User.objects.get(pk=alice.pk).check_password(new)
    assert not ApiToken.objects.filter(revoked_at=None).exists()


def test_the_command_prints_a_token_once(alice: User) -> None:
    out, told = StringIO(), StringIO()
    call_command(
        "create_api_token", "alice", "--name", "Cron", "--scope", "trade", "--days", "7", stdout=out, stderr=told
    )
    text = out.getvalue().strip()
    token = ApiToken.objects.get(user=alice)
    assert (token.digest, token.name, token.scope) == (digest_of(text), "Cron", "trade")
    assert text not in told.getvalue()
    for arguments in (["nobody", "--name", "x"], ["alice", "--name", "Cron"], ["alice", "--name", "x", "--days", "0"]):
        with pytest.raises(CommandError):
            call_command("create_api_token", *arguments, stdout=out, stderr=told)
    assert ApiToken.objects.count() == 1


def test_administrators_shut_programs_out_and_see_no_secret(alice: User, bob_client: Client) -> None:
    token, text = token_create(user=alice, name="Cron", scope="trade", now=timezone.now())
    IdempotencyKey.objects.create(user=alice, key="k", fingerprint="f" * 64, body="sealed-body")
    for address in ("apitoken/", f"apitoken/{token.pk}/change/", "idempotencykey/"):
        page = bob_client.get(f"/admin/accounts/{address}").content.decode()
        assert token.digest not in page
        assert text not in page
    key = IdempotencyKey.objects.get()
    page = bob_client.get(f"/admin/accounts/idempotencykey/{key.pk}/change/").content.decode()
    assert "sealed-body" not in page
    assert "f" * 64 not in page
    assert bob_client.get("/admin/accounts/apitoken/add/").status_code == 403
    body = {"action": "revoke", "_selected_action": [str(token.pk)]}
    assert bob_client.post("/admin/accounts/apitoken/", body).status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_what_opens_nothing_since_long_is_forgotten(alice: User) -> None:
    now = timezone.now()
    kept, _ = token_create(user=alice, name="In use", scope="read", now=now)
    for name, fields in (
        ("revoked", {"revoked_at": now - timedelta(days=91)}),
        ("expired", {"expires_at": now - timedelta(days=91)}),
        ("lately", {"revoked_at": now - timedelta(days=89)}),
    ):
        token, _ = token_create(user=alice, name=name, scope="read", now=now)
        ApiToken.objects.filter(pk=token.pk).update(**fields)
    IdempotencyKey.objects.create(user=alice, key="k", fingerprint="f")
    gone = records_clean(now=now + timedelta(hours=1))
    assert (gone["tokens"], gone["idempotency_keys"]) == (2, 0)
    assert set(ApiToken.objects.values_list("name", flat=True)) == {kept.name, "lately"}
    assert records_clean(now=now + timedelta(hours=49))["idempotency_keys"] == 1
    assert tokens_clean(now=now) == 0
