"""Every secret can be handed over as a file, NAME_FILE=/path; what cannot be used is refused without repeating it."""

import base64
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokers.simulator.errors import SimulatorError
from brokers.simulator.options import _demo_account
from trenddojo import env
from trenddojo.desk import dotenv, exchange, servers
from trenddojo.desk.errors import DeskError
from trenddojo.secret_files import MOST_BYTES, SECRETS, file_setting

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "s3cret-" + "k" * 60
NOBODY = 65534

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: bytes) -> Path:
        path = tmp_path / "secret"
        path.write_bytes(content)
        return path

    return make


@pytest.fixture(autouse=True)
def _none_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read every file, and so is somebody else meanwhile."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


def refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> str:
    monkeypatch.setenv("SECRET_KEY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured) as caught:
        env.text("SECRET_KEY", "")
    # Nothing that a traceback shows carries the value.
    assert caught.value.__cause__ is None
    return str(caught.value)


class TestAFile:
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_its_content_without_one_newline_at_the_end_is_the_value(self, monkeypatch, write, end) -> None:
        monkeypatch.setenv("SECRET_KEY_FILE", str(write(SECRET.encode() + end)))

        assert env.text("SECRET_KEY", "") == SECRET

    @pytest.mark.parametrize("name", sorted(SECRETS))
    def test_every_secret_can_be_one(self, monkeypatch, write, name) -> None:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(file_setting(name), str(write(b"value")))

        assert env.text(name, "") == "value"

    def test_what_is_no_secret_is_not_read_from_one(self, monkeypatch, write) -> None:
        monkeypatch.setenv("ALLOWED_HOSTS_FILE", str(write(b"elsewhere.example.com")))
        monkeypatch.delenv("ALLOWED_HOSTS", raising=False)

        assert env.text("ALLOWED_HOSTS", "localhost") == "localhost"

    def test_an_empty_name_of_a_file_counts_as_not_given(self, monkeypatch) -> None:
        monkeypatch.setenv("SECRET_KEY_FILE", "")

        assert env.text("SECRET_KEY", "none") == "none"

    def test_beside_an_empty_value_it_counts(self, monkeypatch, write) -> None:
        monkeypatch.setenv("SECRET_KEY", "")
        monkeypatch.setenv("SECRET_KEY_FILE", str(write(b"value")))

        assert env.text("SECRET_KEY", "") == "value"


class TestWhatIsRefused:
    def test_both_at_once(self, monkeypatch, write) -> None:
        monkeypatch.setenv("SECRET_KEY", SECRET)

        assert refused(monkeypatch, write(b"another")) == (
            "The setting SECRET_KEY cannot be used: SECRET_KEY_FILE is given as well; "
            "keep one of the two and take the other out."
        )

    def test_a_file_that_is_not_there(self, monkeypatch, tmp_path) -> None:
        path = tmp_path / "nowhere"

        assert refused(monkeypatch, path) == (
            f"The setting SECRET_KEY_FILE cannot be used: the file {path} cannot be read (No such file or directory)."
        )

    def test_a_folder(self, monkeypatch, tmp_path) -> None:
        assert refused(monkeypatch, tmp_path) == (
            f"The setting SECRET_KEY_FILE cannot be used: the file {tmp_path} cannot be read (Is a directory)."
        )

    def test_a_file_one_may_not_read(self, monkeypatch, write) -> None:
        path = write(SECRET.encode())
        path.chmod(0)

        with as_nobody():
            said = refused(monkeypatch, path)

        assert said.endswith(f"the file {path} cannot be read (Permission denied).")

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty; write the value into it."),
            (b" \n", "is empty; write the value into it."),
            (b"\xff" + SECRET.encode(), "is no UTF-8 text; it must hold the value alone."),
            (b"k" * (MOST_BYTES + 1), "has more than 16384 bytes; it must hold the value alone."),
            (f"SECRET_KEY={SECRET}\nDEBUG=true\n".encode(), "must hold the value alone, in one line."),
            (b"\xef\xbb\xbf" + SECRET.encode(), "must hold the value alone, in one line."),
            (SECRET.encode() + b"\0", "must hold the value alone, in one line."),
        ],
        ids=["nothing", "blanks", "other encoding", "too large", "an env file", "byte order mark", "zero byte"],
    )
    def test_a_file_without_a_value_of_its_own(self, monkeypatch, write, content, sentence) -> None:
        path = write(content)

        said = refused(monkeypatch, path)

        assert said == f"The setting SECRET_KEY_FILE cannot be used: the file {path} {sentence}"
        assert SECRET not in said


