"""The desk of docs/deploy.md: the processes run under a role that may do nothing to the tables, each with no more secrets
than it needs, and everything a trader, a program and an operator does works. (docs/deploy.md, "The servers", "Secrets")"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests

from accounts.models import TradingAccount
from tests.brokers.simulator_server import RunningSimulator, simulator
from tests.runtime.desk_process import wait_for
from tests.runtime.least_rights_kit import (
    GUIDE,
    NEEDED,
    UNITS,
    Browser,
    LeastDesk,
    clear,
    connect,
    guides_sql,
    owner_of,
    role_of,
)
from tests.runtime.web_process import Follower
from tests.trades.import_kit import HEADER, fill_line
from tests.trades.page_kit import plan_data
from trenddojo.schedule import EVERY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="ties processes to the test run"),
]

DATABASE, OLD_DATABASE = "least_rights", "one_role"
DESK, OWNER = role_of(DATABASE), owner_of(DATABASE)
PASSWORD = "correct horse battery staple"
ORDER = {
    "symbol": "SPY",
    "side": "buy",
    "type": "limit",
    "quantity": "1",
    "limit_price": "100.50",
    "time_in_force": "gtc",
    "stop_loss": {"stop_price": "85.00"},
}
# More than a page books by itself.
LINES = 2_500
TURNS = """
import django
django.setup()
from trenddojo.celery import app
app.loader.import_default_modules()
for name in {names!r}:
    app.tasks[name].run()
"""
ADMIN = """
import django
django.setup()
from accounts.models import User
User.objects.create_superuser("keeper", "keeper@example.com", "{password}")
"""
OWNED = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
# Rights the role lacks on a table or a sequence of the desk; there are none.
LACKING = """
SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND NOT (
    has_table_privilege(current_user, 'public.' || quote_ident(tablename), 'SELECT')
    AND has_table_privilege(current_user, 'public.' || quote_ident(tablename), 'INSERT')
    AND has_table_privilege(current_user, 'public.' || quote_ident(tablename), 'UPDATE')
    AND has_table_privilege(current_user, 'public.' || quote_ident(tablename), 'DELETE'))
UNION ALL SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
    AND NOT has_sequence_privilege(current_user, 'public.' || quote_ident(sequencename), 'USAGE')
