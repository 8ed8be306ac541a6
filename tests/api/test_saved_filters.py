"""Saved filters over the API."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.kit import error
from tests.factories import make_account, make_closed_trade, make_plan, make_tag
from trades.models import SavedFilter

pytestmark = pytest.mark.django_db
LOSERS = {"name": "Losers", "query": "status=closed&outcome=loss"}


def test_a_filter_is_kept_read_renamed_and_deleted(api, alice):
    made = api.post("/saved-filters/", LOSERS)
    assert made.status_code == 201
    kept = made.json()
    assert kept == {"id": kept["id"], **LOSERS, "created_at": kept["created_at"]}
    path = f"/saved-filters/{kept['id']}/"
    read = api.get(path)
    assert (read.json(), read["ETag"]) == (kept, made["ETag"])
    renamed = api.patch(path, {"name": "Lost"}, headers={"If-Match": made["ETag"]})
    assert (renamed.status_code, renamed.json()) == (200, {**kept, "name": "Lost"})
    assert renamed["ETag"] != made["ETag"]
    assert api.delete(path).status_code == 204
    assert error(api.get(path)) == (404, "not_found", None)
    assert not SavedFilter.objects.filter(owner=alice).exists()


def test_what_is_kept_is_what_the_page_of_trades_shows(api, alice, alice_client):
    make_plan(make_account(alice))
    api.post("/saved-filters/", {"name": "Big", "query": "status=closed&outcome=&net_min=500"})
    page = alice_client.get("/trades/").content.decode()
    assert 'href="?status=closed&amp;net_min=500"' in page


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("outcome=maybe", "unusable", "outcome: "),
        ("colour=red", "unusable", "colour: There is no such filter: leave it out."),
        ("status=closed&sort=-r", "unusable", "sort: There is no such filter: leave it out."),
        ("r_min=lots&outcome=win", "unusable", "r_min: "),
        ("&".join(["a=1"] * 1_200)[:2_000], "unusable", "a: "),
        ("outcome=&q=", "nothing_filtered", "Nothing is filtered yet"),
        ("q=" + "ä" * 150 + "&symbol=" + "ä" * 400, "too_long", "too long to keep"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused_with_the_reason(api, query, code, words):
    answer = api.post("/saved-filters/", {"name": "Odd", "query": query})
    assert error(answer) == (400, code, "query")
    assert words in answer.json()["errors"][0]["detail"]
    assert not SavedFilter.objects.exists()


def test_anothers_tag_is_no_choice(api, charlie):
    tag = make_tag(charlie, "Calm")
    answers = [api.post("/saved-filters/", {"name": "Calm", "query": f"tag={key}"}) for key in (tag.pk, uuid.uuid4())]
    assert [error(answer) for answer in answers] == [(400, "unusable", "query")] * 2
    assert answers[0].json() == answers[1].json()


def test_a_name_is_taken_once_in_capitals_or_not(api):
    first = api.post("/saved-filters/", LOSERS).json()
    assert api.post("/saved-filters/", LOSERS).json() == first
    assert error(api.post("/saved-filters/", {"name": "LOSERS", "query": "outcome=win"})) == (400, "taken", "name")
    other = api.post("/saved-filters/", {"name": "Winners", "query": "outcome=win"}).json()
    assert error(api.patch(f"/saved-filters/{other['id']}/", {"name": "losers"})) == (400, "taken", "name")
    assert sorted(SavedFilter.objects.values_list("name", flat=True)) == ["Losers", "Winners"]


def test_fifty_are_kept_and_what_was_sent_before_is_still_found(api, alice):
    SavedFilter.objects.bulk_create(SavedFilter(owner=alice, name=str(n), query="status=closed") for n in range(49))
    assert api.post("/saved-filters/", LOSERS).status_code == 201
    assert api.post("/saved-filters/", LOSERS).status_code == 201
    assert error(api.post("/saved-filters/", {"name": "More", "query": "outcome=win"})) == (400, "too_many", "name")
    assert SavedFilter.objects.count() == 50


def test_who_read_an_older_version_changes_nothing(api):
    made = api.post("/saved-filters/", LOSERS)
    path = f"/saved-filters/{made.json()['id']}/"
    api.patch(path, {"name": "first"})
    assert error(api.patch(path, {"name": "second"}, headers={"If-Match": made["ETag"]})) == (412, "stale", None)
    assert api.get(path).json()["name"] == "first"


def test_the_same_key_and_body_is_kept_once(api):
    headers = {"Idempotency-Key": "filter-1"}
    first, again = (api.post("/saved-filters/", LOSERS, headers=headers) for _ in range(2))
    assert (again.content, again["Idempotency-Replayed"], again["ETag"]) == (first.content, "true", first["ETag"])
    assert SavedFilter.objects.count() == 1
    other = api.post("/saved-filters/", {**LOSERS, "name": "Other"}, headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_filters_are_listed_by_name_and_found_by_it(api, django_assert_num_queries):
    for name in ("Winners", "Losers", "Odd"):
        api.post("/saved-filters/", {"name": name, "query": "status=closed"})
    with django_assert_num_queries(2):
        found = api.get("/saved-filters/?page_size=2").json()
    assert [kept["name"] for kept in found["results"]] == ["Losers", "Odd"]
    assert [kept["name"] for kept in api.get(found["next"]).json()["results"]] == ["Winners"]
    assert [kept["name"] for kept in api.get("/saved-filters/?name=Odd").json()["results"]] == ["Odd"]
    newest = api.get("/saved-filters/?ordering=-created_at").json()["results"]
    assert [kept["name"] for kept in newest] == ["Odd", "Losers", "Winners"]


def test_anothers_filter_does_not_exist(stranger, api):
    path = f"/saved-filters/{api.post('/saved-filters/', LOSERS).json()['id']}/"
    for answer in (stranger.get(path), stranger.patch(path, {"name": "Mine"}), stranger.delete(path)):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/saved-filters/").json()["results"] == []
    assert SavedFilter.objects.get().name == "Losers"


def test_a_token_to_read_changes_nothing(reader, api):
    path = f"/saved-filters/{api.post('/saved-filters/', LOSERS).json()['id']}/"
    assert reader.get(path).status_code == 200
    refused = (reader.post("/saved-filters/", LOSERS), reader.patch(path, {"name": "x"}), reader.delete(path))
    assert [error(answer) for answer in refused] == [(403, "missing_scope", None)] * 3
    assert SavedFilter.objects.get().name == "Losers"


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"query": "status=closed"}, "required", "name"),
        ({"name": "Losers"}, "required", "query"),
        ({"name": " ", "query": "status=closed"}, "blank", "name"),
        ({"name": "x" * 61, "query": "status=closed"}, "max_length", "name"),
        ({"name": "x", "query": "q=" + "x" * 2_000}, "max_length", "query"),
        ({"name": "x", "query": {"status": "closed"}}, "invalid", "query"),
        ({**LOSERS, "colour": "red"}, "unknown_field", "colour"),
    ],
)
def test_what_is_missing_or_not_known_is_said_at_its_field(api, body, code, attr):
    assert error(api.post("/saved-filters/", body)) == (400, code, attr)
    assert not SavedFilter.objects.exists()


def test_trades_are_listed_as_the_page_shows_them_under_a_filter(api, alice):
    alice.timezone = "America/New_York"
    alice.save()
    account = make_account(alice)
    won, lost = make_closed_trade(account, "AAPL", "500"), make_closed_trade(account, "MSFT", "-100")
    # Late on the fourth of March in New York.
    late = make_plan(account, "TSLA", occurred_at=datetime(2026, 3, 5, 3, tzinfo=UTC))

    def found(query, more=""):
        kept = api.post("/saved-filters/", {"name": query, "query": query}).json()
        answer = api.get(f"/trades/?saved_filter={kept['id']}{more}&ordering=symbol")
        return [trade["id"] for trade in answer.json()["results"]]

    assert found("outcome=win") == [str(won.pk)]
    assert found("outcome=loss&net_max=-100") == [str(lost.pk)]
    assert found("status=closed") == [str(won.pk), str(lost.pk)]
    assert found("reviewed=no", "&symbol=MSFT") == [str(lost.pk)]
    assert found("status=planned&from=2026-03-04&to=2026-03-04") == [str(late.pk)]
    assert found("status=planned&from=2026-03-05") == []


def test_a_saved_filter_costs_a_list_four_queries_however_long_it_is(api, alice, django_assert_num_queries):
    account = make_account(alice)
    kept = api.post("/saved-filters/", {"name": "Closed", "query": "status=closed&outcome=win"}).json()
    for symbol in ("AAPL", "MSFT", "TSLA"):
        make_closed_trade(account, symbol, "500")
    api.get("/trades/")
    with CaptureQueriesContext(connection) as plain:
        assert len(api.get("/trades/").json()["results"]) == 3
    with django_assert_num_queries(len(plain) + 4):
        assert len(api.get(f"/trades/?saved_filter={kept['id']}").json()["results"]) == 3


def test_anothers_filter_lists_nothing(api, stranger):
    kept = stranger.post("/saved-filters/", LOSERS).json()
    for key in (kept["id"], uuid.uuid4()):
        assert error(api.get(f"/trades/?saved_filter={key}")) == (404, "not_found", None)
    assert error(api.get("/trades/?saved_filter=Losers")) == (400, "invalid", "saved_filter")
