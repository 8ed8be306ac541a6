"""Export-my-data and delete-my-account: everything a user owns, and nothing of anybody else."""

import csv
import io
import json
import zipfile
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.test import Client
from django.urls import reverse

from accounts.models import TradingAccount, User
from accounts.ownership import owned_models
from accounts.services.data_export import SECRET_COLUMNS, export_models
from accounts.services.webhooks import webhook_create
from tests.factories import make_account, make_cash, make_closed_trade, make_setup, make_tag
from trades.models import AuditEntry, FillImport, Screenshot, Trade

URL = "/settings/delete/"


def furnish(owner: User) -> Trade:
    """A user with something of most kinds, two files among it."""
    account = make_account(owner)
    trade = make_closed_trade(account, setup=make_setup(owner, criteria=("Trend is up",)))
    trade.tags.add(make_tag(owner, "breakout"))
    make_cash(account, "deposit", "100.00", date(2025, 1, 2))
    picture = default_storage.save(f"screenshots/{owner.username}.webp", ContentFile(b"picture"))
    Screenshot.objects.create(owner=owner, trade=trade, image=picture, width=1, height=1, byte_size=7, caption="=1+1")
    file = default_storage.save(f"imports/{owner.username}.csv", ContentFile(b"symbol,side"))
    FillImport.objects.create(owner=owner, account=account, file=file, file_name="fills.csv", sha256="0" * 64)
    AuditEntry.objects.create(account=account, actor=owner, action="trade.edited", subject_id=trade.pk)
    return trade


def exported(client: Client) -> zipfile.ZipFile:
    answer = client.get(reverse("accounts:data-export"))
    assert answer.streaming
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(archive.read(f"data/{name}.json"))
    return rows


class TestExport:
    def test_every_model_that_leads_to_a_user_is_in_it(self, alice: User, alice_client: Client) -> None:
        names = exported(alice_client).namelist()
        reachable = {User, TradingAccount}
        grown = True
        while grown:
            more = {model for model in apps.get_models() if _owned_by(model, reachable)} - reachable
            grown, reachable = bool(more), reachable | more
        assert len(reachable) > 25
        for model in reachable:
            name = model._meta.label_lower.replace(".", "_")
            assert {f"data/{name}.json", f"data/{name}.csv"} <= set(names), f"{name} is missing from the export"

    def test_it_holds_ones_own_rows_and_files_and_nobody_elses(
        self, alice: User, charlie: User, alice_client: Client
    ) -> None:
        trade = furnish(alice)
        furnish(charlie)
        archive = exported(alice_client)
        assert [row["id"] for row in table(archive, "trades_trade")] == [str(trade.pk)]
        assert table(archive, "trades_trade")[0]["tags"] == [str(trade.tags.get().pk)]
        assert table(archive, "trades_trade")[0]["net_pnl"] == "500.00"
        assert "search" not in table(archive, "trades_trade")[0], "it is made of the other columns"
        assert [row["username"] for row in table(archive, "accounts_user")] == ["alice"]
        assert archive.read("files/screenshots/alice.webp") == b"picture"
        assert archive.read("files/imports/alice.csv") == b"symbol,side"
        assert not [name for name in archive.namelist() if "charlie" in name]
        assert archive.testzip() is None

    def test_a_spreadsheet_runs_nothing_of_it(self, alice: User, alice_client: Client) -> None:
        furnish(alice)
        text = exported(alice_client).read("data/trades_screenshot.csv").decode()
        assert next(csv.DictReader(io.StringIO(text)))["caption"] == "'=1+1"

    def test_numbers_and_days_stay_themselves(self, alice: User, alice_client: Client) -> None:
        furnish(alice)
        text = exported(alice_client).read("data/accounts_cashmovement.csv").decode()
        row = next(csv.DictReader(io.StringIO(text)))
        assert (row["amount"], row["moved_on"], row["note"]) == ("100.00", "2025-01-02", "")

    def test_no_secret_is_in_it(self, alice: User, alice_client: Client) -> None:
        webhook, _ = webhook_create(user=alice, url="https://example.com/desk", subjects=["trade"])
        archive = exported(alice_client)
        for name in archive.namelist():
            assert alice.password.encode() not in archive.read(name)
            assert webhook.secret.encode() not in archive.read(name)
        for label, columns in SECRET_COLUMNS.items():
            for row in table(archive, label.replace(".", "_")):
                assert not columns & set(row)

    def test_a_lost_file_is_named_and_stops_nothing(self, alice: User, alice_client: Client) -> None:
        furnish(alice)
        default_storage.delete("screenshots/alice.webp")
        archive = exported(alice_client)
        assert b"screenshots/alice.webp" in archive.read("missing.txt")
        assert len(table(archive, "trades_fill")) == 2

    def test_strangers_get_nothing(self, db: None) -> None:
        assert Client().get(reverse("accounts:data-export")).status_code == 302


