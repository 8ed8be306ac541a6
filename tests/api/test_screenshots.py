"""Screenshots over the API."""

import io
import uuid
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.api.kit import error
from tests.factories import make_account, make_plan
from trades.models import JournalDay, Screenshot
from trades.services import screenshots

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade(alice):
    return make_plan(make_account(alice))


def picture(form="PNG", size=(6, 4)):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, form)
    return out.getvalue()


def send(api, content=None, *, headers=None, **fields):
    """A form with a picture as its last field, as every HTTP library sends it."""
    image = SimpleUploadedFile("chart.png", picture() if content is None else content, "image/png")
    form = {name: str(value) for name, value in fields.items()} | {"image": image}
    return api.client.post("/api/v1/screenshots/", form, headers=headers)


def files():
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_picture_of_a_trade_is_kept_listed_read_and_deleted(api, trade):
    made = send(api, trade=trade.pk, caption="Out of the base")
    assert made.status_code == 201, made.json()
    told = made.json()
    assert told == {
        "id": told["id"],
        "trade": str(trade.pk),
        "day": None,
        "caption": "Out of the base",
        "content_type": "image/png",
        "width": 6,
        "height": 4,
        "byte_size": files()[0].stat().st_size,
        "created_at": told["created_at"],
    }
    path = f"/screenshots/{told['id']}/"
    read = api.get(path)
    assert (read.json(), read["ETag"]) == (told, made["ETag"])
    assert api.get("/screenshots/").json()["results"] == [told]
    assert api.delete(path).status_code == 204
    assert error(api.get(path)) == (404, "not_found", None)
    assert not Screenshot.objects.exists()


def test_the_file_goes_once_the_deletion_is_committed(api, trade, django_capture_on_commit_callbacks):
    told = send(api, trade=trade.pk).json()
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"/screenshots/{told['id']}/").status_code == 204
    assert files() == []


@pytest.mark.parametrize(("form", "kind"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_the_pictures_bytes_are_read_with_the_token(api, reader, trade, form, kind):
    told = send(api, picture(form), trade=trade.pk).json()
    answer = reader.get(f"/screenshots/{told['id']}/image/", headers={"Accept": "image/*"})
    content = answer.getvalue()
    assert (answer.status_code, answer["Content-Type"], told["content_type"]) == (200, kind, kind)
    assert len(content) == told["byte_size"]
    assert Image.open(io.BytesIO(content)).size == (6, 4)
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "private, max-age=3600")
    plain = reader.get(f"/screenshots/{told['id']}/image/")
    assert (plain.status_code, plain.getvalue()) == (200, content)


def test_what_is_no_picture_to_answer_is_said_in_json(api, stranger, trade):
    told = send(api, trade=trade.pk).json()
    path = f"/screenshots/{told['id']}/image/"
    refused = api.get(path, headers={"Accept": "text/html"})
    assert (error(refused), refused["Content-Type"]) == ((406, "not_acceptable", None), "application/json")
    missing = stranger.get(path, headers={"Accept": "image/png"})
    assert (error(missing), missing["Content-Type"]) == ((404, "not_found", None), "application/json")
    files()[0].unlink()
    assert error(api.get(path)) == (404, "not_found", None)


def test_a_picture_of_a_day_makes_the_days_page_where_there_is_none(api, alice):
    made = send(api, day="2026-03-05", caption="The open")
    assert (made.status_code, made.json()["day"], made.json()["trade"]) == (201, "2026-03-05", None)
    assert JournalDay.objects.get(owner=alice).day == date(2026, 3, 5)
    send(api, day="2026-03-05")
    assert JournalDay.objects.count() == 1
    assert len(api.get("/screenshots/?day=2026-03-05").json()["results"]) == 2


def test_pictures_are_listed_newest_first_and_filtered(api, trade, django_assert_num_queries):
    first, second = send(api, trade=trade.pk).json(), send(api, day="2026-03-05").json()
    for query, expected in (
        ("", [second, first]),
        (f"trade={trade.pk}", [first]),
        ("day=2026-03-05", [second]),
        ("day=2026-03-06", []),
        ("ordering=created_at", [first, second]),
    ):
        assert api.get(f"/screenshots/?{query}").json()["results"] == expected, query
    with django_assert_num_queries(2):
        page = api.get("/screenshots/?page_size=1").json()
    assert api.get(page["next"]).json()["results"] == [first]
    assert error(api.get("/screenshots/?colour=red")) == (400, "unknown_field", "colour")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"words", "no_picture"),
        (b"%PDF-1.7", "no_picture"),
        (picture()[:40], "no_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no_picture"),
    ],
)
def test_what_is_no_picture_is_refused_and_not_kept(api, content, code):
    assert error(send(api, content, day="2026-03-05")) == (400, code, "image")
    assert (Screenshot.objects.count(), JournalDay.objects.count(), files()) == (0, 0, [])


