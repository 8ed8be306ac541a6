"""Tags over the API."""

import uuid
from datetime import date

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_plan, make_tag
from trades.models import JournalDay, Tag

pytestmark = pytest.mark.django_db


def test_a_tag_is_made_read_renamed_and_deleted(api, alice):
    made = api.post("/tags/", {"kind": "mistake", "name": "Chased"})
    assert made.status_code == 201
    tag = made.json()
    assert tag == {"id": tag["id"], "kind": "mistake", "name": "Chased"}
    assert api.get(f"/tags/{tag['id']}/").json() == tag
    renamed = api.patch(f"/tags/{tag['id']}/", {"name": "Chased it"}, headers={"If-Match": made["ETag"]})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Chased it")
    assert renamed["ETag"] != made["ETag"]
    assert api.delete(f"/tags/{tag['id']}/").status_code == 204
    assert not Tag.objects.filter(owner=alice).exists()


def test_who_read_an_older_version_changes_nothing(api, alice):
    tag = make_tag(alice, "gap")
    etag = api.get(f"/tags/{tag.pk}/")["ETag"]
    api.patch(f"/tags/{tag.pk}/", {"name": "first"})
    late = api.patch(f"/tags/{tag.pk}/", {"name": "second"}, headers={"If-Match": etag})
    assert error(late) == (412, "stale", None)
    tag.refresh_from_db()
    assert tag.name == "first"


def test_a_reader_that_has_it_already_is_sent_nothing(api, alice):
    tag = make_tag(alice, "gap")
    etag = api.get(f"/tags/{tag.pk}/")["ETag"]
    again = api.get(f"/tags/{tag.pk}/", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_the_same_key_and_body_is_answered_the_same_and_made_once(api, alice):
    headers = {"Idempotency-Key": "tag-1"}
    first = api.post("/tags/", {"name": "gap", "kind": "tag"}, headers=headers)
    again = api.post("/tags/", {"kind": "tag", "name": "gap"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert again["ETag"] == first["ETag"]
    assert Tag.objects.filter(owner=alice).count() == 1
    assert error(api.post("/tags/", {"name": "other"}, headers=headers)) == (422, "idempotency_key_reused", None)


def test_a_refused_request_leaves_its_key_free(api):
    headers = {"Idempotency-Key": "tag-2"}
    assert error(api.post("/tags/", {"name": ""}, headers=headers)) == (400, "blank", "name")
    assert api.post("/tags/", {"name": "gap"}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "gap", "colour": "red"}, (400, "unknown_field", "colour")),
        ({"name": 5}, (400, "invalid", "name")),
        ({"name": "gap", "kind": "other"}, (400, "invalid_choice", "kind")),
        ({}, (400, "required", "name")),
        ("{", (400, "parse_error", None)),
        ("[]", (400, "parse_error", None)),
        ('{"name": "a", "name": "b"}', (400, "parse_error", None)),
        ('{"name": NaN}', (400, "parse_error", None)),
        ("[" * 100_000, (400, "parse_error", None)),
        (b"\xff", (400, "parse_error", None)),
    ],
)
def test_a_wrong_body_is_said_at_its_field_and_makes_nothing(api, alice, body, said):
    assert error(api.post("/tags/", body)) == said
    assert not Tag.objects.filter(owner=alice).exists()


def test_a_taken_name_is_said_at_its_field(api, alice):
    make_tag(alice, "gap")
    assert error(api.post("/tags/", {"name": "Gap"})) == (400, "taken", "name")


def test_anothers_tag_does_not_exist(stranger, alice):
    tag = make_tag(alice, "gap")
    for answer in (
        stranger.get(f"/tags/{tag.pk}/"),
        stranger.patch(f"/tags/{tag.pk}/", {"name": "mine"}),
        stranger.delete(f"/tags/{tag.pk}/"),
        stranger.get(f"/tags/{uuid.uuid4()}/"),
        stranger.get("/tags/not-an-id/"),
    ):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/tags/").json()["results"] == []


