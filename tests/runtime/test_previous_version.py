"""While a new version is rolled out, processes of the version before it work on the new schema: they start, show every
page, and bring orders to the exchange and back. (docs/deploy.md, "A new version")"""

import base64
import http.cookiejar
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
import pytest

from tests.runtime.desk_process import ROOT, DeskProcess, clean_environment, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]

NAMED = Path(__file__).with_name("previous_version.txt")
DATABASE = "rolled_out"
PASSWORD = secrets.token_urlsafe(12)
LINK = re.compile(r'href="(/[a-z][^"#?]*)"')
# Links that do something, or need what the demo trader has not.
NOT_READ = ("/auth/logout", "/static/", "/media/", "/admin/")


def previous_version() -> str:
    return next(line for line in NAMED.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))


def git(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True)  # noqa: S607


def extracted(commit: str) -> Path:
    """The files of a commit in a folder of their own."""
    if git("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        no_history(commit)
    folder = Path(tempfile.mkdtemp(prefix="tdr-", dir="/tmp"))
    folder.chmod(0o755)
    archive = folder / "files.tar"
    archive.write_bytes(git("archive", "--format=tar", commit).stdout)
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    archive.unlink()
    shutil.rmtree(folder / "tests")
    return folder


def no_history(commit: str) -> NoReturn:
    """A download without history is left in peace; where a build decides on a release nothing may be left out."""
    sentence = f"There is no git history here that holds {commit}, the version before this one."
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{sentence} Fetch it: git fetch --unshallow.")
    pytest.skip(sentence)


@pytest.mark.parametrize(("ci", "end"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_history_a_build_fails_and_a_download_is_let_off(
    monkeypatch: pytest.MonkeyPatch, ci: str, end: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(end, match="no git history"):
        extracted("0" * 40)


def url_of(name: str) -> str:
    parts = urlsplit(os.environ["TEST_POSTGRES_URL"])
    return urlunsplit(parts._replace(path=f"/{name}"))


def connect(name: str) -> "psycopg.Connection[tuple[object, ...]]":
    parts = urlsplit(os.environ["TEST_POSTGRES_URL"])
    return psycopg.connect(host=parse_qs(parts.query)["host"][0], user=parts.username, dbname=name, autocommit=True)


def rows(statement: str) -> list[tuple[object, ...]]:
    with connect(DATABASE) as link:
        return link.execute(statement).fetchall()


@pytest.fixture(scope="module")
def old_desk() -> Iterator[DeskProcess]:
    """The version before this one, on a database that this version has migrated and filled."""
    folder = extracted(previous_version())
    with connect("postgres") as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        link.execute(f"CREATE DATABASE {DATABASE}")
    settings = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "BROKER_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DEMO_PASSWORD": PASSWORD,
        "DATABASE_URL": url_of(DATABASE),
        "REDIS_URL": f"unix://{os.environ['TEST_VALKEY_SOCKET']}?db=28",
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    desk = DeskProcess(folder)
    try:
        for words in (("migrate", "--verbosity", "0"), ("create_demo",)):
            run(ROOT, *words, env_file=folder / ".env")
        yield desk.start()
    finally:
        desk.clear_away()
        with connect("postgres") as link:
            link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def run(folder: Path, *words: str, env_file: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=folder,
        env=clean_environment(ENV_FILE=str(env_file)),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def signed_in(desk: DeskProcess) -> urllib.request.OpenerDirector:
    """A browser of the demo trader."""
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    address = f"http://127.0.0.1:{desk.port}/auth/login/"
    page = browser.open(address, timeout=30).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "login": "demo", "password": PASSWORD}
    request = urllib.request.Request(address, urllib.parse.urlencode(form).encode(), {"Referer": address})
    assert browser.open(request, timeout=30).url != address
    return browser


def test_it_finds_nothing_wrong_with_the_new_schema(old_desk: DeskProcess) -> None:
    said = run(old_desk.folder, "check", env_file=old_desk.folder / ".env")
    assert "no issues" in said
    # What is applied beyond its own migrations is none of its business.
    assert rows("SELECT count(*) > 0 FROM django_migrations") == [(True,)]


def test_it_shows_every_page_its_navigation_leads_to(old_desk: DeskProcess) -> None:
    browser = signed_in(old_desk)
    start = f"http://127.0.0.1:{old_desk.port}"
    found = set(LINK.findall(browser.open(f"{start}/", timeout=30).read().decode()))
    trades = set(LINK.findall(browser.open(f"{start}/trades/", timeout=30).read().decode()))
    pages = sorted(page for page in found | set(sorted(trades)[:40]) if not page.startswith(NOT_READ))
    assert len(pages) > 15

    # A status of 400 and more raises.
    assert {browser.open(f"{start}{page}", timeout=60).status for page in pages} == {200}


def test_its_workers_bring_orders_of_its_plans_to_the_exchange_and_book_the_executions(old_desk: DeskProcess) -> None:
    """The demo trader plans, sizes and orders; the stand-in exchange fills what it can."""
    filled = "SELECT count(*) FROM orders WHERE status = 'filled' AND trade_id IS NOT NULL AND parent_id IS NULL"
    wait_for(lambda: rows(filled)[0][0], "an order that is filled", 120)
    booked = """
        SELECT count(*) FROM fills f JOIN orders o ON o.id = f.order_id JOIN trades t ON t.id = f.trade_id
        WHERE t.status = 'active' AND f.quantity > 0
    """
    wait_for(lambda: rows(booked)[0][0], "a booked execution", 60)

    assert rows("SELECT count(*) FROM orders WHERE status = 'in_doubt'") == [(0,)]


def test_it_ends_in_order(old_desk: DeskProcess) -> None:
    assert old_desk.end(signal.SIGTERM) == 0
    assert not [line for line in old_desk.output if "ProgrammingError" in line or "IntegrityError" in line]