def test_a_picture_of_too_many_pixels_is_refused(api, trade, monkeypatch):
    monkeypatch.setattr("trades.pictures.MOST_PIXELS", 23)
    assert error(send(api, trade=trade.pk)) == (400, "too_many_pixels", "image")


def test_a_picture_that_is_too_large_is_refused_while_it_comes_in(api, trade, monkeypatch):
    monkeypatch.setattr("trades.api.screenshots.ScreenshotViewSet.most_bytes", 1_000)
    answer = send(api, picture() + b"x" * 100_000, trade=trade.pk)
    assert error(answer) == (413, "too_large", None)
    assert answer.json()["errors"][0]["detail"] == "This file is larger than 10 MB: send a smaller picture."
    assert (Screenshot.objects.count(), files()) == (0, [])


def test_a_trade_has_so_many_and_no_more(api, trade, monkeypatch):
    monkeypatch.setattr(screenshots, "MOST_PER_PAGE", 1)
    send(api, trade=trade.pk)
    assert error(send(api, trade=trade.pk)) == (400, "too_many", "image")
    assert (Screenshot.objects.count(), len(files())) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "code", "attr"),
    [
        ({}, "trade_or_day", None),
        ({"trade": uuid.uuid4(), "day": "2026-03-05"}, "trade_or_day", None),
        ({"trade": "main"}, "invalid", "trade"),
        ({"day": "5.3.2026"}, "invalid", "day"),
        ({"day": "2026-03-05", "caption": "x" * 201}, "max_length", "caption"),
        ({"day": "2026-03-05", "colour": "red"}, "unknown_field", "colour"),
    ],
)
def test_what_is_missing_or_not_known_is_said_at_its_field(api, fields, code, attr):
    assert error(send(api, **fields)) == (400, code, attr)
    assert (Screenshot.objects.count(), JournalDay.objects.count()) == (0, 0)


def test_only_a_form_with_a_file_is_taken(api, trade):
    assert error(api.post("/screenshots/", {"trade": str(trade.pk)})) == (415, "unsupported_media_type", None)
    without = api.client.post("/api/v1/screenshots/", {"trade": str(trade.pk)})
    assert error(without) == (400, "required", "image")
    text = api.client.post("/api/v1/screenshots/", {"trade": str(trade.pk), "image": "text"})
    assert error(text) == (400, "invalid", "image")
    twice = api.client.post("/api/v1/screenshots/", {"caption": ["a", "b"]})
    assert error(twice) == (400, "given_twice", "caption")
    assert not Screenshot.objects.exists()


def test_a_form_sent_twice_is_one_picture(api, trade):
    headers = {"Idempotency-Key": "picture-1"}
    first, again = (send(api, trade=trade.pk, headers=headers) for _ in range(2))
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert (Screenshot.objects.count(), len(files())) == (1, 1)
    other = send(api, picture("JPEG"), trade=trade.pk, headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_a_refused_picture_leaves_its_key_free(api, trade):
    headers = {"Idempotency-Key": "picture-2"}
    assert error(send(api, b"words", trade=trade.pk, headers=headers)) == (400, "no_picture", "image")
    assert send(api, trade=trade.pk, headers=headers).status_code == 201


def test_anothers_picture_and_trade_do_not_exist(stranger, api, trade):
    told = send(api, trade=trade.pk).json()
    path = f"/screenshots/{told['id']}/"
    answers = (stranger.get(path), stranger.get(f"{path}image/"), stranger.delete(path), send(stranger, trade=trade.pk))
    assert [error(answer) for answer in answers] == [(404, "not_found", None)] * 4
    assert stranger.get(f"/screenshots/?trade={trade.pk}").json()["results"] == []
    assert (Screenshot.objects.count(), len(files())) == (1, 1)


def test_a_token_to_read_changes_nothing(reader, api, trade):
    path = f"/screenshots/{send(api, trade=trade.pk).json()['id']}/"
    assert reader.get(path).status_code == 200
    assert error(send(reader, trade=trade.pk)) == (403, "missing_scope", None)
    assert error(reader.delete(path)) == (403, "missing_scope", None)
    assert (Screenshot.objects.count(), len(files())) == (1, 1)


def test_the_page_shows_what_came_over_the_api(api, alice_client, trade):
    told = send(api, trade=trade.pk, caption="Out of the base").json()
    page = alice_client.get(f"/trades/{trade.pk}/journal/").content.decode()
    assert f"/screenshots/{told['id']}/" in page
    assert "Out of the base" in page