def test_a_token_to_read_changes_nothing(reader, alice):
    tag = make_tag(alice, "gap")
    assert reader.get("/tags/").status_code == 200
    for answer in (
        reader.post("/tags/", {"name": "b"}),
        reader.patch(f"/tags/{tag.pk}/", {"name": "b"}),
        reader.delete(f"/tags/{tag.pk}/"),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert list(Tag.objects.filter(owner=alice).values_list("name", flat=True)) == ["gap"]


def test_pages_stay_true_while_tags_are_added(api, alice):
    for name in ("b", "d", "f", "h"):
        make_tag(alice, name)
    first = api.get("/tags/?ordering=name&page_size=2").json()
    assert [tag["name"] for tag in first["results"]] == ["b", "d"]
    assert first["previous"] is None
    make_tag(alice, "a")
    make_tag(alice, "g")
    second = api.get(first["next"]).json()
    assert [tag["name"] for tag in second["results"]] == ["f", "g"]
    third = api.get(second["next"]).json()
    assert ([tag["name"] for tag in third["results"]], third["next"]) == (["h"], None)
    back = api.get(second["previous"]).json()
    assert [tag["name"] for tag in back["results"]] == ["b", "d"]


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=" + "9" * 5000, "page_size"),
        ("ordering=colour", "ordering"),
        ("cursor=nonsense", "cursor"),
        ("colour=red", "colour"),
        ("kind=other", "kind"),
        ("kind=tag&kind=mistake", "kind"),
    ],
)
def test_a_wrong_query_is_said_at_its_parameter(api, query, attr):
    answer = api.get(f"/tags/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_tag_is_merged_into_another_wherever_it_is(api, alice):
    chased, fomo = make_tag(alice, "Chased", kind="mistake"), make_tag(alice, "FOMO", kind="emotion")
    account = make_account(alice)
    both, one = make_plan(account), make_plan(account, "MSFT")
    both.tags.set([chased, fomo])
    one.tags.set([chased])
    day = JournalDay.objects.create(owner=alice, day=date(2026, 3, 5))
    day.tags.set([chased])
    merged = api.post(f"/tags/{chased.pk}/merge/", {"into": str(fomo.pk)})
    assert (merged.status_code, merged.json()) == (200, {"id": str(fomo.pk), "kind": "emotion", "name": "FOMO"})
    assert merged["ETag"] == api.get(f"/tags/{fomo.pk}/")["ETag"]
    assert [list(row.tags.all()) for row in (both, one, day)] == [[fomo]] * 3
    assert list(Tag.objects.filter(owner=alice)) == [fomo]
    assert error(api.post(f"/tags/{chased.pk}/merge/", {"into": str(fomo.pk)})) == (404, "not_found", None)


def test_a_tag_is_not_merged_into_itself_or_into_anothers(api, stranger, alice, charlie):
    mine, theirs = make_tag(alice, "gap"), make_tag(charlie, "gap")
    path = f"/tags/{mine.pk}/merge/"
    assert error(api.post(path, {"into": str(mine.pk)})) == (400, "itself", "into")
    assert error(api.post(path, {"into": str(theirs.pk)})) == (404, "not_found", None)
    assert error(api.post(path, {"into": "gap"})) == (400, "invalid", "into")
    assert error(api.post(path, {})) == (400, "required", "into")
    assert error(stranger.post(path, {"into": str(mine.pk)})) == (404, "not_found", None)
    assert error(stranger.post(path, {"into": str(theirs.pk)})) == (404, "not_found", None)
    assert Tag.objects.count() == 2


def test_a_token_to_read_merges_nothing(reader, alice):
    mine, other = make_tag(alice, "gap"), make_tag(alice, "trend")
    assert error(reader.post(f"/tags/{mine.pk}/merge/", {"into": str(other.pk)})) == (403, "missing_scope", None)
    assert Tag.objects.count() == 2
