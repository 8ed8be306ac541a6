"""docs/settings.md and the code agree, and the production example is one that would start."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trenddojo.desk.dotenv import read
from trenddojo.desk.settings import DEFAULTS

ROOT = Path(__file__).resolve().parent.parent.parent
READERS = {
    *("text", "boolean", "integer", "words", "choice", "origins", "redis_url", "sealing_keys", "address", "mail_url"),
    "database_url",
    "opener",
}
OF_THE_COMMANDS = {"PYTHON", "PIP_INDEX_URL", "CHROMIUM", "CI", "SIMULATOR_CASH"}
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def read_by_the_settings() -> set[str]:
    tree = ast.parse((ROOT / "trenddojo" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(named.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS
        # Sealing keys are read from two variables, the present one and the old ones.
        for named in node.args[: 2 if node.func.attr == "sealing_keys" else 1]
        if isinstance(named, ast.Constant)
    }


def documented() -> list[str]:
    return ROW.findall((ROOT / "docs" / "settings.md").read_text(encoding="utf-8"))


def test_every_variable_has_one_row_and_no_row_is_stale() -> None:
    expected = read_by_the_settings() | set(DEFAULTS) | {"ENV_FILE"} | OF_THE_COMMANDS

    assert sorted(documented()) == sorted(expected)


def test_the_production_example_names_only_documented_variables() -> None:
    assert set(read(ROOT / "docs" / "production.env.example")) <= set(documented())


def manage(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**kept, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_production_example_passes_the_deployment_checks() -> None:
    example = str(ROOT / "docs" / "production.env.example")

    answer = manage("check", "--deploy", "--fail-level", "WARNING", ENV_FILE=example)

    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


def test_the_deployment_checks_refuse_a_desk_made_for_one_machine() -> None:
    answer = manage(
        "check", "--deploy", ENV_FILE=os.devnull, SECRET_KEY="k" * 60, DATABASE_URL="postgres://trader@db/desk"
    )

    assert answer.returncode == 1
    assert "trenddojo.E001" in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "short", "write at least 50 random characters"),
        ("DEBUG", "perhaps", "write true or false."),
        ("DATABASE_URL", "sqlite:///desk.db", "only PostgreSQL is supported"),
        ("DATABASE_URL", "", "write postgres://user:password@host:5432/name"),
        ("DATABASE_URL", "postgres://trader@db:port/desk", "write postgres://user:password@host:5432/name"),
        ("DATABASE_CONN_MAX_AGE", "-1", "write a whole number from 0 to 86400."),
        ("REDIS_URL", "amqp://localhost", "write redis://host:6379/0"),
        ("REDIS_URL", "redis://localhost:door/0", "write redis://host:6379/0"),
        ("REDIS_URL", "unix:///run/queue?db=one", "write redis://host:6379/0"),
        ("REDIS_URL", "redis://localhost/zero", "the part after the last slash is the database number"),
        ("CSRF_TRUSTED_ORIGINS", "desk.internal", "write origins with their scheme"),
        ("EMAIL_VERIFICATION", "sometimes", "write one of none, optional, mandatory."),
        ("EMAIL_URL", "pigeon://coop", "write smtp+tls://user:password@host:587"),
        ("BROKER_ENCRYPTION_KEY", "c2hvcnQ=", "write 32 random bytes in base64"),
        ("BROKER_ENCRYPTION_KEYS_OLD", "no base64!", "write 32 random bytes in base64"),
        ("ALPACA_BASE_URL", "paper-api.alpaca.markets", "write https://host"),
        ("ALPACA_BASE_URL", "https://key:secret@paper-api.alpaca.markets", "write https://host"),
        ("ALPACA_STREAM_URL", "https://paper-api.alpaca.markets", "write wss://host"),
        ("DEFAULT_BROKER_MODE", "both", "write one of paper, live."),
        ("LIVE_IDLE_MINUTES", "9999", "write a whole number from 1 to 1440."),
        ("LOG_LEVEL", "loud", "write one of DEBUG, INFO, WARNING, ERROR."),
    ],
)
def test_a_bad_value_stops_the_start_with_one_sentence(name: str, value: str, sentence: str) -> None:
    good = {"SECRET_KEY": "k" * 60, "DATABASE_URL": "postgres://trader@db/desk", "ENV_FILE": os.devnull}

    answer = manage("check", **{**good, name: value})

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"The setting {name} cannot be used: {sentence}" if value else "The setting")
    assert answer.stderr.count("\n") == 1
    assert not value or value not in answer.stderr


def test_an_env_file_with_a_line_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("SECRET_KEY=x\njust words\n")

    answer = manage("check", ENV_FILE=str(path))

    assert answer.stderr == f"The setting ENV_FILE cannot be used: line 2 of {path} must read NAME=value.\n"
