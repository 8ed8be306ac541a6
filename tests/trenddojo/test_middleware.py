"""What every request goes through: a form whose session ended finds its way back to its page."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db


def _next(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


def test_signing_in_leads_back_to_the_page_the_form_was_on(client: Client) -> None:
    answer = client.post("/tags/new/", {"name": "typed"}, headers={"referer": "http://testserver/tags/?kind=tag"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/auth/login/?")
    assert _next(answer.headers["Location"]) == "/tags/?kind=tag"


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example/tags/", "not an address"])
def test_a_page_of_somebody_else_is_not_led_to(client: Client, referer: str) -> None:
    answer = client.post("/trades/plan/", headers={"referer": referer})
    assert _next(answer.headers["Location"]) == "/trades/plan/"


def test_an_address_that_only_takes_forms_says_so(alice: User, alice_client: Client) -> None:
    answer = alice_client.get("/tags/new/")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "This address only takes forms" in answer.content.decode()