"""
REFUSED = (
    "CREATE TABLE public.mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE orders ADD COLUMN mine int",
    "ALTER TABLE orders DISABLE TRIGGER ALL",
    "DROP TABLE orders",
    "TRUNCATE events",
    "TRUNCATE orders CASCADE",
    "CREATE INDEX ON orders (status)",
    "CREATE TRIGGER mine AFTER INSERT ON orders EXECUTE FUNCTION order_events()",
    "CREATE OR REPLACE FUNCTION order_events() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "DROP FUNCTION order_events() CASCADE",
    "SELECT setval('events_numbers', 1)",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY orders TO PROGRAM 'cat'",
    "SET session_replication_role = replica",
    f"SET ROLE {OWNER}",
    f"GRANT {OWNER} TO {DESK}",
    f"ALTER DATABASE {DATABASE} SET timezone = 'UTC'",
    f"DROP DATABASE {DATABASE}",
    f"ALTER ROLE {DESK} SUPERUSER",
)


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    with simulator() as running:
        running.control.set_quote("SPY", bid="100.00", ask="100.02")
        yield running


@pytest.fixture(scope="module")
def desk(exchange: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeastDesk]:
    clear(DATABASE)
    made = LeastDesk(
        tmp_path_factory.mktemp("least"),
        DATABASE,
        {
            "SIMULATOR_URL": exchange.url,
            "SIMULATOR_API_KEY": exchange.key_id,
            "SIMULATOR_SECRET_KEY": exchange.secret_key,
            "SYNC_SECONDS": "5",
        },
    )
    try:
        guides_sql(0, DATABASE)
        made.done("manage.py", "migrate", "--verbosity", "0", role=OWNER)
        yield made.start()
    finally:
        made.stop()
        clear(DATABASE)


@pytest.fixture(scope="module")
def trader(desk: LeastDesk) -> dict[str, str]:
    """Somebody with an account at the exchange and a token."""
    return dict(json.loads(desk.done("-m", "tests.runtime.trader")))


def ask(desk: LeastDesk, trader: dict[str, str], path: str, body: dict[str, Any]) -> requests.Response:
    headers = {"Authorization": f"Bearer {trader['token']}", "Idempotency-Key": str(uuid4())}
    return requests.post(desk.url(path), json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def dora(desk: LeastDesk) -> Browser:
    """Somebody who signed up, out and in again, and opened an account."""
    browser = Browser(desk)
    given = {"username": "dora", "email": "dora@example.com", "password1": PASSWORD, "password2": PASSWORD}
    signed_up = browser.post("/auth/signup/", {**given, "timezone": "Europe/Berlin"})
    assert signed_up.headers.get("Location") == "/accounts/first/", signed_up.text
    opened = browser.post(
        "/accounts/first/",
        {
            "creation_key": str(uuid4()),
            "name": "Main",
            "currency": "USD",
            "opened_on": "2024-01-02",
            "starting_balance": "250000.00",
            "exchange": "XNYS",
            "risk_per_trade_percent": "1",
        },
    )
    assert opened.headers.get("Location") == "/", opened.text
    assert browser.post("/auth/logout/", {}).status_code == 302
    signed_in = browser.post("/auth/login/", {"login": "dora", "password": PASSWORD})
    assert signed_in.headers.get("Location") == "/", signed_in.text
    return browser


def account_of_dora(desk: LeastDesk) -> str:
    found = desk.rows("SELECT a.id::text FROM accounts a JOIN users u ON u.id = a.owner_id WHERE username = 'dora'")
    return str(found[0][0])


class TestTheRole:
    @pytest.mark.parametrize("statement", REFUSED)
    def test_it_may_do_nothing_to_the_tables_and_read_no_password(self, desk: LeastDesk, statement: str) -> None:
        with (
            connect(DATABASE, DESK) as link,
            pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse)) as caught,
        ):
            link.execute(statement)

        assert isinstance(caught.value, psycopg.errors.InsufficientPrivilege)

    def test_it_owns_nothing(self, desk: LeastDesk) -> None:
        assert desk.rows(OWNED) == [(0,)]

    def test_it_may_read_and_write_the_rows_of_every_table(self, desk: LeastDesk) -> None:
        assert desk.rows(LACKING) == []

    def test_the_deployment_checks_name_a_role_that_owns_the_tables(self, desk: LeastDesk) -> None:
        check = ("manage.py", "check", "--deploy", "--database", "default")

        assert "trenddojo.W002" in desk.python(*check, role=OWNER).stderr
        lesser = desk.python(*check).stderr
        assert "trenddojo.E001" in lesser
        assert "trenddojo.W002" not in lesser

    def test_migrating_under_it_is_refused_and_changes_nothing(self, desk: LeastDesk) -> None:
        answer = desk.python("manage.py", "migrate", "trades", "0006", "--verbosity", "0")

        assert answer.returncode != 0
        assert "must be owner of index order_calls_by_order" in answer.stderr
        assert desk.rows("SELECT count(*) FROM django_migrations WHERE app = 'trades' AND name LIKE '0007%'") == [(1,)]


class TestUse:
    def test_a_plan_is_sized_and_kept(self, desk: LeastDesk, dora: Browser) -> None:
        answer = dora.post("/trades/plan/", plan_data(TradingAccount(pk=account_of_dora(desk))))

        assert answer.status_code == 302, answer.text
        assert desk.rows("SELECT symbol FROM trades WHERE status = 'planned'") == [("AAPL",)]
        assert dora.get(answer.headers["Location"]).status_code == 200

    def test_a_large_file_is_read_and_booked_by_the_worker(self, desk: LeastDesk, dora: Browser) -> None:
        lines = (
            fill_line(
                *(f"2025-03-{3 + i % 20:02}T15:{i % 60:02}:00Z", f"S{i % 40}", "buy" if i % 2 else "sell", 10 + i % 7),
                *("10.00",),
                execution_id=f"E{i}",
            )
            for i in range(LINES)
        )
        content = (HEADER + "".join(lines)).encode()
        data = {"creation_key": str(uuid4()), "account": account_of_dora(desk)}

        sent = dora.post("/imports/new/", data, files={"file": ("fills.csv", content)})
        assert sent.status_code == 302, sent.text
        state = "SELECT state FROM fill_imports"
        wait_for(lambda: desk.rows(state) == [("preview",)], "the preview", 90)
        booked = dora.post(f"{sent.headers['Location']}commit/", {})
        assert booked.status_code == 302, booked.text
        wait_for(lambda: desk.rows(state) == [("committed",)], "the booking", 120)

        assert desk.rows("SELECT count(*) FROM fills WHERE execution_id LIKE 'E%'") == [(LINES,)]
        assert [dora.get(path).status_code for path in ("/", "/trades/", "/performance/")] == [200, 200, 200]

    def test_an_order_reaches_the_exchange_and_comes_back_and_programs_are_told(
        self, desk: LeastDesk, trader: dict[str, str], exchange: RunningSimulator
    ) -> None:
        follower = Follower(desk, trader["token"])
        body = ORDER | {"account": trader["account"]}
        answers: list[requests.Response] = []

        def is_taken() -> bool:
            exchange.control.set_quote("SPY", bid="100.00", ask=f"100.{10 + len(answers)}")
            answers.append(ask(desk, trader, "/api/v1/orders/", body))
            return answers[-1].ok or "stale_quote" not in answers[-1].text

        wait_for(is_taken, "a fresh price")
        assert answers[-1].status_code == 201, answers[-1].text
        order = answers[-1].json()["id"]
        filled = "SELECT count(*) FROM fills WHERE order_id = %s"
        wait_for(lambda: desk.rows(filled, order) == [(1,)], "the fill", 60)
        wait_for(
            lambda: (
                {"order.created", "order.changed"} <= {e["type"] for e in follower.events if e["object"]["id"] == order}
            ),
            "its events",
        )
        wait_for(lambda: desk.rows("SELECT symbol FROM broker_positions") == [("SPY",)], "the position, synced", 60)

    def test_everything_the_scheduler_starts_runs(self, desk: LeastDesk, trader: dict[str, str]) -> None:
        names = sorted(entry["task"] for entry in EVERY.values())

        answer = desk.python("-c", TURNS.format(names=names))

        assert answer.returncode == 0, answer.stderr
        assert "permission denied" not in answer.stderr

    def test_every_list_of_the_admin_opens_and_a_row_is_changed(self, desk: LeastDesk, dora: Browser) -> None:
        desk.done("-c", ADMIN.format(password=PASSWORD))
        keeper = Browser(desk)
        assert keeper.post("/auth/login/", {"login": "keeper", "password": PASSWORD}).status_code == 302
        lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', keeper.get("/admin/").text)))

        assert len(lists) > 10
        assert {path: keeper.get(path).status_code for path in lists} == dict.fromkeys(lists, 200)

    def test_no_process_was_refused_anything(self, desk: LeastDesk, dora: Browser, trader: dict[str, str]) -> None:
        assert desk.is_ready()
        assert not desk.is_dead()
        assert "permission denied" not in desk.said()
        assert "Traceback" not in desk.said()


class TestTheOperator:
    def test_the_brake_of_the_whole_desk_works_under_it(self, desk: LeastDesk) -> None:
        desk.done("manage.py", "desk_halt", "--yes", "--reason", "a try")
        assert desk.rows("SELECT count(*) FROM halts WHERE resumed_at IS NULL") == [(1,)]
        desk.done("manage.py", "desk_resume")
        assert desk.rows("SELECT count(*) FROM halts WHERE resumed_at IS NULL") == [(0,)]

    def test_it_makes_backups_which_the_owner_restores_once_nobody_is_connected(
        self, desk: LeastDesk, dora: Browser, tmp_path: Path
    ) -> None:
        backup = tmp_path / "desk.backup"
        desk.done("manage.py", "backup", str(backup))
        users = desk.rows("SELECT count(*) FROM users")

        working = desk.python("manage.py", "restore", "--replace", str(backup), role=OWNER)
        assert working.returncode == 1
        assert "other connections use this database" in working.stderr
        desk.stop()
        lesser = desk.python("manage.py", "restore", "--replace", str(backup))
        assert lesser.returncode == 1
        assert "must be owner of" in lesser.stderr
        desk.done("manage.py", "restore", "--replace", str(backup), role=OWNER)

        assert desk.rows("SELECT count(*) FROM users") == users
        assert desk.rows(LACKING) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.rows("TRUNCATE events")
        desk.start()


def test_the_guide_hands_each_process_what_it_has_here() -> None:
    """A cross says that the process is given the secret itself, and not a SECRET_KEY of its own."""
    section = GUIDE.read_text("utf-8").partition("### Secrets\n")[2].partition("\n## ")[0]
    (_, *names), _, *rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.+\|$", section, re.MULTILINE)
    ]
    told = {row[0]: tuple(name for name, cell in zip(names, row[1:], strict=True) if cell == "×") for row in rows}

    everybody = ("DATABASE_URL", "REDIS_URL")
    assert told == {UNITS[name]: (*everybody, *needed) for name, needed in NEEDED.items()}


def test_a_desk_with_one_role_is_given_two_and_then_a_new_version(tmp_path: Path) -> None:
    """Tables that exist and tables that come later: the role may write to all, and do nothing to any."""
    clear(OLD_DATABASE)
    made = LeastDesk(tmp_path, OLD_DATABASE, {})
    try:
        with connect("postgres") as link:
            link.execute(f"CREATE ROLE {role_of(OLD_DATABASE)} LOGIN")
            link.execute(
                f"CREATE DATABASE {OLD_DATABASE} OWNER {role_of(OLD_DATABASE)} ENCODING 'UTF8' TEMPLATE template0"
            )
        made.done("manage.py", "migrate", "accounts", "0003", "--verbosity", "0")
        made.done("-c", "import django; django.setup(); from django.db import connection as c; c.ensure_connection()")
        before = made.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0]

        guides_sql(1, OLD_DATABASE)
        refused = made.python("manage.py", "migrate", "--verbosity", "0")
        made.done("manage.py", "migrate", "--verbosity", "0", role=owner_of(OLD_DATABASE))

        assert refused.returncode != 0
        assert made.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] > before > 10
        assert made.rows(LACKING) == []
        assert made.rows(OWNED) == [(0,)]
        made.done("-c", ADMIN.format(password=PASSWORD))
    finally:
        clear(OLD_DATABASE)
