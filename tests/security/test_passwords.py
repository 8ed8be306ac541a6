"""What a password may be: long, not common, not made of words everybody tries here, and otherwise whatever one likes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.passwords import CONTEXT_WORDS

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "security.md"


def codes(password: str, user: User | None = None) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as refused:
        return sorted(str(error.code) for error in refused.error_list)
    return []


@pytest.mark.parametrize(
    "password",
    [
        "7316058294",
        "aaaaaaaaab",
        "correct horse battery staple",
        "trenddojo is where I learn patience",
        "ALLCAPITALS",
        "日本語のパスワードです",
        "x" * 500,
        "  spaces at both ends  ",
    ],
)
def test_no_kind_of_character_is_asked_for_or_refused(password: str) -> None:
    assert codes(password) == []


@pytest.mark.parametrize(
    "password",
    ["TrendDojo2026", "trenddojo!", "Tr3ndD0j0-26", "tradingdesk", "alpacabroker1", "MyTrader123", "StockMarket99"],
)
def test_hardly_more_than_words_of_the_trade_is_refused(password: str) -> None:
    assert "context_word" in codes(password)


@pytest.mark.parametrize("password", ["1234567890", "password123", "qwertyuiop", "iloveyou123"])
def test_a_common_one_is_refused(password: str) -> None:
    assert "password_too_common" in codes(password)


def test_nine_characters_are_too_few_and_ones_name_is_refused() -> None:
    assert codes("k7#mQ!x2z") == ["password_too_short"]
    assert codes("alexandria1", User(username="alexandria", email="a@example.com")) == ["password_too_similar"]


def test_a_long_password_is_taken_as_it_was_typed(client: Client) -> None:
    typed = "  " + "Ünïcode pass phrase " * 6
    body = {"username": "dora", "email": "dora@example.com", "timezone": "UTC"}
    client.post("/auth/signup/", {**body, "password1": typed, "password2": typed})
    dora = User.objects.get(username="dora")
    assert dora.check_password(typed)
    assert not dora.check_password(typed.strip())


def test_it_is_not_changed_without_the_old_one(alice: User, alice_client: Client, password: str) -> None:
    new = "a much better pass phrase"
    for old in ("", "guess"):
        body = {"oldpassword": old, "password1": new, "password2": new}
        assert "oldpassword" in alice_client.post("/auth/password/change/", body).context["form"].errors
    alice.refresh_from_db()
    assert alice.check_password(password)


def test_a_link_to_reset_it_ends_after_three_days(alice: User, client: Client) -> None:
    client.post("/auth/password/reset/", {"email": alice.email})
    link = re.search(r"http://testserver(/auth/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link is not None
    pages = []
    for days in (2.9, 3.1):
        with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
            pages.append(Client().get(link[1], follow=True).content.decode())
    assert ["This link does not work" in page for page in pages] == [False, True]


def test_the_page_lists_every_word() -> None:
    listed = re.search(r"^Context words: (.+?)\.$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert sorted(re.split(r",\s+", listed[1])) == sorted(CONTEXT_WORDS)
