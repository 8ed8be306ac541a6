"""The columns of an import's file over the API, and the end of its entry."""

import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api.kit import error
from tests.factories import make_account
from tests.trades.import_kit import ROUND_TRIP
from trades.models import Fill, FillImport, ImportMapping, ImportState
from trades.services import import_answers, imports

pytestmark = pytest.mark.django_db
# No broker calls its columns so.
STRANGE = "When,Paper,Way,Number,Each\n2026-03-02 09:31,AAPL,buy,100,187.45\n2026-03-02 10:12,AAPL,sell,100,189.10\n"
BY_NAME = {"executed_at": "When", "symbol": "Paper", "side": "Way", "quantity": "Number", "price": "Each"}
ROLES = (
    *("executed_at", "time", "symbol", "side", "quantity", "price", "commission", "fees", "execution_id"),
    *("asset_class", "multiplier", "currency", "status", "open_close"),
)


@pytest.fixture
def account(alice):
    return make_account(alice)


def send(api, account, content=STRANGE, **headers):
    form = {"account": str(account.pk), "file": SimpleUploadedFile("odd.csv", content.encode(), "text/csv")}
    return api.client.post("/api/v1/imports/", form, headers=headers)


@pytest.fixture
def path(api, account):
    return f"/imports/{send(api, account).json()['id']}/"


def files():
    return [found for found in Path(settings.MEDIA_ROOT).rglob("*") if found.is_file()]


def test_what_is_to_be_chosen_is_told(api, path, django_assert_num_queries):
    preview = api.get(path).json()
    assert (preview["state"], preview["rows"]) == ("preview", 0)
    assert {each["code"] for each in preview["errors"]} >= {"no_executed_at", "no_symbol", "no_price"}
    with django_assert_num_queries(2):
        told = api.get(f"{path}mapping/").json()
    assert told["header"] == ["When", "Paper", "Way", "Number", "Each"]
    assert tuple(told["columns"]) == ROLES
    assert set(told["missing"]) >= {"executed_at", "symbol", "price", "side"}
    assert told["sample"][0] == {"line": 2, "cells": ["2026-03-02 09:31", "AAPL", "buy", "100", "187.45"]}
    assert {name: told[name] for name in ("date_order", "decimal", "sides", "costs", "unopened", "asset_class")} == {
        "date_order": "ymd",
        "decimal": ".",
        "sides": "column",
        "costs": "positive",
        "unopened": "short",
        "asset_class": "stock",
    }


def test_columns_are_chosen_by_name_or_number_and_the_file_is_read_again(api, path):
    chosen = {**BY_NAME, "quantity": 3, "price": 4, "fees": None}
    again = api.post(f"{path}mapping/", {"columns": chosen, "timezone": "Europe/Berlin"})
    assert again.status_code == 200, again.json()
    preview = again.json()
    assert (preview["state"], preview["rows"], preview["new"], preview["error_count"]) == ("preview", 2, 2, 0)
    told = api.get(f"{path}mapping/").json()
    assert told["columns"] == dict.fromkeys(ROLES) | {
        "executed_at": 0,
        "symbol": 1,
        "side": 2,
        "quantity": 3,
        "price": 4,
    }
    assert (told["missing"], told["timezone"]) == ([], "Europe/Berlin")
    assert api.post(f"{path}commit/").json() == {"trades_created": 1, "executions_created": 2}
    first = Fill.objects.order_by("executed_at").first()
    assert first.executed_at.isoformat() == "2026-03-02T08:31:00+00:00"


def test_what_was_told_is_taken_as_it_is(api, path):
    api.post(f"{path}mapping/", {"columns": BY_NAME})
    told = api.get(f"{path}mapping/").json()
    same = {name: value for name, value in told.items() if name not in {"header", "missing", "sample"}}
    assert api.post(f"{path}mapping/", same).status_code == 200
    assert api.get(f"{path}mapping/").json() == told


def test_what_is_not_named_beside_the_columns_stays_as_it_is(api, path):
    api.post(f"{path}mapping/", {"columns": BY_NAME, "timezone": "Europe/Berlin", "unopened": "incomplete"})
    api.post(f"{path}mapping/", {"columns": BY_NAME, "asset_class": "etf"})
    told = api.get(f"{path}mapping/").json()
    assert (told["timezone"], told["unopened"], told["asset_class"]) == ("Europe/Berlin", "incomplete", "etf")


def test_the_choice_is_kept_for_files_with_the_same_header(api, account, path):
    api.post(f"{path}mapping/", {"columns": BY_NAME})
    assert ImportMapping.objects.get().account == account
    later = send(api, account, STRANGE.replace("AAPL", "MSFT")).json()
    assert (later["rows"], later["new"], later["error_count"]) == (2, 2, 0)


def test_a_minus_sign_stands_for_a_side(api, account):
    content = "When,Paper,Number,Each\n2026-03-02 09:31,AAPL,100,187.45\n2026-03-02 10:12,AAPL,-100,189.10\n"
    path = f"/imports/{send(api, account, content).json()['id']}/"
    columns = {role: name for role, name in BY_NAME.items() if role != "side"}
    refused = api.post(f"{path}mapping/", {"columns": columns})
    assert error(refused) == (400, "missing_column", "columns.side")
    assert api.post(f"{path}mapping/", {"columns": columns, "sides": "sign"}).json()["new"] == 2