def _owned_by(model: type[models.Model], owners: set[Any]) -> bool:
    return any(
        field.related_model in owners and field.remote_field.on_delete is models.CASCADE
        for field in model._meta.concrete_fields
        if field.remote_field is not None
    )


class TestDelete:
    @pytest.fixture
    def body(self, password: str) -> dict[str, str]:
        return {"typed_username": "alice", "typed_password": password}

    def test_it_removes_every_row_and_file_and_leaves_the_others(
        self,
        alice: User,
        charlie: User,
        alice_client: Client,
        body: dict[str, str],
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        furnish(alice)
        kept = furnish(charlie)
        before = {one.model: one.rows(charlie).count() for one in owned_models(User)}
        with django_capture_on_commit_callbacks(execute=True):
            answer = alice_client.post(URL, body)
        assert "Your account is deleted" in answer.content.decode()
        for one in owned_models(User):
            assert one.rows(alice).count() == 0, one.model
            assert one.rows(charlie).count() == before[one.model], one.model
        assert list(User.objects.all()) == [charlie]
        assert list(Trade.objects.all()) == [kept]
        assert not default_storage.exists("screenshots/alice.webp")
        assert not default_storage.exists("imports/alice.csv")
        assert default_storage.exists("screenshots/charlie.webp")

    def test_every_browser_is_signed_out(
        self, alice: User, alice_client: Client, client_for: Any, body: dict[str, str]
    ) -> None:
        other = client_for(alice)
        alice_client.post(URL, body)
        assert alice_client.get("/settings/").status_code == other.get("/settings/").status_code == 302

    def test_what_the_user_did_in_anothers_account_stays_without_a_name(
        self, bob: User, alice: User, client_for: Any, password: str
    ) -> None:
        trade = furnish(alice)
        AuditEntry.objects.create(account=trade.account, actor=bob, action="trade.edited", subject_id=trade.pk)
        client_for(bob).post(URL, {"typed_username": "bob", "typed_password": password})
        assert AuditEntry.objects.filter(account=trade.account, actor=None).count() == 1

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"typed_username": "Alice"}, "typed_username"), ({"typed_password": "guess"}, "typed_password")],
    )
    def test_a_wrong_name_or_password_deletes_nothing(
        self, alice: User, alice_client: Client, body: dict[str, str], change: dict[str, str], field: str
    ) -> None:
        furnish(alice)
        answer = alice_client.post(URL, body | change)
        assert list(answer.context["form"].errors) == [field]
        assert User.objects.filter(username="alice").exists()
        assert default_storage.exists("screenshots/alice.webp")

    def test_guessing_the_password_is_slowed_down(self, alice_client: Client, body: dict[str, str]) -> None:
        for _ in range(10):
            alice_client.post(URL, body | {"typed_password": "guess"})
        assert alice_client.post(URL, body).status_code == 429
        assert User.objects.filter(username="alice").exists()


class TestProfile:
    def test_name_and_zone_are_saved(self, alice: User, alice_client: Client) -> None:
        alice_client.post("/settings/", {"first_name": "Alice", "last_name": "Doe", "timezone": "Asia/Tokyo"})
        alice.refresh_from_db()
        assert (alice.get_full_name(), alice.timezone) == ("Alice Doe", "Asia/Tokyo")

    def test_a_made_up_zone_changes_nothing(self, alice: User, alice_client: Client) -> None:
        answer = alice_client.post("/settings/", {"first_name": "Alice", "timezone": "Nowhere"})
        assert answer.context["form"].errors == {"timezone": ["Choose one of the time zones of the list."]}
        alice.refresh_from_db()
        assert alice.first_name == ""


def test_the_export_names_the_user_first_and_each_model_once() -> None:
    found = [one.model for one in export_models()]
    assert found[0] is User
    assert len(found) == len(set(found))
