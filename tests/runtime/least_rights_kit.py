"""The processes of docs/deploy.md over the test run's servers, each with its own secrets, as files, and a role's rights."""

import base64
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests

from tests.runtime.desk_process import ROOT, clean_environment, free_port, wait_for
from trenddojo.desk.process import TETHER
from trenddojo.desk.procfile import read_procfile
from trenddojo.secret_files import file_setting

GUIDE = ROOT / "docs" / "deploy.md"
# What docs/deploy.md says that each process needs beside DATABASE_URL and REDIS_URL.
NEEDED = {
    "web": ("SECRET_KEY", "BROKER_ENCRYPTION_KEY", "EMAIL_URL", "METRICS_TOKEN"),
    "worker": ("SECRET_KEY", "BROKER_ENCRYPTION_KEY", "EMAIL_URL"),
    "orders": ("BROKER_ENCRYPTION_KEY",),
    "stream": ("BROKER_ENCRYPTION_KEY",),
    "beat": (),
}
# The systemd units that run them there.
UNITS = {
    "web": "trenddojo-web@",
    "worker": "trenddojo-worker@desk",
    "orders": "trenddojo-worker@orders",
    "stream": "trenddojo-stream",
    "beat": "trenddojo-beat",
}


def server() -> tuple[str, str]:
    """Socket folder and superuser of the test run's PostgreSQL."""
    parts = urlsplit(os.environ["TEST_POSTGRES_URL"])
    return parse_qs(parts.query)["host"][0], str(parts.username)


def connect(name: str, user: str = "") -> "psycopg.Connection[tuple[Any, ...]]":
    folder, administrator = server()
    return psycopg.connect(host=folder, user=user or administrator, dbname=name, autocommit=True)


def guides_sql(number: int, database: str) -> None:
    """Run the guide's block of SQL, with roles of this database's own: the server is shared."""
    block = re.findall(r"^```sql\n(.+?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[number]
    before, _, within = block.partition("\\connect trenddojo\n")
    with connect("postgres") as link:
        for statement in statements(before):
            link.execute(renamed(statement, database))
    with connect(database) as link:
        link.execute(renamed(within, database))


def renamed(block: str, database: str) -> str:
    found = block.replace("DATABASE trenddojo", f"DATABASE {database}")
    return re.sub(r"\btrenddojo\b", role_of(database), found.replace("trenddojo_owner", owner_of(database)))


def role_of(database: str) -> str:
    """Whom the desk's processes connect as."""
    return f"{database}_desk"


def owner_of(database: str) -> str:
    return f"{database}_owner"


def statements(block: str) -> list[str]:
    return [word for word in block.split(";\n") if word.strip()]


def clear(database: str) -> None:
    with connect("postgres") as link:
        link.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in (role_of(database), owner_of(database)):
            link.execute(f"DROP ROLE IF EXISTS {role}")


@dataclass
class LeastDesk:
    """Processes of the Procfile under the lesser role; what each knows is in files."""

    folder: Path
    database: str
    variables: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    running: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.secrets = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "BROKER_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "METRICS_TOKEN": secrets.token_urlsafe(20),
            "EMAIL_URL": "filemail://",
            "REDIS_URL": f"unix://{os.environ['TEST_VALKEY_SOCKET']}?db=30",
        }

    def environment(self, *names: str, role: str = "") -> dict[str, str]:
        """These secrets as files, and a SECRET_KEY of nobody's where it is not among them."""
        folder, _ = server()
        others = {"SECRET_KEY": secrets.token_urlsafe(50)}
        address = {"DATABASE_URL": f"postgres://{role or role_of(self.database)}@/{self.database}?host={folder}"}
        kept = {name: self.secrets[name] for name in (*names, "REDIS_URL")}
        files = {}
        place = Path(self.folder, secrets.token_hex(4))
        place.mkdir()
        for name, value in {**others, **address, **kept}.items():
            (place / name).write_text(f"{value}\n")
            files[file_setting(name)] = str(place / name)
        return clean_environment(
            ENV_FILE=os.devnull, TESTING="true", MEDIA_ROOT=str(self.folder / "media"), **self.variables, **files
        )

    # --- processes ---------------------------------------------------------------------------------------------------

    def start(self) -> "LeastDesk":
        told = {"PORT": str(self.port), "WEB_CONCURRENCY": "1", "WORKER_CONCURRENCY": "1", "SIMULATOR_PORT": "0"}
        commands = read_procfile(ROOT / "Procfile", told, without="simulator")
        assert set(commands) == set(NEEDED)
        self.running = {name: self._start(name, words) for name, words in commands.items()}
        wait_for(lambda: self.is_dead() or self.is_ready(), "the start of every process", 120)
        assert not self.is_dead(), self.said()
        return self

    def _start(self, name: str, command: list[str]) -> "subprocess.Popen[str]":
        program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
        # On a tether: a killed test run must not leave it behind.
        tether = [sys.executable, str(TETHER), str(os.getpid()), "-1", "-1", str(int(signal.SIGTERM))]
        popen = subprocess.Popen(
            [*tether, *program],
            cwd=ROOT,
            env=self.environment(*NEEDED[name]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(name, popen), daemon=True).start()
        return popen

    def _listen(self, name: str, popen: "subprocess.Popen[str]") -> None:
        for line in popen.stdout or ():
            self.output.append(f"{name}: {line.rstrip()}")

    def is_dead(self) -> bool:
        return any(popen.poll() is not None for popen in self.running.values())

    def is_ready(self) -> bool:
        try:
            return requests.get(self.url("/readyz"), timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def said(self) -> str:
        return "\n".join(self.output)

    def stop(self) -> None:
        for popen in self.running.values():
            popen.terminate()
        for popen in self.running.values():
            try:
                popen.wait(timeout=40)
            except subprocess.TimeoutExpired:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()
        self.running = {}

    # --- what is done with it ----------------------------------------------------------------------------------------

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def python(self, *words: str, role: str = "") -> "subprocess.CompletedProcess[str]":
        """A command with every secret, as an operator's."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment(*self.secrets, role=role) | {"DJANGO_SETTINGS_MODULE": "trenddojo.settings"},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def done(self, *words: str, role: str = "") -> str:
        answer = self.python(*words, role=role)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def rows(self, statement: str, *given: object) -> list[tuple[Any, ...]]:
        """As the lesser role."""
        with connect(self.database, role_of(self.database)) as link:
            return link.execute(statement, given or None).fetchall()


class Browser:
    """Somebody at the pages."""

    def __init__(self, desk: LeastDesk) -> None:
        self.desk = desk
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.desk.url(path), timeout=60)

    def post(self, path: str, data: dict[str, Any], **more: Any) -> requests.Response:
        self.get(path)
        token = {"X-CSRFToken": self.session.cookies.get("trenddojo_csrf", "")}
        return self.session.post(self.desk.url(path), data, headers=token, timeout=60, allow_redirects=False, **more)
