"""Notifications over the API: listed, filtered, and marked as read."""

import uuid
from typing import Any

import pytest

from accounts.models import Notification, User
from accounts.services.notifications import unread_count
from tests.api.kit import error

pytestmark = pytest.mark.django_db


def told(user: User, key: str, **fields: Any) -> Notification:
    given = {"kind": "risk", "title": f"About {key}", "text": "Look at it.", "path": "/accounts/"}
    return Notification.objects.create(user=user, key=key, **(given | fields))


def test_a_notification_is_listed_and_read_once(api, alice):
    one = told(alice, "one")
    listed = api.get("/notifications/").json()
    assert listed["results"] == [
        {
            "id": str(one.pk),
            "kind": "risk",
            "title": "About one",
            "text": "Look at it.",
            "path": "/accounts/",
            "is_read": False,
            "created_at": one.created_at.isoformat().replace("+00:00", "Z"),
            "read_at": None,
        }
    ]
    assert api.get(f"/notifications/{one.pk}/").json() == listed["results"][0]
    first = api.post(f"/notifications/{one.pk}/read/")
    assert (first.status_code, first.json()["is_read"]) == (200, True)
    again = api.post(f"/notifications/{one.pk}/read/")
    assert again.json() == first.json()
    one.refresh_from_db()
    assert first.json()["read_at"] == one.read_at.isoformat().replace("+00:00", "Z")


def test_the_count_on_the_pages_follows(api, alice, django_capture_on_commit_callbacks):
    one = told(alice, "one")
    assert unread_count(alice) == 1
    with django_capture_on_commit_callbacks(execute=True):
        api.post(f"/notifications/{one.pk}/read/")
    assert unread_count(alice) == 0


def test_notifications_are_filtered_and_paged_the_newest_first(api, alice):
    for key in ("a", "b", "c"):
        told(alice, key)
    order = told(alice, "d", kind="order_filled")
    told(alice, "mail only", in_app=False)
    api.post(f"/notifications/{order.pk}/read/")

    def titles(query: str) -> list[str]:
        return [row["title"] for row in api.get(f"/notifications/?{query}").json()["results"]]

    assert titles("") == ["About d", "About c", "About b", "About a"]
    assert titles("is_read=true") == titles("kind=order_filled") == ["About d"]
    assert titles("is_read=false&page_size=2") == ["About c", "About b"]
    assert titles("ordering=created_at&page_size=1") == ["About a"]
    assert error(api.get("/notifications/?is_read=1")) == (400, "invalid", "is_read")
    assert error(api.get("/notifications/?kind=gossip")) == (400, "invalid_choice", "kind")


def test_anothers_notification_does_not_exist(stranger, alice):
    one = told(alice, "one")
    for answer in (
        stranger.get(f"/notifications/{one.pk}/"),
        stranger.post(f"/notifications/{one.pk}/read/"),
        stranger.post(f"/notifications/{uuid.uuid4()}/read/"),
    ):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/notifications/").json()["results"] == []
    one.refresh_from_db()
    assert one.read_at is None


def test_a_token_to_read_marks_nothing(reader, alice):
    one = told(alice, "one")
    assert reader.get("/notifications/").status_code == 200
    assert error(reader.post(f"/notifications/{one.pk}/read/")) == (403, "missing_scope", None)
    one.refresh_from_db()
    assert one.read_at is None


def test_a_list_asks_as_often_for_one_as_for_many(api, alice, django_assert_max_num_queries):
    told(alice, "one")
    api.get("/notifications/")
    with django_assert_max_num_queries(4) as one:
        api.get("/notifications/")
    for number in range(5):
        told(alice, str(number))
    with django_assert_max_num_queries(len(one)):
        assert len(api.get("/notifications/").json()["results"]) == 6


def test_all_are_marked_as_read_at_once(api, alice, charlie, django_capture_on_commit_callbacks):
    read = told(alice, "read before")
    api.post(f"/notifications/{read.pk}/read/")
    read.refresh_from_db()
    rows = [told(alice, key) for key in ("a", "b")]
    mail, anothers = told(alice, "mail only", in_app=False), told(charlie, "c")
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post("/notifications/read/")
    assert (answer.status_code, answer.json()) == (200, {"marked": 2})
    assert unread_count(alice) == 0
    assert api.post("/notifications/read/").json() == {"marked": 0}
    at = read.read_at
    for row in (read, mail, anothers, *rows):
        row.refresh_from_db()
    assert (read.read_at, mail.read_at, anothers.read_at) == (at, None, None)
    assert all(row.read_at for row in rows)


def test_what_came_in_since_the_list_was_read_stays_unread(api, alice):
    told(alice, "old")
    known = told(alice, "known")
    since = told(alice, "since")
    assert api.post("/notifications/read/", {"until": str(known.pk)}).json() == {"marked": 2}
    assert [row["id"] for row in api.get("/notifications/?is_read=false").json()["results"]] == [str(since.pk)]


def test_until_something_that_is_not_there_nothing_is_marked(api, alice, charlie):
    one = told(alice, "one")
    for known in (told(charlie, "anothers").pk, told(alice, "mail only", in_app=False).pk, uuid.uuid4()):
        assert error(api.post("/notifications/read/", {"until": str(known)})) == (404, "not_found", None)
    assert error(api.post("/notifications/read/", {"until": "today"})) == (400, "invalid", "until")
    assert error(api.post("/notifications/read/", {"since": str(one.pk)})) == (400, "unknown_field", "since")
    one.refresh_from_db()
    assert one.read_at is None


def test_marking_all_asks_as_often_for_one_as_for_many(api, alice, django_assert_num_queries):
    api.get("/notifications/")
    for count in (1, 5):
        rows = [told(alice, f"{count} {number}") for number in range(count)]
        # The token, the notification that is known, and one update.
        with django_assert_num_queries(3):
            assert api.post("/notifications/read/", {"until": str(rows[-1].pk)}).json() == {"marked": count}


def test_a_token_to_read_marks_none_of_them(reader, alice):
    one = told(alice, "one")
    assert error(reader.post("/notifications/read/")) == (403, "missing_scope", None)
    one.refresh_from_db()
    assert one.read_at is None
