"""A backup is one whole file of one moment; a restore brings back all of it or changes nothing."""

import json
import stat
import tarfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.models import Event, TradingAccount, User
from accounts.services.events import events_settle
from brokers import vault
from brokers.models import BrokerConnection
from tests.factories import make_account, make_connection, make_plan
from trades.models import Screenshot, Trade
from trenddojo.backups import manifest, restoring, writing
from trenddojo.backups.manifest import FORMAT
from trenddojo.backups.restoring import backup_check, backup_restore, take_any
from trenddojo.backups.writing import backup_write
from trenddojo.health import migrations_missing

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("nobody_else"),
]


PICTURE = ContentFile(b"a picture", name="chart.png")


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice, "Main")


@pytest.fixture
def backup(account: TradingAccount, tmp_path: Path) -> Path:
    """Of one trade with one picture."""
    trade = make_plan(account, "AAPL")
    Screenshot.objects.create(owner=account.owner, trade=trade, width=4, height=4, byte_size=9, image=PICTURE)
    path = tmp_path / "desk.backup"
    backup_write(path)
    return path


def say(*words: object, **options: Any) -> str:
    out = StringIO()
    call_command(*map(str, words), stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_backup_is_one_private_file_that_says_what_is_in_it(backup: Path, account: TradingAccount) -> None:
    found = backup_check(backup)

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert (found.counts["trades"], found.counts["users"], found.counts["screenshots"]) == (1, 1, 1)
    assert {name.split("/")[0] for name in found.members} == {"media", "database.dump"}
    assert found.migrations["accounts"][0] == "0001_initial"
    assert list(backup.parent.glob(".*")) == []


def test_the_manifest_names_the_keys_needed_and_holds_none(
    account: TradingAccount, tmp_path: Path, settings: Any
) -> None:
    make_connection(account, keys={"api_key": "PKSECRET", "secret_key": "s3cret-of-the-broker"})
    path = tmp_path / "desk.backup"

    found = backup_write(path)

    assert found.keys == [vault.newest_key_id()]
    assert b"s3cret-of-the-broker" not in path.read_bytes()
    assert settings.SECRET_KEY.encode() not in path.read_bytes()


def test_a_restore_brings_rows_and_files_back(backup: Path, account: TradingAccount, settings: Any) -> None:
    name = Screenshot.objects.get().image.name
    Path(settings.MEDIA_ROOT, name).unlink()
    Trade.objects.all().delete()
    make_plan(account, "MSFT")

    said = say("restore", backup, replace=True)

    assert list(Trade.objects.values_list("symbol", flat=True)) == ["AAPL"]
    assert Screenshot.objects.get().image.read() == b"a picture"
    assert "Restored " in said
    assert make_plan(account, "NVDA").pk


def test_a_database_that_holds_something_is_refused_without_replace(backup: Path) -> None:
    with pytest.raises(CommandError, match="The database is not empty: restore into an empty one, or add --replace"):
        say("restore", backup)


def test_an_existing_file_is_not_overwritten(backup: Path) -> None:
    before = backup.read_bytes()

    with pytest.raises(CommandError, match="exists already"):
        say("backup", backup)

    assert backup.read_bytes() == before


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 no backup at all" * 1000)


@pytest.mark.parametrize("damage", [_flip, _cut, _empty, _other])
def test_a_damaged_backup_is_refused_and_changes_nothing(backup: Path, damage: Callable[[Path], None]) -> None:
    damage(backup)
    Trade.objects.update(symbol="KEPT")

    with pytest.raises(CommandError, match="This backup is damaged"):
        say("restore", backup, replace=True)

    assert Trade.objects.get().symbol == "KEPT"


def _rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same backup with another manifest, rightly sealed."""
    import hashlib
    import io

    new = path.with_name("rewritten")
    with tarfile.open(path) as old, tarfile.open(new, "w") as archive:
        for info in old.getmembers():
            content = old.extractfile(info).read()
            if info.name == writing.MANIFEST:
                told = json.loads(content)
                change(told)
                content = text = json.dumps(told).encode()
            if info.name == writing.SEAL:
                content = hashlib.sha256(text).hexdigest().encode()
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return new


def test_a_backup_of_a_newer_format_is_refused(backup: Path) -> None:
    newer = _rewritten(backup, lambda told: told.update(format=FORMAT + 1, version="9.0"))

    with pytest.raises(CommandError, match=r"made by a newer version \(9.0\): update the desk first"):
        say("restore", newer, replace=True)


def test_a_backup_with_migrations_of_the_future_is_refused(backup: Path) -> None:
    newer = _rewritten(backup, lambda told: told["migrations"]["trades"].append("0999_future"))

    with pytest.raises(CommandError, match=r"which has trades.0999_future\): update the desk first"):
        say("restore", newer, replace=True)


@pytest.fixture
def an_older_schema(account: TradingAccount) -> Iterator[dict[str, str]]:
    """The database as it was before the last migration of each app; which those are."""
    disk = sorted(MigrationLoader(None).disk_migrations)
    last = {app: [name for label, name in disk if label == app][-2:] for app in ("trades", "brokers", "accounts")}
    try:
        for app, (before, _newest) in last.items():
            call_command("migrate", app, before, verbosity=0)
        yield {app: newest for app, (_before, newest) in last.items()}
    finally:
        call_command("migrate", verbosity=0)


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    an_older_schema: dict[str, str], account: TradingAccount, tmp_path: Path
) -> None:
    path = tmp_path / "older.backup"
    found = backup_write(path)
    assert not [app for app, newest in an_older_schema.items() if newest in found.migrations[app]]
    call_command("migrate", verbosity=0)
    make_plan(account, "LOST")

    said = say("restore", path, replace=True)

    assert "Restored " in said
    assert migrations_missing() == []
    assert list(TradingAccount.objects.values_list("pk", "name")) == [(account.pk, "Main")]
    assert not Trade.objects.exists()
    assert make_plan(account, "AAPL").pk


def test_a_name_that_leads_out_of_the_folder_is_refused(backup: Path) -> None:
    def lead_out(told: dict[str, Any]) -> None:
        told["members"]["media/../../evil"] = told["members"]["database.dump"]

    with pytest.raises(CommandError, match="This backup is damaged"):
        say("restore", _rewritten(backup, lead_out), replace=True)


def test_what_fails_on_the_way_leaves_everything_as_it_was(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trade.objects.update(symbol="KEPT")
    counted = manifest.row_counts
    monkeypatch.setattr(restoring, "row_counts", lambda: counted() | {"trades": 7})

    with pytest.raises(CommandError, match="The rows of trades did not all come back: the database is as it was"):
        say("restore", backup, replace=True)

    assert Trade.objects.get().symbol == "KEPT"


def test_a_restore_waits_for_nobody_and_refuses_while_others_are_connected(backup: Path) -> None:
    import psycopg

    given = {name: str(value) for name, value in connection.get_connection_params().items() if name in _WHERE}
    with psycopg.connect(**given), pytest.raises(CommandError, match="stop web, workers, beat and stream first"):
        say("restore", backup, replace=True)


_WHERE = ("host", "port", "user", "password", "dbname")


def test_a_backup_of_a_moment_does_not_see_what_comes_after(
    account: TradingAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trade that is written between the count and the dump is in neither."""
    dump = writing._dump

    def late(*words: Any) -> None:
        import threading

        def write() -> None:
            make_plan(account, "LATE")
            connection.close()

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        dump(*words)

    monkeypatch.setattr(writing, "_dump", late)
    path = tmp_path / "desk.backup"
    backup_write(path)
    assert Trade.objects.get().symbol == "LATE"

    backup_restore(path, refuse_used=take_any)

    assert not Trade.objects.exists()


def test_a_file_that_is_gone_is_named(backup: Path, tmp_path: Path, settings: Any) -> None:
    name = Screenshot.objects.get().image.name
    Path(settings.MEDIA_ROOT, name).unlink()

    assert f"Without a file that its row speaks of: {name}" in say("backup", tmp_path / "second.backup")


def test_numbers_of_events_go_on_beyond_those_given_since(backup: Path, account: TradingAccount) -> None:
    """A program that followed the desk must not take the restored desk's events for old ones."""
    for symbol in ("A", "B", "C"):
        make_plan(account, symbol)
    last = events_settle()

    backup_restore(backup, refuse_used=take_any)
    make_plan(account, "D")
    events_settle()

    assert min(Event.objects.values_list("seq", flat=True)) > last + 1


def test_keys_that_are_not_here_are_named(account: TradingAccount, tmp_path: Path, settings: Any) -> None:
    make_connection(account)
    path = tmp_path / "desk.backup"
    backup_write(path)
    old = vault.newest_key_id()
    settings.BROKER_ENCRYPTION_KEYS = [b"k" * 32]

    said = say("restore", path, replace=True)

    assert f"Keys of brokers sealed with {old} do not open here" in said
    assert BrokerConnection.objects.count() == 1
