"""A desk of one machine whose secrets are files: `make run` reads them as its processes do, and keeps no copy of any."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from tests.runtime.desk_process import DeskProcess, copy_checkout, run_to_its_end
from tests.runtime.least_rights_kit import connect
from trenddojo.desk.dotenv import read
from trenddojo.secret_files import file_setting

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]

DATABASE = "secrets_as_files"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A database and a queue elsewhere, and a key, each in a file."""
    with connect("postgres") as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        link.execute(f"CREATE DATABASE {DATABASE}")
    values = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": urlunsplit(urlsplit(os.environ["TEST_POSTGRES_URL"])._replace(path=f"/{DATABASE}")),
        "REDIS_URL": f"unix://{os.environ['TEST_VALKEY_SOCKET']}?db=26",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
    yield {file_setting(name): str(tmp_path / name) for name in values}
    with connect("postgres") as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def test_it_starts_and_ends_without_servers_of_its_own_and_writes_no_secret(files: dict[str, str]) -> None:
    desk = DeskProcess(copy_checkout(), **files)
    try:
        desk.start()
        assert requests.get(f"http://127.0.0.1:{desk.port}/healthz", timeout=30).status_code == 200
        assert not {"database", "queue"} & set(desk.entries())
        assert not {"DATABASE_URL", "REDIS_URL"} & set(desk.addresses())
        assert "SECRET_KEY" not in read(desk.folder / ".env")
        with connect(DATABASE) as link:
            assert link.execute("SELECT count(*) > 0 FROM django_migrations").fetchone() == (True,)
        assert desk.end(signal.SIGTERM) == 0
        written = [path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()]
        for path in files.values():
            secret = Path(path).read_bytes().strip()
            assert not [content for content in written if secret in content]
    finally:
        desk.clear_away()


def test_one_given_twice_stops_it_with_one_sentence(files: dict[str, str]) -> None:
    desk = DeskProcess(copy_checkout())
    try:
        given = {"DATABASE_URL_FILE": files["DATABASE_URL_FILE"], "DATABASE_URL": "postgres://trader:word@db/desk"}
        answer = run_to_its_end(desk.folder, **given)
        assert answer.returncode == 1
        assert answer.stderr.endswith(
            "The setting DATABASE_URL cannot be used: DATABASE_URL_FILE is given as well; "
            "keep one of the two and take the other out.\n"
        )
    finally:
        desk.clear_away()