@pytest.mark.parametrize(
    ("columns", "code", "attr"),
    [
        ({"price": "Price"}, "unknown_column", "columns.price"),
        ({"price": 5}, "unknown_column", "columns.price"),
        ({"fees": "Each"}, "column_twice", "columns.fees"),
        ({"price": None}, "missing_column", "columns.price"),
        ({"side": None}, "missing_column", "columns.side"),
        ({"price": -1}, "min_value", "columns.price"),
        ({"price": 4.5}, "invalid", "columns.price"),
        ({"price": True}, "invalid", "columns.price"),
        ({"price": ["Each"]}, "invalid", "columns.price"),
        ({"price": " "}, "blank", "columns.price"),
        ({"colour": 1}, "unknown_field", "columns.colour"),
    ],
)
def test_columns_that_cannot_be_are_refused_at_their_role(api, path, columns, code, attr):
    before = FillImport.objects.values().get()
    assert error(api.post(f"{path}mapping/", {"columns": {**BY_NAME, **columns}})) == (400, code, attr)
    assert FillImport.objects.values().get() == before
    assert not ImportMapping.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "columns"),
        ({"columns": BY_NAME, "timezone": "Mars/Base"}, "unknown_timezone", "timezone"),
        ({"columns": BY_NAME, "decimal": ";"}, "invalid_choice", "decimal"),
        ({"columns": BY_NAME, "format": "template"}, "unknown_field", "format"),
        ({"columns": "all"}, "invalid", "columns"),
    ],
)
def test_what_is_missing_or_not_known_is_said_at_its_field(api, path, body, code, attr):
    status, found, where = error(api.post(f"{path}mapping/", body))
    assert (status, found, where) == (400, code, attr)
    assert not ImportMapping.objects.exists()


def test_a_name_that_two_columns_have_is_no_choice(api, account):
    path = f"/imports/{send(api, account, STRANGE.replace('Way', 'Each')).json()['id']}/"
    refused = api.post(f"{path}mapping/", {"columns": {**BY_NAME, "side": 2}})
    assert error(refused) == (400, "doubled_column", "columns.price")
    assert "give the number of one, counted from 0" in refused.json()["errors"][0]["detail"]
    assert api.post(f"{path}mapping/", {"columns": {**BY_NAME, "side": 2, "price": 4}}).json()["new"] == 2


def test_only_a_preview_is_read_again(api, account):
    made = send(api, account, ROUND_TRIP).json()
    path = f"/imports/{made['id']}/"
    api.post(f"{path}commit/")
    assert error(api.post(f"{path}mapping/", {"columns": BY_NAME})) == (409, "not_in_preview", None)
    assert api.get(f"{path}mapping/").json()["columns"]["price"] == 4
    assert Fill.objects.count() == 2


def test_a_large_file_is_read_again_by_a_worker(api, path, monkeypatch, django_capture_on_commit_callbacks):
    nudged = []
    monkeypatch.setattr("trades.api.imports.import_nudge", nudged.append)
    monkeypatch.setattr(import_answers, "READ_BYTES", 10)
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post(f"{path}mapping/", {"columns": BY_NAME})
    assert (answer.status_code, answer.json()["state"]) == (202, "reading")
    assert error(api.post(f"{path}mapping/", {"columns": BY_NAME})) == (409, "not_in_preview", None)
    (key,) = nudged
    imports.import_work(key)
    assert (api.get(path).json()["state"], api.get(path).json()["new"]) == ("preview", 2)


def test_a_file_that_is_gone_meanwhile_is_refused(api, path):
    FillImport.objects.get().file.storage.delete(FillImport.objects.get().file.name)
    answer = api.post(f"{path}mapping/", {"columns": BY_NAME})
    assert (answer.status_code, answer.json()["state"]) == (200, "refused")
    assert answer.json()["errors"][0]["code"] == "file_gone"


def test_an_entry_is_deleted_with_its_file(api, path, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(path).status_code == 204
    assert (FillImport.objects.count(), files()) == (0, [])
    assert error(api.delete(path)) == (404, "not_found", None)


def test_what_is_booked_is_undone_before_its_entry_is_deleted(api, account):
    path = f"/imports/{send(api, account, ROUND_TRIP).json()['id']}/"
    api.post(f"{path}commit/")
    assert error(api.delete(path)) == (409, "booked", None)
    assert (Fill.objects.count(), len(files())) == (2, 1)
    api.post(f"{path}undo/")
    assert api.delete(path).status_code == 204


def test_what_is_at_work_is_not_deleted(api, path):
    FillImport.objects.update(state=ImportState.UPLOADED)
    assert error(api.delete(path)) == (409, "working", None)
    assert FillImport.objects.count() == 1


def test_a_refused_file_leaves_its_key_free(api, account):
    assert error(send(api, account, "words\n", **{"Idempotency-Key": "again"})) == (400, "one_column", "file")
    assert send(api, account, **{"Idempotency-Key": "again"}).status_code == 201


def test_anothers_import_does_not_exist(stranger, path):
    before = FillImport.objects.values().get()
    for answer in (
        stranger.get(f"{path}mapping/"),
        stranger.post(f"{path}mapping/", {"columns": BY_NAME}),
        stranger.delete(path),
        stranger.delete(f"/imports/{uuid.uuid4()}/"),
    ):
        assert error(answer) == (404, "not_found", None)
    assert FillImport.objects.values().get() == before


def test_a_token_to_read_changes_nothing(reader, path):
    before = FillImport.objects.values().get()
    assert reader.get(f"{path}mapping/").status_code == 200
    refused = (reader.post(f"{path}mapping/", {"columns": BY_NAME}), reader.delete(path))
    assert [error(answer) for answer in refused] == [(403, "missing_scope", None)] * 2
    assert FillImport.objects.values().get() == before
