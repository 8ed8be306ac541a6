"""Every import contract is kept, and each is seen failing when a bad import is injected."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("trenddojo", "accounts", "brokers", "trades")
BAD_IMPORTS = [
    # contract, file that must not import it, the import
    ("layers", "trenddojo/domain/money.py", "import accounts.models"),
    ("layers", "accounts/models/people.py", "import brokers"),
    ("layers", "brokers/__init__.py", "import trades"),
    ("layers", "accounts/selectors.py", "import trades.models"),
    ("domain-is-plain", "trenddojo/domain/money.py", "import django.utils.timezone"),
    ("domain-is-plain", "trenddojo/domain/money.py", "import time"),
    ("domain-is-plain", "trenddojo/domain/money.py", "import trenddojo.settings"),
    ("desk-stands-alone", "trenddojo/desk/ledger.py", "import django"),
    ("desk-stands-alone", "trenddojo/desk/ledger.py", "import trenddojo.settings"),
    ("nobody-knows-the-wiring", "trades/apps.py", "import trenddojo.urls"),
    ("nobody-knows-the-wiring", "accounts/models/people.py", "import trenddojo.env"),
    ("roles", "accounts/models/people.py", "import accounts.selectors"),
    ("roles", "trades/models/__init__.py", "import trades.services"),
    ("adapters-are-plain", "brokers/alpaca/mapping.py", "import django.utils.timezone"),
    ("adapters-are-plain", "brokers/mock/book.py", "import brokers.models"),
    ("adapters-are-plain", "brokers/http.py", "import django.conf"),
    ("adapters-are-strangers", "brokers/mock/adapter.py", "import brokers.alpaca.mapping"),
    ("adapters-are-strangers", "brokers/simulator/wire.py", "import brokers.alpaca.mapping"),
    ("engine-is-plain", "brokers/simulator/engine/funds.py", "import time"),
    ("engine-is-plain", "brokers/simulator/engine/rules.py", "import brokers.simulator.wire"),
    ("no-circles", "trenddojo/domain/money.py", "import trenddojo.domain.instruments"),
]


def lint(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-logo", "--no-cache", *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_is_kept() -> None:
    answer = lint(ROOT)

    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(("contract", "file", "statement"), BAD_IMPORTS)
def test_a_bad_import_breaks_its_contract(copy: Path, contract: str, file: str, statement: str) -> None:
    path = copy / file
    source = path.read_text(encoding="utf-8")
    path.write_text(f"{source}\n{statement}\n", encoding="utf-8")
    try:
        answer = lint(copy, "--contract", contract)
    finally:
        path.write_text(source, encoding="utf-8")

    assert answer.returncode == 1, answer.stdout
    assert "BROKEN" in answer.stdout


def test_every_contract_has_been_seen_failing() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"] for contract in project["tool"]["importlinter"]["contracts"]}

    assert contracts == {contract for contract, _, _ in BAD_IMPORTS}
