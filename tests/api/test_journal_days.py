"""The journal's pages of days over the API."""

from datetime import date

import pytest

from tests.api.kit import error
from tests.factories import make_tag
from trades.models import JournalDay
from trades.services.journal import DayNotes, day_save

pytestmark = pytest.mark.django_db

DAY = date(2025, 3, 4)


def test_a_day_is_planned_read_and_reviewed(api, alice):
    calm = make_tag(alice, "Calm", "emotion")
    made = api.post("/journal-days/", {"day": "2025-03-04", "plan": "Wait.", "tags": [str(calm.pk)]})
    assert made.status_code == 201
    page = made.json()
    assert page == {
        "id": page["id"],
        "day": "2025-03-04",
        "plan": "Wait.",
        "review": "",
        "rating": None,
        "tags": [str(calm.pk)],
        "created_at": page["created_at"],
        "updated_at": page["updated_at"],
    }
    one = f"/journal-days/{page['id']}/"
    assert (api.get(one).json(), api.get(one)["ETag"]) == (page, made["ETag"])
    told = api.patch(one, {"review": "Did so.", "rating": 4}, headers={"If-Match": made["ETag"]})
    assert told.status_code == 200
    assert told.json() == page | {"review": "Did so.", "rating": 4, "updated_at": told.json()["updated_at"]}
    assert api.patch(one, {"tags": []}).json()["tags"] == []
    kept = JournalDay.objects.get(owner=alice)
    assert (kept.day, kept.plan, kept.review, kept.rating) == (DAY, "Wait.", "Did so.", 4)


def test_a_day_has_one_page(api):
    body = {"day": "2025-03-04", "plan": "Wait."}
    assert [api.post("/journal-days/", body).status_code for _ in range(2)] == [201, 201]
    assert error(api.post("/journal-days/", body | {"plan": "Other"})) == (409, "stale", None)
    assert JournalDay.objects.get().plan == "Wait."


def test_the_same_key_is_answered_the_same(api):
    headers = {"Idempotency-Key": "day-1"}
    first, again = (api.post("/journal-days/", {"day": "2025-03-04", "plan": "A"}, headers=headers) for _ in range(2))
    assert (first.content, first["ETag"], again["Idempotency-Replayed"]) == (again.content, again["ETag"], "true")


def test_who_read_an_older_version_changes_nothing(api, alice):
    page = day_save(owner=alice, day=DAY, version=0, notes=DayNotes(plan="first"))
    one = f"/journal-days/{page.pk}/"
    etag = api.get(one)["ETag"]
    api.patch(one, {"plan": "second"})
    assert error(api.patch(one, {"plan": "third"}, headers={"If-Match": etag})) == (412, "stale", None)
    assert api.get(one).json()["plan"] == "second"


def test_days_are_listed_the_newest_first_and_found_by_day(api, alice):
    for number in (3, 5, 4):
        day_save(owner=alice, day=date(2025, 3, number), version=0, notes=DayNotes(plan=str(number)))
    assert [row["plan"] for row in api.get("/journal-days/").json()["results"]] == ["5", "4", "3"]
    assert [row["plan"] for row in api.get("/journal-days/?day=2025-03-04").json()["results"]] == ["4"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"day": "4 March"}, (400, "invalid", "day")),
        ({"rating": 6}, (400, "max_value", "rating")),
        ({"plan": "p" * 20_001}, (400, "max_length", "plan")),
        ({"mood": "good"}, (400, "unknown_field", "mood")),
    ],
)
def test_a_wrong_page_is_said_at_its_field_and_keeps_nothing(api, change, said):
    assert error(api.post("/journal-days/", {"day": "2025-03-04", **change})) == said
    assert not JournalDay.objects.exists()


def test_anothers_page_and_tags_do_not_exist(stranger, charlie, alice):
    page = day_save(owner=alice, day=DAY, version=0, notes=DayNotes(plan="mine"))
    tag = make_tag(alice, "Calm")
    for answer in (
        stranger.get(f"/journal-days/{page.pk}/"),
        stranger.patch(f"/journal-days/{page.pk}/", {"plan": "theirs"}),
        stranger.post("/journal-days/", {"day": "2025-03-04", "tags": [str(tag.pk)]}),
    ):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/journal-days/").json()["results"] == []
    assert not JournalDay.objects.filter(owner=charlie).exists()
    page.refresh_from_db()
    assert page.plan == "mine"


def test_a_token_to_read_reads_and_changes_nothing(reader, alice):
    page = day_save(owner=alice, day=DAY, version=0, notes=DayNotes(plan="mine"))
    assert reader.get(f"/journal-days/{page.pk}/").json()["plan"] == "mine"
    for answer in (
        reader.post("/journal-days/", {"day": "2025-03-05", "plan": "b"}),
        reader.patch(f"/journal-days/{page.pk}/", {"plan": "b"}),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert JournalDay.objects.get().plan == "mine"
