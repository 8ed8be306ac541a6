"""Imports over the API."""

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api.kit import error
from tests.factories import make_account
from tests.trades.import_kit import HEADER, ROUND_TRIP, books, fill_line
from trades.models import Fill, FillImport, Trade
from trades.services import import_answers, imports

pytestmark = pytest.mark.django_db
TWO_BAD = HEADER + fill_line("2026-03-02 10:00", "AAPL", "buy", "x", "1") + fill_line("never", "AAPL", "buy", "1", "1")


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def nudged(monkeypatch):
    """Ids of imports that were left to the workers; nobody works here."""
    found = []
    monkeypatch.setattr("trades.api.imports.import_nudge", found.append)
    return found


def send(api, of, content=ROUND_TRIP, **options):
    """A form with a file, as every HTTP library sends it."""
    headers = options.pop("headers", {})
    raw = content.encode() if isinstance(content, str) else content
    form = {"account": str(of.pk), "file": SimpleUploadedFile("march.csv", raw, "text/csv"), **options}
    return api.client.post("/api/v1/imports/", {k: v for k, v in form.items() if v is not None}, headers=headers)


def test_a_file_is_previewed_booked_and_undone(api, account):
    made = send(api, account)
    assert made.status_code == 201, made.json()
    preview = made.json()
    assert preview == {
        "id": preview["id"],
        "account": str(account.pk),
        "file_name": "march.csv",
        "state": "preview",
        "format": "template",
        "rows": 2,
        "new": 2,
        "duplicate": 0,
        "errors": [],
        "error_count": 0,
        "warnings": [],
        "trades_created": 0,
        "executions_created": 0,
        "created_at": preview["created_at"],
        "finished_at": None,
    }
    assert not Fill.objects.exists()
    path = f"/imports/{preview['id']}/"
    read = api.get(path)
    assert (read.json(), read["ETag"]) == (preview, made["ETag"])
    booked = api.post(f"{path}commit/")
    assert (booked.status_code, booked.json()) == (200, {"trades_created": 1, "executions_created": 2})
    assert (Trade.objects.count(), Fill.objects.count()) == (1, 2)
    assert api.post(f"{path}commit/").json() == booked.json()
    assert Fill.objects.count() == 2
    undone = api.post(f"{path}undo/")
    assert (undone.status_code, undone.json()["state"]) == (200, "undone")
    assert api.post(f"{path}undo/").status_code == 200
    assert not Trade.objects.exists()
    assert error(api.post(f"{path}commit/")) == (409, "not_in_preview", None)


def test_the_same_file_twice_changes_nothing(api, account):
    first = send(api, account).json()
    api.post(f"/imports/{first['id']}/commit/")
    before = books(account, ids="with")
    second = send(api, account).json()
    assert (second["state"], second["new"], second["duplicate"]) == ("preview", 0, 2)
    booked = api.post(f"/imports/{second['id']}/commit/")
    assert (booked.status_code, booked.json()) == (200, {"trades_created": 0, "executions_created": 0})
    assert books(account, ids="with") == before


def test_lines_that_are_wrong_are_told_and_nothing_is_booked(api, account):
    preview = send(api, account, TWO_BAD).json()
    assert [(each["line"], sorted(each)) for each in preview["errors"]] == [
        (2, ["code", "detail", "line"]),
        (3, ["code", "detail", "line"]),
    ]
    assert (preview["state"], preview["error_count"]) == ("preview", 2)
    assert error(api.post(f"/imports/{preview['id']}/commit/")) == (422, "has_errors", None)
    assert not Fill.objects.exists()


def test_a_last_line_without_its_end_is_a_warning_that_booking_confirms(api, account):
    preview = send(api, account, ROUND_TRIP.rstrip("\n")).json()
    assert [each["code"] for each in preview["warnings"]] == ["maybe_cut_off"]
    assert api.post(f"/imports/{preview['id']}/commit/").json() == {"trades_created": 1, "executions_created": 2}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (HEADER.encode(), "header_only"),
        (b"PK\x03\x04 something", "spreadsheet"),
        (b"%PDF-1.7", "pdf"),
        (b"just words\nand more\n", "one_column"),
        (b"a,b,c\n\x00\x01\x02\n", "binary"),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_not_kept(api, account, content, code):
    assert error(send(api, account, content)) == (400, code, "file")
    assert not FillImport.objects.exists()


def test_a_format_is_recognised_or_named(api, account):
    assert send(api, account, format="auto").json()["format"] == "template"
    assert send(api, account, format="template").json()["format"] == "template"
    assert send(api, account, format="generic").json()["format"] == "generic"
    assert error(send(api, account, format="alpaca")) == (400, "wrong_format", "file")
    assert error(send(api, account, format="excel")) == (400, "invalid_choice", "format")
    assert FillImport.objects.count() == 3


def test_what_is_missing_or_not_known_is_said_at_its_field(api, account):
    assert error(send(api, account, file=None)) == (400, "required", "file")
    assert error(send(api, account, file="text")) == (400, "invalid", "file")
    assert error(send(api, account, account="main")) == (400, "invalid", "account")
    assert error(send(api, account, account=None)) == (400, "required", "account")
    assert error(send(api, account, colour="red")) == (400, "unknown_field", "colour")
    assert error(send(api, account, account=str(uuid.uuid4()))) == (404, "not_found", None)
    assert not FillImport.objects.exists()