def manage(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        check=False,
        capture_output=True,
        text=True,
    )


class TestTheSite:
    def test_it_starts_with_every_secret_in_a_file(self, tmp_path: Path) -> None:
        values = dict.fromkeys(SECRETS, SECRET) | {
            "BROKER_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "BROKER_ENCRYPTION_KEYS_OLD": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DATABASE_URL": "postgres://trader:word@db/desk",
            "REDIS_URL": "redis://queue:6379/4",
            "CACHE_URL": "redis://queue:6379/7",
            "EMAIL_URL": "smtp+tls://desk:word@mail.example.com:587",
        }
        for name, value in values.items():
            (tmp_path / name).write_text(f"{value}\n")
        files = {file_setting(name): str(tmp_path / name) for name in SECRETS}
        code = """
            from django.conf import settings as s
            print(s.SECRET_KEY[:7], s.SECRET_KEY_FALLBACKS[0][:7], len(s.BROKER_ENCRYPTION_KEYS),
                s.DATABASES["default"]["PASSWORD"], s.REDIS_URL, s.CACHE_URL, s.EMAIL_HOST, s.METRICS_TOKEN[:7])
        """
        answer = manage("shell", "--no-imports", "-c", dedent(code), ENV_FILE=os.devnull, **files)

        assert answer.stderr == ""
        assert answer.stdout.split() == [
            *("s3cret-", "s3cret-", "2", "word", "redis://queue:6379/4", "redis://queue:6379/7"),
            *("mail.example.com", "s3cret-"),
        ]

    def test_one_that_is_in_the_environment_and_in_a_file_stops_the_start_with_one_sentence(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "env").write_text(f"SECRET_KEY={SECRET}\nDATABASE_URL=postgres://trader@db/desk\n")
        (tmp_path / "key").write_text("o" * 60)

        answer = manage("check", ENV_FILE=str(tmp_path / "env"), SECRET_KEY_FILE=str(tmp_path / "key"))

        assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)
        assert answer.stderr.startswith("The setting SECRET_KEY cannot be used: SECRET_KEY_FILE is given as well;")


class TestADeskOfOneMachine:
    def test_its_env_file_gets_no_key_that_is_in_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"

        dotenv.write_once(path, lambda _: None, {"SECRET_KEY_FILE": "/run/key"})

        assert sorted(dotenv.read(path)) == ["BROKER_ENCRYPTION_KEY", "COOKIE_PREFIX", "DEMO_PASSWORD"]

    def test_no_key_is_added_where_the_env_file_names_a_file_of_it(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text("BROKER_ENCRYPTION_KEY_FILE=/run/key\n")

        assert not dotenv.add_broker_key(path)
        assert path.read_text() == "BROKER_ENCRYPTION_KEY_FILE=/run/key\n"

    def test_it_looks_whether_the_database_of_the_file_answers(self, write) -> None:
        path = write(b"postgres://trader:pass-word@127.0.0.1:1/desk\n")

        with pytest.raises(DeskError, match="The database of DATABASE_URL cannot be reached") as caught:
            servers.refuse_unreachable({"DATABASE_URL_FILE": str(path)})

        assert "pass-word" not in str(caught.value)

    def test_a_file_that_cannot_be_used_stops_it_with_the_same_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(DeskError, match=r"^The setting REDIS_URL_FILE cannot be used: the file .* cannot be read"):
            servers.refuse_unreachable({"REDIS_URL_FILE": str(tmp_path / "nowhere")})

    def test_keys_of_the_stand_in_exchange_in_files_are_told_once(self, tmp_path: Path, write) -> None:
        path = write(b"PKFILE\n")

        told = exchange.settings(tmp_path, {"SIMULATOR_API_KEY_FILE": str(path)})

        assert "SIMULATOR_API_KEY" not in told
        environment = {**told, "SIMULATOR_API_KEY_FILE": str(path)}
        assert [account.key_id for account in _demo_account(environment)] == ["PKFILE"]
        with pytest.raises(SimulatorError, match="SIMULATOR_API_KEY_FILE is given as well"):
            _demo_account({**environment, "SIMULATOR_API_KEY": "PKOTHER"})


def test_the_page_of_settings_names_every_secret_and_no_other() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    section = page.partition("## Secrets as files\n")[2].partition("\n## ")[0]

    listed = re.findall(r"^- (.+)$", section, re.MULTILINE)

    assert sorted(re.findall(r"`([A-Z_]+)`", " ".join(listed))) == sorted(SECRETS)
