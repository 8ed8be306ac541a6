"""Filters kept by name: saved, applied, renamed, deleted."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import make_account, make_plan
from trades.models import SavedFilter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _trade(alice: User) -> None:
    make_plan(make_account(alice))


def keep(client: Client, name: str = "Losers", query: str = "outcome=loss&status=closed") -> Any:
    return client.post("/filters/new/", {"name": name, "query": query})


def test_a_filter_is_kept_and_applied_from_the_list(alice_client: Client, alice: User) -> None:
    answer = keep(alice_client, query="status=closed&outcome=loss&sort=-r&cursor=abc&r_min=&nonsense=1")
    assert answer.url == "/trades/?status=closed&outcome=loss"
    kept = SavedFilter.objects.get()
    assert (kept.owner, kept.name, kept.query) == (alice, "Losers", "status=closed&outcome=loss")
    page = alice_client.get("/trades/").content.decode()
    assert 'href="?status=closed&amp;outcome=loss"' in page
    assert 'aria-current="true">Losers' in alice_client.get("/trades/?status=closed&outcome=loss").content.decode()


def test_the_form_sent_twice_keeps_one_filter(alice_client: Client) -> None:
    for _time in range(2):
        assert keep(alice_client).status_code == 302
    assert SavedFilter.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("", "status=closed", "Give the filter a name."),
        ("x" * 61, "status=closed", "Use 60 characters at most."),
        ("Empty", "", "Nothing is filtered yet"),
        ("Empty", "sort=-r", "Nothing is filtered yet"),
        ("Bad", "r_min=lots", "Nothing is filtered yet"),
        ("losers", "status=planned", "You already have a filter with this name"),
    ],
)
def test_what_cannot_be_kept_is_said_beside_the_list(
    alice_client: Client, name: str, query: str, sentence: str
) -> None:
    keep(alice_client)
    answer = keep(alice_client, name, query)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert SavedFilter.objects.count() == 1


def test_fifty_filters_are_the_most(alice_client: Client, alice: User) -> None:
    SavedFilter.objects.bulk_create(SavedFilter(owner=alice, name=str(n), query="status=closed") for n in range(50))
    answer = keep(alice_client)
    assert answer.status_code == 422
    assert "You keep 50 filters already: delete one first." in answer.content.decode()


def test_a_filter_gets_another_name(alice_client: Client, alice: User) -> None:
    keep(alice_client)
    keep(alice_client, "Winners", "outcome=win")
    kept = SavedFilter.objects.get(name="Losers")
    assert alice_client.get(f"/filters/{kept.pk}/").status_code == 200
    assert alice_client.post(f"/filters/{kept.pk}/", {"name": "WINNERS"}).status_code == 422
    assert alice_client.post(f"/filters/{kept.pk}/", {"name": ""}).status_code == 422
    assert alice_client.post(f"/filters/{kept.pk}/", {"name": "Lost"}).status_code == 302
    kept.refresh_from_db()
    assert kept.name == "Lost"


def test_a_filter_is_deleted_after_asking(alice_client: Client) -> None:
    keep(alice_client)
    kept = SavedFilter.objects.get()
    assert "Delete the filter “Losers”?" in alice_client.get(f"/filters/{kept.pk}/delete/").content.decode()
    assert alice_client.post(f"/filters/{kept.pk}/delete/").status_code == 302
    assert not SavedFilter.objects.exists()
    assert alice_client.post(f"/filters/{kept.pk}/delete/").status_code == 404


def test_somebody_elses_filter_does_not_exist(alice_client: Client, charlie_client: Client) -> None:
    keep(alice_client)
    kept = SavedFilter.objects.get()
    assert b"Losers" not in charlie_client.get("/trades/").content
    for address in (f"/filters/{kept.pk}/", f"/filters/{kept.pk}/delete/"):
        assert charlie_client.get(address).status_code == 404
        assert charlie_client.post(address, {"name": "Stolen"}).status_code == 404
    kept.refresh_from_db()
    assert kept.name == "Losers"


def test_a_kept_filter_that_speaks_of_a_deleted_tag_still_opens_and_says_so(alice_client: Client, alice: User) -> None:
    SavedFilter.objects.create(owner=alice, name="Old", query="tag=6f1d5a3c-0000-4000-8000-000000000000")
    page = alice_client.get("/trades/?tag=6f1d5a3c-0000-4000-8000-000000000000").content.decode()
    assert "There is no such tag: choose one of the list." in page
    assert "AAPL" in page
