"""Whoever adds a broker is told of every file that knows one broker from another."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/adding-a-broker.md").read_text()
NAMES_ONE = re.compile(r'"alpaca"|\bALPACA\b|\bALPACA_[A-Z]+|\bbrokers\.alpaca\b')
# Brokers' own packages, and what merely mentions one: an example, a list of words, the help of a command.
LEFT_OUT = ("brokers/alpaca/", "brokers/simulator/", "/migrations/")
MENTIONS = {
    "accounts/passwords.py",
    "brokers/management/commands/connect_from_env.py",
    "trades/api/account_bodies.py",
}


def test_every_file_that_knows_one_broker_from_another_is_named() -> None:
    apps = ("accounts", "brokers", "trades", "trenddojo")
    paths = {str(path.relative_to(ROOT)): path for app in apps for path in (ROOT / app).rglob("*.py")}
    knowing = {
        name
        for name, path in paths.items()
        if not any(part in name for part in LEFT_OUT) and NAMES_ONE.search(path.read_text())
    }

    assert sorted(name for name in knowing - MENTIONS if f"`{name}`" not in GUIDE) == []


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:\w+/)+[\w.-]+\.\w+)`", GUIDE)

    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