def test_only_a_form_is_taken(api, account):
    assert error(api.post("/imports/", {"account": str(account.pk)})) == (415, "unsupported_media_type", None)
    assert error(api.client.post("/api/v1/imports/", b"", content_type="")) == (400, "required", "account")
    broken = api.post("/imports/", b"nonsense", content_type="multipart/form-data; boundary=x")
    assert broken.status_code == 400
    assert not FillImport.objects.exists()


def test_a_file_that_is_too_large_is_refused_while_it_comes_in(api, account, monkeypatch):
    monkeypatch.setattr("trades.api.imports.ImportViewSet.most_bytes", 1_000)
    assert error(send(api, account, ROUND_TRIP + "x" * 100_000)) == (413, "too_large", None)
    assert not FillImport.objects.exists()


def test_a_form_sent_twice_is_one_import(api, account):
    headers = {"Idempotency-Key": "import-1"}
    first, again = send(api, account, headers=headers), send(api, account, headers=headers)
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert FillImport.objects.count() == 1
    other = send(api, account, ROUND_TRIP + "\n", headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_a_large_file_is_read_and_booked_by_a_worker(
    api, account, nudged, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(import_answers, "READ_BYTES", 10)
    monkeypatch.setattr(import_answers, "BOOK_ROWS", 1)
    with django_capture_on_commit_callbacks(execute=True):
        made = send(api, account)
    assert (made.status_code, made.json()["state"], made.json()["format"]) == (202, "reading", "auto")
    key = uuid.UUID(made.json()["id"])
    path = f"/imports/{key}/"
    assert nudged == [key]
    assert error(api.post(f"{path}commit/")) == (409, "not_in_preview", None)
    imports.import_work(key)
    assert api.get(path).json()["state"] == "preview"
    with django_capture_on_commit_callbacks(execute=True):
        booking = api.post(f"{path}commit/")
    assert (booking.status_code, booking.json()["state"]) == (202, "committing")
    imports.import_work(key)
    assert api.post(f"{path}commit/").json() == {"trades_created": 1, "executions_created": 2}
    with django_capture_on_commit_callbacks(execute=True):
        assert api.post(f"{path}undo/").json()["state"] == "undoing"
    imports.import_work(key)
    assert api.get(path).json()["state"] == "undone"
    assert nudged == [key] * 3


def test_what_was_changed_by_hand_is_not_undone(api, account):
    preview = send(api, account).json()
    api.post(f"/imports/{preview['id']}/commit/")
    trade = api.get("/trades/").json()["results"][0]
    sold = trade["executions"][1]
    assert api.patch(f"/trades/{trade['id']}/executions/{sold['id']}/", {"price": "190"}).status_code == 200
    assert error(api.post(f"/imports/{preview['id']}/undo/")) == (409, "edited_by_hand", None)
    assert api.get(f"/imports/{preview['id']}/").json()["state"] == "committed"
    assert Fill.objects.count() == 2


def test_a_file_that_is_gone_is_not_booked(api, account):
    preview = send(api, account).json()
    FillImport.objects.get().file.delete(save=False)
    assert error(api.post(f"/imports/{preview['id']}/commit/")) == (422, "file_gone", None)
    assert api.get(f"/imports/{preview['id']}/").json()["state"] == "preview"
    assert not Fill.objects.exists()


def test_an_archived_account_takes_no_import(api, alice):
    assert error(send(api, make_account(alice, is_archived=True))) == (409, "archived", None)


def test_anothers_import_does_not_exist(stranger, api, account):
    preview = send(api, account).json()
    path = f"/imports/{preview['id']}/"
    for answer in (
        stranger.get(path),
        stranger.post(f"{path}commit/"),
        stranger.post(f"{path}undo/"),
        send(stranger, account),
    ):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/imports/").json()["results"] == []
    assert not Fill.objects.exists()


def test_a_token_to_read_changes_nothing(reader, api, account):
    path = f"/imports/{send(api, account).json()['id']}/"
    assert reader.get(path).status_code == 200
    for answer in (send(reader, account), reader.post(f"{path}commit/"), reader.post(f"{path}undo/")):
        assert error(answer) == (403, "missing_scope", None)
    assert FillImport.objects.count() == 1


def test_imports_are_listed_newest_first_and_filtered(api, alice, account, django_assert_num_queries):
    first, second = send(api, account).json(), send(api, make_account(alice, "Other")).json()
    api.post(f"/imports/{first['id']}/commit/")
    for query, expected in (
        ("", [second, first]),
        (f"account={account.pk}", [first]),
        ("state=preview", [second]),
        ("state=reading", []),
        ("ordering=created_at", [first, second]),
    ):
        assert [each["id"] for each in api.get(f"/imports/?{query}").json()["results"]] == [e["id"] for e in expected]
    assert error(api.get("/imports/?state=done")) == (400, "invalid_choice", "state")
    with django_assert_num_queries(2):
        api.get("/imports/")
    assert "sha256" not in json.dumps(first)
