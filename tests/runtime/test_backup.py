"""Backup and restore of a whole desk as its owner makes them: while it works, and after everything was lost."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.runtime.desk_process import DeskProcess, clean_environment, copy_checkout
from trenddojo.backups import restoring

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]


@pytest.fixture(scope="module")
def desk() -> Iterator[DeskProcess]:
    found = DeskProcess(copy_checkout())
    try:
        yield found.start()
    finally:
        found.clear_away()


def command(desk: DeskProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trenddojo.desk", *words],
        cwd=desk.folder,
        env=clean_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )


def rows(desk: DeskProcess, statement: str) -> list[tuple[object, ...]]:
    parts = urlsplit(desk.addresses()["DATABASE_URL"])
    folder = parse_qs(parts.query)["host"][0]
    with psycopg.connect(host=folder, user=parts.username, dbname=parts.path[1:], autocommit=True) as link:
        cursor = link.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_desk_comes_back_on_a_machine_that_has_nothing_but_the_backup_and_its_env_file(desk: DeskProcess) -> None:
    backup = desk.folder / "kept.backup"
    picture = desk.folder / "var" / "media" / "screenshots"
    rows(desk, "CREATE TABLE kept AS SELECT generate_series(1, 500) AS number, E'a\\tb\\n\\\\.\\nc %s' AS words")
    before = rows(desk, "SELECT count(*), min(words) FROM kept")

    made = command(desk, "backup", str(backup))
    running = command(desk, "restore", str(backup), "--replace")

    assert (made.returncode, made.stderr) == (0, "")
    assert f"{backup} is written: " in made.stdout
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert running.returncode == 1
    assert running.stderr.startswith("A desk is already running in this folder (process ")

    assert desk.end(signal.SIGTERM) == 0
    lost = Path(os.path.realpath(desk.folder / "var" / "postgres"))
    shutil.rmtree(lost)
    shutil.rmtree(picture, ignore_errors=True)
    restored = command(desk, "restore", str(backup))

    assert (restored.returncode, restored.stderr) == (0, "")
    assert "Restored " in restored.stdout
    assert not desk.survivors()
    second = command(desk, "restore", str(backup))
    assert (second.returncode, second.stderr.strip()) == (
        1,
        f"CommandError: {restoring.NOT_EMPTY}",
    )
    desk.start()
    assert rows(desk, "SELECT count(*), min(words) FROM kept") == before


def test_a_backup_of_a_stopped_desk_starts_the_database_for_it_alone(desk: DeskProcess) -> None:
    desk.end(signal.SIGTERM)
    backup = desk.folder / "stopped.backup"

    made = command(desk, "backup", str(backup))

    assert made.returncode == 0, made.stderr
    assert backup.is_file()
    assert not desk.survivors()
    desk.start()


def test_a_damaged_backup_leaves_the_desk_as_it_was(desk: DeskProcess) -> None:
    backup = desk.folder / "damaged.backup"
    assert command(desk, "backup", str(backup)).returncode == 0
    raw = bytearray(backup.read_bytes())
    raw[len(raw) // 2] ^= 255
    backup.write_bytes(raw)
    desk.end(signal.SIGTERM)

    answer = command(desk, "restore", str(backup), "--replace")

    assert answer.returncode == 1
    assert "This backup is damaged (database.dump): take another copy of it." in answer.stderr
    desk.start()
    assert rows(desk, "SELECT count(*) FROM kept") == [(500,)]
